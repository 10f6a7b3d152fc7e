"""The page: what is said, in which order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from pulumi_account.models import Activity, Balance, Key
from pulumi_account.report.charts import Bar, bar_chart, column_chart
from pulumi_account.report.html import Html, join, tag
from pulumi_account.spending import Runway, runway
from pulumi_account.text import count, elided, exact, usd, visible
from pulumi_account.usage import (
    DayUsage,
    KeySpending,
    Usage,
    other_models,
    total,
    usage_by_day,
    usage_by_key,
    usage_by_model,
)

__all__ = ["Account", "page"]

#: charts show so many bars and the rest as one, tables so many rows
CHART_ROWS, TABLE_ROWS = 20, 200
#: what is told first: so much of a limit is used, so many days are left
NEAR_LIMIT, SOON = Decimal("0.9"), timedelta(days=7)
_MOST_TOLD = 10
_LONGEST_NAME = 255
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_NONE = "\N{EN DASH}"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Account:
    """What the page is about, as it was at one instant."""

    balance: Balance
    activity: Activity
    keys: list[Key]
    made_at: datetime

    @cached_property
    def today(self) -> date:
        """The day in UTC."""
        return self.made_at.astimezone(timezone.utc).date()

    @cached_property
    def runway(self) -> Runway:
        """How long the money lasts."""
        return runway(self.balance, self.activity)

    @cached_property
    def by_key(self) -> list[KeySpending]:
        """The most expensive first."""
        return usage_by_key(self.keys, self.activity)

    @property
    def period(self) -> str:
        """The activity's days, in words."""
        days = self.activity.period_days
        return "the last day" if days == 1 else f"the last {count(days)} days"

    @cached_property
    def days(self) -> list[DayUsage]:
        """Each day of the period."""
        return usage_by_day(self.activity, self.today)


def page(account: Account) -> str:
    """The whole page."""
    body = join(
        tag("header", tag("h1", "Account report"), _subtitle(account)),
        _tiles(account),
        _attention(account),
        _days(account),
        _models(account),
        tag("div", _spenders(account), _limits(account), class_="columns") if account.by_key else "",
        _keys(account),
    )
    head = join(
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"Account report, {_day(account.today)}"),
        tag("style", Html((Path(__file__).parent / "style.css").read_text(encoding="utf-8"))),
    )
    return f"<!DOCTYPE html>\n{tag('html', tag('head', head), tag('body', tag('main', body)), lang='en')}\n"


# --- the parts ---------------------------------------------------------------------------------------------


def _subtitle(account: Account) -> Html:
    moment = account.made_at.astimezone(timezone.utc)
    when = tag("time", f"{_day(moment.date())}, {moment:%H:%M} UTC", datetime=moment.isoformat())
    return tag("p", "As of ", when, f". Usage is that of {account.period}.", class_="muted")


def _tiles(account: Account) -> Html:
    stats, left = account.activity.total_stats, account.balance.balance
    tokens = _several(stats.total_input_tokens + stats.total_output_tokens, "token")
    spent = f"{_several(stats.total_requests, 'request')}, {tokens}"
    fraction = exact(left).partition(".")[2]
    whole = f"exactly {elided(exact(left), 60)} USD" if len(fraction) > 2 else ""
    tiles = [
        _tile(
            "Balance",
            tag("data", usd(left), " USD", value=exact(left)),
            whole,
            "bad" if left < 0 else None,
        ),
        _tile("Runway", *_runway(account)),
        _tile(f"Spent in {account.period}", join(_money(stats.total_cost), " USD"), spent),
        _tile("Keys", count(len(account.keys)), _key_states(account)),
    ]
    return tag("dl", *tiles, class_="tiles")


def _tile(name: str, value: str, note: str, tone: str | None = None) -> Html:
    return tag(
        "div", tag("dt", name), tag("dd", value, class_=tone), tag("dd", note, class_="note") if note else ""
    )


def _runway(account: Account) -> tuple[str, str, str | None]:
    found = account.runway
    if found.balance <= 0:
        return "nothing left", "", "bad"
    if found.days is None:
        return "no end in sight", f"nothing was spent in {account.period}", None
    pace = f"at {usd(found.mean_daily_cost)} USD a day, the mean of {account.period}"
    days = f"{found.days:,.1f} days" if found.days < 10**6 else "over 1,000,000 days"
    return days, pace, "bad" if found.days < SOON.days else None


