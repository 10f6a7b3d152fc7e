"""A rate limit: a token bucket."""

from __future__ import annotations

import time


class RateLimit:
    """Lets so many requests a second through, and as many at once after a pause."""

    def __init__(self, per_second: float) -> None:
        self._rate = per_second
        self._burst = max(1.0, per_second)
        self._tokens = self._burst
        self._filled = time.monotonic()

    def admit(self) -> bool:
        """Whether a request that comes now may pass."""
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
