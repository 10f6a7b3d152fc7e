"""Watching the balance: one message when it falls below a threshold, and one when it has recovered."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NoReturn, TypeAlias

from pulumi_account.common.instants import utc_now
from pulumi_account.exceptions import (
    AccountError,
    ConfigurationError,
    NetworkError,
    RateLimitError,
    ServerError,
)
from pulumi_account.watch.messages import Crossing

__all__ = ["Notifier", "Threshold", "Watch"]

#: the longest pause, in seconds, while the API is down, unless the watch itself is slower
LONGEST_PAUSE = 900.0
#: such an API may recover soon; any other first answer means that the watch is configured wrongly
_AWAY = (NetworkError, RateLimitError, ServerError)


#: sends a message; returns False if it must be tried again
Notifier: TypeAlias = Callable[[Crossing], bool]


class Threshold:
    """A threshold with hysteresis, so that a balance that wavers around it causes no further messages.

    :param below: a balance below this is a crossing.
    :param recover: a balance of at least this has recovered; by default a tenth above ``below``.
    :raises ConfigurationError: ``recover`` is the lower one.
    """

    def __init__(self, below: Decimal, recover: Decimal | None = None) -> None:
        self.below = below
        self.recover = below + abs(below) / 10 if recover is None else recover
        if self.recover < below:
            raise ConfigurationError("the balance cannot recover below the threshold")
        self.low = False

    def update(self, balance: Decimal) -> bool:
        """Note a balance; returns whether it fell below the threshold or has recovered."""
        was_low, self.low = self.low, balance < (self.recover if self.low else self.below)
        return self.low != was_low


class Watch:
    """Checks the balance again and again, and sends messages.

    If the API is down, the watch warns once, checks with growing pauses, and keeps the state of the threshold. A
    notifier that fails is tried again at each check. It gets a crossing before its recovery; a later crossing replaces
    both.

    :param ask: returns the balance.
    :param notifiers: each gets one message when the balance crosses the threshold, and one when it has recovered.
    :param every: seconds between two checks.
    :param warn: called with one line about each problem.
    :param sleep: waits for a number of seconds.
    :param clock: returns the current instant.
    """

    def __init__(
        self,
        ask: Callable[[], Decimal],
        threshold: Threshold,
        notifiers: Sequence[Notifier],
        *,
        every: float,
        warn: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._ask, self._threshold = ask, threshold
        self._every, self._warn, self._sleep, self._clock = every, warn, sleep, clock
        self._undelivered: dict[Notifier, list[Crossing]] = {notifier: [] for notifier in notifiers}
        self._answered = False
        self._failures = 0

    def run(self) -> NoReturn:
        """Check forever."""
        while True:
            self._sleep(self.check())

    def check(self) -> float:
        """Check once; returns the seconds until the next check.

        :raises AccountError: the very first answer is a refusal, so the watch would never see a balance.
        """
        try:
            balance = self._ask()
        except AccountError as error:
            if not (self._answered or isinstance(error, _AWAY)):
                raise
            if not self._failures:
                self._warn(f"warning: {error}: the watch continues")
            self._failures = min(self._failures + 1, 30)
        else:
            if self._failures:
                self._warn("the API answers again")
            self._answered, self._failures = True, 0
            self._note(balance)
        for notifier, waiting in self._undelivered.items():
            while waiting and notifier(waiting[0]):
                del waiting[0]
        return min(self._every * 2.0 ** max(self._failures - 1, 0), max(self._every, LONGEST_PAUSE))

    def _note(self, balance: Decimal) -> None:
        threshold = self._threshold
        if threshold.update(balance):
            now, recovered = self._clock(), not threshold.low
            crossing = Crossing(balance, threshold.below, threshold.recover, now, recovered=recovered)
            for waiting in self._undelivered.values():
                waiting[:] = [*waiting, crossing] if recovered else [crossing]
