"""What each key and each model was used for: the account's keys and its activity, joined."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from pulumi_account.models import Activity, DailyStats, Key, KeyUsage, ModelUsage, UsageStats

__all__ = [
    "DayUsage",
    "KeySpending",
    "Usage",
    "other_models",
    "total",
    "usage_by_day",
    "usage_by_key",
    "usage_by_model",
]

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


@dataclass(frozen=True)
class DayUsage(Usage):
    """What the account was used for on one day."""

    day: date = date.min


@dataclass(frozen=True)
class KeySpending(Usage):
    """What one key was used for; ``key`` is None where it has been deleted since."""

    id: int = 0
    key: Key | None = None

    @property
    def limit_used(self) -> Decimal | None:
        """The cost as a share of the credit limit; None without a limit that could be spent.

        The API does not say since when it counts what is spent against a limit: the true share may be higher.
        """
        limit = self.key.credit_limit if self.key else None
        return self.cost / limit if limit is not None and limit > 0 else None

    def state(self, now: datetime) -> str:
        """Whether the key works, in one word: active, disabled, expired or deleted."""
        if self.key is None:
            return "deleted"
        if self.key.expires_at is not None and self.key.expires_at <= now:
            return "expired"
        return "active" if self.key.is_enabled else "disabled"


def usage_by_day(activity: Activity, today: date) -> list[DayUsage]:
    """Every day of the period in its order, those without activity included.

    :param today: in UTC. The API's days may begin and end one before or after; what it names beyond is left out.
    """
    days: dict[date, list[DailyStats]] = {}
    for stats in activity.daily_stats:
        days.setdefault(stats.date, []).append(stats)
    length = timedelta(days=min(max(activity.period_days, 1), _LONGEST_PERIOD))
    one = timedelta(days=1)
    within = [day for day in days if today - length <= day <= today + one]
    first, last = min([today - length + one, *within]), max([today, *within])
    span = [first + one * n for n in range((last - first).days + 1)]
    return [DayUsage(day.isoformat(), *_sums(days.get(day, [])), day=day) for day in span]


def usage_by_key(keys: Iterable[Key], activity: Activity) -> list[KeySpending]:
    """Every key that exists or was used, the most expensive first."""
    alive = {key.id: key for key in keys}
    used: dict[int, list[KeyUsage]] = {}
    for usage in activity.api_key_usage:
        used.setdefault(usage.api_key_id, []).append(usage)
    ids = [*alive, *(key_id for key_id in used if key_id not in alive)]
    rows = [_of_key(key_id, alive.get(key_id), used.get(key_id, [])) for key_id in ids]
    return sorted(rows, key=lambda row: (-row.cost, -row.requests, row.name, row.id))


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


def _of_key(key_id: int, key: Key | None, usages: list[KeyUsage]) -> KeySpending:
    name = key.name if key else next((usage.api_key_name for usage in usages), "")
    return KeySpending(name, *_sums(usages), id=key_id, key=key)


def _sums(usages: Iterable[UsageStats | KeyUsage | ModelUsage]) -> tuple[int, Decimal, int, int]:
    of = total(
        Usage("", _requests(u), u.total_cost, u.total_input_tokens, u.total_output_tokens) for u in usages
    )
    return of.requests, of.cost, of.input_tokens, of.output_tokens


def _requests(usage: UsageStats | KeyUsage | ModelUsage) -> int:
    return usage.total_requests if isinstance(usage, UsageStats) else usage.request_count
