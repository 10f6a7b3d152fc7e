"""Keys, models and days, joined with their usage."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.api.models import Activity, Key
from pulumi_account.spend.usage import (
    other_models,
    total,
    usage_by_day,
    usage_by_key,
    usage_by_model,
    worst_first,
)
from tests.support.helpers import NOW, activity_json, key_json, stats_json

TODAY = date(2026, 6, 1)


def activity(**changes: Any) -> Activity:
    """An activity with these parts."""
    return Activity.model_validate({**activity_json(), **changes})


def used(cost: str, **of: Any) -> dict[str, Any]:
    """Usage as the API writes it."""
    return {"request_count": 1, "total_cost": cost, "total_input_tokens": 2, "total_output_tokens": 3, **of}


def key(**changes: Any) -> Key:
    """A key with these fields."""
    return Key.model_validate(key_json(**changes))


def test_keys_are_joined_with_their_usage() -> None:
    """The most expensive first, including unused keys and deleted keys."""
    found = activity(
        api_key_usage=[
            used("1", api_key_id=1, api_key_name="before"),
            used("5", api_key_id=9, api_key_name="gone"),
            used("2", api_key_id=1, api_key_name="twice"),
        ]
    )
    rows = usage_by_key([key(id=2, name="idle"), key(id=1, name="now")], found)
    assert [(row.id, row.name, float(row.cost), row.tokens) for row in rows] == [
        (9, "gone", 5, 5),
        (1, "now", 3, 10),
        (2, "idle", 0, 0),
    ]
    assert [row.state(NOW) for row in rows] == ["deleted", "active", "active"]


@pytest.mark.parametrize(
    ("limit", "share"), [(None, None), (0, None), (50, Decimal("0.02")), ("0.5", Decimal(2))]
)
def test_share_of_a_limit(limit: object, share: Decimal | None) -> None:
    """The period's cost divided by the limit; None without a limit to spend."""
    found = activity(api_key_usage=[used("1", api_key_id=1, api_key_name="")])
    assert usage_by_key([key(id=1, credit_limit=limit)], found)[0].limit_used == share


@pytest.mark.parametrize(("month", "share"), [("113", Decimal("1.13")), ("0.5", Decimal("0.01")), (None, 0)])
def test_a_limit_is_compared_with_the_longest_period(month: str | None, share: Decimal) -> None:
    """For any period; the API's copy of the shorter one may be newer."""
    week = [used("1", api_key_id=1, api_key_name="")] if month else []
    longest = activity(api_key_usage=[used(month, api_key_id=1, api_key_name="")] if month else [])
    (row,) = usage_by_key([key(id=1, credit_limit=100)], activity(api_key_usage=week), longest)
    assert row.limit_used == share


NEAR = {"credit_limit": "1.1", "expires_at": None}
SOON = {"credit_limit": None, "expires_at": "2026-06-08T11:59:59Z"}


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({"credit_limit": 1, "expires_at": None}, 4),
        (NEAR, 3),
        ({**SOON, "credit_limit": "1.1"}, 3),
        (SOON, 2),
        ({**SOON, "is_enabled": False}, 0),
        ({**SOON, "expires_at": "2026-06-08T12:00:00Z"}, 0),
        ({**SOON, "expires_at": "2026-06-01T12:00:00Z"}, 1),
        ({"credit_limit": "1.12"}, 0),
        ({"credit_limit": 0}, 0),
    ],
)
def test_severity(changes: dict[str, Any], severity: int) -> None:
    """Over the limit, near it, about to expire while it works, expired, in this order."""
    found = activity(api_key_usage=[used("1", api_key_id=7, api_key_name="")])
    assert usage_by_key([key(**changes)], found)[0].severity(NOW) == severity


ROWS = st.lists(
    st.builds(
        lambda cost, limit, days: (cost, limit, NOW + timedelta(days=days)),
        st.integers(0, 20),
        st.none() | st.integers(0, 10),
        st.integers(-3, 20),
    ),
    max_size=30,
)


@given(ROWS, st.integers(0, 30))
def test_the_worst_are_listed_however_little_they_spent(rows: list[Any], most: int) -> None:
    """No key that needs attention is folded; the most expensive others fill the remaining room; none is lost."""
    keys = [key(id=n, credit_limit=limit, expires_at=at.isoformat()) for n, (_, limit, at) in enumerate(rows)]
    usage = [used(str(cost), api_key_id=n, api_key_name="") for n, (cost, _, _) in enumerate(rows)]
    everything = usage_by_key(keys, activity(api_key_usage=usage))
    listed, folded = worst_first(everything, NOW, most)
    severities = [row.severity(NOW) for row in listed]
    fine = [row for row in everything if not row.severity(NOW)]
    assert severities == sorted(severities, reverse=True)
    assert not any(row.severity(NOW) for row in folded)
    assert [row for row in listed if not row.severity(NOW)] + folded == fine
    assert len(listed) == max(len(everything) - len(fine), min(most, len(everything)))


def test_models_and_the_others() -> None:
    """The use that the API counts under no model is the rest of its total, and never negative."""
    models = [used("1", model_name="a"), used("2", model_name="b"), used("2", model_name="a")]
    found = activity(top_models=models, total_stats=stats_json(total_cost="7.5", total_requests=2))
    assert [(row.name, float(row.cost)) for row in usage_by_model(found)] == [("a", 3), ("b", 2)]
    rest = other_models(found)
    assert (rest.cost, rest.requests, rest.tokens) == (Decimal("2.5"), 0, 35)


def test_total() -> None:
    """The sum of no rows is zero."""
    assert (float(total([]).cost), total([], "rest").name) == (0, "rest")


def days(*dates: date, period: int = 3) -> list[tuple[int, float]]:
    """The resulting days, as days from today, if the API names these."""
    daily = [{"date": day.isoformat(), **stats_json(total_cost="1")} for day in dates]
    rows = usage_by_day(activity(period_days=period, daily_stats=daily), TODAY)
    return [((row.day - TODAY).days, float(row.cost)) for row in rows]


def test_days_without_activity_count() -> None:
    """Every day of the period is listed once, in order, up to today."""
    assert days(TODAY, TODAY - timedelta(days=2), TODAY) == [(-2, 1), (-1, 0), (0, 2)]


def test_the_api_may_be_a_day_off() -> None:
    """The API's clock may show another day, and its period may include one more."""
    assert days(TODAY + timedelta(days=1)) == [(-2, 0), (-1, 0), (0, 0), (1, 1)]
    assert days(TODAY - timedelta(days=3)) == [(-3, 1), (-2, 0), (-1, 0), (0, 0)]


@pytest.mark.parametrize(("period", "length"), [(-5, 1), (0, 1), (1, 1), (10**9, 366)])
def test_absurd_periods_and_days(period: int, length: int) -> None:
    """An impossible period or day does not make an endless list."""
    assert len(days(date.max, date.min, period=period)) == length
