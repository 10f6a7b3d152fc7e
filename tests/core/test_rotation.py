"""What may be declared about a rotation, and which generation is due when."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.core.naming import MAX_NAME, MAX_ROTATING_NAME, MAX_ROTATING_NAME_PREFIX, auto_name
from pulumi_account.core.rotation import Schedule, declared_rotating, generation_name
from pulumi_account.exceptions import InvalidInputError
from tests.support.canaries import PLAINTEXT
from tests.support.helpers import NOW, refusal

VALID = {"every": "30d", "name": "batch"}


def failures(*, unknown: tuple[str, ...] = (), **declared: Any) -> list[str]:
    """What is wrong with a declaration."""
    error = refusal(InvalidInputError, lambda: declared_rotating({**VALID, **declared}, unknown=unknown))
    return list(error.failures)


@pytest.mark.parametrize(
    ("wrong", "failure"),
    [
        ({"every": None}, "every must be given: how long a key is the current one, such as 30d"),
        ({"every": 30.0}, "every must be text, not 30.0"),
        ({"every": "monthly"}, "every text of 7 characters "),
        ({"every": "0s"}, "every '0s' "),
        ({"overlap": "0d"}, "overlap '0d' "),
        ({"overlap": True}, "overlap must be text, not a boolean"),
        ({"overlap": "31d"}, "overlap must be at most every: a key would otherwise outlive its successor"),
        ({"anchor": "2026-01-01"}, "anchor '2026-01-01' "),
        ({"anchor": "1969-12-31T23:59:59Z"}, "anchor must be in the years 1970 to 2999"),
        ({"anchor": "3000-01-01T00:00:00Z"}, "anchor must be in the years 1970 to 2999"),
        ({"anchor": 5.0}, "anchor must be text, not 5.0"),
        ({"rotate_now": 1.0}, "rotate_now must be text, not 1.0"),
        ({"revoke": True}, "revoke must be text, not a boolean"),
        ({"name": ""}, "name must have 1 to 242 characters (the generation is added), not 0"),
        ({"name": "n" * 243}, "name must have 1 to 242 characters (the generation is added), not 243"),
        (
            {"name": None, "name_prefix": "n" * 236},
            "name_prefix must have 1 to 235 characters (the generation and seven are added), not 236",
        ),
        ({"name_prefix": "n"}, "name and name_prefix exclude each other: give one of them"),
        ({"name": None}, "name or name_prefix must be given"),
        ({"credit_limit": -1.0}, "credit_limit must be 0 USD or more, not -1.0"),
        ({"is_enabled": "yes"}, "is_enabled must be true or false, not text"),
        ({"labels": {"a": 1.0}}, "labels must be a map of texts, but the value of 'a' is 1.0"),
        ({"delete_guard": "31d"}, "delete_guard must be 1 to 30 whole days, such as 7d, not 31d"),
        ({"expires_at": "2099-01-01T00:00:00Z"}, "expires_at is not a property of a rotating API key"),
        ({"rotation_triggers": {}}, "rotation_triggers is not a property of a rotating API key"),
        ({"adopt_key_id": 7.0}, "adopt_key_id is not a property of a rotating API key"),
    ],
)  # fmt: skip
def test_each_rule_has_a_sentence(wrong: dict[str, Any], failure: str) -> None:
    """A broken rule is one sentence, which begins with the property's name."""
    (found,) = failures(**wrong)
    assert found.startswith(failure)


def test_all_failures_are_reported_at_once() -> None:
    """Several broken rules are several sentences, in the order of the properties."""
    found = failures(every="x", overlap="y", anchor="z", credit_limit=-1.0)
    assert [failure.split()[0] for failure in found] == ["every", "overlap", "anchor", "credit_limit"]


