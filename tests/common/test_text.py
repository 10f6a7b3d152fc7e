"""Names, amounts and counts as people read them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.common.text import count, elided, exact, usd, visible
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


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "0.00"),
        ("125.503000000000000001", "125.50"),
        ("1234567.891", "1,234,567.89"),
        ("0.5", "0.5000"),
        ("0.0001", "0.0001"),
        ("0.000001", "<0.0001"),
        ("-0.000001", "\N{MINUS SIGN}<0.0001"),
        ("-3.2", "\N{MINUS SIGN}3.20"),
        ("1e999999", "1.00E+999999"),
    ],
)
def test_usd(amount: str, shown: str) -> None:
    """Two to four decimals; only zero reads as zero."""
    assert usd(Decimal(amount)) == shown


@pytest.mark.parametrize(
    ("amount", "digits"),
    [
        ("1E-18", "0.000000000000000001"),
        ("125.50", "125.50"),
        ("1E+3", "1000"),
        ("0E-18", "0.000000000000000000"),
        ("1E+999999", "1E+999999"),
    ],
)
def test_exact(amount: str, digits: str) -> None:
    """All digits; an exponent only instead of dozens of zeros."""
    assert exact(Decimal(amount)) == digits


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
