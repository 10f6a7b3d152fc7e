"""``balance`` and ``activity``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated

import typer

from pulumi_account.api.models import Activity, Key, UsageStats
from pulumi_account.cli.account import account
from pulumi_account.cli.options import Days, examples, usd
from pulumi_account.cli.output import Column, Csv, Form, Json, Row, emit, fail, form, money, say, write
from pulumi_account.spend.runway import runway
from pulumi_account.spend.usage import (
    Usage,
    in_both_periods,
    other_models,
    usage_by_day,
    usage_by_key,
    usage_by_model,
)

__all__ = ["register"]

#: the condition that was asked for did not hold
CONDITION = 3


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog=examples(
            "pulumi-account balance",
            "pulumi-account balance --min 50 && run-batch",
            "pulumi-account balance --json",
        )
    )(balance)
    app.command(
        epilog=examples(
            "pulumi-account activity --days 7", "pulumi-account activity --by model --csv > models.csv"
        )
    )(activity)


def balance(
    least: Annotated[
        Decimal | None, typer.Option("--min", metavar="USD", parser=usd, help="End with status 3 below that.")
    ] = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Print what is left in the account, in USD.

    JSON and CSV: balance, and with --min also min and enough.
    """
    shape = form(as_json=as_json, as_csv=as_csv)
    with account() as client:
        left = client.get_balance().balance
    enough = least is None or left >= least
    row: dict[str, Decimal | bool] = {"balance": left}
    if least is not None:
        row |= {"min": least, "enough": enough}
    if shape is Form.TEXT:
        write(f"{money(left)} USD\n")
    else:
        emit([Column(field) for field in row], [row], shape, document=row)
    if not enough:
        fail(f"the balance is {money(left)} USD, less than {money(least or Decimal(0))} USD", CONDITION)


class By(str, Enum):
    """What a row of the activity is about."""

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


def activity(
    days: Days = 30,
    by: Annotated[By, typer.Option("--by", help="What a row is about.")] = By.DAY,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Print what was spent, by day, model or key.

    The most expensive model or key comes first. The API names the most used models only; the line below the table
    tells the rest. A key that exists no more is "deleted". The last line says how long the balance lasts if spending
    goes on as on the last 7 or the last 30 days, whichever is shorter, whatever --days is. Today, which is not over,
    does not count, nor do days before the account's first use.

    JSON: period_days, by, total, rows and runway, with --by model also others. CSV: the rows.
    """
    shape = form(as_json=as_json, as_csv=as_csv)
    with account() as client:
        used, longest = in_both_periods(client.get_activity, days)
        keys = client.list_keys() if by is By.KEY else []
        money_left, now = client.get_balance(), client.now()
    if used.period_days != days:
        say(f"warning: asked for {days} days, the API tells of {used.period_days}")
    rows, left = _rows(by, used, keys, now), runway(money_left, longest, now)
    total, others = _in_all(used.total_stats), other_models(used) if by is By.MODEL else Usage()
    document = {"period_days": used.period_days, "by": by.value, "total": _fields(total), "rows": rows}
    document |= {"others": _fields(others)} if by is By.MODEL else {}
    notes = [f"other models: {_sentence(others)}"] if others.requests or others.cost else []
    notes += [f"total: {_sentence(total)} in {used.period_days} days", f"runway: {left}"]
    emit(_COLUMNS[by], rows, shape, document={**document, "runway": asdict(left)}, notes=notes)


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


def _in_all(stats: UsageStats) -> Usage:
    return Usage(
        "", stats.total_requests, stats.total_cost, stats.total_input_tokens, stats.total_output_tokens
    )


def _fields(usage: Usage) -> dict[str, Decimal | int]:
    return {
        "requests": usage.requests,
        "cost": usage.cost,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
    }


def _sentence(usage: Usage) -> str:
    tokens = f"{usage.input_tokens} input and {usage.output_tokens} output tokens"
    return f"{usage.requests} requests, {money(usage.cost)} USD, {tokens}"