@pytest.mark.parametrize("name", ["every", "overlap", "anchor", "rotate_now", "revoke", "credit_limit"])
def test_no_failure_quotes_a_plaintext(name: str) -> None:
    """A credential in the wrong place is not repeated."""
    assert PLAINTEXT not in "".join(
        failures(
            **dict.fromkeys([name, "is_enabled"], PLAINTEXT)  # type: ignore[arg-type]
        )
    )


def test_a_declaration_of_two_properties_is_enough() -> None:
    """A period and a name; the key is then enabled."""
    assert declared_rotating(VALID) == {"every": timedelta(days=30), "name": "batch", "is_enabled": True}


def test_an_overlap_may_be_the_whole_period() -> None:
    """Then there are always two keys."""
    assert declared_rotating({**VALID, "overlap": "30d"})["overlap"] == timedelta(days=30)


@pytest.mark.parametrize("unknown", ["every", "name"])
def test_what_is_unknown_counts_as_given(unknown: str) -> None:
    """A value that a preview does not know yet is not missing."""
    rest = {name: value for name, value in VALID.items() if name != unknown}
    declared_rotating(rest, unknown=(unknown,))


def test_an_unknown_name_excludes_a_prefix_too() -> None:
    """Both names cannot be given, whatever one of them will be."""
    assert failures(unknown=("name_prefix",)) == ["name and name_prefix exclude each other: give one of them"]


MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2999, 12, 31), timezones=st.just(timezone.utc))
PERIODS = st.integers(1, 3 * 10**9).map(lambda seconds: timedelta(seconds=seconds))


@given(anchor=MOMENTS, every=PERIODS, moment=MOMENTS)
def test_a_generation_is_due_from_its_instant_to_the_next(
    anchor: datetime, every: timedelta, moment: datetime
) -> None:
    """Generation k is due at anchor + k * every, and generation 0 before that."""
    schedule = Schedule(anchor, every)
    generation = schedule.generation(moment)
    assert generation == 0 or anchor + generation * every <= moment
    assert moment < anchor + (generation + 1) * every


def test_a_generation_is_due_at_its_very_instant() -> None:
    """Not a microsecond before it."""
    schedule = Schedule(NOW, timedelta(days=30))
    due = NOW + 2 * timedelta(days=30)
    assert schedule.generation(due - timedelta(microseconds=1)) == 1
    assert schedule.generation(due) == 2


def test_a_future_anchor_begins_with_generation_0() -> None:
    """The first rotation is then due a period after the anchor."""
    schedule = Schedule(NOW + timedelta(days=365), timedelta(days=30))
    assert schedule.generation(NOW) == 0
    assert schedule.due_after(NOW) == NOW + timedelta(days=395)


def test_generations_count_through_leap_years() -> None:
    """A period has a length, and no calendar."""
    schedule = Schedule(datetime(2024, 2, 28, tzinfo=timezone.utc), timedelta(days=1))
    assert schedule.generation(datetime(2025, 2, 28, tzinfo=timezone.utc)) == 366


@given(anchor=MOMENTS, every=PERIODS, moment=MOMENTS)
def test_the_next_due_instant_is_the_first_of_the_next_generation(
    anchor: datetime, every: timedelta, moment: datetime
) -> None:
    """`due_after` is later than the moment, and begins the next generation."""
    schedule = Schedule(anchor, every)
    due = schedule.due_after(moment)
    assert due > moment
    assert schedule.generation(due) == schedule.generation(moment) + 1
    assert schedule.generation(due - timedelta(microseconds=1)) == schedule.generation(moment)


def test_the_longest_names_fit() -> None:
    """The most generations that a calendar has room for fit behind the longest name and prefix."""
    most = Schedule(datetime(1970, 1, 1, tzinfo=timezone.utc), timedelta(seconds=1)).generation(
        datetime(9999, 12, 31, tzinfo=timezone.utc)
    )
    assert len(generation_name("n" * MAX_ROTATING_NAME, most)) <= MAX_NAME
    assert len(auto_name(f"{'n' * MAX_ROTATING_NAME_PREFIX}{most}-")) <= MAX_NAME
