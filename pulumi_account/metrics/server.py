"""The HTTP server of the exporter: which requests it answers, and how long a connection may last."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from pulumi_account.api.settings import is_loopback
from pulumi_account.exceptions import ConfigurationError

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

#: the most connections at a time, and the most seconds for each; a scrape takes milliseconds
_MOST_CONNECTIONS, _LONGEST_CONNECTION = 32, 5.0
#: a Host header: a name or an address, and an optional port, which does not matter
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")
_UNKNOWN_HOST = b"this exporter does not answer to that Host: start it with --allow-host NAME\n"


class Application:
    """The WSGI application: metrics for requests whose Host is this exporter's."""

    def __init__(self, collector: Collector, allowed: Iterable[str]) -> None:
        try:
            from prometheus_client import CollectorRegistry, make_wsgi_app
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"{error.name} is missing: pip install 'pulumi_account[metrics]'"
            ) from None
        registry = CollectorRegistry()
        registry.register(collector)
        self._app, self._allowed = make_wsgi_app(registry), frozenset(allowed)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request, with status 421 if its Host is another."""
        if self._is_known(environ.get("HTTP_HOST", ""), environ["SERVER_ADDR"]):
            answer: Iterable[bytes] = self._app(environ, start_response)
            return answer
        start_response("421 Misdirected Request", [("Content-Type", "text/plain; charset=utf-8")])
        return [_UNKNOWN_HOST]

    def _is_known(self, header: str, reached: str) -> bool:
        match = _HOST.fullmatch(header)
        host = match[1].lower().strip("[]") if match else ""
        try:
            loopback = is_loopback(f"http://[{host}]" if ":" in host else f"http://{host}")
        except ValueError:  # the brackets enclose no address
            return False
        return loopback or host in {reached, *self._allowed}


class _Handler(WSGIRequestHandler):
    """Logs nothing, as a request may contain any text, and gives the application the address that was reached."""

    def get_environ(self) -> dict[str, Any]:
        reached = self.connection.getsockname()[0].removeprefix("::ffff:")
        return {**super().get_environ(), "SERVER_ADDR": reached}

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingMixIn, WSGIServer):
    """Has a thread for each connection, but few: it cuts slow connections, and the oldest if there are too many.

    A scrape takes milliseconds, so it is never the oldest for long.

    :raises ConfigurationError: the address cannot be used.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, app: Application) -> None:
        self._connections: dict[Any, float] = {}
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
            self.address_family = found[0]
            super().__init__((str(found[4][0]), port), _Handler)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or error
            raise ConfigurationError(f"cannot listen on {host}, port {port}: {why}") from None
        self.set_app(app)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Called for each new connection, in the thread that accepts them."""
        for oldest in list(self._connections)[: 1 - _MOST_CONNECTIONS]:
            self._cut(oldest)
        self._connections[request] = time.monotonic()
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """Called by the same thread, at least twice a second."""
        for request, began in list(self._connections.items()):
            if time.monotonic() - began > _LONGEST_CONNECTION:
                self._cut(request)

    def _cut(self, request: Any) -> None:
        """End a connection; its thread notices at once."""
        self._connections.pop(request, None)
        with suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:
        """Called by a connection's thread at its end."""
        self._connections.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that disconnects early is not an error."""
