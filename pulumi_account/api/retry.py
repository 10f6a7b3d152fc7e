"""An httpx transport that retries what may be retried, at a pace that all threads share.

GET, PATCH and DELETE are idempotent here: they are retried on connection errors, time-outs, cut answers, 429,
500, 502, 503 and 504. POST makes a key each time, so it is retried only where it certainly was not carried
out: the connection could not be made, or the answer was 429.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from functools import partial

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception, retry_if_result, wait_random_exponential

from pulumi_account.api.connections import whole
from pulumi_account.api.rate_limit import Pace
from pulumi_account.api.settings import DEFAULT_RETRY_DEADLINE

__all__ = [
    "NOT_SENT",
    "RETRY_AFTER_CAP",
    "RetryTransport",
    "parse_http_date",
]

#: the longest wait, in seconds, that a ``Retry-After`` can impose
RETRY_AFTER_CAP = 30.0

_IDEMPOTENT = frozenset({"GET", "PATCH", "DELETE"})
_TRANSIENT = frozenset({429, 500, 502, 503, 504})
#: the errors that mean: nothing was sent, the connection was never made
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)

_log = logging.getLogger(__name__)
_backoff = wait_random_exponential(multiplier=0.25, max=8)


class RetryTransport(httpx.BaseTransport):
    """Wraps a transport; safe for any number of threads.

    :param inner: the transport that sends.
    :param deadline: seconds after which no further attempt of one request begins; 0 = one attempt.
        One's turn is waited for no longer than that.
    :param sleep: waits for a number of seconds (tests pass one that does not).
    :param clock: monotonic seconds.
    """

    def __init__(
        self,
        inner: httpx.BaseTransport,
        *,
        deadline: float = DEFAULT_RETRY_DEADLINE,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner = inner
        self._deadline = deadline
        self._sleep = sleep
        self._clock = clock
        self._pace = Pace(sleep, clock)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and send again for as long as it may help; the last answer or error is the caller's."""
        give_up_at = self._clock() + self._deadline
        retrying = Retrying(
            retry=retry_if_exception(partial(_worth_another_try, request))
            | retry_if_result(partial(_is_transient, request)),
            wait=self._pause,
            stop=partial(self._out_of_time, give_up_at),
            sleep=self._sleep,
            retry_error_callback=_last_outcome,
        )
        return retrying(self._send, request, give_up_at)

    def close(self) -> None:
        """Close the wrapped transport."""
        self._inner.close()

    def _send(self, request: httpx.Request, give_up_at: float) -> httpx.Response:
        self._pace.wait(give_up_at)
        response = whole(self._inner.handle_request(request))
        _log.debug("%s %s: %d", request.method, request.url.path, response.status_code)
        if response.status_code == 429:
            self._pace.refused(_retry_after(response) or None)
        else:
            self._pace.admitted()
        return response

    def _pause(self, state: RetryCallState) -> float:
        """Seconds until the next attempt: jittered exponential backoff, on top of what must be waited for.

        After a 429 the pace, which backs off for all threads, gives this one its turn.
        """
        response = None if state.outcome is None or state.outcome.failed else state.outcome.result()
        if response is not None and response.status_code == 429:
            return max(self._pace.cooling, 0.0)
        asked = (response is not None and _retry_after(response)) or 0.0
        return _backoff(state) + max(asked, self._pace.cooling)

    def _out_of_time(self, give_up_at: float, state: RetryCallState) -> bool:
        return self._clock() + state.upcoming_sleep > give_up_at


def _worth_another_try(request: httpx.Request, error: BaseException) -> bool:
    if isinstance(error, NOT_SENT):
        return True
    return isinstance(error, httpx.TransportError) and request.method in _IDEMPOTENT


def _is_transient(request: httpx.Request, response: httpx.Response) -> bool:
    if response.status_code == 429:
        return True
    return response.status_code in _TRANSIENT and request.method in _IDEMPOTENT


def _last_outcome(state: RetryCallState) -> httpx.Response:
    assert state.outcome is not None
    response: httpx.Response = state.outcome.result()
    return response


def _retry_after(response: httpx.Response) -> float | None:
    """``Retry-After`` in seconds or as a date, from 0 to the cap; None where it is absent or unreadable."""
    text = response.headers.get("Retry-After", "").strip()
    seconds = float(text) if text.isascii() and text.isdigit() else _seconds_until(text)
    return None if seconds is None else min(max(seconds, 0.0), RETRY_AFTER_CAP)


def _seconds_until(http_date: str) -> float | None:
    moment = parse_http_date(http_date)
    return None if moment is None else (moment - datetime.now(timezone.utc)).total_seconds()


def parse_http_date(text: str) -> datetime | None:
    """The instant that a header such as ``Date`` names; None where it names none."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment
