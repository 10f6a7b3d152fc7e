"""How fast calls may follow each other: one pace for all threads, learned from the 429 responses."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

#: how long every thread waits after a 429 without a ``Retry-After``; doubles with each 429 in a row
_PAUSE, _LONGEST_PAUSE = 0.5, 8.0
#: two 429s that are further apart do not show the rate
_MEMORY = 30.0
#: the interval between calls grows with a 429, and shrinks with each admitted call
_SLOWER, _QUICKER = 1.3, 0.99
#: in seconds: the shortest pause that is logged, and the shortest time between two such lines
_LONG, _LOG_EVERY = 1.0, 10.0

_log = logging.getLogger(__name__)


class Pace:
    """Sends calls as they come until a 429; then all calls wait, and after a second 429 they are spaced out.

    The interval comes from the time between two 429s and the number of calls admitted in it. Calls start at a quarter
    of it, since a server may admit many at once after a pause; each further 429 makes it longer.

    :param sleep: waits for a number of seconds.
    :param clock: returns monotonic seconds.
    """

    def __init__(self, sleep: Callable[[float], None], clock: Callable[[], float]) -> None:
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._cool_until = 0.0
        self._refused_at = float("-inf")
        self._admitted = 0
        self._in_a_row = 0
        self._interval = 0.0
        self._next = 0.0
        self._logged_at = float("-inf")

    @property
    def cooling(self) -> float:
        """Seconds until calls may be sent; negative if they may be sent now."""
        return self._cool_until - self._clock()

    def wait(self, at_latest: float) -> None:
        """Wait for this call's turn, but not beyond ``at_latest``."""
        with self._lock:
            turn = max(self._next, self._cool_until, self._clock())
            self._next = turn + self._interval
        while (seconds := min(max(turn, self._cool_until), at_latest) - self._clock()) > 0:
            self._sleep(seconds)

    def admitted(self) -> None:
        """Count a call whose response was not a 429."""
        with self._lock:
            self._admitted += 1
            self._in_a_row = 0
            self._interval *= _QUICKER

    def refused(self, retry_after: float | None) -> None:
        """Pause after a 429, and learn from it.

        :param retry_after: the seconds that the response asks for.
        """
        with self._lock:
            now = self._clock()
            if now >= self._cool_until:  # else it was sent before another call was refused
                self._learn(now)
            backoff = min(_PAUSE * 2.0 ** (self._in_a_row - 1), _LONGEST_PAUSE)
            pause = backoff if retry_after is None else retry_after
            self._cool_until = max(self._cool_until, now + pause)
            if (self._interval or pause >= _LONG) and now >= self._logged_at + _LOG_EVERY:
                self._logged_at = now
                rate = f", then at most {1 / self._interval:.1f} calls a second" if self._interval else ""
                _log.warning("the account API answers 429, too many requests: waiting %.1f s%s", pause, rate)

    def _learn(self, now: float) -> None:
        between = now - self._refused_at
        if between < _MEMORY and self._admitted:
            self._interval = max(self._interval * _SLOWER, between / self._admitted / 4)
        self._refused_at, self._admitted = now, 0
        self._in_a_row += 1
