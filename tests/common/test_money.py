"""Amounts, and the numbers of a JSON text."""

from __future__ import annotations

import json
import math
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pulumi_account.api.models import Balance, read_model
from pulumi_account.common.money import exact, parse_json, parse_number, parse_usd, to_number, usd
from tests.support.helpers import NUMBERS, unhurried

MONEY = st.decimals(0, 10**9, places=4, allow_nan=False)


@given(MONEY)
def test_money_is_a_number_that_loses_nothing(money: Decimal) -> None:
    """Whole money becomes an integer, other money the float with the same digits."""
    number = to_number(money)
    assert Decimal(repr(number)) == money
    assert isinstance(number, int) is (money == int(money))


def in_bounds(number: Decimal) -> bool:
    """Whether a number is within the bounds."""
    return number.is_finite() and abs(number.adjusted()) <= 300


@given(st.decimals(allow_nan=False, allow_infinity=False).filter(in_bounds), st.booleans())
def test_money_on_the_wire_is_exact(money: Decimal, quoted: bool) -> None:
    """A balance is read digit for digit, whether it comes as text or as a number."""
    text = f'"{money}"' if quoted else json_number(money)
    assert read_model(Balance, f'{{"balance": {text}}}'.encode()).balance == money


def json_number(money: Decimal) -> str:
    """A decimal in JSON's grammar."""
    return str(money).replace("E+", "e")


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_json_has_no_such_constants(constant: str) -> None:
    """NaN and Infinity are not JSON, though Python's parser accepts them."""
    with pytest.raises(ValueError, match=f"^{constant} is not JSON$"):
        parse_json(f'{{"balance": {constant}}}')


@pytest.mark.parametrize("constant", ['"NaN"', '"Infinity"', '"-inf"', '"sNaN"'])
def test_money_must_be_finite(constant: str) -> None:
    """Money as text must be finite too."""
    with pytest.raises(ValueError, match=r"^balance: "):
        read_model(Balance, f'{{"balance": {constant}}}'.encode())


@pytest.mark.parametrize("body", ["", "{", "<html>", "[" * 100_000, "\xff", '{"a": Nan}'])
def test_a_body_that_is_no_json(body: str) -> None:
    """An unreadable body, including bottomless nesting, is not JSON."""
    with pytest.raises(ValueError, match=r"^the body is not JSON$"):
        read_model(Balance, body.encode("latin-1"))


@unhurried
@given(NUMBERS)
@example("1e999999999")
@example("-0e-999999999")
@example("1e300")
@example("1e301")
@example("1e-301")
@example("9" * 5000)
def test_any_number_is_quickly_read_or_refused(text: str) -> None:
    """A number in a body fits floats, sums and JSON, or the body is refused at once."""
    try:
        number = parse_json(f'[{text}, "x"]')[0]
    except ValueError as error:
        number, problem = 0, str(error)
    else:
        problem = "a number is out of range"
    assert problem == "a number is out of range"
    assert math.isfinite(float(number) * 10**6)
    assert float(json.loads(json.dumps(to_number(Decimal(number))))) == float(number)
    assert in_bounds(Decimal(number))


@pytest.mark.parametrize(
    "number", ["1e999999999", "1e400", "1e-400", "NaN", "Infinity", "-sNaN", "0e-999999999"]
)
def test_what_is_no_amount_is_not_sent(number: str) -> None:
    """No program can make the client write a billion digits, or invalid JSON."""
    with pytest.raises(ValueError, match=r"^is not a finite number from 1e-300 to 1e300$"):
        to_number(Decimal(number))


def test_a_zero_has_no_sign() -> None:
    """Minus zero is zero."""
    assert str(parse_number("-0.00")) == "0.00"


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (50, "50"),
        (12.34, "12.34"),
        ("12.340", "12.340"),
        (Decimal("0.1"), "0.1"),
        (-3, "-3"),
        ("-0.00", "0.00"),
        (" 5 ", "5"),
    ],
)
def test_an_amount_of_usd(value: object, amount: str) -> None:
    """A number and the text of one are an amount, digit for digit; it may be negative."""
    assert str(parse_usd(value)) == amount


@pytest.mark.parametrize(
    "value",
    [
        True,
        None,
        [],
        b"5",
        "",
        "much",
        "5 USD",
        "nan",
        "inf",
        float("nan"),
        math.inf,
        Decimal("sNaN"),
        "1e301",
    ],
)
def test_what_is_not_an_amount_of_usd(value: object) -> None:
    """Anything else is refused with an example of an amount."""
    with pytest.raises(ValueError, match=r"^must be an amount of USD, such as 50 or 12\.34$"):
        parse_usd(value)


def test_a_huge_integer_is_not_an_amount() -> None:
    """A number with more digits than Python converts to text is refused like any other."""
    with pytest.raises(ValueError, match=r"^must be an amount of USD"):
        parse_usd(10**5000)


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
