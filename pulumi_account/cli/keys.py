"""The commands ``keys list``, ``keys show`` and ``keys unmanaged``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Annotated, Any

import typer

from pulumi_account.api.client import AccountClient
from pulumi_account.api.models import Activity, Key
from pulumi_account.cli.account import account
from pulumi_account.cli.labels import Files, Groups, LabelSources, Stacks
from pulumi_account.cli.options import CONDITION, Csv, Form, Json, chosen_form, examples
from pulumi_account.cli.output import emit, emit_one, fail, say
from pulumi_account.cli.tables import Column, Row
from pulumi_account.common.ids import LARGEST_ID
from pulumi_account.core.reservations import is_reservation
from pulumi_account.exceptions import AccountError
from pulumi_account.spend.attribution import LabelSource, attributed
from pulumi_account.spend.key_state import key_state
from pulumi_account.spend.usage import LONGEST_PERIOD, usage_by_key
from pulumi_account.stacks.exports import read_export, unmanaged_keys

app = typer.Typer(
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
#: what only the list has; the API knows neither for a single key
_LISTED = [
    *_COLUMNS,
    Column("spend", "SPEND USD", empty="-", right=True, drop=6),
    Column("limit_used", "USED", empty="-", right=True, share=True, drop=7),
    Column("owner", "OWNER", empty="-", wide=True, drop=5),
]


class Order(str, Enum):
    """The orders of keys; a key without a value comes last. The largest spending, or share of a limit, comes first."""

    ID = "id"
    NAME = "name"
    CREATED = "created"
    EXPIRES = "expires"
    LIMIT = "limit"
    SPEND = "spend"
    USED = "used"


_SORT: dict[Order, Callable[[Row], Any]] = {
    Order.ID: lambda row: row["id"],
    Order.NAME: lambda row: row["name"],
    Order.CREATED: lambda row: row["created_at"],
    Order.EXPIRES: lambda row: (row["expires_at"] is None, row["expires_at"]),
    Order.LIMIT: lambda row: (row["credit_limit"] is None, row["credit_limit"]),
    Order.SPEND: lambda row: _largest_first(row["spend"]),
    Order.USED: lambda row: _largest_first(row["limit_used"]),
}

_NamePrefix = Annotated[
    str, typer.Option("--name-prefix", metavar="TEXT", help="Only keys whose names begin with this.")
]
_Enabled = Annotated[
    bool | None, typer.Option("--enabled/--disabled", help="Only enabled, or only disabled keys.")
]
_ExpiresWithin = Annotated[
    int | None,
    typer.Option(
        "--expires-within", metavar="DAYS", min=1, max=36500, help="Only keys that will expire in this time."
    ),
]
_Sort = Annotated[
    Order | None,
    typer.Option("--sort", help="The order of the keys.  [default: id, or spend with --top]"),
]
_Top = Annotated[
    int | None, typer.Option("--top", metavar="N", min=1, help="Only the first N keys in this order.")
]
_Id = Annotated[int | None, typer.Argument(metavar="ID", min=0, max=LARGEST_ID, help="The key's id.")]
_Name = Annotated[
    str | None, typer.Option("--name", metavar="TEXT", help="The key's name, instead of its id.")
]
_Exports = Annotated[
    list[str], typer.Argument(metavar="STACK_EXPORT...", help="Output of `pulumi stack export`; - is stdin.")
]
_Strict = Annotated[bool, typer.Option("--fail", help="Exit with status 3 if there is such a key.")]


@app.command(
    "list",
    epilog=examples(
        "pulumi-account keys list --sort expires",
        "pulumi-account keys list --disabled --name-prefix staging-",
        "pulumi-account keys list --expires-within 14 --json",
        "pulumi-account keys list --top 10 --stack production.json",
    ),
)
def list_(
    name_prefix: _NamePrefix = "",
    enabled: _Enabled = None,
    expires_within: _ExpiresWithin = None,
    sort: _Sort = None,
    top: _Top = None,
    stacks: Stacks = None,
    files: Files = None,
    groups: Groups = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """List the account's keys, without their plaintexts.

    A key's state is active, disabled, expired, or reservation: a key that a deployment is about to create, or that a
    crashed deployment left behind (see the command leftovers). The spending is that of the last 30 days, and so is its
    share of the limit. The owner is the key's label "owner": see --stack, --keys and --group.

    JSON and CSV: id, name, credit_limit, is_enabled, state, expires_at, created_at, spend, limit_used, owner.
    """
    form = chosen_form(as_json=as_json, as_csv=as_csv)
    sources = LabelSources(stacks or (), files or (), groups or ()).read()
    order = sort or (Order.ID if top is None else Order.SPEND)
    with account() as client:
        keys, now = client.list_keys(), client.now()
        activity = _activity(client, needed=order in (Order.SPEND, Order.USED))
    end = None if expires_within is None else now + timedelta(days=expires_within)
    chosen = [
        key
        for key in keys
        if key.name.startswith(name_prefix)
        and enabled in (None, key.is_enabled)
        and (end is None or (key.expires_at is not None and now < key.expires_at <= end))
    ]
    more = _spending(chosen, activity, sources)
    rows = sorted(({**_row(key, now), **more[key.id]} for key in chosen), key=_SORT[order])[:top]
    columns = [column for column in _LISTED if sources or column.field != "owner" or form is not Form.TEXT]
    emit(columns, rows, form, nothing="no keys match" if keys else "no keys")


def _activity(client: AccountClient, *, needed: bool) -> Activity | None:
    """The activity of 30 days; None, with a warning, if it cannot be had and is not needed."""
    try:
        return client.get_activity(LONGEST_PERIOD)
    except AccountError as error:
        if needed:
            raise
        say(f"warning: cannot read the activity, so the spending is unknown: {error}")
        return None


def _spending(
    keys: Sequence[Key], activity: Activity | None, sources: Sequence[LabelSource]
) -> dict[int, Row]:
    """What each key spent, the share of its limit, and its owner, by the key's id."""
    found = [row for row in usage_by_key(keys, activity) if row.key]
    is_known = activity is not None
    return {
        row.id: {
            "spend": row.cost if is_known else None,
            "limit_used": row.limit_used if is_known else None,
            "owner": labels.get("owner"),
        }
        for row, labels in zip(found, attributed(found, sources), strict=True)
    }


