"""Names, days, amounts and counts as the page writes them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from pulumi_account.api.models import Activity
from pulumi_account.common.money import exact, usd
from pulumi_account.common.text import count, elided, visible
from pulumi_account.report.html import Html, tag
from pulumi_account.spend.usage import KeySpending

_LONGEST_NAME = 255
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def shown_name(name: str) -> str:
    """A name that can be printed, not too long and not empty."""
    return elided(visible(name), _LONGEST_NAME) or "(no name)"


def key_name(row: KeySpending) -> str:
    """A key's name, with a remark if it has been deleted."""
    return shown_name(row.name) + ("" if row.key else " (deleted)")


def amount(money: Decimal) -> Html:
    """An amount, rounded for people and exact for programs."""
    return tag("data", usd(money), value=exact(money))


def lasts(days: Decimal | None) -> str:
    """How long the money lasts."""
    if days is None:
        return "no end in sight"
    return f"{days:,.1f} days" if days < 10**6 else "over 1,000,000 days"


def period(activity: Activity) -> str:
    """The days of an activity."""
    days = activity.period_days
    return "the last day" if days == 1 else f"the last {count(days)} days"


def short_day(day: date) -> str:
    """A day without its year."""
    return f"{day.day} {_MONTHS[day.month - 1]}"


def full_day(day: date) -> str:
    """A day with its year."""
    return f"{short_day(day)} {day.year}"


def moment(at: datetime) -> str:
    """A minute in UTC."""
    return f"{full_day(at.date())}, {at:%H:%M} UTC"
