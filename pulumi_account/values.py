"""Instants, money, JSON and ids, as the wire and the state have them; light to import."""

from __future__ import annotations

import json
import re
from datetime import MAXYEAR, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from pulumi_account.exceptions import InvalidInputError

__all__ = [
    "ADOPTING",
    "API_KEY_TYPE",
    "DEFAULT_PREFIX",
    "INSTANCE_ID",
    "INSTANT",
    "MAX_NAME",
    "MAX_NAME_PREFIX",
    "RESERVATION_PREFIX",
    "SUFFIX_DIGITS",
    "Secret",
    "format_instant",
    "parse_instant",
    "parse_json",
    "parse_key_id",
    "parse_number",
    "same_instant",
    "to_number",
    "utc_now",
]

#: the type of a key in a state
API_KEY_TYPE = "pulumi-python:dynamic/account:ApiKey"
#: the property by which a program tells `check` the ids that its keys are to adopt, however late these are declared
ADOPTING = "__adopting"
#: the property by which a program tells `check` that the prefix is no declared one, but made of the resource's name
DEFAULT_PREFIX = "__default_prefix"
#: the property that holds the id which the engine gave to a key's explicit provider instance: it outlives a new name
INSTANCE_ID = "__instance_id"
#: the most characters that the API admits
MAX_NAME = 255
#: what auto-naming adds to a prefix: seven random hex digits, Pulumi's own habit
SUFFIX_DIGITS = 7
MAX_NAME_PREFIX = MAX_NAME - SUFFIX_DIGITS
#: how the name of a reservation begins; 32 random hex digits follow
RESERVATION_PREFIX = "pulumi-account-reservation-"
#: the powers of ten, up and down, that an amount or a count may have: a float holds it, and any sum of such
MAGNITUDE = 300
#: the largest id of a key, as of any signed integer of eight bytes
LARGEST_ID = 2**63 - 1
#: values of a JSON text, each of which takes up to a hundred times the memory of its two bytes; 10,000 keys whose names
#: are 255 commas each look like fewer
_MOST_VALUES = 3_000_000
INSTANT = re.compile(
    r"(?P<minute>\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2})(?P<second>:\d{2}(\.\d+)?)?(?P<offset>[Zz]|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
#: as a text, or as the text of a float, which a stack reference makes of a number
_ID = re.compile(r"([0-9]{1,19})(\.0)?")
_LEAP_SECOND = re.compile(r":60(\.\d+)?")


def utc_now() -> datetime:
    """The present instant by this machine's clock."""
    return datetime.now(timezone.utc)


def parse_instant(text: str) -> datetime:
    """An ISO 8601 date and time as an instant in UTC; a missing offset means UTC.

    :raises ValueError: it is no such thing.
    """
    shape = INSTANT.fullmatch(text)
    if not shape:
        raise ValueError("is not an ISO 8601 date and time")
    if _LEAP_SECOND.fullmatch(shape["second"] or ""):
        return _after_leap_second(shape)
    try:
        return datetime.fromisoformat(_plain(shape)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ValueError("is not a date and time that exists") from None


def _plain(shape: re.Match[str]) -> str:
    """The one notation that every Python reads: microseconds, whole or cut off, and an offset."""
    day, minute = shape["minute"][:10], shape["minute"][11:]
    second, _, fraction = (shape["second"] or ":00").partition(".")
    offset = (shape["offset"] or "Z").upper().replace("Z", "+00:00")
    offset = offset if ":" in offset else f"{offset[:3]}:{offset[3:]}"
    if minute.startswith("24") or offset[4:] > "59":  # no error to every Python
        raise ValueError
    return f"{day}T{minute}{second}.{fraction[:6]:0<6}{offset}"


def _after_leap_second(shape: re.Match[str]) -> datetime:
    """Python's clock knows no leap seconds: such an instant is the beginning of the next day."""
    before = parse_instant(f"{shape['minute']}:59{shape['offset'] or ''}")
    if (before.hour, before.minute) != (23, 59) or before.year == MAXYEAR:
        raise ValueError("is not a date and time that exists")
    return before + timedelta(seconds=1)


def format_instant(moment: datetime) -> str:
    """The one way in which an instant is written: UTC, ``Z``, a fraction only where there is one.

    :raises ValueError: it is none, as it has no offset: Python would take that of this machine; or it is in no year
        from 1 to 9999 in UTC.
    """
    if moment.utcoffset() is None:
        raise ValueError(f"{moment.isoformat()} has no offset from UTC: give the datetime a tzinfo")
    try:
        return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    except OverflowError:
        raise ValueError(f"{moment.isoformat()} is in no year from 1 to 9999 in UTC") from None


def same_instant(one: datetime | None, other: datetime | None) -> bool:
    """Whether two instants are the same, for a server that may keep seconds or milliseconds only."""
    if one is None or other is None:
        return one is other
    return one == other or abs(one - other) < max(_precision(one), _precision(other))


def _precision(moment: datetime) -> timedelta:
    if moment.microsecond % 1000:
        return timedelta(microseconds=1)
    return timedelta(milliseconds=1) if moment.microsecond else timedelta(seconds=1)


def parse_number(text: str) -> Decimal:
    """A finite number, exact; a zero has no sign.

    :raises ValueError: it is none, or far from one of 1e-300 to 1e300: arithmetic would fail, or never end.
    """
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    _require_bounded(number)
    return number or abs(number)


def to_number(money: Decimal) -> int | float:
    """Money as a JSON number: an integer where it is one.

    :raises ValueError: it is not finite, or far from one of 1e-300 to 1e300.
    """
    _require_bounded(money)
    return int(money) if money == money.to_integral_value() else float(money)


def _require_bounded(number: Decimal) -> None:
    if not (number.is_finite() and abs(number.adjusted()) <= MAGNITUDE):
        raise ValueError(f"is not a finite number from 1e-{MAGNITUDE} to 1e{MAGNITUDE}")


def parse_json(text: str | bytes) -> Any:
    """JSON with its numbers exact (``Decimal``) and in bounds, and without NaN and Infinity, which are not JSON.

    :raises ValueError: it is not JSON, or holds a number that is out of range, or too many values.
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
    # most have few digits, and nothing is quicker to tell
    return int(digits if len(digits) < MAGNITUDE else _bounded(digits))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def parse_key_id(name: str, value: object) -> int:
    """The id of a key: a whole number, a float as the engine's numbers are, or the same as text.

    :raises InvalidInputError: it is none. It is not quoted: a plaintext may have been put there by mistake.
    """
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(number, str) and (found := _ID.fullmatch(number)):
        number = int(found[1])
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= LARGEST_ID:
        raise InvalidInputError([f"{name} must be the id of a key, a whole number"])
    return number


class Secret:
    """A plaintext that is in no repr, log or dump; only `reveal` gives it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The plaintext."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)
