"""What each key and each model was used for: the account's keys and its activity, joined."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from pulumi_account.api.models import Activity, DailyStats, Key, KeyUsage, ModelUsage, UsageStats

__all__ = [
    "LONGEST_PERIOD",
    "NEAR_LIMIT",
    "SOON",
    "DayUsage",
    "KeySpending",
    "Usage",
    "in_both_periods",
    "other_models",
    "total",
    "usage_by_day",
    "usage_by_key",
    "usage_by_model",
    "usage_on",
    "worst_first",
]

#: days; the API has no longer period
LONGEST_PERIOD = 30
#: a key needs attention from this share of its limit on, and this long before it expires
NEAR_LIMIT, SOON = Decimal("0.9"), timedelta(days=7)

#: the API's periods are shorter; another one that it names must not fill the memory
_LONGEST_PERIOD = 366


@dataclass(frozen=True)
class Usage:
    """What something was used for in the activity's period; cost in USD."""

    name: str = ""
    requests: int = 0
    cost: Decimal = Decimal(0)
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    @property
    def is_used(self) -> bool:
        """Whether there was anything."""
        return self.requests > 0 or self.cost > 0


@dataclass(frozen=True)
class DayUsage(Usage):
    """What the account was used for on one day."""

    day: date = date.min


@dataclass(frozen=True)
class KeySpending(Usage):
    """What one key was used for; ``key`` is None where it has been deleted since.

    ``longest_cost`` is its cost in the longest period that is known, in USD.
    """

    id: int = 0
    key: Key | None = None
    longest_cost: Decimal = Decimal(0)

    @property
    def limit_used(self) -> Decimal | None:
        """The cost in the longest period as a share of the credit limit; None without a limit that could be spent.

        The API does not say since when it counts what is spent against a limit: the true share may be higher.
        """
        limit = self.key.credit_limit if self.key else None
        # the API's copy of either period may be the newer one
        return max(self.cost, self.longest_cost) / limit if limit is not None and limit > 0 else None

    def state(self, now: datetime) -> str:
        """Whether the key works, in one word: active, disabled, expired or deleted."""
        if self.key is None:
            return "deleted"
        if self.key.expires_at is not None and self.key.expires_at <= now:
            return "expired"
        return "active" if self.key.is_enabled else "disabled"

    def expires_soon(self, now: datetime) -> bool:
        """Whether it works, but not for another week."""
        expiry = self.key.expires_at if self.key else None
        return expiry is not None and self.state(now) == "active" and expiry - now < SOON

    def severity(self, now: datetime) -> int:
        """4 where the limit is used up, 3 where it nearly is, 2 if it expires soon, 1 if it has expired, else 0."""
        used = self.limit_used or Decimal(0)
        if used >= NEAR_LIMIT:
            return 4 if used >= 1 else 3
        return 2 if self.expires_soon(now) else int(self.state(now) == "expired")


def in_both_periods(ask: Callable[[int], Activity], days: int) -> tuple[Activity, Activity]:
    """The activity of these days, and that of the longest period, which limits and the runway go by."""
    activity = ask(days)
    return activity, activity if days == LONGEST_PERIOD else ask(LONGEST_PERIOD)


def usage_on(activity: Activity) -> dict[date, Usage]:
    """What the account was used for on each day that the API names."""
    days: dict[date, list[DailyStats]] = {}
    for stats in activity.daily_stats:
        days.setdefault(stats.date, []).append(stats)
    return {day: Usage(day.isoformat(), *_sums(stats)) for day, stats in days.items()}


def usage_by_day(activity: Activity, today: date) -> list[DayUsage]:
    """Every day of the period in its order, those without activity included.

    :param today: in UTC. The API's days may begin and end one before or after; what it names beyond is left out.
    """
    days = usage_on(activity)
    length = timedelta(days=min(max(activity.period_days, 1), _LONGEST_PERIOD))
    one = timedelta(days=1)
    within = [day for day in days if today - length <= day <= today + one]
    first, last = min([today - length + one, *within]), max([today, *within])
    span = [first + one * n for n in range((last - first).days + 1)]
    return [DayUsage(day.isoformat(), *_numbers(days.get(day, Usage())), day=day) for day in span]


