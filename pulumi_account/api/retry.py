"""An httpx transport that retries safely, at a pace that all threads share.

GET, PATCH and DELETE are idempotent here: they are retried after connection errors, time-outs, cut-off responses, 429,
500, 502, 503 and 504. Each POST makes a key, so it is retried only if it certainly was not carried out: the
connection could not be made, or the response was 429.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from functools import partial

import httpx
from tenacity import Future, RetryCallState, Retrying, wait_random_exponential

from pulumi_account.api.connections import whole
from pulumi_account.api.rate_limit import Pace
from pulumi_account.api.settings import DEFAULT_RETRY_DEADLINE

#: the longest wait, in seconds, that a ``Retry-After`` can impose
RETRY_AFTER_CAP = 30.0
#: the errors after which nothing was sent: no connection was made
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)

_IDEMPOTENT = frozenset({"GET", "PATCH", "DELETE"})
_TRANSIENT = frozenset({500, 502, 503, 504})

#: when this thread's caller gives up, in monotonic seconds
_give_up_at: ContextVar[float] = ContextVar("_give_up_at", default=float("inf"))

_log = logging.getLogger(__name__)
_backoff = wait_random_exponential(multiplier=0.25, max=8)


@contextmanager
def give_up_after(seconds: float) -> Iterator[None]:
    """A deadline for all requests that this thread sends meanwhile: no further attempt begins after it.

    :param seconds: for example an engine's time-out for a resource; it cannot extend the transport's own deadline.
    """
    token = _give_up_at.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _give_up_at.reset(token)


class RetryTransport(httpx.BaseTransport):
    """Wraps a transport; safe for any number of threads.

    :param inner: the transport that sends.
    :param deadline: seconds after which no further attempt of a request begins, and a request no longer waits for its
        turn; 0 means one attempt.
    :param sleep: waits for a number of seconds.
    :param clock: returns monotonic seconds.
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
        """Send, and send again while that may help; return the last response or raise the last error."""
        left = max(_give_up_at.get() - time.monotonic(), 0.0)
        give_up_at = self._clock() + min(self._deadline, left)
        retrying = Retrying(
            retry=partial(_may_help, request),
            wait=self._pause,
            stop=lambda state: self._clock() + state.upcoming_sleep > give_up_at,
            sleep=self._sleep,
            retry_error_callback=lambda state: _outcome(state).result(),
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
        """Seconds until the next attempt: jittered exponential backoff after the ``Retry-After`` and the cool-down.

        After a 429 there is no backoff: the pace backs off for all threads.
        """
        outcome = _outcome(state)
        response: httpx.Response | None = None if outcome.failed else outcome.result()
        if response is not None and response.status_code == 429:
            return max(self._pace.cooling, 0.0)
        asked = (response is not None and _retry_after(response)) or 0.0
        return _backoff(state) + max(asked, self._pace.cooling)


def _outcome(state: RetryCallState) -> Future:
    assert state.outcome is not None
    return state.outcome


def _may_help(request: httpx.Request, state: RetryCallState) -> bool:
    """Whether another attempt may help, and cannot make a second key."""
    outcome = _outcome(state)
    error = outcome.exception()
    if error is not None:
        not_done, in_doubt = isinstance(error, NOT_SENT), isinstance(error, httpx.TransportError)
    else:
        status = outcome.result().status_code
        not_done, in_doubt = status == 429, status in _TRANSIENT
    return not_done or (in_doubt and request.method in _IDEMPOTENT)


def _retry_after(response: httpx.Response) -> float | None:
    """``Retry-After`` in seconds or as a date, from 0 to the cap; None if it is absent or unreadable."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        seconds = float(text)
    elif moment := parse_http_date(text):
        seconds = (moment - datetime.now(timezone.utc)).total_seconds()
    else:
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_CAP)


def parse_http_date(text: str) -> datetime | None:
    """The instant in a header such as ``Date``; None if it is unreadable."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment
