"""Durations that a person writes: ``90d``, ``36h``, or ISO 8601 such as ``P90D``."""

from __future__ import annotations

import re
from datetime import timedelta

__all__ = ["LONGEST", "format_duration", "parse_duration"]

#: the longest duration: a hundred years, so that a sum with any instant of today stays in the calendar
LONGEST = timedelta(days=36525)
_SHORT = re.compile(r"(?P<number>\d{1,10}) ?(?P<unit>[wdhms])", re.ASCII)
_ISO = re.compile(
    r"P(?=.)(?:(?P<w>\d{1,10})W)?(?:(?P<d>\d{1,10})D)?(?:T(?=.)(?:(?P<h>\d{1,10})H)?(?:(?P<m>\d{1,10})M)?(?:(?P<s>\d{1,10})S)?)?",
    re.ASCII,
)
#: hours, minutes or seconds without the T before them; P1M alone would be a month
_WITHOUT_T = re.compile(
    r"(P(?:\d{1,10}W)?(?:\d{1,10}D)?)(\d{1,10}H(?:\d{1,10}M)?(?:\d{1,10}S)?|(?:\d{1,10}M)?\d{1,10}S)",
    re.ASCII,
)
_SECONDS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}


def parse_duration(text: str) -> timedelta:
    """Parse a number and a unit (w, d, h, m, s), or an ISO 8601 duration without years and months.

    :raises ValueError: the text is not such a duration, or the duration is 0 or longer than a hundred years.
    """
    if short := _SHORT.fullmatch(text):
        parts = {short["unit"]: short["number"]}
    elif iso := _ISO.fullmatch(text):
        parts = iso.groupdict(default="0")
    elif found := _WITHOUT_T.fullmatch(text):
        raise ValueError(f"needs a T before hours, minutes and seconds: write {found[1]}T{found[2]}")
    else:
        raise ValueError(
            "is not a duration such as 90d, 36h, 30m or P90D (months and years have no fixed length)"
        )
    seconds = sum(int(number) * _SECONDS[unit] for unit, number in parts.items())
    if not 0 < seconds <= LONGEST.total_seconds():
        raise ValueError(f"must be more than 0 and at most {LONGEST.days}d")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """Write a duration of whole seconds in the largest unit, from days down, that needs no fraction."""
    seconds = round(duration.total_seconds())
    unit = next(unit for unit in "dhms" if seconds % _SECONDS[unit] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"
