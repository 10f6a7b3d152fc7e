"""What the account's days, keys and models were used for: its keys and its activity, joined."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from pulumi_account.api.models import Activity, Key, KeyUsage, ModelUsage, UsageStats
from pulumi_account.common.money import exact_sum
from pulumi_account.spend.key_state import key_state

__all__ = [
    "LONGEST_PERIOD",
    "NEAR_LIMIT",
    "SOON",
    "DayUsage",
    "KeySpending",
    "Usage",
    "grouped",
    "in_both_periods",
    "other_models",
    "total",
    "usage_by_day",
    "usage_by_key",
    "usage_by_model",
    "usage_in_all",
    "usage_on",
    "used_keys",
    "worst_first",
]

#: days; the API has no longer period
LONGEST_PERIOD = 30
#: a key needs attention if it has spent this share of its limit, or if it expires within this time
NEAR_LIMIT, SOON = Decimal("0.9"), timedelta(days=7)
#: the API's periods are shorter; an absurdly long one must not fill the memory
_MOST_DAYS = 366

_T = TypeVar("_T")
_K = TypeVar("_K", bound=Hashable)


@dataclass(frozen=True)
class Usage:
    """The use of something in the activity's period; cost in USD."""

    name: str = ""
    requests: int = 0
    cost: Decimal = Decimal(0)
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def numbers(self) -> tuple[int, Decimal, int, int]:
        """All but the name."""
        return self.requests, self.cost, self.input_tokens, self.output_tokens

    @property
    def tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    @property
    def is_used(self) -> bool:
        """Whether there was any request or cost."""
        return self.requests > 0 or self.cost > 0


@dataclass(frozen=True)
class DayUsage(Usage):
    """The use of the account on one day."""

    day: date = date.min


@dataclass(frozen=True)
class KeySpending(Usage):
    """The use of one key; ``key`` is None if the key has been deleted since.

    ``longest_cost`` is its cost in the longest known period, in USD.
    """

    id: int = 0
    key: Key | None = None
    longest_cost: Decimal = Decimal(0)

    @property
    def limit_used(self) -> Decimal | None:
        """The cost in the longest period as a share of the credit limit; None if there is no limit to spend.

        The API does not say since when it counts the spending against a limit: the true share may be higher.
        """
        limit = self.key.credit_limit if self.key else None
        # the API caches each period separately, so either may be newer
        return max(self.cost, self.longest_cost) / limit if limit is not None and limit > 0 else None

    def state(self, now: datetime) -> str:
        """The key's state: active, disabled, expired or deleted."""
        return key_state(self.key, now)

    def expires_soon(self, now: datetime) -> bool:
        """Whether the key works, and expires within a week."""
        expiry = self.key.expires_at if self.key else None
        return expiry is not None and self.state(now) == "active" and expiry - now < SOON

    def severity(self, now: datetime) -> int:
        """4 if the limit is used up, 3 if it nearly is, 2 if the key expires soon, 1 if it has expired, else 0."""
        used = self.limit_used or Decimal(0)
        if used >= NEAR_LIMIT:
            return 4 if used >= 1 else 3
        return 2 if self.expires_soon(now) else int(self.state(now) == "expired")


def in_both_periods(ask: Callable[[int], Activity], days: int) -> tuple[Activity, Activity]:
    """The activity of this many days, and that of the longest period, which limits and the runway use."""
    activity = ask(days)
    return activity, activity if days == LONGEST_PERIOD else ask(LONGEST_PERIOD)


def usage_in_all(activity: Activity) -> Usage:
    """The API's total."""
    return _sum([activity.total_stats])


def usage_on(activity: Activity) -> dict[date, Usage]:
    """The use of the account on each day that the API names."""
    days = grouped(activity.daily_stats, lambda stats: stats.date)
    return {day: _sum(stats, day.isoformat()) for day, stats in days.items()}


