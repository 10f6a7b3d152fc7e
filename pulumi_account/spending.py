"""What the account's balance and activity say together: how long the money lasts."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from pulumi_account.models import Activity, Balance
from pulumi_account.text import usd

__all__ = ["Runway", "runway"]


@dataclass(frozen=True)
class Runway:
    """How long the balance lasts if spending goes on as it did; money in USD.

    ``days`` is None where nothing was spent: then no number of days can be told. It is 0 where nothing is left.
    """

    days: Decimal | None
    balance: Decimal
    mean_daily_cost: Decimal
    period_days: int

    def __str__(self) -> str:
        """One line that says how it was computed."""
        left, period = f"{usd(self.balance)} USD left", f"the last {self.period_days} days"
        if self.days is None:
            end = "no end in sight" if self.balance > 0 else "nothing left"
            return f"{end}: {left}, and nothing was spent in {period}"
        days = f"{self.days:.1f}" if self.days < 10**6 else "over 1,000,000"
        return f"{days} days: {left} at {usd(self.mean_daily_cost)} USD a day over {period}"


def runway(balance: Balance, activity: Activity) -> Runway:
    """The days left at the mean daily cost of the activity's period.

    Days without activity count: the mean is the period's whole cost by its number of days.
    """
    period = activity.period_days
    mean = activity.total_stats.total_cost / period if period > 0 else Decimal(0)
    days = max(balance.balance, Decimal(0)) / mean if mean > 0 else None
    return Runway(days, balance.balance, mean, period)
