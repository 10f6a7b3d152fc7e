"""Watching the balance: one message when it falls too low, and one when it has recovered."""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, NoReturn, TypeAlias

import httpx

from pulumi_account.api.connections import default_transport, via
from pulumi_account.api.settings import is_loopback
from pulumi_account.common.instants import format_instant, utc_now
from pulumi_account.common.text import exact
from pulumi_account.exceptions import (
    AccountError,
    ConfigurationError,
    NetworkError,
    RateLimitError,
    ServerError,
)

__all__ = [
    "PASSED",
    "Command",
    "Crossing",
    "Messenger",
    "Payload",
    "Threshold",
    "Watch",
    "Webhook",
    "webhook_url",
]

#: the longest pause, in seconds, while the API is away, unless the watch itself is slower
LONGEST_PAUSE = 900.0
#: the variables that a command gets: what programs need to start, to speak a language and to reach a network
PASSED = frozenset(
    [
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "TMPDIR",
        "TZ",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "LANG",
        "LANGUAGE",
    ]
    + [f"LC_{what}" for what in ("ALL", "COLLATE", "CTYPE", "MESSAGES", "MONETARY", "NUMERIC", "TIME")]
    + [f"{what}_PROXY" for what in ("HTTP", "HTTPS", "ALL", "NO")]
    + [f"{what}_proxy" for what in ("http", "https", "all", "no")]
)
#: seconds that a webhook may take to answer
_WEBHOOK_TIMEOUT = 10.0
_AGAIN = "it is tried again at the next check"
#: an API that answers so may be well again soon; any other first answer means that the watch is set up wrongly
_AWAY = (NetworkError, RateLimitError, ServerError)


#: what a webhook is sent: all there is, or only what Slack accepts
Payload: TypeAlias = Literal["json", "slack"]


@dataclass(frozen=True)
class Crossing:
    """The balance was found below the threshold, or to have recovered from that; money in USD."""

    balance: Decimal
    below: Decimal
    recover: Decimal
    at: datetime
    recovered: bool = False

    @property
    def text(self) -> str:
        """One line for people, with all digits."""
        balance, below = exact(self.balance), exact(self.below)
        if self.recovered:
            return f"The account's balance has recovered: it is {balance} USD, and was below {below} USD."
        return f"The account's balance is {balance} USD, below {below} USD."

    def as_dict(self) -> dict[str, str]:
        """The message for programs."""
        return {
            "event": "balance_recovered" if self.recovered else "balance_below",
            "balance": exact(self.balance),
            "below": exact(self.below),
            "recover": exact(self.recover),
            "at": format_instant(self.at),
            "text": self.text,
        }


#: sends a message about a crossing; gives whether that is settled, or must be tried again
Messenger: TypeAlias = Callable[[Crossing], bool]


class Threshold:
    """A threshold with hysteresis, so that a balance that wavers around it is not told again and again.

    :param below: a balance below that is a crossing.
    :param recover: only after the balance was as high as that, the next one is; by default a tenth above.
    :raises ConfigurationError: ``recover`` is the lower one.
    """

    def __init__(self, below: Decimal, recover: Decimal | None = None) -> None:
        self.below = below
        self.recover = below + abs(below) / 10 if recover is None else recover
        if self.recover < below:
            raise ConfigurationError("the balance cannot recover below the threshold")
        self.low = False

    def crossed(self, balance: Decimal) -> bool:
        """Whether this balance is a crossing to be told."""
        was_low = self.low
        self.low = balance < (self.recover if was_low else self.below)
        return self.low and not was_low


