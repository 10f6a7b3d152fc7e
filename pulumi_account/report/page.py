"""The page: what is said, in which order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from pulumi_account.api.models import Activity, Balance, Key
from pulumi_account.common.text import count, elided, exact, usd, visible
from pulumi_account.report.charts import Bar, bar_chart, column_chart
from pulumi_account.report.html import Html, join, tag
from pulumi_account.spend.runway import Runway, mean_daily_cost, runway
from pulumi_account.spend.usage import (
    NEAR_LIMIT,
    SOON,
    DayUsage,
    KeySpending,
    Usage,
    other_models,
    total,
    usage_by_day,
    usage_by_key,
    usage_by_model,
    worst_first,
)

__all__ = ["Account", "page"]

#: the most bars of a chart, and the most rows of the table unless more keys need attention
CHART_ROWS, TABLE_ROWS = 20, 200
#: the lines about what needs attention that are seen at once; a click shows the others
_SEEN_AT_ONCE = 10
_LONGEST_NAME = 255
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_NONE = "\N{EN DASH}"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Account:
    """What the page is about, as it was at one instant; ``longest`` is the activity of the longest period."""

    balance: Balance
    activity: Activity
    longest: Activity
    keys: list[Key]
    made_at: datetime
    host: str = ""

    @cached_property
    def today(self) -> date:
        """The day in UTC."""
        return self.made_at.astimezone(timezone.utc).date()

    @cached_property
    def runway(self) -> Runway:
        """How long the money lasts."""
        return runway(self.balance, self.longest, self.made_at)

    @cached_property
    def by_key(self) -> list[KeySpending]:
        """The most expensive first."""
        return usage_by_key(self.keys, self.activity, self.longest)

    @property
    def period(self) -> str:
        """The activity's days, in words."""
        return _period(self.activity)

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
        tag("title", ", ".join(filter(None, ["Account report", account.host, _day(account.today)]))),
        tag("style", Html((Path(__file__).parent / "style.css").read_text(encoding="utf-8"))),
    )
    return f"<!DOCTYPE html>\n{tag('html', tag('head', head), tag('body', tag('main', body)), lang='en')}\n"


# --- the parts ---------------------------------------------------------------------------------------------


def _subtitle(account: Account) -> Html:
    moment = account.made_at.astimezone(timezone.utc)
    when = tag("time", f"{_day(moment.date())}, {moment:%H:%M} UTC", datetime=moment.isoformat())
    which = ["The account at ", tag("bdi", account.host), _oldest_key(account), ". "] if account.host else []
    usage = f". Usage is that of {account.period}; it may be five minutes old."
    return tag("p", *which, "Balance and keys are as of ", when, usage, class_="muted")


def _oldest_key(account: Account) -> str:
    """The API has no name for an account, so its oldest key stands for one."""
    if not account.keys:
        return ", which has no keys"
    oldest = min(account.keys, key=lambda key: (key.created_at, key.id))
    name = elided(visible(oldest.name), _LONGEST_NAME) or "(no name)"
    return join(
        ", whose oldest key is ", tag("bdi", name), f" #{oldest.id}, made on {_day(oldest.created_at.date())}"
    )


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
    if found.days is None and not found.period_days:
        return "too early to tell", "the account was first used today", None
    if found.days is None:
        return "no end in sight", f"nothing was spent in {_whole_days(found.period_days)}", None
    until = f"until {_day(found.ends_on)}, " if found.ends_on else ""
    pace = f"at {usd(found.mean_daily_cost)} USD a day, the mean of {_whole_days(found.period_days)}"
    week, month = found.days_at_7_day_mean, found.days_at_30_day_mean
    both = f"; {_lasts(week)} at the 7-day mean, {_lasts(month)} at the 30-day mean" if week != month else ""
    return _lasts(found.days), f"{until}{pace}{both}", "bad" if found.days < SOON.days else None


def _lasts(days: Decimal | None) -> str:
    if days is None:
        return "no end in sight"
    return f"{days:,.1f} days" if days < 10**6 else "over 1,000,000 days"


def _whole_days(days: int) -> str:
    return "the last whole day" if days == 1 else f"the last {count(days)} whole days"


def _key_states(account: Account) -> str:
    states = [row.state(account.made_at) for row in account.by_key]
    known = {state: states.count(state) for state in ("active", "disabled", "expired")}
    return ", ".join(f"{count(number)} {state}" for state, number in known.items() if number)


