"""The commands ``balance`` and ``activity``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated

import typer

from pulumi_account.api.models import Activity, Key
from pulumi_account.cli.account import account
from pulumi_account.cli.options import CONDITION, Csv, Days, Form, Json, chosen_form, examples, usd
from pulumi_account.cli.output import emit, fail, say, write
from pulumi_account.cli.tables import Column, Row, money
from pulumi_account.spend.runway import runway
from pulumi_account.spend.usage import (
    Usage,
    in_both_periods,
    other_models,
    usage_by_day,
    usage_by_key,
    usage_by_model,
    usage_in_all,
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


class By(str, Enum):
    """The subject of a row."""

    DAY = "day"
    MODEL = "model"
    KEY = "key"


_USED = [
    Column("requests", "REQUESTS", right=True, drop=2),
    Column("cost", "COST USD", right=True, bar=True),
    Column("input_tokens", "TOKENS IN", right=True, drop=3),
    Column("output_tokens", "TOKENS OUT", right=True, drop=4),
]
_COLUMNS = {
    By.DAY: [Column("date", "DATE"), *_USED],
    By.MODEL: [Column("model", "MODEL", wide=True), *_USED],
    By.KEY: [
        Column("id", "ID", right=True),
        Column("name", "NAME", wide=True),
        Column("state", "STATE", drop=1),
        *_USED,
    ],
}
_By = Annotated[By, typer.Option("--by", help="The subject of each row.")]


@app.command(
    epilog=examples(
        "pulumi-account activity --days 7", "pulumi-account activity --by model --csv > models.csv"
    )
)
def activity(days: Days = 30, by: _By = By.DAY, as_json: Json = False, as_csv: Csv = False) -> None:
    """Print the spending by day, model or key.

    The most expensive model or key comes first. The API names only the most used models; the line below the table sums
    up the others. A key that no longer exists is "deleted". The last line shows how long the balance lasts at the mean
    daily spending of the last 7 or the last 30 days, whichever spends it sooner, even with other --days. Today does not
    count, as it is not over; nor do days before the account's first use.

    JSON: period_days, by, total, rows and runway, with --by model also others. CSV: the rows.
    """
    form = chosen_form(as_json=as_json, as_csv=as_csv)
    with account() as client:
        used, longest = in_both_periods(client.get_activity, days)
        keys = client.list_keys() if by is By.KEY else []
        balance, now = client.get_balance(), client.now()
    if used.period_days != days:
        say(f"warning: asked for {days} days, but the API reports {used.period_days}")
    rows, left = _rows(by, used, keys, now), runway(balance, longest, now)
    total, others = usage_in_all(used), other_models(used) if by is By.MODEL else Usage()
    document = {"period_days": used.period_days, "by": by.value, "total": _fields(total), "rows": rows}
    document |= {"others": _fields(others)} if by is By.MODEL else {}
    notes = [f"other models: {_sentence(others)}"] if others.is_used else []
    notes += [f"total: {_sentence(total)} in {used.period_days} days", f"runway: {left}"]
    emit(_COLUMNS[by], rows, form, document={**document, "runway": asdict(left)}, notes=notes)


def _rows(by: By, used: Activity, keys: Iterable[Key], now: datetime) -> list[Row]:
    if by is By.DAY:
        return [{"date": day.day, **_fields(day)} for day in usage_by_day(used, now.date())]
    if by is By.MODEL:
        return [{"model": model.name, **_fields(model)} for model in usage_by_model(used)]
    mentioned = {usage.api_key_id for usage in used.api_key_usage}
    return [
        {"id": key.id, "name": key.name, "state": key.state(now), **_fields(key)}
        for key in usage_by_key(keys, used)
        if key.id in mentioned
    ]


def _fields(usage: Usage) -> dict[str, Decimal | int]:
    return dict(zip(("requests", "cost", "input_tokens", "output_tokens"), usage.numbers, strict=True))


def _sentence(usage: Usage) -> str:
    tokens = f"{usage.input_tokens} input and {usage.output_tokens} output tokens"
    return f"{usage.requests} requests, {money(usage.cost)} USD, {tokens}"
