"""``leftovers``, ``report``, ``metrics`` and ``emulator``: thin, for what they do is elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pulumi_account.api.models import Key
from pulumi_account.cli.account import account, open_client
from pulumi_account.cli.options import Days, examples
from pulumi_account.cli.output import Column, Csv, Form, Json, emit, form, say, write, write_utf8
from pulumi_account.common.files import private
from pulumi_account.common.instants import format_instant
from pulumi_account.core.reservations import IN_USE, find_reservations, remove
from pulumi_account.spend.usage import in_both_periods

__all__ = ["register"]

_AGE = f"{IN_USE.total_seconds() / 60:.0f} minutes"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog=examples("pulumi-account leftovers", "pulumi-account leftovers --delete"))(leftovers)
    app.command(epilog=examples("pulumi-account report --out account.html --days 7"))(report)
    app.command(epilog=examples("pulumi-account metrics --port 9877"))(metrics)
    app.command(
        epilog=examples(
            "pulumi-account emulator --port 8000 --provisioning-key test --balance 12.30",
            "pulumi-account emulator --port 8000 --provisioning-key test --demo",
            "pulumi-account emulator -- --help",
        ),
        # whatever is given is the emulator's own business
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(emulator)


_FIELDS = ("id", "name", "created_at", "expires_at", "outcome")


def leftovers(
    delete: Annotated[
        bool, typer.Option("--delete", help=f"Delete those that were made more than {_AGE} ago.")
    ] = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """List the reservations that a crash left behind.

    These are keys that can spend nothing and expire by themselves within the hour. Nothing else can ever be listed.

    JSON and CSV: id, name, created_at, expires_at, outcome (what --delete did).
    """
    shape = form(as_json=as_json, as_csv=as_csv)
    done: list[tuple[Key, str | None]] = []
    try:
        with account() as client:
            for key in find_reservations(client):
                done.append((key, remove(client, key) if delete else None))
    except BaseException:
        if done:  # what was deleted is told, even if the next deletion fails
            _tell(done, shape)
        raise
    _tell(done, shape)


def _tell(done: list[tuple[Key, str | None]], shape: Form) -> None:
    if shape is Form.TEXT:
        emit((), (), shape, notes=[_line(key, outcome) for key, outcome in done] or ["no reservations"])
        return
    rows = [
        {
            "id": key.id,
            "name": key.name,
            "created_at": key.created_at,
            "expires_at": key.expires_at,
            "outcome": outcome,
        }
        for key, outcome in done
    ]
    emit([Column(field) for field in _FIELDS], rows, shape)


def _line(key: Key, outcome: str | None) -> str:
    expires = "" if key.expires_at is None else format_instant(key.expires_at)
    line = f"{key.id}  {key.name}  made {format_instant(key.created_at)}  expires {expires}"
    return line + (f"  {outcome}" if outcome else "")


def report(
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="The HTML file to write; - is standard output.")
    ],
    days: Days = 30,
) -> None:
    """Write a page about the account.

    It shows what was spent on what, and how long the money lasts. Limits are compared with the spending of 30 days,
    whatever --days is. Needs `pulumi_account[report]`.
    """
    from pulumi_account.report import render

    with account() as client:
        balance, made_at = client.get_balance(), client.now()
        activity, longest = in_both_periods(client.get_activity, days)
        page = render(
            balance, activity, client.list_keys(), made_at=made_at, longest=longest, host=client.host
        )
    if str(out) == "-":
        write_utf8(page)
        return
    shared = out.is_file() and out.stat().st_mode & 0o077
    with open(out, "w", encoding="utf-8", opener=private) as file:
        file.write(page)
    say(f"wrote {out}" + ("; other users can open it: an existing file keeps its mode" if shared else ""))


def metrics(
    port: Annotated[
        int,
        typer.Option("--port", metavar="N", min=0, max=65535, help="Where to listen; 0 takes any free port."),
    ] = 9877,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")
    ] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host", metavar="NAME", help="A further name that it is reached by; may be repeated."
        ),
    ] = None,
    days: Days = 30,
) -> None:
    """Serve the account's metrics to Prometheus.

    Requests are answered if their Host is this machine's loopback, the address that is listened on, or one that
    --allow-host names; others with 421. A connection may last five seconds, and 32 may be open.
    SIGINT and SIGTERM end it with status 0. Needs `pulumi_account[metrics]`.
    """
    from pulumi_account.metrics.exporter import serve

    with open_client() as client:
        serve(
            client,
            host=host,
            port=port,
            days=days,
            allowed_hosts=allow_host or (),
            on_ready=lambda url: write(f"Serving {url}\n"),
        )


def emulator(context: typer.Context) -> None:
    """Serve an emulated account on this machine.

    SIGINT and SIGTERM end it with status 0. All arguments are those of `python -m pulumi_account.emulator`, and
    after -- its --help, too.
    Needs `pulumi_account[emulator]`.
    """
    from pulumi_account.emulator.cli import main

    raise typer.Exit(main(context.args))
