"""The sections of the page: charts, and tables with their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from pulumi_account.common.money import usd
from pulumi_account.common.text import count, percent, several
from pulumi_account.report.account import Account
from pulumi_account.report.charts import Bar, bar_chart, column_chart
from pulumi_account.report.html import Html, join, tag
from pulumi_account.report.words import (
    amount,
    full_day,
    key_name,
    moment,
    period,
    short_day,
    shown_name,
)
from pulumi_account.spend.attribution import LABELS
from pulumi_account.spend.runway import mean_daily_cost, whole_days
from pulumi_account.spend.usage import (
    NEAR_LIMIT,
    KeySpending,
    Usage,
    other_models,
    total,
    usage_by_model,
    worst_first,
)

#: the most bars of a chart, and the most rows of the table of keys unless more keys need attention
CHART_ROWS, TABLE_ROWS = 20, 200
_NONE = "\N{EN DASH}"
_IN_THE_TABLE = "All values are in the table"


def days(account: Account) -> Html:
    """The spending of each day."""
    title, used = "Spend per day", period(account.activity)
    if all(day.cost <= 0 for day in account.days):
        requests = account.activity.total_stats.total_requests
        spent = f", in {several(requests, 'request')}" if requests else ""
        return _section(title, tag("p", f"Nothing was spent in {used}{spent}."))
    mean = mean_daily_cost(account.longest, account.today, account.activity.period_days - 1)
    line = f" The dashed line is the mean of {whole_days(mean.days)}, {usd(mean.cost)} USD."
    top = max(account.days, key=lambda day: day.cost)
    chart = column_chart(
        [Bar(short_day(day.day), day.cost, f"{usd(day.cost)} USD") for day in account.days],
        mean.cost if mean.days else None,
        title="USD for each day." + (line if mean.days else ""),
        alternative=f"The most was spent on {full_day(top.day)}: {usd(top.cost)} USD. {_IN_THE_TABLE} below.",
    )
    missing = {stats.date for stats in account.activity.daily_stats} - {day.day for day in account.days}
    note = f"The API also named {several(len(missing), 'day')} outside of {used}: left out."
    left_out = tag("p", note, class_="muted") if missing else ""
    rows = [[full_day(day.day), *_cells(day)] for day in reversed(account.days)]
    return _section(title, chart, left_out, _folded(_table(title, ["Day", *_USED], rows)))


def models(account: Account) -> Html:
    """The spending on each model."""
    title = "Spend by model"
    named = [replace(row, name=shown_name(row.name)) for row in usage_by_model(account.activity)]
    if not named:
        return _section(title, tag("p", f"No model was used in {period(account.activity)}."))
    rows, others = named[:CHART_ROWS], total([*named[CHART_ROWS:], other_models(account.activity)])
    table = _table(title, ["Model", *_USED], [[row.name, *_cells(row)] for row in rows])
    more = _rest("All other models together", others) if others.requests or others.cost else ""
    return _section(title, _ranking(rows, "model", 960), more, _folded(table))


def groups(account: Account, label: str) -> Html:
    """The spending on the keys with each value of a label."""
    title = f"Spend by {label}" if label in LABELS else f"Spend by label {shown_name(label)}"
    named = [replace(group, name=shown_name(group.name)) for group in account.groups[label]]
    if not named:
        return _section(title, tag("p", f"No key was used in {period(account.activity)}."))
    named.sort(key=lambda group: -group.cost)
    rows, others = named[:TABLE_ROWS], named[TABLE_ROWS:]
    cells = [[row.name, count(row.keys), *_cells(row)] for row in rows]
    table = _table(title, [shown_name(label).capitalize(), "Keys", *_USED], cells)
    chart = [row for row in rows[:CHART_ROWS] if row.cost > 0]
    more = _rest(f"{several(len(others), 'more value')} together", total(others)) if others else ""
    return _section(title, _ranking(chart, label, 960) if chart else "", more, _folded(table))


def spenders(account: Account) -> Html:
    """The spending with each key."""
    named = [Usage(key_name(row), *row.numbers) for row in account.by_key if row.cost > 0]
    if not named:
        return _section("Spend by key", tag("p", f"No key spent anything in {period(account.activity)}."))
    rows, others = named[:CHART_ROWS], named[CHART_ROWS:]
    more = _rest(f"{several(len(others), 'more key')} together", total(others)) if others else ""
    return _section("Spend by key", _ranking(rows, "key"), more)


def limits(account: Account) -> Html:
    """The keys' spending as shares of their limits."""
    title = "Spend against limits"
    note = "The API does not say since when it counts spending: more of a limit may be used."
    shares = [(share, row) for row in account.by_key if (share := row.limit_used) is not None]
    if not shares:
        return _section(title, tag("p", "No key has a credit limit that it could spend."))
    shares.sort(key=lambda pair: -pair[0])
    bars = []
    for share, row in shares[:CHART_ROWS]:
        tone = "bad" if share >= 1 else "warn" if share >= NEAR_LIMIT else "accent"
        bars.append(Bar(key_name(row), share, f"{percent(share)} of {usd(_limit(row))} USD", tone))
    highest = f"The highest share is {percent(shares[0][0])}, of {key_name(shares[0][1])}."
    chart = bar_chart(
        bars,
        full=Decimal(1),
        title=f"Spend in {period(account.longest)} as a share of each key's credit limit",
        alternative=f"{highest} {_IN_THE_TABLE} of keys.",
    )
    more = len(shares) - len(bars)
    rest = f" {several(more, 'more key')} with a limit used less." if more else ""
    return _section(title, chart, tag("p", note + rest, class_="muted"))