def _largest_first(value: Any) -> tuple[bool, Any]:
    return value is None, -(value or 0)


@app.command(
    epilog=examples("pulumi-account keys show 1", "pulumi-account keys show --name production --json")
)
def show(key_id: _Id = None, name: _Name = None, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show one key, by its id or by its exact name.

    Names need not be unique: if several keys have the name, the command lists their ids and exits with status 1.
    """
    form = chosen_form(as_json=as_json, as_csv=as_csv)
    if (key_id is None) == (name is None):
        raise typer.BadParameter("give either an id or --name")
    with account() as client:
        found = [key for key in client.list_keys() if key.name == name] if name else []
        found = found if key_id is None else [client.get_key(key_id)]
        now = client.now()
    if len(found) > 1:
        ids = ", ".join(str(key.id) for key in found)
        fail(f"error: {len(found)} keys are named {name}: show one by its id, {ids}")
    if not found:
        fail(f"error: no key is named {name}")
    emit_one(_COLUMNS, _row(found[0], now), form)


@app.command(
    epilog=examples(
        "pulumi stack export | pulumi-account keys unmanaged -",
        "pulumi-account keys unmanaged --fail production.json staging.json",
    )
)
def unmanaged(exports: _Exports, strict: _Strict = False, as_json: Json = False, as_csv: Csv = False) -> None:
    """List the account's keys that none of these stacks manages.

    The stacks' keys of other accounts do not matter, even with the same ids. A note marks a key that a stack only reads
    (ApiKey.get), and a reservation.

    JSON and CSV: the fields of keys show, and note: read, reservation or nothing.
    """
    form = chosen_form(as_json=as_json, as_csv=as_csv)
    known = [key for name in exports for key in read_export(name)]
    with account() as client:
        keys, now = client.list_keys(), client.now()
    rows = [{**_row(key, now), "note": note} for key, note in unmanaged_keys(keys, known)]
    emit([*_COLUMNS, Column("note", "NOTE", drop=1)], rows, form, nothing="no unmanaged keys")
    if rows and strict:
        raise typer.Exit(CONDITION)


def _row(key: Key, now: datetime) -> Row:
    fields = {column.field: getattr(key, column.field, None) for column in _COLUMNS}
    return {**fields, "state": "reservation" if is_reservation(key) else key_state(key, now)}