def _key_states(account: Account) -> str:
    states = [row.state(account.made_at) for row in account.by_key]
    known = {state: states.count(state) for state in ("active", "disabled", "expired")}
    return ", ".join(f"{count(number)} {state}" for state, number in known.items() if number)


def _attention(account: Account) -> Html:
    lines = [*_warnings(account)]
    if not lines:
        return Html("")
    more = [f"and {count(len(lines) - _MOST_TOLD)} more"] if len(lines) > _MOST_TOLD else []
    items = [tag("li", line) for line in [*lines[:_MOST_TOLD], *more]]
    return tag("section", tag("h2", "Needs attention"), tag("ul", *items), class_="attention")


def _warnings(account: Account) -> Iterator[str]:
    if account.balance.balance < 0:
        yield "The balance is negative."
    elif account.balance.balance == 0:
        yield "The account is empty."
    elif account.runway.days is not None and account.runway.days < SOON.days:
        yield f"The money lasts less than {SOON.days} days."
    for row in account.by_key:
        used = row.limit_used
        if used is not None and used >= NEAR_LIMIT:
            yield f"{_name(row)} has used {_percent(used)} of its limit."
    for row in account.by_key:
        expiry = row.key.expires_at if row.key and row.state(account.made_at) == "active" else None
        if expiry is not None and expiry - account.made_at < SOON:
            yield f"{_name(row)} expires on {_moment(expiry)}."


def _days(account: Account) -> Html:
    title = "Spend per day"
    requests, mean = account.activity.total_stats.total_requests, account.runway.mean_daily_cost
    if all(day.cost <= 0 for day in account.days):
        spent = f", in {_several(requests, 'request')}" if requests else ""
        return _section(title, tag("p", f"Nothing was spent in {account.period}{spent}."))
    top = max(account.days, key=lambda day: day.cost)
    chart = column_chart(
        [Bar(_short(day.day), day.cost, f"{usd(day.cost)} USD") for day in account.days],
        mean,
        title=f"USD for each day. The dashed line is the mean, {usd(mean)} USD.",
        alternative=f"The most was spent on {_day(top.day)}: {usd(top.cost)} USD. "
        "All values are in the table below.",
    )
    rows = [[_day(d.day), _money(d.cost), count(d.requests), count(d.tokens)] for d in reversed(account.days)]
    table = _table(title, ["Day", "Spend, USD", "Requests", "Tokens"], rows)
    return _section(title, chart, _left_out(account), _folded(table))


def _left_out(account: Account) -> str:
    missing = {stats.date for stats in account.activity.daily_stats} - {day.day for day in account.days}
    note = f"The API also named {_several(len(missing), 'day')} outside of {account.period}: left out."
    return tag("p", note, class_="muted") if missing else ""


def _models(account: Account) -> Html:
    models = usage_by_model(account.activity)
    rest = other_models(account.activity)
    if not models:
        return _section("Spend by model", tag("p", f"No model was used in {account.period}."))
    named = [Usage(elided(visible(row.name), _LONGEST_NAME) or "(no name)", *_numbers(row)) for row in models]
    rows = [*named[:CHART_ROWS]]
    others = total([*named[CHART_ROWS:], rest], "all other models")
    rows += [others] if others.requests or others.cost else []
    cells = [[row.name, _money(row.cost), count(row.requests), count(row.tokens)] for row in rows]
    table = _table("Spend by model", ["Model", "Spend, USD", "Requests", "Tokens"], cells)
    return _section("Spend by model", _ranking(rows, "model", 960), _folded(table))