def keys(account: Account) -> Html:
    """The table of keys."""
    if not account.by_key:
        return _section("Keys", tag("p", "The account has no keys."))
    head = ["Key", "Spend, USD", "Limit, USD", "Limit used", "Requests", "Tokens", "Expires", "State"]
    listed, hidden = worst_first(account.by_key, account.made_at, TABLE_ROWS)
    sum_of_hidden = f"{several(len(hidden), 'more key')}, which spent {usd(total(hidden).cost)} USD together."
    note = tag("p", f"Not in the table: {sum_of_hidden}", class_="muted") if hidden else ""
    order = "Those that need attention first, then the most expensive. "
    share = f"Limit used is that of {period(account.longest)}."
    return _section("Keys", _table(order + share, head, [_key_cells(account, row) for row in listed]), note)


def _key_cells(account: Account, row: KeySpending) -> list[str]:
    key, used, state = row.key, row.limit_used, row.state(account.made_at)
    spent, *counts = _cells(row)
    limit = "none" if key and key.credit_limit is None else amount(_limit(row)) if key else _NONE
    expiry = (moment(key.expires_at) if key.expires_at else "never") if key else _NONE
    return [
        join(tag("bdi", shown_name(row.name)), " ", tag("span", f"#{row.id}", class_="muted")),
        spent,
        limit,
        _NONE if used is None else percent(used),
        *counts,
        expiry,
        tag("span", state, class_=f"state {state}"),
    ]


_USED = ("Spend, USD", "Requests", "Tokens")


def _cells(row: Usage) -> list[str]:
    return [amount(row.cost), count(row.requests), count(row.tokens)]


def _limit(row: KeySpending) -> Decimal:
    return (row.key.credit_limit if row.key else None) or Decimal(0)


def _ranking(rows: Sequence[Usage], kind: str, width: int = 480) -> Html:
    top = rows[0]
    return bar_chart(
        [Bar(row.name, row.cost, f"{usd(row.cost)} USD") for row in rows],
        title=f"USD for each {kind}",
        alternative=f"The most was spent by {top.name}: {usd(top.cost)} USD. {_IN_THE_TABLE} below.",
        width=width,
    )


def _rest(what: str, others: Usage) -> Html:
    """A line of text, because as a bar the sum of thousands would dwarf all others."""
    used = f"{several(others.requests, 'request')}, {several(others.tokens, 'token')}"
    return tag("p", f"{what}: {usd(others.cost)} USD, {used}.", class_="muted")


def _section(title: str, *content: str) -> Html:
    return tag("section", tag("h2", title), *content)


def _folded(table: Html) -> Html:
    return tag("details", tag("summary", "The numbers"), table)


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Html:
    titles = tag("tr", *(tag("th", title, scope="col") for title in head))
    body = [
        tag(
            "tr",
            tag("th", row[0], scope="row"),
            *(tag("td", cell, data_label=title) for title, cell in zip(head[1:], row[1:], strict=True)),
        )
        for row in rows
    ]
    return tag("table", tag("caption", caption), tag("thead", titles), tag("tbody", *body))
