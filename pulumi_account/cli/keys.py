"""``keys list``, ``keys show`` and ``keys unmanaged``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from enum import Enum
from typing import Annotated, Any

import typer

from pulumi_account.api.models import Key
from pulumi_account.cli.account import account
from pulumi_account.cli.options import examples
from pulumi_account.cli.output import Column, Csv, Json, Row, emit, emit_one, fail, form
from pulumi_account.cli.spending import CONDITION
from pulumi_account.common.ids import LARGEST_ID
from pulumi_account.core.reservations import is_reservation
from pulumi_account.spend.usage import KeySpending
from pulumi_account.stacks.exports import StackKey, read_export

__all__ = ["register"]

_keys = typer.Typer(
    no_args_is_help=True,
    epilog=examples(
        "pulumi-account keys list --expires-within 14", "pulumi-account keys show --name production"
    ),
)

_COLUMNS = [
    Column("id", "ID", right=True),
    Column("name", "NAME", wide=True),
    Column("credit_limit", "LIMIT USD", empty="none", right=True, drop=4),
    Column("is_enabled"),
    Column("state", "STATE", drop=2),
    Column("expires_at", "EXPIRES", empty="never", drop=3),
    Column("created_at"),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_keys, name="keys", help="The account's API keys. None of these commands changes one.")


class Order(str, Enum):
    """What keys are sorted by; those that have no such thing come last."""

    ID = "id"
    NAME = "name"
    CREATED = "created"
    EXPIRES = "expires"
    LIMIT = "limit"


_SORT: dict[Order, Callable[[Key], Any]] = {
    Order.ID: lambda key: key.id,
    Order.NAME: lambda key: key.name,
    Order.CREATED: lambda key: key.created_at,
    Order.EXPIRES: lambda key: (key.expires_at is None, key.expires_at),
    Order.LIMIT: lambda key: (key.credit_limit is None, key.credit_limit),
}


@_keys.command(
    "list",
    epilog=examples(
        "pulumi-account keys list --sort expires",
        "pulumi-account keys list --disabled --name-prefix staging-",
        "pulumi-account keys list --expires-within 14 --json",
    ),
)
def list_(
    name_prefix: Annotated[
        str, typer.Option("--name-prefix", metavar="TEXT", help="Only keys whose names begin so.")
    ] = "",
    enabled: Annotated[
        bool | None, typer.Option("--enabled/--disabled", help="Only keys that are, or are not, enabled.")
    ] = None,
    expires_within: Annotated[
        int | None,
        typer.Option(
            "--expires-within",
            metavar="DAYS",
            min=1,
            max=36500,
            help="Only keys that will expire in that time.",
        ),
    ] = None,
    sort: Annotated[Order, typer.Option("--sort", help="What the keys are sorted by.")] = Order.ID,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """List the account's keys, without their plaintexts.

    A key's state is active, disabled, expired, or reservation: a key about to be made by a deployment, or left
    behind by one that crashed (see the command leftovers).

    JSON and CSV: id, name, credit_limit, is_enabled, state, expires_at, created_at.
    """
    shape = form(as_json=as_json, as_csv=as_csv)
    with account() as client:
        keys, now = client.list_keys(), client.now()
    end = None if expires_within is None else now + timedelta(days=expires_within)
    chosen = [
        key
        for key in keys
        if key.name.startswith(name_prefix)
        and enabled in (None, key.is_enabled)
        and (end is None or (key.expires_at is not None and now < key.expires_at <= end))
    ]
    rows = [_row(key, now) for key in sorted(chosen, key=_SORT[sort])]
    emit(_COLUMNS, rows, shape, nothing="no such keys" if keys else "no keys")


@_keys.command(
    epilog=examples("pulumi-account keys show 1", "pulumi-account keys show --name production --json")
)
def show(
    key_id: Annotated[
        int | None, typer.Argument(metavar="ID", min=0, max=LARGEST_ID, help="The key's id.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="Its name instead.")] = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show one key, by its id or by its exact name.

    Names need not be unique: where several keys have the name, their ids are told, with status 1.
    """
    shape = form(as_json=as_json, as_csv=as_csv)
    if (key_id is None) == (name is None):
        raise typer.BadParameter("give either an id or --name")
    with account() as client:
        found = [key for key in client.list_keys() if key.name == name] if name else []
        found = found if key_id is None else [client.get_key(key_id)]
        now = client.now()
    if len(found) > 1:
        fail(f"error: {len(found)} keys are named {name}: show one by its id, {_ids(found)}")
    if not found:
        fail(f"error: no key is named {name}")
    emit_one(_COLUMNS, _row(found[0], now), shape)


@_keys.command(
    epilog=examples(
        "pulumi stack export | pulumi-account keys unmanaged -",
        "pulumi-account keys unmanaged --fail production.json staging.json",
    )
)
def unmanaged(
    exports: Annotated[
        list[str],
        typer.Argument(metavar="STACK_EXPORT...", help="What `pulumi stack export` printed; - is stdin."),
    ],
    strict: Annotated[
        bool, typer.Option("--fail", help="End with status 3 when there is such a key.")
    ] = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """List the keys of the account that none of these stacks manages.

    Keys of other accounts in the stacks count for nothing, though they may have the same ids. A note marks a key
    that a stack only reads (ApiKey.get), and a reservation.

    JSON and CSV: as of keys list, and note, which is read, reservation or nothing.
    """
    shape = form(as_json=as_json, as_csv=as_csv)
    known = [key for name in exports for key in read_export(name)]
    managed = _by_id(key for key in known if key.managed)
    read = _by_id(key for key in known if not key.managed)
    with account() as client:
        keys, now = client.list_keys(), client.now()
    spare = [key for key in keys if not any(one.is_(key) for one in managed.get(str(key.id), []))]
    rows = [{**_row(key, now), "note": _note(key, read.get(str(key.id), []))} for key in spare]
    emit([*_COLUMNS, Column("note", "NOTE", drop=1)], rows, shape, nothing="no unmanaged keys")
    if rows and strict:
        raise typer.Exit(CONDITION)


def _row(key: Key, now: datetime) -> Row:
    return {
        "id": key.id,
        "name": key.name,
        "credit_limit": key.credit_limit,
        "is_enabled": key.is_enabled,
        "state": "reservation" if is_reservation(key) else KeySpending(key=key).state(now),
        "expires_at": key.expires_at,
        "created_at": key.created_at,
    }


def _ids(keys: Iterable[Key]) -> str:
    return ", ".join(str(key.id) for key in keys)


def _by_id(keys: Iterable[StackKey]) -> dict[str, list[StackKey]]:
    found: dict[str, list[StackKey]] = {}
    for key in keys:
        found.setdefault(key.id, []).append(key)
    return found


def _note(key: Key, read: Iterable[StackKey]) -> str | None:
    if is_reservation(key):
        return "reservation"
    return "read" if any(one.is_(key) for one in read) else None
