"""What the page shows: an account's answers, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from functools import cached_property

from pulumi_account.api.models import Activity, Balance, Key
from pulumi_account.spend.attribution import Group
from pulumi_account.spend.runway import Runway, runway
from pulumi_account.spend.usage import DayUsage, KeySpending, usage_by_day, usage_by_key


@dataclass(frozen=True)
class Account:
    """An account at one instant.

    ``longest`` is the activity of the longest period, and ``groups`` has the groups of its usage by each label.
    """

    balance: Balance
    activity: Activity
    longest: Activity
    keys: list[Key]
    made_at: datetime
    host: str = ""
    groups: Mapping[str, Sequence[Group]] = field(default_factory=dict)

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
        """The keys, the most expensive first."""
        return usage_by_key(self.keys, self.activity, self.longest)

    @cached_property
    def days(self) -> list[DayUsage]:
        """Each day of the period."""
        return usage_by_day(self.activity, self.today)
