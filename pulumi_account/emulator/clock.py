"""The server's clock, and how the server reads and writes an instant."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Literal, get_args

TimestampStyle = Literal["naive", "Z", "offset", "sent"]
"""How instants are written: without an offset, with `Z`, with `+00:00`, or as the client sent them."""

TIMESTAMP_STYLES: tuple[str, ...] = get_args(TimestampStyle)

_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?"
    r"([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)"
)


class Clock:
    """The server's clock, which can run ahead of the client's clock or behind it.

    :ivar offset: how far it runs ahead; change it while the server runs to let time pass.
    """

    def __init__(self, offset: timedelta | float = 0) -> None:
        self.offset = offset if isinstance(offset, timedelta) else timedelta(seconds=offset)

    def now(self) -> datetime:
        """The current instant on the server, in UTC."""
        return datetime.now(timezone.utc) + self.offset

    def advance(self, by: timedelta | float) -> None:
        """Let time pass for the server only; a number means seconds."""
        self.offset += by if isinstance(by, timedelta) else timedelta(seconds=by)


def write_instant(instant: datetime, style: TimestampStyle, *, fractions: bool) -> str:
    """Write an instant, which is in UTC, in a style; `"sent"` is written as `"naive"`."""
    text = instant.replace(tzinfo=None)
    suffix = {"Z": "Z", "offset": "+00:00"}.get(style, "")
    return text.isoformat(timespec="microseconds" if fractions else "seconds") + suffix


def parse_instant(text: str) -> datetime | None:
    """An ISO 8601 instant with an offset, in UTC; None for any other text.

    `datetime.fromisoformat` alone is not enough: what it accepts differs between Python 3.10 and 3.11.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    date, minute, second, fraction, offset = match.groups()
    micros = (fraction or "").ljust(6, "0")[:6]
    try:
        local = datetime.fromisoformat(f"{date}T{minute}:{second or '00'}.{micros}")
        return local.replace(tzinfo=_offset(offset)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def _offset(text: str) -> timezone:
    if text in "Zz":
        return timezone.utc
    hours, minutes = int(text[1:3]), int(text[3:].lstrip(":") or 0)
    if minutes > 59:
        raise ValueError("minutes of an offset")
    size = timedelta(hours=hours, minutes=minutes)
    return timezone(-size if text[0] == "-" else size)