def _limits(account: Account) -> Html:
    title, note = (
        "Spend against limits",
        "The API does not say since when it counts spending: more of a limit may be used.",
    )
    rows = [(row, row.limit_used) for row in account.by_key]
    used = sorted([(share, row) for row, share in rows if share is not None], key=lambda pair: -pair[0])
    if not used:
        return _section(title, tag("p", "No key has a credit limit that it could spend."))
    bars = [
        Bar(_name(row), share, f"{_percent(share)} of {usd(_limit(row))} USD", _tone(share))
        for share, row in used[:CHART_ROWS]
    ]
    chart = bar_chart(
        bars,
        full=Decimal(1),
        title=f"Spend in {account.period} as a share of each key's credit limit",
        alternative=f"The highest share is {_percent(used[0][0])}, of {_name(used[0][1])}. "
        "All values are in the table of keys.",
    )
    more = len(used) - len(bars)
    rest = f" {_several(more, 'more key')} with a limit used less." if more else ""
    return _section(title, chart, tag("p", note + rest, class_="muted"))


def _spenders(account: Account) -> Html:
    named = [Usage(_name(row), *_numbers(row)) for row in account.by_key if row.cost > 0]
    if not named:
        return _section("Spend by key", tag("p", f"No key spent anything in {account.period}."))
    others = total(named[CHART_ROWS:], _several(len(named) - CHART_ROWS, "more key"))
    rows = [*named[:CHART_ROWS], *([others] if named[CHART_ROWS:] else [])]
    return _section("Spend by key", _ranking(rows, "key"))


def _keys(account: Account) -> Html:
    if not account.by_key:
        return _section("Keys", tag("p", "The account has no keys."))
    head = ["Key", "Spend, USD", "Limit, USD", "Limit used", "Requests", "Tokens", "Expires", "State"]
    cells = [_cells(account, row) for row in account.by_key[:TABLE_ROWS]]
    hidden = account.by_key[TABLE_ROWS:]
    sum_of_hidden = (
        f"{_several(len(hidden), 'more key')}, which spent {usd(total(hidden).cost)} USD together."
    )
    note = tag("p", f"Not in the table: {sum_of_hidden}", class_="muted") if hidden else ""
    return _section("Keys", _table("The most expensive first", head, cells), note)


def _cells(account: Account, row: KeySpending) -> list[str]:
    key, used, state = row.key, row.limit_used, row.state(account.made_at)
    limit = "none" if key and key.credit_limit is None else _money(_limit(row)) if key else _NONE
    expiry = (_moment(key.expires_at) if key.expires_at else "never") if key else _NONE
    return [
        join(tag("bdi", _bare_name(row)), " ", tag("span", f"#{row.id}", class_="muted")),
        _money(row.cost),
        limit,
        _NONE if used is None else _percent(used),
        count(row.requests),
        count(row.tokens),
        expiry,
        tag("span", state, class_=f"state {state}"),
    ]


# --- the pieces --------------------------------------------------------------------------------------------


def _ranking(rows: Sequence[Usage], kind: str, width: int = 480) -> Html:
    top = rows[0]
    return bar_chart(
        [Bar(row.name, row.cost, f"{usd(row.cost)} USD") for row in rows],
        title=f"USD for each {kind}",
        alternative=f"The most was spent by {top.name}: {usd(top.cost)} USD. All values are in the table below.",
        width=width,
    )


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


def _numbers(row: Usage) -> tuple[int, Decimal, int, int]:
    return row.requests, row.cost, row.input_tokens, row.output_tokens


def _bare_name(row: KeySpending) -> str:
    return elided(visible(row.name), _LONGEST_NAME) or "(no name)"


def _name(row: KeySpending) -> str:
    return _bare_name(row) + ("" if row.key else " (deleted)")


def _limit(row: KeySpending) -> Decimal:
    return (row.key.credit_limit if row.key else None) or Decimal(0)


def _money(amount: Decimal) -> Html:
    return tag("data", usd(amount), value=exact(amount))


def _percent(share: Decimal) -> str:
    if 0 < share < Decimal("0.001"):
        return "<0.1%"
    return f"{share * 100:,.1f}%" if share < 1000 else "over 100,000%"


def _tone(share: Decimal) -> str:
    return "bad" if share >= 1 else "warn" if share >= NEAR_LIMIT else "accent"


def _several(number: int, noun: str) -> str:
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def _short(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]}"


def _day(day: date) -> str:
    return f"{_short(day)} {day.year}"


def _moment(moment: datetime) -> str:
    return f"{_day(moment.date())}, {moment:%H:%M} UTC"
