"""How a watch sends its messages: to a command, or to a webhook."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Literal, TypeAlias

import httpx

from pulumi_account.api.connections import default_transport, via
from pulumi_account.api.settings import is_loopback
from pulumi_account.exceptions import ConfigurationError
from pulumi_account.watch.messages import Crossing

__all__ = ["PASSED", "Command", "Payload", "Webhook", "webhook_url"]

#: the variables that a command gets: those that programs need to start, to choose a language and to reach a network
PASSED = frozenset(
    [
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("LANG", "LANGUAGE", "LC_ALL", "LC_COLLATE", "LC_CTYPE", "LC_MESSAGES", "LC_MONETARY"),
        *("LC_NUMERIC", "LC_TIME", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    ]
)
#: seconds
_WEBHOOK_TIMEOUT = 10.0
_AGAIN = "the next check tries again"

#: the body of a webhook's request: the whole message, or only the part that Slack accepts
Payload: TypeAlias = Literal["json", "slack"]


class Command:
    """Runs a command for each message, and waits until it exits. Its output goes to stderr.

    Its environment has ACCOUNT_EVENT, ACCOUNT_BALANCE, ACCOUNT_BELOW, ACCOUNT_RECOVER, ACCOUNT_AT and ACCOUNT_TEXT, and
    from `environ` only the names in `PASSED` and `also`. So it gets no credential of the account, in any form.

    :param environ: the environment of this process.
    :param also: further names to pass on.
    :param warn: called with one line about each problem.
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
        """Run it; returns whether it exited with status 0."""
        values = {f"ACCOUNT_{name.upper()}": text for name, text in crossing.as_dict().items()}
        try:
            status = subprocess.run(  # noqa: S603 - it is the user's own command
                self._command,
                env={**self._environ, **values},
                stdin=subprocess.DEVNULL,
                stdout=2,
                check=False,
            ).returncode
            problem = f" exited with status {status}" if status else ""
        except OSError as error:
            problem = f": {error.strerror or os.strerror(error.errno or 0)}"
        if problem:
            self._warn(f"warning: {self._command[0]}{problem}; {_AGAIN}")
        return not problem


class Webhook:
    """POSTs each message as JSON, and tries again unless the answer is 2xx.

    :param url: https, or plain http to this machine. It may hold a secret, so messages name only its host.
    :param payload: ``"json"`` sends the whole message, ``"slack"`` only its ``text``, as Slack's webhooks require.
    :param warn: called with one line about each problem.
    :param transport: sends the requests; by default over the network.
    :raises ConfigurationError: the URL is invalid, or the environment's proxy or certificates are.
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
    """Keep the headers of an answer out of the log: a receiver may repeat the URL in them."""
    logger = logging.getLogger("httpcore.http11")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def webhook_url(text: str) -> httpx.URL:
    """Parse the URL of a webhook.

    :raises ConfigurationError: it is not a URL, or plain http to another machine.
    """
    with suppress(ValueError, httpx.InvalidURL):  # their messages quote it
        url = httpx.URL(text)
        if url.host and (url.scheme == "https" or (url.scheme == "http" and is_loopback(str(url)))):
            return url
    raise ConfigurationError("the webhook must be an https:// URL; plain http is for this machine only")
