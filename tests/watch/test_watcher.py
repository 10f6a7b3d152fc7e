"""Watching the balance, without waiting."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pulumi_account.exceptions import (
    AccountError,
    AuthenticationError,
    ConfigurationError,
    ConnectFailedError,
    ServerError,
    UnexpectedResponseError,
)
from pulumi_account.watch.messages import Crossing
from pulumi_account.watch.watcher import LONGEST_PAUSE, Threshold
from tests.support.helpers import NOW, refusal
from tests.watch.stories import CROSSING, RECOVERY, Story

AWAY = ConnectFailedError("cannot connect")
REFUSED = AuthenticationError("wrong key", status=401)


# --- the threshold


@pytest.mark.parametrize(
    ("balances", "told"),
    [
        (["20", "30"], []),
        (["10"], []),
        (["9.99"], ["9.99"]),
        (["20", "9", "8", "-1"], ["9"]),
        (["9", "10", "10.99", "9"], ["9"]),
        (["9", "11", "9.5"], ["9", "9.5"]),
        (["9", "20", "11", "10", "9", "8"], ["9", "9"]),
    ],
)
def test_told_once_per_crossing(balances: list[str], told: list[str]) -> None:
    """A balance that wavers around the threshold causes one message; after a tenth above it, another one."""
    assert Story(balances).told == told


@pytest.mark.parametrize(
    ("recover", "told"), [("10", ["9", "9.5"]), ("10.5", ["9", "9.5"]), ("10.51", ["9"]), ("50", ["9"])]
)
def test_the_recovery_can_be_chosen(recover: str, told: list[str]) -> None:
    """Only after a balance of at least this, the next crossing counts."""
    assert Story(["9", "10.5", "9.5"], recover=recover).told == told


def test_a_negative_threshold() -> None:
    """A tenth above -10 is -9, not -11."""
    assert Threshold(Decimal(-10)).recover == -9
    assert Story(["-11", "-9.5", "-11"], below="-10").told == ["-11"]


def test_recovery_below_the_threshold() -> None:
    """It is refused, because the messages would never end."""
    refusal(ConfigurationError, lambda: Threshold(Decimal(10), Decimal(9)))


@pytest.mark.parametrize(
    ("balances", "recovered"),
    [
        (["20", "30"], []),
        (["9", "10", "10.99", "9"], []),
        (["9", "10", "20", "30"], ["20"]),
        (["9", "11", "9", "12"], ["11", "12"]),
    ],
)
def test_recovery_is_told(balances: list[str], recovered: list[str]) -> None:
    """There is one message for each crossing, and none without a crossing."""
    assert Story(balances).recovered == recovered


# --- an API that is away


def test_an_api_that_is_away() -> None:
    """There is one warning, and one line when it answers again; the pauses grow in between."""
    story = Story(["20", *[AWAY] * 6, "20", AWAY, "20"])
    away, back = "warning: cannot connect: the watch continues", "the API answers again"
    assert story.warned == [away, back, away, back]
    assert story.pauses == [60, 60, 120, 240, 480, LONGEST_PAUSE, LONGEST_PAUSE, 60, 60, 60]


def test_the_crossing_survives_it() -> None:
    """A balance that was already low causes no new message afterwards."""
    assert Story(["9", AWAY, AWAY, "9", AWAY, "10", "9"]).told == ["9"]


@pytest.mark.parametrize("error", [REFUSED, UnexpectedResponseError("not the API", status=200)])
def test_a_first_answer_that_refuses(error: AccountError) -> None:
    """It ends the watch, which is configured wrongly."""
    with pytest.raises(type(error)):
        Story([error, "20"])


@pytest.mark.parametrize("first", [AWAY, ServerError("503", status=503)])
def test_an_api_that_is_away_from_the_beginning(first: AccountError) -> None:
    """The watch waits for it; after one answer, even a refusal does not end the watch."""
    story = Story([first, "20", REFUSED, "9"])
    assert story.told == ["9"]
    assert len(story.warned) == 4


# --- notifiers


def test_a_notifier_that_fails_is_tried_again() -> None:
    """At each check, even while the API is away, until it is delivered."""
    outcomes = iter([False, False, True])
    tried: list[Crossing] = []

    def notifier(crossing: Crossing) -> bool:
        tried.append(crossing)
        return next(outcomes)

    story = Story(["9", AWAY, "9", "9"], notifier)
    assert story.told == ["9"]
    assert [(str(one.balance), one.at) for one in tried] == [("9", NOW)] * 3


def test_a_crossing_goes_before_its_recovery() -> None:
    """A notifier that failed with both gets both in the end, in order."""
    outcomes, tried = iter([False, False, True, False, True]), []

    def notifier(crossing: Crossing) -> bool:
        tried.append((int(crossing.balance), crossing.recovered))
        return next(outcomes)

    Story(["9", "20", "20", "30", "30"], notifier)
    assert tried == [(9, False)] * 3 + [(20, True)] * 2


def test_a_later_crossing_takes_the_place_of_an_earlier_one() -> None:
    """Of two undelivered crossings, only the later one is delivered."""
    outcomes, tried = iter([False, False, True]), []

    def notifier(crossing: Crossing) -> bool:
        tried.append(int(crossing.balance))
        return next(outcomes)

    Story(["9", "20", "8", "8"], notifier)
    assert tried == [9, 9, 8]


def test_a_recovery_for_programs() -> None:
    """It has the same fields, and its own event."""
    assert RECOVERY.as_dict() == {
        **CROSSING.as_dict(),
        "event": "balance_recovered",
        "balance": "6",
        "text": RECOVERY.text,
    }
