"""The commands ``balance`` and ``activity``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import typer

from pulumi_account.api.models import Activity
from pulumi_account.cli import focus as focus_csv
from pulumi_account.cli.account import account
from pulumi_account.cli.labels import SOURCES, Files, Groups, LabelSources, Stacks, label_named
from pulumi_account.cli.options import CONDITION, Csv, Days, Form, Json, chosen_form, examples, usd
from pulumi_account.cli.output import emit, fail, say, write
from pulumi_account.cli.tables import Column, Row, money
from pulumi_account.common.text import elided, several, visible
from pulumi_account.spend.attribution import LABELS, Labels, attributed, keyless_usage, usage_by_label
from pulumi_account.spend.runway import Runway, runway
from pulumi_account.spend.usage import (
    KeySpending,
    Usage,
    in_both_periods,
    other_models,
    usage_by_day,
    usage_by_model,
    usage_in_all,
    used_keys,
)

app = typer.Typer()

_Min = Annotated[
    Decimal | None,
    typer.Option("--min", metavar="USD", parser=usd, help="Exit with status 3 if the balance is below this."),
]


@app.command(
    epilog=examples(
        "pulumi-account balance",
        "pulumi-account balance --min 50 && run-batch",
        "pulumi-account balance --json",
    )
)
def balance(least: _Min = None, as_json: Json = False, as_csv: Csv = False) -> None:
    """Print the account's balance in USD.

    JSON and CSV: balance, and with --min also min and enough.
    """
    form = chosen_form(as_json=as_json, as_csv=as_csv)
    with account() as client:
        left = client.get_balance().balance
    row: dict[str, Decimal | bool] = {"balance": left}
    if least is not None:
        row |= {"min": least, "enough": left >= least}
    if form is Form.TEXT:
        write(f"{money(left)} USD\n")
    else:
        emit([Column(field) for field in row], [row], form, document=row)
    if least is not None and left < least:
        fail(f"the balance is {money(left)} USD, less than {money(least)} USD", CONDITION)


_USED = [
    Column("requests", "REQUESTS", right=True, drop=2),
    Column("cost", "COST USD", right=True, bar=True),
    Column("input_tokens", "TOKENS IN", right=True, drop=3),
    Column("output_tokens", "TOKENS OUT", right=True, drop=4),
]
_COLUMNS = {
    "day": [Column("date", "DATE"), *_USED],
    "model": [Column("model", "MODEL", wide=True), *_USED],
    "key": [
        Column("id", "ID", right=True),
        Column("name", "NAME", wide=True),
        Column("state", "STATE", drop=1),
        *_USED,
    ],
}
_SUBJECTS = f"{', '.join([*_COLUMNS, *LABELS])} or label:NAME"


def _subject(text: str) -> str:
    """Check the subject of the rows."""
    if text in _COLUMNS or label_named(text):
        return text
    raise typer.BadParameter(f"must be {_SUBJECTS}")


_By = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="SUBJECT",
        parser=_subject,
        help=f"The subject of each row: {_SUBJECTS}.  [default: day]",
    ),
]
_Focus = Annotated[
    bool, typer.Option("--focus", help="With --csv: the columns of FOCUS 1.2, a row for each key.")
]


@app.command(
    epilog=examples(
        "pulumi-account activity --days 7",
        "pulumi-account activity --by model --csv > models.csv",
        "pulumi-account activity --by team --stack production.json --stack staging.json",
        "pulumi-account activity --by team --group 'team=^(?P<team>[a-z]+)-'",
        "pulumi-account activity --csv --focus --stack production.json > focus.csv",
    )
)
def activity(
    days: Days = 30,
    by: _By = None,
    stacks: Stacks = None,
    files: Files = None,
    groups: Groups = None,
    focus: _Focus = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Print the spending by day, model, key, or label of keys.

    The most expensive row comes first. The API names only the most used models; the line below the table sums up the
    others. A key that no longer exists is "deleted". The last line shows how long the balance lasts at the mean daily
    spending of the last 7 or the last 30 days, whichever spends it sooner, even with other --days. Today does not
    count, as it is not over; nor do days before the account's first use.

    By a label, each key counts for the value of its label. A key without it is "unassigned", and so is what the API
    counts under no key. A label comes from --stack if a stack has it, else from --keys, else from --group.

    JSON: period_days, by, total, rows and runway; with --by model also others, and with a label also keyless. CSV: the
    rows.
    """
    form = chosen_form(as_json=as_json, as_csv=as_csv)
    named = LabelSources(stacks or (), files or (), groups or ())
    _check(by, named, form, focus=focus)
    sources = named.read()
    with account() as client:
        used, longest = in_both_periods(client.get_activity, days)
        keys = client.list_keys() if named or focus or by == "key" else []
        balance, now, host = client.get_balance(), client.now(), client.host
    if used.period_days != days:
        say(f"warning: asked for {several(days, 'day')}, but the API reports {used.period_days}")
    by_key = used_keys(keys, used)
    labels = attributed(by_key, sources)
    if focus:
        emit(focus_csv.COLUMNS, focus_csv.rows(used, by_key, labels, now.date(), host), form)
        return
    columns, rows = _rows(by or "day", used, by_key, labels, now)
    others = _others(by, used, by_key)
    _print(by or "day", columns, rows, others, used, runway(balance, longest, now), form)


