"""Names of keys: the rules, and auto-names."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.core.naming import auto_name, is_auto_name
from tests.support.helpers import (
    unhurried,
)


@unhurried
@given(st.text())
def test_an_auto_name_is_told_from_others(prefix: str) -> None:
    """An auto-name is its prefix and seven hex digits, new each time."""
    names = {auto_name(prefix) for _ in range(20)}
    assert len(names) == 20
    for name in names:
        assert re.fullmatch(re.escape(prefix) + "[0-9a-f]{7}", name)
        assert is_auto_name(name, prefix)


@unhurried
@given(st.text(max_size=5), st.text("0123456789abcdefABCDEFg-٣", max_size=9))
def test_other_names_are_no_auto_names(prefix: str, rest: str) -> None:
    """No other ending will do."""
    assert is_auto_name(prefix + rest, prefix) is bool(re.fullmatch("[0-9a-f]{7}", rest))


@unhurried
@given(st.text(min_size=1), st.from_regex(r"\A[0-9a-f]{7}\Z"), st.text(min_size=1))
def test_another_prefix_is_no_prefix(prefix: str, digits: str, other: str) -> None:
    """The prefix must be there, and nothing between it and the digits."""
    assert not is_auto_name(digits, prefix) or digits.startswith(prefix)
    assert not is_auto_name(prefix + other + digits, prefix)
