"""Instants in API messages and in the state: ISO 8601, UTC."""

from __future__ import annotations

import re
from datetime import MAXYEAR, datetime, timedelta, timezone

__all__ = [
    "INSTANT",
    "format_instant",
    "parse_declared_instant",
    "parse_instant",
    "read_instant",
    "same_instant",
    "utc_now",
]

INSTANT = re.compile(
    r"(?P<minute>\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2})(?P<second>:\d{2}(\.\d+)?)?(?P<offset>[Zz]|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_LEAP_SECOND = re.compile(r":60(\.\d+)?")


def utc_now() -> datetime:
    """The current instant by this machine's clock."""
    return datetime.now(timezone.utc)


def parse_instant(text: str) -> datetime:
    """Parse an ISO 8601 date and time to an instant in UTC; a missing offset means UTC.

    :raises ValueError: the text is not a date and time.
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


def parse_declared_instant(text: str) -> datetime:
    """Parse an instant that a person wrote. Unlike in the API's answers, the offset is required.

    :raises ValueError: the text is not an ISO 8601 date and time, or has no offset.
    """
    shape = INSTANT.fullmatch(text)
    if not shape:
        raise ValueError("is not an ISO 8601 date and time with an offset, such as 2027-01-01T00:00:00Z")
    if not shape["offset"]:
        raise ValueError("has no offset from UTC: add Z, or one such as +01:00")
    return parse_instant(text)


def read_instant(value: object) -> datetime | None:
    """The instant in a state; None if it is missing, encrypted, unknown or unreadable."""
    try:
        return parse_instant(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _plain(shape: re.Match[str]) -> str:
    """The notation that every version of Python reads, with microseconds and an offset."""
    day, minute = shape["minute"][:10], shape["minute"][11:]
    second, _, fraction = (shape["second"] or ":00").partition(".")
    offset = (shape["offset"] or "Z").upper().replace("Z", "+00:00")
    offset = offset if ":" in offset else f"{offset[:3]}:{offset[3:]}"
    if minute.startswith("24") or offset[4:] > "59":  # some versions of Python accept these
        raise ValueError
    return f"{day}T{minute}{second}.{fraction[:6]:0<6}{offset}"


def _after_leap_second(shape: re.Match[str]) -> datetime:
    """Python has no leap seconds: use the beginning of the next day."""
    before = parse_instant(f"{shape['minute']}:59{shape['offset'] or ''}")
    if (before.hour, before.minute) != (23, 59) or before.year == MAXYEAR:
        raise ValueError("is not a date and time that exists")
    return before + timedelta(seconds=1)


def format_instant(moment: datetime) -> str:
    """Write an instant in UTC with ``Z``, and with a fraction only if there is one.

    :raises ValueError: the datetime has no offset (Python would assume this machine's), or its year in UTC is not
        from 1 to 9999.
    """
    if moment.utcoffset() is None:
        raise ValueError(f"{moment.isoformat()} has no offset from UTC: give the datetime a tzinfo")
    try:
        return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    except OverflowError:
        raise ValueError(f"{moment.isoformat()} is outside the years 1 to 9999 in UTC") from None


def same_instant(one: datetime | None, other: datetime | None) -> bool:
    """Whether two instants are the same, allowing for a server that keeps only seconds or milliseconds."""
    if one is None or other is None:
        return one is other
    return one == other or abs(one - other) < max(_precision(one), _precision(other))


def _precision(moment: datetime) -> timedelta:
    if moment.microsecond % 1000:
        return timedelta(microseconds=1)
    return timedelta(milliseconds=1) if moment.microsecond else timedelta(seconds=1)