def _attention(account: Account) -> Html:
    items = [tag("li", line) for line in _warnings(account)]
    if not items:
        return Html("")
    seen, more = tag("ul", *items[:_SEEN_AT_ONCE]), items[_SEEN_AT_ONCE:]
    rest = tag("details", tag("summary", f"and {count(len(more))} more"), tag("ul", *more)) if more else ""
    return tag("section", tag("h2", "Needs attention"), seen, rest, class_="attention")


def _warnings(account: Account) -> Iterator[str]:
    if account.balance.balance < 0:
        yield "The balance is negative."
    elif account.balance.balance == 0:
        yield "The account is empty."
    elif account.runway.days is not None and account.runway.days < SOON.days:
        yield f"The money lasts less than {SOON.days} days."
    worst, _ = worst_first(account.by_key, account.made_at, 0)
    yield from _of_limits(worst)
    yield from _of_expiries(sorted(worst, key=_expiry), account.made_at)


def _of_limits(worst: Iterable[KeySpending]) -> Iterator[str]:
    for row in worst:
        if (used := row.limit_used) is not None and used >= NEAR_LIMIT:
            yield f"{_name(row)} has used {_percent(used)} of its limit."


def _of_expiries(earliest_first: Sequence[KeySpending], now: datetime) -> Iterator[str]:
    for row in earliest_first:
        if row.expires_soon(now):
            yield f"{_name(row)} expires on {_moment(_expiry(row))}."
    for row in reversed(earliest_first):
        if row.state(now) == "expired":
            yield f"{_name(row)} expired on {_moment(_expiry(row))}."


def _days(account: Account) -> Html:
    title = "Spend per day"
    requests = account.activity.total_stats.total_requests
    mean = mean_daily_cost(account.longest, account.today, account.activity.period_days - 1)
    if all(day.cost <= 0 for day in account.days):
        spent = f", in {_several(requests, 'request')}" if requests else ""
        return _section(title, tag("p", f"Nothing was spent in {account.period}{spent}."))
    top = max(account.days, key=lambda day: day.cost)
    chart = column_chart(
        [Bar(_short(day.day), day.cost, f"{usd(day.cost)} USD") for day in account.days],
        mean.cost if mean.days else None,
        title="USD for each day."
        + (
            f" The dashed line is the mean of {_whole_days(mean.days)}, {usd(mean.cost)} USD."
            if mean.days
            else ""
        ),
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
    rows, others = named[:CHART_ROWS], total([*named[CHART_ROWS:], rest])
    cells = [[row.name, _money(row.cost), count(row.requests), count(row.tokens)] for row in rows]
    table = _table("Spend by model", ["Model", "Spend, USD", "Requests", "Tokens"], cells)
    more = _rest("All other models together", others) if others.requests or others.cost else ""
    return _section("Spend by model", _ranking(rows, "model", 960), more, _folded(table))


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
        title=f"Spend in {_period(account.longest)} as a share of each key's credit limit",
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
    rows, others = named[:CHART_ROWS], named[CHART_ROWS:]
    more = _rest(f"{_several(len(others), 'more key')} together", total(others)) if others else ""
    return _section("Spend by key", _ranking(rows, "key"), more)


def _rest(what: str, others: Usage) -> Html:
    """A line of text: as a bar, the sum of thousands would dwarf all others."""
    used = f"{_several(others.requests, 'request')}, {_several(others.tokens, 'token')}"
    return tag("p", f"{what}: {usd(others.cost)} USD, {used}.", class_="muted")


def _keys(account: Account) -> Html:
    if not account.by_key:
        return _section("Keys", tag("p", "The account has no keys."))
    head = ["Key", "Spend, USD", "Limit, USD", "Limit used", "Requests", "Tokens", "Expires", "State"]
    listed, hidden = worst_first(account.by_key, account.made_at, TABLE_ROWS)
    cells = [_cells(account, row) for row in listed]
    sum_of_hidden = (
        f"{_several(len(hidden), 'more key')}, which spent {usd(total(hidden).cost)} USD together."
    )
    note = tag("p", f"Not in the table: {sum_of_hidden}", class_="muted") if hidden else ""
    order = "Those that need attention first, then the most expensive. "
    share = f"Limit used is that of {_period(account.longest)}."
    return _section("Keys", _table(order + share, head, cells), note)


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


def _expiry(row: KeySpending) -> datetime:
    return (row.key.expires_at if row.key else None) or datetime.max.replace(tzinfo=timezone.utc)


def _period(activity: Activity) -> str:
    days = activity.period_days
    return "the last day" if days == 1 else f"the last {count(days)} days"


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
