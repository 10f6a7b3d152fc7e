"""Names, amounts and counts as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.common.text import count, elided, visible
from tests.support.helpers import unhurried


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("acme & <b>", "acme & <b>"),
        ("日本 é", "日本 é"),
        ("gnp.\u202eexe", "gnp.[U+202E]exe"),
        ("\x1b[31m\n\0", "[U+001B][31m[U+000A][U+0000]"),
        ("\ud800", "[U+D800]"),
    ],
)
def test_visible(name: str, shown: str) -> None:
    """Characters that control a terminal or the direction of text are written out; others stay."""
    assert visible(name) == shown


@unhurried
@given(st.text(st.characters()))
def test_visible_is_always_printable(name: str) -> None:
    """Any name can then be printed and encoded."""
    assert visible(name).isprintable()
    visible(name).encode()


def test_count() -> None:
    """Thousands are separated; an absurd number is short."""
    assert (count(1234567), count(-5), count(10**4000)) == ("1,234,567", "-5", "1.00E+4000")


@pytest.mark.parametrize(
    ("text", "most", "shown"),
    [
        ("production", 10, "production"),
        ("production", 5, "prod…"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("", 3, ""),
    ],
)
def test_elided(text: str, most: int, shown: str) -> None:
    """The text fits the columns; wide characters take two."""
    assert elided(text, most) == shown
