"""How long the money lasts, from the account's balance and activity."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import NamedTuple

from pulumi_account.api.models import Activity, Balance
from pulumi_account.common.money import usd
from pulumi_account.common.text import count
from pulumi_account.spend.usage import LONGEST_PERIOD, usage_on

__all__ = ["Mean", "Runway", "mean_daily_cost", "runway", "whole_days"]

_WEEK = 7


class Mean(NamedTuple):
    """A mean daily cost in USD, and the number of whole days that it is computed from."""

    cost: Decimal
    days: int


@dataclass(frozen=True)
class Runway:
    """How long the balance lasts if spending continues at the same rate; money in USD, days in UTC.

    ``days`` is the balance divided by ``mean_daily_cost``, which is the mean of ``period_days`` whole days: of the last
    7 or the last 30 days, whichever spends the money sooner, unless the caller chose a period. Today does not count, as
    it is not over; nor do days before the account's first use in the last 30. ``days`` is None if nothing was spent on
    these days, or if there are none (``period_days`` is 0: the account was first used today). It is 0 if the balance is
    0 or less.

    ``ends_on`` is the date on which the money runs out; None without ``days``, or after the year 9999.
    ``days_at_7_day_mean`` and ``days_at_30_day_mean`` are the days at each of the two means.
    """

    days: Decimal | None
    balance: Decimal
    mean_daily_cost: Decimal
    period_days: int
    ends_on: date | None = None
    days_at_7_day_mean: Decimal | None = None
    days_at_30_day_mean: Decimal | None = None

    def __str__(self) -> str:
        """One line with the result and how it was computed."""
        left, period = f"{usd(self.balance)} USD left", whole_days(self.period_days)
        if self.days is None and self.balance > 0 and not self.period_days:
            return f"too early to tell: {left}, and the account was first used today"
        if self.days is None:
            end = "no end in sight" if self.balance > 0 else "nothing left"
            return f"{end}: {left}, and nothing was spent in {period}"
        until = f", until {self.ends_on}" if self.ends_on else ""
        pace = f"{left} at {usd(self.mean_daily_cost)} USD a day over {period}"
        week, month = self.days_at_7_day_mean, self.days_at_30_day_mean
        means = "" if week == month else f"; 7-day mean: {_days(week)}, 30-day mean: {_days(month)}"
        return f"{_days(self.days)}{until}: {pace}{means}"


def runway(balance: Balance, activity: Activity, now: datetime, *, days: int | None = None) -> Runway:
    """How long the balance lasts.

    :param activity: of the longest period, 30 days, which shows the account's first use.
    :param now: aware; its day in UTC is today.
    :param days: the length of the mean; by default 7 or 30, whichever spends the money sooner.
    """
    now = now.astimezone(timezone.utc)
    week, month = (mean_daily_cost(activity, now.date(), window) for window in (_WEEK, LONGEST_PERIOD))
    by_week, by_month = (_lasts(balance.balance, mean) for mean in (week, month))
    mean = week if by_week is not None and (by_month is None or by_week <= by_month) else month
    mean = mean if days is None else mean_daily_cost(activity, now.date(), days)
    lasts, ends_on = _lasts(balance.balance, mean), None
    with suppress(OverflowError):
        ends_on = None if lasts is None else (now + timedelta(days=float(lasts))).date()
    return Runway(lasts, balance.balance, mean.cost, mean.days, ends_on, by_week, by_month)


def mean_daily_cost(activity: Activity, today: date, days: int) -> Mean:
    """The mean of the last whole days, at most ``days``, since the first use that the activity shows.

    After the first use, days without activity count. An account that was never used has a mean of 0 on all days.
    """
    costs = {day: usage.cost for day, usage in usage_on(activity).items() if usage.is_used}
    whole = max(min(days, (today - min(costs)).days) if costs else days, 0)
    spent = sum((cost for day, cost in costs.items() if 0 < (today - day).days <= whole), Decimal(0))
    return Mean(spent / whole if whole else Decimal(0), whole)


def _lasts(balance: Decimal, mean: Mean) -> Decimal | None:
    return max(balance, Decimal(0)) / mean.cost if mean.cost > 0 else None


def _days(days: Decimal | None) -> str:
    if days is None:
        return "no end in sight"
    return f"{days:.1f} days" if days < 10**6 else "over 1,000,000 days"


def whole_days(days: int) -> str:
    """The last whole days, in words."""
    return "the last whole day" if days == 1 else f"the last {count(days)} whole days"