def usage_by_key(
    keys: Iterable[Key], activity: Activity, longest: Activity | None = None
) -> list[KeySpending]:
    """Every key that exists or was used, the most expensive first.

    :param longest: the activity of the longest period, which limits are compared with; by default ``activity``.
    """
    alive, used = {key.id: key for key in keys}, _by_id(activity)
    longer = used if longest is None else _by_id(longest)
    ids = [*alive, *(key_id for key_id in used if key_id not in alive)]
    rows = [
        _of_key(key_id, alive.get(key_id), used.get(key_id, []), longer.get(key_id, [])) for key_id in ids
    ]
    return sorted(rows, key=lambda row: (-row.cost, -row.requests, row.name, row.id))


def worst_first(
    rows: Iterable[KeySpending], now: datetime, most: int
) -> tuple[list[KeySpending], list[KeySpending]]:
    """The keys to be listed one by one, and the others.

    Every key that needs attention is listed, the worst first, even beyond ``most``; then the others in their order,
    up to ``most`` keys in all.
    """
    rows = list(rows)
    severities = {row.id: row.severity(now) for row in rows}
    severe = [row for row in rows if severities[row.id]]
    severe.sort(key=lambda row: (-severities[row.id], -(row.limit_used or 0)))
    others = [row for row in rows if not severities[row.id]]
    room = max(most - len(severe), 0)
    return severe + others[:room], others[room:]


def usage_by_model(activity: Activity) -> list[Usage]:
    """The models that the API names, the most expensive first."""
    used: dict[str, list[ModelUsage]] = {}
    for usage in activity.top_models:
        used.setdefault(usage.model_name, []).append(usage)
    rows = [Usage(name, *_sums(usages)) for name, usages in used.items()]
    return sorted(rows, key=lambda row: (-row.cost, -row.requests, row.name))


def other_models(activity: Activity) -> Usage:
    """What the API counts in total and under no model: it names the most used ones only."""
    everything, named = Usage("", *_sums([activity.total_stats])), total(usage_by_model(activity))
    return Usage(
        "",
        max(everything.requests - named.requests, 0),
        max(everything.cost - named.cost, Decimal(0)),
        max(everything.input_tokens - named.input_tokens, 0),
        max(everything.output_tokens - named.output_tokens, 0),
    )


def total(rows: Iterable[Usage], name: str = "") -> Usage:
    """The sum, under a name of its own."""
    rows = list(rows)
    return Usage(
        name,
        sum(row.requests for row in rows),
        sum((row.cost for row in rows), Decimal(0)),
        sum(row.input_tokens for row in rows),
        sum(row.output_tokens for row in rows),
    )


def _by_id(activity: Activity) -> dict[int, list[KeyUsage]]:
    used: dict[int, list[KeyUsage]] = {}
    for usage in activity.api_key_usage:
        used.setdefault(usage.api_key_id, []).append(usage)
    return used


def _of_key(key_id: int, key: Key | None, usages: list[KeyUsage], longest: list[KeyUsage]) -> KeySpending:
    name = key.name if key else next((usage.api_key_name for usage in usages), "")
    cost = sum((usage.total_cost for usage in longest), Decimal(0))
    return KeySpending(name, *_sums(usages), id=key_id, key=key, longest_cost=cost)


def _sums(usages: Iterable[UsageStats | KeyUsage | ModelUsage]) -> tuple[int, Decimal, int, int]:
    return _numbers(
        total(
            Usage("", _requests(u), u.total_cost, u.total_input_tokens, u.total_output_tokens) for u in usages
        )
    )


def _numbers(usage: Usage) -> tuple[int, Decimal, int, int]:
    return usage.requests, usage.cost, usage.input_tokens, usage.output_tokens


def _requests(usage: UsageStats | KeyUsage | ModelUsage) -> int:
    return usage.total_requests if isinstance(usage, UsageStats) else usage.request_count
