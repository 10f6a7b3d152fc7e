"""The page: its head, its tiles, and what needs attention; `sections` has the rest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from pulumi_account.common.money import exact, usd
from pulumi_account.common.text import count, elided, percent, several
from pulumi_account.report.account import Account
from pulumi_account.report.html import Html, join, tag
from pulumi_account.report.sections import days, groups, keys, limits, models, spenders
from pulumi_account.report.words import (
    amount,
    full_day,
    key_name,
    lasts,
    moment,
    period,
    shown_name,
)
from pulumi_account.spend.key_state import EXISTING
from pulumi_account.spend.runway import whole_days
from pulumi_account.spend.usage import NEAR_LIMIT, SOON, KeySpending, worst_first

#: the lines about what needs attention that are visible at once; a click shows the others
_SEEN_AT_ONCE = 10
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(account: Account) -> str:
    """The whole page."""
    body = join(
        tag("header", tag("h1", "Account report"), _subtitle(account)),
        _tiles(account),
        _attention(account),
        days(account),
        *(groups(account, label) for label in account.groups),
        models(account),
        tag("div", spenders(account), limits(account), class_="columns") if account.by_key else "",
        keys(account),
    )
    head = join(
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", ", ".join(filter(None, ["Account report", account.host, full_day(account.today)]))),
        tag("style", Html((Path(__file__).parent / "style.css").read_text(encoding="utf-8"))),
    )
    return f"<!DOCTYPE html>\n{tag('html', tag('head', head), tag('body', tag('main', body)), lang='en')}\n"


def _subtitle(account: Account) -> Html:
    made_at = account.made_at.astimezone(timezone.utc)
    when = tag("time", moment(made_at), datetime=made_at.isoformat())
    which = ["The account at ", tag("bdi", account.host), _oldest_key(account), ". "] if account.host else []
    usage = f". Usage is that of {period(account.activity)}; it may be five minutes old."
    return tag("p", *which, "Balance and keys are as of ", when, usage, class_="muted")


def _oldest_key(account: Account) -> str:
    """The API has no name for an account, so its oldest key identifies it."""
    if not account.keys:
        return ", which has no keys"
    oldest = min(account.keys, key=lambda key: (key.created_at, key.id))
    made = f" #{oldest.id}, made on {full_day(oldest.created_at.date())}"
    return join(", whose oldest key is ", tag("bdi", shown_name(oldest.name)), made)


def _tiles(account: Account) -> Html:
    def tile(name: str, value: str, note: str, tone: str | None = None) -> Html:
        below = tag("dd", note, class_="note") if note else ""
        return tag("div", tag("dt", name), tag("dd", value, class_=tone), below)

    stats, left = account.activity.total_stats, account.balance.balance
    tokens = several(stats.total_input_tokens + stats.total_output_tokens, "token")
    spent = f"{several(stats.total_requests, 'request')}, {tokens}"
    whole = f"exactly {elided(exact(left), 60)} USD" if len(exact(left).partition(".")[2]) > 2 else ""
    balance = tag("data", usd(left), " USD", value=exact(left))
    found = [row.state(account.made_at) for row in account.by_key]
    states = ", ".join(f"{count(n)} {state}" for state in EXISTING if (n := found.count(state)))
    return tag(
        "dl",
        tile("Balance", balance, whole, "bad" if left < 0 else None),
        tile("Runway", *_runway(account)),
        tile(f"Spent in {period(account.activity)}", join(amount(stats.total_cost), " USD"), spent),
        tile("Keys", count(len(account.keys)), states),
        class_="tiles",
    )


def _runway(account: Account) -> tuple[str, str, str | None]:
    found = account.runway
    if found.balance <= 0:
        return "nothing left", "", "bad"
    if found.days is None and not found.period_days:
        return "too early to tell", "the account was first used today", None
    if found.days is None:
        return "no end in sight", f"nothing was spent in {whole_days(found.period_days)}", None
    until = f"until {full_day(found.ends_on)}, " if found.ends_on else ""
    pace = f"at {usd(found.mean_daily_cost)} USD a day, the mean of {whole_days(found.period_days)}"
    week, month = found.days_at_7_day_mean, found.days_at_30_day_mean
    both = f"; {lasts(week)} at the 7-day mean, {lasts(month)} at the 30-day mean" if week != month else ""
    return lasts(found.days), f"{until}{pace}{both}", "bad" if found.days < SOON.days else None


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
    now = account.made_at
    worst, _ = worst_first(account.by_key, now, 0)
    for row in worst:
        if (used := row.limit_used) is not None and used >= NEAR_LIMIT:
            yield f"{key_name(row)} has used {percent(used)} of its limit."
    soon = [row for row in worst if row.expires_soon(now)]
    yield from (f"{key_name(row)} expires on {moment(_expiry(row))}." for row in sorted(soon, key=_expiry))
    over = sorted((row for row in worst if row.state(now) == "expired"), key=_expiry)
    yield from (f"{key_name(row)} expired on {moment(_expiry(row))}." for row in reversed(over))


def _expiry(row: KeySpending) -> datetime:
    return (row.key.expires_at if row.key else None) or datetime.max.replace(tzinfo=timezone.utc)
