"""The server's clock and the ways it may write an instant."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Literal, get_args

TimestampStyle = Literal["naive", "Z", "offset", "sent"]
"""How instants are written: without an offset, with `Z`, with `+00:00`, or as the client sent them."""

TIMESTAMP_STYLES: tuple[str, ...] = get_args(TimestampStyle)


class Clock:
    """The server's own clock, which may run ahead of the client's or behind it.

    `offset` may be changed while the server runs: that is how a test lets time pass.
    """

    def __init__(self, offset: timedelta | float = 0) -> None:
        self.offset = offset if isinstance(offset, timedelta) else timedelta(seconds=offset)

    def now(self) -> datetime:
        """The server's present instant, in UTC."""
        return datetime.now(timezone.utc) + self.offset

    def advance(self, by: timedelta | float) -> None:
        """Let time pass for the server only; numbers are seconds."""
        self.offset += by if isinstance(by, timedelta) else timedelta(seconds=by)


def write_instant(instant: datetime, style: TimestampStyle, *, fractions: bool) -> str:
    """Write an instant (in UTC) in one of the styles; `"sent"` has no original here and becomes `"naive"`."""
    text = instant.replace(tzinfo=None)
    suffix = {"Z": "Z", "offset": "+00:00"}.get(style, "")
    return text.isoformat(timespec="microseconds" if fractions else "seconds") + suffix