class Watch:
    """Asks for the balance again and again, and sends messages.

    An API that is away is told once, is asked with growing pauses, and changes nothing about the threshold. A
    messenger that could not deliver is tried again at each check. It gets the message of a crossing before that of
    the recovery; a later crossing takes the place of both.

    :param ask: gives the balance.
    :param messengers: send messages: one when the balance crosses the threshold, one when it has recovered.
    :param every: seconds between two checks.
    :param warn: is told what goes wrong, in one line.
    :param sleep: waits for a number of seconds.
    :param clock: the present instant.
    """

    def __init__(
        self,
        ask: Callable[[], Decimal],
        threshold: Threshold,
        messengers: Sequence[Messenger],
        *,
        every: float,
        warn: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._ask, self._threshold = ask, threshold
        self._every, self._warn, self._sleep, self._clock = every, warn, sleep, clock
        self._undelivered: dict[Messenger, list[Crossing]] = {messenger: [] for messenger in messengers}
        self._answered = False
        self._failures = 0

    def run(self) -> NoReturn:
        """Check for ever."""
        while True:
            self._sleep(self.check())

    def check(self) -> float:
        """Ask once, and tell; gives the seconds until the next check.

        :raises AccountError: the very first answer is a refusal: such a watch would never see anything.
        """
        try:
            balance = self._ask()
        except AccountError as error:
            if not (self._answered or isinstance(error, _AWAY)):
                raise
            self._is_away(error)
        else:
            self._is_there()
            self._see(balance)
        self._deliver()
        return min(self._every * 2.0 ** max(self._failures - 1, 0), max(self._every, LONGEST_PAUSE))

    def _is_away(self, error: AccountError) -> None:
        if not self._failures:
            self._warn(f"warning: {error}: the watch goes on")
        self._failures = min(self._failures + 1, 30)

    def _is_there(self) -> None:
        if self._failures:
            self._warn("the API answers again")
        self._answered, self._failures = True, 0

    def _see(self, balance: Decimal) -> None:
        was_low, threshold = self._threshold.low, self._threshold
        threshold.crossed(balance)
        if threshold.low == was_low:
            return
        crossing = Crossing(
            balance, threshold.below, threshold.recover, self._clock(), recovered=not threshold.low
        )
        for waiting in self._undelivered.values():
            waiting[:] = [*waiting, crossing] if crossing.recovered else [crossing]

    def _deliver(self) -> None:
        for messenger, waiting in self._undelivered.items():
            while waiting and messenger(waiting[0]):
                del waiting[0]


class Command:
    """Runs a command for each message, and waits for its end. What it prints goes to stderr.

    Its environment is a new one: ACCOUNT_EVENT, ACCOUNT_BALANCE, ACCOUNT_BELOW, ACCOUNT_RECOVER, ACCOUNT_AT and
    ACCOUNT_TEXT, and of `environ` only what `PASSED` and `also` name. So it gets no credential of the account, in
    whatever shape.

    :param environ: the environment of this process.
    :param also: further names to hand over.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environ: Mapping[str, str],
        also: Sequence[str] = (),
        warn: Callable[[str], None],
    ) -> None:
        self._command, self._warn = list(command), warn
        passed = {*PASSED, *also}
        self._environ = {name: value for name, value in environ.items() if name in passed}

    def __call__(self, crossing: Crossing, /) -> bool:
        """Run it; whether it ended with status 0. Another one, as of a webhook, is a message to be sent again."""
        values = {f"ACCOUNT_{name.upper()}": text for name, text in crossing.as_dict().items()}
        try:
            status = subprocess.run(  # noqa: S603 - it is the user's own command
                self._command,
                env={**self._environ, **values},
                stdin=subprocess.DEVNULL,
                stdout=2,
                check=False,
            ).returncode
            problem = f" ended with status {status}" if status else ""
        except OSError as error:
            problem = f": {error.strerror or os.strerror(error.errno or 0)}"
        if problem:
            self._warn(f"warning: {self._command[0]}{problem}; {_AGAIN}")
        return not problem


class Webhook:
    """POSTs messages as JSON; whatever does not answer 2xx is tried again.

    :param url: https, or plain http to this machine. It may hold a secret, so only its host is ever named.
    :param payload: ``"json"`` sends all of a message, ``"slack"`` its ``text`` alone, as Slack's webhooks demand.
    :param transport: where requests go; by default the network.
    :raises ConfigurationError: the URL cannot be used, or the proxy or the certificates that the environment names.
    """

    def __init__(
        self,
        url: str,
        *,
        payload: Payload = "json",
        warn: Callable[[str], None],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url, self._payload, self._warn = webhook_url(url), payload, warn
        self._transport = transport or default_transport(str(self._url))
        self._via = "" if transport else via(str(self._url))
        self._http = httpx.Client(transport=self._transport, timeout=_WEBHOOK_TIMEOUT)

    def __call__(self, crossing: Crossing, /) -> bool:
        """Deliver it, without following a redirect and without reading the answer's body."""
        message = {"text": crossing.text} if self._payload == "slack" else crossing.as_dict()
        request = self._http.build_request("POST", self._url, json=message)
        if self._url.userinfo:
            request = next(httpx.BasicAuth(self._url.username, self._url.password).auth_flow(request))
        try:
            # not through the client, which logs the whole URL
            with _unlogged(), closing(self._transport.handle_request(request)) as response:
                problem = "" if response.is_success else f"status {response.status_code}"
        except httpx.HTTPError as error:
            problem = f"{type(error).__name__}{self._via}"
        if problem:
            self._warn(f"warning: the webhook at {self._url.host}: {problem}; {_AGAIN}")
        return not problem

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


@contextmanager
def _unlogged() -> Iterator[None]:
    """Nothing of an answer's head is logged in here: a receiver may repeat the URL in it."""
    logger = logging.getLogger("httpcore.http11")

    def drop(_record: logging.LogRecord) -> bool:
        return False

    logger.addFilter(drop)
    try:
        yield
    finally:
        logger.removeFilter(drop)


def webhook_url(text: str) -> httpx.URL:
    """The URL of a webhook.

    :raises ConfigurationError: it is not one, or plain http to another machine.
    """
    with suppress(ValueError, httpx.InvalidURL):  # they quote it
        url = httpx.URL(text)
        if url.host and (url.scheme == "https" or (url.scheme == "http" and is_loopback(str(url)))):
            return url
    raise ConfigurationError("the webhook must be an https:// URL; plain http is for this machine only")
