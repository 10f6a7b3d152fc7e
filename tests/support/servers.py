"""Servers that talk in strange ways, and clients that do not wait for them."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from pulumi_account.api.client import AccountClient
from tests.support.canaries import PROVISIONING_KEY

BALANCE = b'{"balance": "1"}' + b" " * 300
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(BALANCE)
EARLY = b"HTTP/1.1 103 Early Hints\r\n\r\n"
#: seconds that an attempt may take; the servers here take far longer, but do end
TIMEOUT, PAUSE = 0.5, 0.02

#: the parts that a server sends, each after a pause; in the end, a valid response
Drips = Callable[[], Iterator[bytes]]


def bytewise(text: bytes) -> Iterator[bytes]:
    """One byte after the other."""
    return (text[place : place + 1] for place in range(len(text)))


def flood() -> Iterator[bytes]:
    """One informational answer after the other, as fast as they can be sent, for some seconds."""
    until = time.monotonic() + 6
    while time.monotonic() < until:
        yield EARLY * 100


DRIPS: dict[str, Drips] = {
    "a status line": lambda: bytewise(b"HTTP/1.1 200 " + b"O" * 300 + b"\r\n\r\n" + BALANCE),
    "a header": lambda: bytewise(HEAD + b"X-Long: " + b"x" * 300 + b"\r\n\r\n" + BALANCE),
    "a body": lambda: iter([HEAD + b"\r\n", *bytewise(BALANCE)]),
    "chunks": lambda: iter(
        [
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            *(b"1\r\n%b\r\n" % part for part in bytewise(BALANCE)),
            b"0\r\n\r\n",
        ]
    ),
    "early hints": lambda: iter([EARLY] * 300 + [HEAD + b"\r\n" + BALANCE]),
    "a flood of early hints": lambda: iter([*flood(), HEAD + b"\r\n" + BALANCE]),
}


@contextmanager
def listening(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that talks so over every connection; gives its port."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=guarded, args=(connection,), daemon=True).start()

    def guarded(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            talk(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def dripping(drips: Drips, send: Callable[[bytes], object]) -> None:
    """Send an answer part by part."""
    for part in drips():
        send(part)
        if len(part) < 1000:
            time.sleep(PAUSE)


def answering(drips: Drips) -> Callable[[socket.socket], None]:
    """Reads a request, and answers it part by part."""

    def talk(connection: socket.socket) -> None:
        connection.recv(65_536)
        dripping(drips, connection.sendall)

    return talk


def impatient(endpoint: str) -> AccountClient:
    """A client with a short time-out and no retries."""
    return AccountClient(endpoint, PROVISIONING_KEY, retry_deadline=0, timeout=TIMEOUT)


def outside(scheme: str, tls: ssl.SSLContext, connection: socket.socket) -> socket.socket:
    """The connection to a proxy of that scheme."""
    return tls.wrap_socket(connection, server_side=True) if scheme == "https" else connection