def _print(
    by: str,
    columns: list[Column],
    rows: list[Row],
    others: dict[str, Usage],
    used: Activity,
    left: Runway,
    form: Form,
) -> None:
    """Print the rows, what belongs to none of them, the total, and how long the balance lasts."""
    total = usage_in_all(used)
    document = {"period_days": used.period_days, "by": by, "total": _fields(total), "rows": rows}
    document |= {name: _fields(usage) for name, usage in others.items()}
    titles = {"others": "other models", "keyless": "under no key"}
    notes = [f"{titles[name]}: {_sentence(usage)}" for name, usage in others.items() if any(usage.numbers)]
    notes += [f"total: {_sentence(total)} in {several(used.period_days, 'day')}", f"runway: {left}"]
    emit(columns, rows, form, document={**document, "runway": asdict(left)}, notes=notes)


def _check(by: str | None, named: LabelSources, form: Form, *, focus: bool) -> None:
    """Refuse options that contradict or lack each other."""
    if focus and (form is not Form.CSV or by not in (None, "key")):
        raise typer.BadParameter("--focus needs --csv, and its rows are keys")
    if by and label_named(by):
        named.require(f"--by {by}")
    elif named and not focus:
        raise typer.BadParameter(f"{SOURCES} need --by {', '.join(LABELS)} or label:NAME, or --focus")


def _rows(
    by: str, used: Activity, by_key: Sequence[KeySpending], labels: Sequence[Labels], now: datetime
) -> tuple[list[Column], list[Row]]:
    if by == "day":
        return _COLUMNS[by], [{"date": day.day, **_fields(day)} for day in usage_by_day(used, now.date())]
    if by == "model":
        return _COLUMNS[by], [{"model": model.name, **_fields(model)} for model in usage_by_model(used)]
    if by == "key":
        shown = [{"id": key.id, "name": key.name, "state": key.state(now), **_fields(key)} for key in by_key]
        return _COLUMNS[by], [*shown]
    label, field = label_named(by) or "", by.partition(":")[0]
    groups = usage_by_label(label, by_key, labels, usage_in_all(used))
    columns = [
        Column(field, elided(visible(label.upper()), 30), wide=True),
        Column("keys", "KEYS", right=True, drop=1),
        *_USED,
    ]
    return columns, [{field: group.name, "keys": group.keys, **_fields(group)} for group in groups]


def _others(by: str | None, used: Activity, by_key: Sequence[KeySpending]) -> dict[str, Usage]:
    """The part of the total that belongs to no model, or to no key, by its field."""
    if by == "model":
        return {"others": other_models(used)}
    return {"keyless": keyless_usage(by_key, usage_in_all(used))} if by and label_named(by) else {}


def _fields(usage: Usage) -> dict[str, Decimal | int]:
    return dict(zip(("requests", "cost", "input_tokens", "output_tokens"), usage.numbers, strict=True))


def _sentence(usage: Usage) -> str:
    tokens = f"{usage.input_tokens} input and {usage.output_tokens} output tokens"
    requests = f"{usage.requests} request{'' if usage.requests == 1 else 's'}"
    return f"{requests}, {money(usage.cost)} USD, {tokens}"