def usage_by_day(activity: Activity, today: date) -> list[DayUsage]:
    """Every day of the period in order, including days without activity.

    :param today: in UTC. The API's period may begin or end one day off; days beyond that are left out.
    """
    days, one = usage_on(activity), timedelta(days=1)
    length = timedelta(days=min(max(activity.period_days, 1), _MOST_DAYS))
    within = [day for day in days if today - length <= day <= today + one]
    first, last = min([today - length + one, *within]), max([today, *within])
    span = [first + one * n for n in range((last - first).days + 1)]
    return [DayUsage(day.isoformat(), *days.get(day, Usage()).numbers, day=day) for day in span]


def usage_by_key(
    keys: Iterable[Key], activity: Activity | None, longest: Activity | None = None
) -> list[KeySpending]:
    """Every key that exists or was used, the most expensive first.

    :param activity: None if it is unknown.
    :param longest: the activity of the longest period, which limits are compared with; by default ``activity``.
    """

    def by_id(activity: Activity | None) -> dict[int, list[KeyUsage]]:
        return grouped(activity.api_key_usage if activity else [], lambda usage: usage.api_key_id)

    alive, used = {key.id: key for key in keys}, by_id(activity)
    longer = used if longest is None else by_id(longest)
    rows = []
    for key_id in [*alive, *(key_id for key_id in used if key_id not in alive)]:
        key, usages = alive.get(key_id), used.get(key_id, [])
        name = key.name if key else usages[0].api_key_name
        cost = sum((usage.total_cost for usage in longer.get(key_id, [])), Decimal(0))
        rows.append(KeySpending(name, *_sum(usages).numbers, id=key_id, key=key, longest_cost=cost))
    return sorted(rows, key=lambda row: (-row.cost, -row.requests, row.name, row.id))


def used_keys(keys: Iterable[Key], activity: Activity) -> list[KeySpending]:
    """The keys that the activity names, the most expensive first; of the others, nothing was used."""
    named = {usage.api_key_id for usage in activity.api_key_usage}
    return [row for row in usage_by_key(keys, activity) if row.id in named]


def worst_first(
    rows: Iterable[KeySpending], now: datetime, most: int
) -> tuple[list[KeySpending], list[KeySpending]]:
    """The keys to list one by one, and the others.

    Every key that needs attention is listed, the worst first, even beyond ``most``; then the others in their order,
    up to ``most`` keys in all.
    """
    severities = [(row.severity(now), row) for row in rows]
    severe = [pair for pair in severities if pair[0]]
    severe.sort(key=lambda pair: (-pair[0], -(pair[1].limit_used or 0)))
    others = [row for severity, row in severities if not severity]
    room = max(most - len(severe), 0)
    return [row for _, row in severe] + others[:room], others[room:]


def usage_by_model(activity: Activity) -> list[Usage]:
    """The models that the API names, the most expensive first."""
    used = grouped(activity.top_models, lambda usage: usage.model_name)
    rows = [_sum(usages, name) for name, usages in used.items()]
    return sorted(rows, key=lambda row: (-row.cost, -row.requests, row.name))


def other_models(activity: Activity) -> Usage:
    """The part of the total that the API counts under no model: it names only the most used ones."""
    every, named = usage_in_all(activity), total(usage_by_model(activity))
    return Usage(
        "",
        max(every.requests - named.requests, 0),
        max(every.cost - named.cost, Decimal(0)),
        max(every.input_tokens - named.input_tokens, 0),
        max(every.output_tokens - named.output_tokens, 0),
    )


def total(rows: Iterable[Usage], name: str = "") -> Usage:
    """The sum, under this name."""
    rows = list(rows)
    return Usage(
        name,
        sum(row.requests for row in rows),
        exact_sum(row.cost for row in rows),
        sum(row.input_tokens for row in rows),
        sum(row.output_tokens for row in rows),
    )


def grouped(items: Iterable[_T], key: Callable[[_T], _K]) -> dict[_K, list[_T]]:
    """The items by their key, in order."""
    groups: dict[_K, list[_T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def _sum(usages: Iterable[UsageStats | KeyUsage | ModelUsage], name: str = "") -> Usage:
    rows = [
        Usage(
            "",
            usage.total_requests if isinstance(usage, UsageStats) else usage.request_count,
            usage.total_cost,
            usage.total_input_tokens,
            usage.total_output_tokens,
        )
        for usage in usages
    ]
    return total(rows, name)
