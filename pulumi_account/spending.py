"""What the account's balance and activity say together: how long the money lasts."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from pulumi_account.models import Activity, Balance

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
        left, period = f"{self.balance:.2f} USD left", f"the last {self.period_days} days"
        if self.days is None:
            return f"no end in sight: {left}, and nothing was spent in {period}"
        return f"{self.days:.1f} days: {left} at {self.mean_daily_cost:.2f} USD a day over {period}"


def runway(balance: Balance, activity: Activity) -> Runway:
    """The days left at the mean daily cost of the activity's period.

    Days without activity count: the mean is the period's whole cost by its number of days.
    """
    period = activity.period_days
    mean = activity.total_stats.total_cost / period if period > 0 else Decimal(0)
    days = max(balance.balance, Decimal(0)) / mean if mean > 0 else None
    return Runway(days, balance.balance, mean, period)
