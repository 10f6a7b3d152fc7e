"""What the account's balance and activity say together: how long the money lasts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import NamedTuple

from pulumi_account.api.models import Activity, Balance
from pulumi_account.common.text import usd
from pulumi_account.spend.usage import LONGEST_PERIOD, usage_on

__all__ = ["Mean", "Runway", "mean_daily_cost", "runway"]

_WEEK = 7


class Mean(NamedTuple):
    """A mean daily cost in USD, and the number of whole days that it is taken of."""

    cost: Decimal
    days: int


@dataclass(frozen=True)
class Runway:
    """How long the balance lasts if spending goes on as it did; money in USD, days in UTC.

    ``days`` goes by ``mean_daily_cost``, the mean of ``period_days`` whole days. The mean is that of the last 7 or of
    the last 30 days, whichever ends the money sooner, unless a period was asked for. It counts the days since the
    account's first use in the last 30, and leaves today out, as today is not over. ``days`` is None where nothing was
    spent on these days, and where there are none (``period_days`` is 0: the account was first used today). It is 0
    where nothing is left.

    ``ends_on`` is the date on which the money ends; None without ``days``, or beyond the year 9999.
    ``days_at_7_day_mean`` and ``days_at_30_day_mean`` are the days by each of the two means.
    """

    days: Decimal | None
    balance: Decimal
    mean_daily_cost: Decimal
    period_days: int
    ends_on: date | None = None
    days_at_7_day_mean: Decimal | None = None
    days_at_30_day_mean: Decimal | None = None

    def __str__(self) -> str:
        """One line that says how it was computed."""
        left, period = f"{usd(self.balance)} USD left", _last(self.period_days)
        if self.days is None and self.balance > 0 and not self.period_days:
            return f"too early to tell: {left}, and the account was first used today"
        if self.days is None:
            end = "no end in sight" if self.balance > 0 else "nothing left"
            return f"{end}: {left}, and nothing was spent in {period}"
        until = f", until {self.ends_on}" if self.ends_on else ""
        pace = f"{left} at {usd(self.mean_daily_cost)} USD a day over {period}"
        return f"{_days(self.days)}{until}: {pace}{self._means()}"

    def _means(self) -> str:
        """Both figures, where they differ."""
        week, month = self.days_at_7_day_mean, self.days_at_30_day_mean
        return "" if week == month else f"; 7-day mean: {_days(week)}, 30-day mean: {_days(month)}"


def runway(balance: Balance, activity: Activity, now: datetime, *, days: int | None = None) -> Runway:
    """How long the balance lasts.

    :param activity: of the longest period, 30 days, as it shows the account's first use.
    :param now: aware; its day in UTC is today.
    :param days: the days that the mean is taken of; by default 7 or 30, whichever ends the money sooner.
    """
    today = now.astimezone(timezone.utc).date()
    week, month = (mean_daily_cost(activity, today, window) for window in (_WEEK, LONGEST_PERIOD))
    by_week, by_month = (_lasts(balance.balance, mean) for mean in (week, month))
    mean = week if by_week is not None and (by_month is None or by_week <= by_month) else month
    mean = mean if days is None else mean_daily_cost(activity, today, days)
    lasts = _lasts(balance.balance, mean)
    ends_on = None if lasts is None else _date_after(now, lasts)
    return Runway(lasts, balance.balance, mean.cost, mean.days, ends_on, by_week, by_month)


def mean_daily_cost(activity: Activity, today: date, days: int) -> Mean:
    """The mean of the last whole days, at most ``days``, since the first use that the activity shows.

    Days without activity count once the account was used. An account that was never used has spent nothing on any.
    """
    costs = {day: usage.cost for day, usage in usage_on(activity).items() if usage.is_used}
    whole = max(min(days, (today - min(costs)).days) if costs else days, 0)
    return Mean(_sum_before(today, whole, costs) / whole if whole > 0 else Decimal(0), whole)


def _sum_before(today: date, days: int, costs: Mapping[date, Decimal]) -> Decimal:
    return sum((cost for day, cost in costs.items() if 0 < (today - day).days <= days), Decimal(0))


def _lasts(balance: Decimal, mean: Mean) -> Decimal | None:
    return max(balance, Decimal(0)) / mean.cost if mean.cost > 0 else None


def _date_after(now: datetime, days: Decimal) -> date | None:
    try:
        return (now.astimezone(timezone.utc) + timedelta(days=float(days))).date()
    except OverflowError:
        return None


def _days(days: Decimal | None) -> str:
    if days is None:
        return "no end in sight"
    return f"{days:.1f} days" if days < 10**6 else "over 1,000,000 days"


def _last(days: int) -> str:
    return "the last whole day" if days == 1 else f"the last {days} whole days"
