"""How fast calls may follow each other: one pace for all threads, learned from the answers 429."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

__all__ = ["Pace"]

#: what every thread waits after a 429 that does not say how long; doubled for each one that follows on it
_PAUSE, _LONGEST_PAUSE = 0.5, 8.0
#: a 429 so long after the one before it tells nothing of a rate
_MEMORY = 30.0
#: the space between calls grows with a 429, and shrinks with each call that is admitted
_SLOWER, _QUICKER = 1.3, 0.99
#: from so many seconds on, and not more often than every so many, a line tells the user why nothing moves
_LONG, _TELL_EVERY = 1.0, 10.0

_log = logging.getLogger(__name__)


class Pace:
    """Lets calls go as fast as they come until a 429; then all wait, and from the second one on, spaced out.

    The space is learned from the time between two 429s and the calls admitted in it. A quarter of it is tried first,
    for a server may admit many at once after a pause; while that is too fast, each further 429 makes it larger.

    :param sleep: waits for a number of seconds.
    :param clock: monotonic seconds.
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
        self._told_at = float("-inf")

    @property
    def cooling(self) -> float:
        """Seconds for which nothing is to be sent; none where negative."""
        return self._cool_until - self._clock()

    def wait(self, at_latest: float) -> None:
        """Wait for one's turn, but no longer than that."""
        turn = self._turn()
        while (seconds := min(max(turn, self._cool_until), at_latest) - self._clock()) > 0:
            self._sleep(seconds)

    def admitted(self) -> None:
        """A call was answered with anything but a 429."""
        with self._lock:
            self._admitted += 1
            self._in_a_row = 0
            self._interval *= _QUICKER

    def refused(self, retry_after: float | None) -> None:
        """A call was answered with a 429, which may say after how many seconds to come back."""
        with self._lock:
            now = self._clock()
            if now >= self._cool_until:  # else it was under way when another one was refused
                self._learn(now)
            pause = self._pause() if retry_after is None else retry_after
            self._cool_until = max(self._cool_until, now + pause)
            if (self._interval or pause >= _LONG) and now >= self._told_at + _TELL_EVERY:
                self._told_at = now
                _log.warning("%s", self._why(pause))

    def _pause(self) -> float:
        return min(_PAUSE * 2.0 ** (self._in_a_row - 1), _LONGEST_PAUSE)

    def _turn(self) -> float:
        with self._lock:
            turn = max(self._next, self._cool_until, self._clock())
            self._next = turn + self._interval
            return turn

    def _learn(self, now: float) -> None:
        between = now - self._refused_at
        if between < _MEMORY and self._admitted:
            self._interval = max(self._interval * _SLOWER, between / self._admitted / 4)
        self._refused_at, self._admitted = now, 0
        self._in_a_row += 1

    def _why(self, pause: float) -> str:
        line = f"the account API answers 429, too many requests: waiting {pause:.1f} s"
        return f"{line}, then at most {1 / self._interval:.1f} calls a second" if self._interval else line
