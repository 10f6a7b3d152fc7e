"""How long the money lasts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.models import Activity, Balance
from pulumi_account.spending import Runway, runway
from tests.helpers import activity_json, stats_json, unhurried


def left(balance: str, cost: str, days: int = 10) -> Runway:
    """The runway of a balance after so much was spent in so many days."""
    activity = {**activity_json(), "period_days": days, "total_stats": stats_json(total_cost=cost)}
    return runway(Balance(balance=Decimal(balance)), Activity.model_validate(activity))


@pytest.mark.parametrize(
    ("balance", "cost", "days"),
    [
        ("100", "50", "20"),
        ("0", "50", "0"),
        ("-3", "50", "0"),
        ("100", "0", None),
        ("0", "0", None),
        ("0.000000000000000001", "10", "0.000000000000000001"),
    ],
)
def test_runway(balance: str, cost: str, days: str | None) -> None:
    """The balance by the mean daily cost; none where nothing was spent, 0 where nothing is left."""
    assert left(balance, cost).days == (None if days is None else Decimal(days))


def test_no_days_no_division() -> None:
    """A period of no days tells nothing, and divides by nothing."""
    assert left("100", "5", days=0).days is None


def test_how_it_was_computed() -> None:
    """It says so in one line."""
    assert str(left("125.50", "50")) == "25.1 days: 125.50 USD left at 5.00 USD a day over the last 10 days"
    assert str(left("-0.5", "0")) == (
        "nothing left: \N{MINUS SIGN}0.5000 USD left, and nothing was spent in the last 10 days"
    )
    assert str(left("1", "0")) == "no end in sight: 1.00 USD left, and nothing was spent in the last 10 days"


def test_absurd_amounts() -> None:
    """A lying API breaks nothing, and fills no line with digits."""
    assert str(left("9E+300", "1E-300")).startswith("over 1,000,000 days: 9.00E+300 USD left")


@unhurried
@given(st.decimals(-(10**9), 10**9), st.decimals(-(10**9), 10**9), st.integers(0, 30))
def test_any_numbers(balance: Decimal, cost: Decimal, days: int) -> None:
    """Whatever the numbers, there is an answer, and it is no negative number of days."""
    found = left(str(balance), str(cost), days).days
    assert found is None or found >= 0
