"""How long the money lasts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.api.models import Activity, Balance
from pulumi_account.spend.runway import Runway, mean_daily_cost, runway
from tests.support.helpers import NOW, activity_json, stats_json, unhurried

TODAY = NOW.date()


def spent(costs: Mapping[int, str]) -> Activity:
    """An activity with the cost of each day, by how many days ago it was; each of these days was used."""
    daily = [
        stats_json(date=str(TODAY - timedelta(days=ago)), total_cost=cost) for ago, cost in costs.items()
    ]
    return Activity.model_validate({**activity_json(), "period_days": 30, "daily_stats": daily})


def left(balance: str, costs: Mapping[int, str], days: int | None = None) -> Runway:
    """The runway of a balance after such an activity."""
    return runway(Balance(balance=Decimal(balance)), spent(costs), NOW, days=days)


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
    """The balance divided by the mean daily cost; None if nothing was spent, 0 for an empty balance."""
    assert left(balance, {10: cost}, days=10).days == (None if days is None else Decimal(days))


def test_an_account_first_used_yesterday() -> None:
    """Its mean is that of one day: 60 USD at 30 a day last two days."""
    found = left("60", {1: "30"})
    assert (found.days, found.mean_daily_cost, found.period_days) == (Decimal(2), Decimal(30), 1)


def test_today_is_left_out() -> None:
    """Today is not over, so its cost does not count."""
    assert left("60", {2: "10", 1: "20", 0: "500"}).days == 4


@pytest.mark.parametrize(("costs", "known"), [({}, 30), ({0: "5"}, 0), ({-1: "5"}, 0)])
def test_no_whole_day(costs: dict[int, str], known: int) -> None:
    """An unused account spent nothing in thirty days; for one first used today, nothing is known."""
    assert (left("60", costs).days, left("60", costs).period_days) == (None, known)


def test_both_means_and_the_shorter_one() -> None:
    """If the week cost more than the month, its mean counts; otherwise the month's."""
    dearer = left("100", {29: "0", 7: "70"})
    assert dearer.days_at_7_day_mean == dearer.days == 10
    assert dearer.days_at_30_day_mean == Decimal(100) / (Decimal(70) / 29)
    cheaper = left("100", {29: "290", 7: "7"})
    assert (cheaper.days_at_7_day_mean, cheaper.period_days) == (Decimal(100), 29)
    assert cheaper.days == cheaper.days_at_30_day_mean == Decimal(100) / (Decimal(297) / 29)


def test_a_period_that_was_asked_for() -> None:
    """The mean of a requested period counts, instead of the two others."""
    assert left("100", {20: "1", 2: "20", 1: "0"}, days=2).days == 10


@pytest.mark.parametrize(
    ("now", "ends_on"),
    [
        (NOW, date(2026, 6, 4)),
        (datetime(2026, 6, 2, 1, 0, tzinfo=timezone(timedelta(hours=2))), date(2026, 6, 4)),
        (datetime(9999, 12, 31, 12, 0, tzinfo=timezone.utc), None),
    ],
)
def test_the_date_on_which_the_money_ends(now: datetime, ends_on: date | None) -> None:
    """Two and a half days from now, in UTC; no date beyond the calendar."""
    yesterday = str(now.astimezone(timezone.utc).date() - timedelta(days=1))
    activity = {**activity_json(), "daily_stats": [stats_json(date=yesterday, total_cost="10")]}
    found = runway(Balance(balance=Decimal(25)), Activity.model_validate(activity), now)
    assert (found.days, found.ends_on) == (Decimal("2.5"), ends_on)


def test_how_it_was_computed() -> None:
    """One line has the result and its computation, with both means if they differ."""
    assert str(left("125.50", {10: "50"}, days=10)) == (
        "25.1 days, until 2026-06-26: 125.50 USD left at 5.00 USD a day over the last 10 whole days; "
        "7-day mean: no end in sight, 30-day mean: 25.1 days"
    )
    assert str(left("60", {1: "30"})) == (
        "2.0 days, until 2026-06-03: 60.00 USD left at 30.00 USD a day over the last whole day"
    )
    assert str(left("-0.5", {})) == (
        "nothing left: \N{MINUS SIGN}0.5000 USD left, and nothing was spent in the last 30 whole days"
    )
    assert str(left("1", {}, days=3)) == (
        "no end in sight: 1.00 USD left, and nothing was spent in the last 3 whole days"
    )
    assert str(left("1", {0: "3"})) == (
        "too early to tell: 1.00 USD left, and the account was first used today"
    )


def test_absurd_amounts() -> None:
    """Absurd answers break nothing, and fill no line with digits."""
    assert str(left("9E+300", {1: "1E-300"})).startswith("over 1,000,000 days: 9.00E+300 USD left")


COSTS = st.dictionaries(st.integers(-2, 40), st.decimals(0, 10**6, places=2), max_size=40)


@unhurried
@given(st.decimals(-(10**9), 10**9), COSTS, st.integers(1, 30) | st.none())
def test_any_numbers(balance: Decimal, costs: dict[int, Decimal], days: int | None) -> None:
    """Any numbers give an answer: never negative, and the shorter of both."""
    found = left(str(balance), {ago: str(cost) for ago, cost in costs.items()}, days)
    both = [each for each in (found.days_at_7_day_mean, found.days_at_30_day_mean) if each is not None]
    assert found.days is None or found.days >= 0
    assert days is not None or found.days == min(both, default=None)
    if found.ends_on is not None:
        assert found.days is not None
        assert (found.ends_on - TODAY).days - int(found.days) in (0, 1)


@unhurried
@given(COSTS, st.integers(1, 30))
def test_any_mean(costs: dict[int, Decimal], days: int) -> None:
    """It is the cost of its whole days divided by their number, without today and days before the first use."""
    mean = mean_daily_cost(spent({ago: str(cost) for ago, cost in costs.items()}), TODAY, days)
    assert mean.days == (max(min(days, max(costs)), 0) if costs else days)
    assert mean.days * mean.cost == pytest.approx(
        sum((cost for ago, cost in costs.items() if 1 <= ago <= mean.days), Decimal(0))
    )


@unhurried
@given(COSTS, st.decimals(0, 10**6, places=2))
def test_todays_cost_changes_nothing(costs: dict[int, Decimal], today: Decimal) -> None:
    """Today's cost is not part of any mean, if the account was used before."""
    before = {ago: str(cost) for ago, cost in costs.items()} | {1: "5"}
    assert left("60", before | {0: str(today)}) == left("60", before | {0: "0"})
