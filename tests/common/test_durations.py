"""Durations: reading and writing them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.common.durations import LONGEST, format_duration, parse_duration

SECONDS = st.integers(1, int(LONGEST.total_seconds())).map(lambda seconds: timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90d", timedelta(days=90)),
        ("2w", timedelta(days=14)),
        ("36h", timedelta(hours=36)),
        ("30m", timedelta(minutes=30)),
        ("4s", timedelta(seconds=4)),
        ("4 s", timedelta(seconds=4)),
        ("P90D", timedelta(days=90)),
        ("P2W", timedelta(days=14)),
        ("PT36H", timedelta(hours=36)),
        ("P1DT12H30M5S", timedelta(days=1, hours=12, minutes=30, seconds=5)),
    ],
)
def test_a_duration_is_read(text: str, duration: timedelta) -> None:
    """Both notations are read."""
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    ["", "90", "d", "-1d", "1.5d", "90D", "1y", "P", "PT", "P1DT", "P1Y", "P1M", "p1d", "PT1D", "٣d", "1d\n"],
)
def test_other_text_is_refused(text: str) -> None:
    """The error says what a duration looks like."""
    with pytest.raises(ValueError, match="is not a duration such as 90d"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("P2160H", "PT2160H"),
        ("P1DT", None),
        ("P1D12H", "P1DT12H"),
        ("P1H30M", "PT1H30M"),
        ("P5M4S", "PT5M4S"),
        ("P1M", None),
    ],
)
def test_a_missing_t_is_named(text: str, right: str | None) -> None:
    """The error shows the duration with its T, unless M may be a month."""
    with pytest.raises(ValueError, match=f"write {right}$" if right else "is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0d", "PT0S", "36526d", "9999999999w"])
def test_a_duration_is_bounded(text: str) -> None:
    """It is more than 0, and at most a hundred years."""
    with pytest.raises(ValueError, match="must be more than 0 and at most 36525d"):
        parse_duration(text)


@given(SECONDS)
def test_a_written_duration_is_read_again(duration: timedelta) -> None:
    """Nothing is lost between writing and reading."""
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(days=14), "14d"),
        (timedelta(hours=36), "36h"),
        (timedelta(minutes=90), "90m"),
        (timedelta(seconds=61), "61s"),
    ],
)
def test_a_duration_is_written_in_its_largest_unit(duration: timedelta, text: str) -> None:
    """Equal durations are written alike, however they were declared."""
    assert format_duration(duration) == text
