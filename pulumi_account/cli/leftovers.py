"""The command ``leftovers``: reservations that a crash left behind."""

from __future__ import annotations

from typing import Annotated

import typer

from pulumi_account.api.models import Key
from pulumi_account.cli.account import account
from pulumi_account.cli.options import Csv, Form, Json, chosen_form, examples
from pulumi_account.cli.output import emit
from pulumi_account.cli.tables import Column
from pulumi_account.common.instants import format_instant
from pulumi_account.core.reservations import IN_USE, find_reservations, remove

app = typer.Typer()

_AGE = f"{IN_USE.total_seconds() / 60:.0f} minutes"
_Delete = Annotated[bool, typer.Option("--delete", help=f"Delete those that are older than {_AGE}.")]
_FIELDS = ("id", "name", "created_at", "expires_at")


@app.command(epilog=examples("pulumi-account leftovers", "pulumi-account leftovers --delete"))
def leftovers(delete: _Delete = False, as_json: Json = False, as_csv: Csv = False) -> None:
    """List the reservations that a crash left behind.

    These are keys that cannot spend anything and expire within the hour. The command never lists other keys.

    JSON and CSV: id, name, created_at, expires_at, outcome (of --delete).
    """
    form = chosen_form(as_json=as_json, as_csv=as_csv)
    done: list[tuple[Key, str | None]] = []
    try:
        with account() as client:
            for key in find_reservations(client):
                done.append((key, remove(client, key) if delete else None))
    except BaseException:
        if done:  # print what was deleted, even if the next deletion fails
            _print(done, form)
        raise
    _print(done, form)


def _print(done: list[tuple[Key, str | None]], form: Form) -> None:
    if form is Form.TEXT:
        emit((), (), form, notes=[_line(key, outcome) for key, outcome in done] or ["no reservations"])
        return
    rows = [{**{name: getattr(key, name) for name in _FIELDS}, "outcome": outcome} for key, outcome in done]
    emit([Column(field) for field in (*_FIELDS, "outcome")], rows, form)


def _line(key: Key, outcome: str | None) -> str:
    expires = "" if key.expires_at is None else format_instant(key.expires_at)
    line = f"{key.id}  {key.name}  made {format_instant(key.created_at)}  expires {expires}"
    return line + (f"  {outcome}" if outcome else "")
