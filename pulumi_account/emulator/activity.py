"""`GET /v1/account/activity`: adds up usage, and caches the result for five minutes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable
    from datetime import date, datetime

    from pulumi_account.emulator.store import Usage

__all__ = ["ActivityCache", "activity", "first_day"]

TOP_MODELS = 10


def first_day(today: date, days: int) -> date:
    """The first day of a period that ends today.

    :param days: the length of the period, today included.
    """
    return today - timedelta(days=days - 1)


def activity(rows: Iterable[Usage], days: int) -> dict[str, Any]:
    """The document for these rows of usage."""
    rows = list(rows)
    return {
        "period_days": days,
        "total_stats": _stats("total_requests", rows),
        "daily_stats": [
            {"date": day.isoformat(), **_stats("total_requests", group)}
            for day, group in sorted(_groups(rows, lambda row: row.date).items())
        ],
        "top_models": _most_used(
            {"model_name": model, **_stats("request_count", group)}
            for model, group in _groups(rows, lambda row: row.model).items()
        )[:TOP_MODELS],
        "api_key_usage": _most_used(
            {"api_key_id": key, "api_key_name": group[-1].key_name, **_stats("request_count", group)}
            for key, group in _groups(rows, lambda row: row.key_id).items()
        ),
    }


def _groups(rows: list[Usage], by: Callable[[Usage], Any]) -> dict[Any, list[Usage]]:
    groups: dict[Hashable, list[Usage]] = {}
    for row in rows:
        groups.setdefault(by(row), []).append(row)
    return groups


def _stats(count: str, rows: list[Usage]) -> dict[str, Any]:
    return {
        count: sum(row.requests for row in rows),
        # not in SQL, which adds floats
        "total_cost": format(sum((row.cost for row in rows), Decimal(0)), "f"),
        "total_input_tokens": sum(row.input_tokens for row in rows),
        "total_output_tokens": sum(row.output_tokens for row in rows),
    }


def _most_used(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(entries, key=lambda entry: -int(entry["request_count"]))


class ActivityCache:
    """Keeps the document of each period for a while, as the real API does (five minutes)."""

    def __init__(self, seconds: float) -> None:
        self._seconds = timedelta(seconds=seconds)
        self._documents: dict[int, tuple[datetime, dict[str, Any]]] = {}

    def get(self, days: int, now: datetime, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The cached document of a period, or a new one if the cached one is too old."""
        made, document = self._documents.get(days, (None, {}))
        if made is None or now - made >= self._seconds:
            document = make()
            self._documents[days] = (now, document)
        return document
