"""Amounts and other numbers, exact and bounded: read, sent, and written for people."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, InvalidOperation
from functools import reduce
from typing import Any

__all__ = [
    "MAGNITUDE",
    "exact",
    "exact_sum",
    "parse_json",
    "parse_number",
    "parse_usd",
    "to_float",
    "to_number",
    "usd",
]

#: the largest power of ten of an amount or a count, up and down: floats hold such numbers and their sums
MAGNITUDE = 300
#: the most values in a JSON text: one may be two bytes long and take a hundred times the memory. The count includes the
#: commas in strings; a list of 10,000 keys whose names are 255 commas each is below it
_MOST_VALUES = 3_000_000
#: people read smaller amounts as below this one, and larger ones with an exponent
_LEAST, _MOST = Decimal("0.0001"), 10**15
#: rounds no sum
_UNROUNDED = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)


def parse_number(text: str) -> Decimal:
    """Parse a finite number exactly; a zero has no sign.

    :raises ValueError: the text is not a number, or one beyond 1e-300 to 1e300, which would break arithmetic.
    """
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    _require_bounded(number)
    return number or abs(number)


def parse_usd(value: object) -> Decimal:
    """Convert a number, or the text of one, to an exact amount of USD. It may be negative.

    :raises ValueError: the value is neither, or its number is not finite. A bool is not a number here.
    """
    if isinstance(value, (int, float, str, Decimal)) and not isinstance(value, bool):
        with suppress(ValueError):
            return parse_number(str(value))
    raise ValueError("must be an amount of USD, such as 50 or 12.34")


def usd(amount: Decimal) -> str:
    """Two decimals from one dollar up, four below; only zero is written as zero."""
    size = abs(amount)
    sign = "\N{MINUS SIGN}" if amount < 0 else ""
    if 0 < size < _LEAST:
        return f"{sign}<{_LEAST}"
    if size >= _MOST:
        return f"{sign}{size:.2E}"
    return sign + (f"{size:.4f}" if 0 < size < 1 else f"{size:,.2f}")


def exact(amount: Decimal) -> str:
    """All digits of an amount, with an exponent only instead of dozens of zeros."""
    plain = -30 < amount.adjusted() < 30
    return format(amount, "f") if plain else str(amount)


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """The sum with all its digits; `sum` rounds to 28."""
    return reduce(_UNROUNDED.add, amounts, Decimal(0))


def to_number(money: Decimal) -> int | float:
    """Convert money to a JSON number: an integer if it is whole.

    :raises ValueError: the amount is not finite, or beyond 1e-300 to 1e300.
    """
    _require_bounded(money)
    return int(money) if money == money.to_integral_value() else float(money)


def to_float(money: Decimal) -> float:
    """Convert money to a float, which is the engine's only kind of number, without a loss of digits.

    :raises ValueError: a float does not hold all digits.
    """
    number = float("nan") if money.is_nan() else float(money)
    if money.is_finite() and Decimal(repr(number)) != money:
        raise ValueError(f"must have 15 digits at most, not {len(money.as_tuple().digits)}")
    return number


def _require_bounded(number: Decimal) -> None:
    if not (number.is_finite() and abs(number.adjusted()) <= MAGNITUDE):
        raise ValueError(f"is not a finite number from 1e-{MAGNITUDE} to 1e{MAGNITUDE}")


def parse_json(text: str | bytes) -> Any:
    """Parse JSON with exact numbers (``Decimal``). Unlike Python's parser, it rejects NaN and Infinity.

    :raises ValueError: the text is not JSON, a number is out of range, or there are too many values.
    """
    data = text.encode() if isinstance(text, str) else text
    if sum(map(data.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        raise ValueError(f"there are more than {_MOST_VALUES:,} values")
    return json.loads(text, parse_float=_bounded, parse_int=_whole, parse_constant=_no_constant)


def _bounded(digits: str) -> Decimal:
    try:
        return parse_number(digits)
    except ValueError:
        raise ValueError("a number is out of range") from None


def _whole(digits: str) -> int:
    # the length is the fastest check, and most numbers are short
    return int(digits if len(digits) < MAGNITUDE else _bounded(digits))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
