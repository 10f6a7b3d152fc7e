"""Labels from names, by regular expressions."""

from __future__ import annotations

import time

import pytest

from pulumi_account.exceptions import ConfigurationError
from pulumi_account.spend.patterns import Pattern, PatternLabels
from pulumi_account.spend.usage import KeySpending
from tests.support.helpers import refusal

TEAM = "team=^(?P<team>[a-z]+)-"


def found(patterns: list[str], *names: str) -> list[object]:
    """The labels of keys with these names."""
    return [*PatternLabels([Pattern.parse(text) for text in patterns])([KeySpending(name) for name in names])]


def test_a_group_is_a_label() -> None:
    """The group with the label's name is its value."""
    assert found([TEAM], "search-1", "SEARCH-1", "search") == [{"team": "search"}, {}, {}]


def test_several_labels() -> None:
    """Each label may have its own pattern."""
    patterns = [TEAM, r"environment=-(?P<environment>\w+)$"]
    assert found(patterns, "search-ci") == [{"team": "search", "environment": "ci"}]


def test_the_first_pattern_counts() -> None:
    """Of two patterns for a label, the second is used where the first does not match."""
    patterns = [TEAM, "team=(?P<team>.*)"]
    assert found(patterns, "search-1", "7") == [{"team": "search"}, {"team": "7"}]


@pytest.mark.parametrize("pattern", ["team=(?P<team>x)?", "team=(?P<team>x*)"])
def test_a_group_without_text_is_no_label(pattern: str) -> None:
    """A group that did not take part, or that is empty, gives no label."""
    assert found([pattern], "search") == [{}]


@pytest.mark.parametrize("name", ["a\ud800", "line\nbreak", "\x00", "\N{SNOWMAN}"])
def test_odd_names(name: str) -> None:
    """Any name can be matched."""
    assert found(["team=(?s)(?P<team>.*)"], name) == [{"team": name}]


def test_a_name_that_is_too_long() -> None:
    """A name that the API cannot have is not matched."""
    assert found([TEAM], f"a-{'x' * 253}", f"a-{'x' * 254}") == [{"team": "a"}, {}]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("team", "must be a label, = and a regular expression"),
        ("=x", "must be a label, = and a regular expression"),
        ("team=(", "has an invalid regular expression"),
        ("team=(?P<owner>x)", r"has no group \(\?P<team>...\)"),
        ("team=" + "(" * 5000, "has an invalid regular expression"),
        ("team=x{99999999999}", "has an invalid regular expression"),
    ],
)
def test_invalid_patterns(text: str, problem: str) -> None:
    """One line says what is wrong."""
    refusal(ValueError, lambda: Pattern.parse(text), problem)


def test_a_pattern_that_would_take_years() -> None:
    """Matching ends after some seconds, with an error."""
    labels = PatternLabels([Pattern.parse("team=(?P<team>(a+)+)$")], seconds=1)
    begin = time.monotonic()
    refusal(
        ConfigurationError,
        lambda: labels([KeySpending("a" * 250 + "!")]),
        "the patterns of --group took more than 1 seconds: make them simpler",
    )
    assert time.monotonic() - begin < 30


def test_a_name_that_took_too_long_is_not_tried_again() -> None:
    """After the error, such a name has no labels, so that a server is not held up again."""
    labels, rows = (
        PatternLabels([Pattern.parse("team=(?P<team>(a+)+)$")], seconds=1),
        [KeySpending("a" * 250 + "!")],
    )
    with pytest.raises(ConfigurationError):
        labels(rows)
    assert labels(rows) == [{}]


def test_a_known_name_is_not_matched_again() -> None:
    """A name that was matched before costs no time."""
    labels = PatternLabels([Pattern.parse("team=(?P<team>a+)$")])
    rows = [KeySpending("aa")]
    first = labels(rows)
    labels._seconds = 0
    assert labels(rows) == first == [{"team": "aa"}]
