"""Names, counts and the origins of errors, written for people."""

from __future__ import annotations

import os
import traceback
from bisect import bisect_right
from decimal import Decimal
from itertools import accumulate
from unicodedata import east_asian_width

__all__ = ["count", "elided", "percent", "place", "several", "visible"]

#: larger numbers have an exponent
_MOST = 10**15


def visible(name: str) -> str:
    """Write out characters that control a terminal or the direction of text, as ``[U+202E]``."""
    return "".join(c if c.isprintable() else f"[U+{ord(c):04X}]" for c in name)


def elided(text: str, most: int) -> str:
    """Shorten a text to a number of columns, ending in ``…``; wide characters take two columns."""
    columns = list(accumulate(2 if east_asian_width(c) in "WF" else 1 for c in text[: most + 1]))
    if not columns or columns[-1] <= most:
        return text
    return text[: bisect_right(columns, most - 1)] + "…"


def count(number: int) -> str:
    """A number with thousands separators."""
    return f"{number:,}" if abs(number) < _MOST else f"{Decimal(number):.2E}"


def several(number: int, noun: str) -> str:
    """A number of things: ``1 key``, ``2 keys``."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def percent(share: Decimal) -> str:
    """A share, with one decimal."""
    if 0 < share < Decimal("0.001"):
        return "<0.1%"
    return f"{share * 100:,.1f}%" if share < 1000 else "over 100,000%"


def place(error: BaseException) -> str:
    """The place where an error was raised, innermost frame first, without any values."""
    frames = traceback.walk_tb(error.__traceback__)
    places = [f"{os.path.basename(frame.f_code.co_filename)}:{line}" for frame, line in frames]
    return " < ".join(reversed(places[-6:]))
