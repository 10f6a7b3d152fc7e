"""The rate limit: how many requests per second pass, and how the others are refused."""

from __future__ import annotations

import time

from pulumi_account.emulator.replies import Reply, error_json, make_reply


class RateLimit:
    """A token bucket: lets a number of requests pass per second, and that many at once after a pause.

    :param retry_after: the `Retry-After` of a refusal, in seconds; None sends no such header.
    """

    def __init__(self, per_second: float, retry_after: int | None) -> None:
        self._rate = per_second
        self._retry_after = retry_after
        self._burst = max(1.0, per_second)
        self._tokens = self._burst
        self._filled = time.monotonic()

    def refusal(self) -> Reply | None:
        """The answer to a request that arrives now and exceeds the limit; None if it may pass."""
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        if self._tokens >= 1:
            self._tokens -= 1
            return None
        refused = make_reply(429, error_json(429, "Too many requests. Slow down."))
        if self._retry_after is not None:
            refused.headers.append(("retry-after", str(self._retry_after)))
        return refused
