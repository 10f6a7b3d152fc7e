"""``python -m pulumi_account leftovers [--delete]``: reservations that a crash left in the account."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import timedelta

from pulumi_account.client import AccountClient
from pulumi_account.config import resolve
from pulumi_account.exceptions import AccountError
from pulumi_account.leftovers import IN_USE, remove
from pulumi_account.models import Key, format_instant

_EPILOG = """The account is the one that ACCOUNT_ENDPOINT and ACCOUNT_PROVISIONING_KEY name.
Exit status: 0 done, 1 the account could not be asked, 2 wrong usage."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pulumi_account", epilog=_EPILOG)
    command = parser.add_subparsers(required=True, metavar="COMMAND").add_parser(
        "leftovers",
        help="list the reservations that a crash left behind",
        description="Lists the reservations that a crash left behind: keys that can spend nothing and expire by "
        "themselves within the hour. Nothing else can ever be listed.",
        epilog=_EPILOG,
    )
    minutes = IN_USE // timedelta(minutes=1)
    command.add_argument(
        "--delete", action="store_true", help=f"delete those made more than {minutes} minutes ago"
    )
    return parser


def _show(key: Key) -> str:
    expires = "" if key.expires_at is None else format_instant(key.expires_at)
    return f"{key.id}  {key.name}  made {format_instant(key.created_at)}  expires {expires}"


def _leftovers(*, delete: bool) -> None:
    settings = resolve({}, os.environ)
    with AccountClient(
        settings.endpoint,
        settings.provisioning_key,
        retry_deadline=settings.retry_deadline,
        timeout=settings.timeout,
    ) as client:
        found = client.find_reservations()
        for key in found:
            print(_show(key) + (f"  {remove(client, key)}" if delete else ""))  # noqa: T201
        if not found:
            print("no reservations")  # noqa: T201


def main(arguments: list[str] | None = None) -> int:
    """Run it; gives the exit status."""
    options = _parser().parse_args(arguments)
    try:
        _leftovers(delete=options.delete)
    except AccountError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
