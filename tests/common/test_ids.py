"""Ids of keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.common.ids import parse_key_id
from pulumi_account.exceptions import InvalidInputError
from tests.support.helpers import refusal


@given(st.integers(0, 2**63 - 1))
def test_ids_of_keys(number: int) -> None:
    """An id is read from a number, and from the text of an integer or a float."""
    assert parse_key_id("id", number) == parse_key_id("id", str(number)) == number
    assert parse_key_id("id", f"{number}.0") == number


NO_IDS = [
    -1,
    2**63,
    1.5,
    float("nan"),
    float("inf"),
    1e300,
    True,
    None,
    "",
    "-1",
    "1.5",
    "1.00",
    "9" * 20,
    "9" * 5000,
    "\u0661",
]


@pytest.mark.parametrize("wrong", [*NO_IDS, pytest.param(10**5000, id="5001 digits")])
def test_what_is_no_id(wrong: object) -> None:
    """Anything else, of any length, is refused in one line that does not quote it."""
    refusal(
        InvalidInputError,
        lambda: parse_key_id("key_id", wrong),
        "^key_id must be the id of a key, a whole number$",
    )
