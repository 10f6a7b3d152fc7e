"""Every wait for a connection or a response ends: without TLS and with it, through proxies and without."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from pulumi_account.api.client import AccountClient
from pulumi_account.emulator import Emulator
from pulumi_account.exceptions import ConnectFailedError, ResponseLostError
from tests.support.canaries import PROVISIONING_KEY
from tests.support.helpers import refusal
from tests.support.servers import (
    BALANCE,
    DRIPS,
    EARLY,
    HEAD,
    TIMEOUT,
    Drips,
    answering,
    bytewise,
    dripping,
    impatient,
    listening,
    outside,
)

LATE = r"the answer was lost \(ReadTimeout no whole answer within 0\.5 s: ACCOUNT_TIMEOUT sets this limit\)$"


@pytest.mark.parametrize("drips", DRIPS.values(), ids=DRIPS)
def test_an_answer_that_drips(drips: Drips) -> None:
    """An attempt is given up when its time is over, however its response drips; the error is one line that says so."""
    with listening(answering(drips)) as port, impatient(f"http://127.0.0.1:{port}") as client:
        refusal(ResponseLostError, client.get_balance, LATE)


def test_an_answer_that_is_in_time() -> None:
    """A response that drips but is whole in time is accepted; the limit applies to each attempt, not to all of them."""
    answer = HEAD.replace(b"200 OK", b"200 OK\r\nX: y") + b"\r\n" + BALANCE

    def talk(connection: socket.socket) -> None:
        while connection.recv(65_536):
            connection.sendall(EARLY)
            time.sleep(TIMEOUT / 2)
            connection.sendall(answer)

    with listening(talk) as port, impatient(f"http://127.0.0.1:{port}") as client:
        assert [client.get_balance().balance for _ in range(4)] == [1, 1, 1, 1]


def test_threads_have_times_of_their_own() -> None:
    """Threads that share a client do not share the time: one thread's dripping response does not shorten another's."""
    turn = iter(range(100))

    def talk(connection: socket.socket) -> None:
        connection.recv(65_536)
        if next(turn) == 0:
            dripping(DRIPS["a body"], connection.sendall)
        connection.sendall(HEAD + b"\r\n" + BALANCE)

    with (
        listening(talk) as port,
        impatient(f"http://127.0.0.1:{port}") as client,
        ThreadPoolExecutor(2) as pool,
    ):
        late = pool.submit(refusal, ResponseLostError, client.get_balance, LATE)
        while not late.done():
            time.sleep(TIMEOUT / 3)
            assert late.done() or client.get_balance().balance == 1
        late.result()


def test_every_attempt_has_its_time() -> None:
    """A server that always drips is retried until the deadline, and no attempt exceeds its time."""
    begun = time.monotonic()
    tries: list[socket.socket] = []

    def talk(connection: socket.socket) -> None:
        tries.append(connection)
        answering(DRIPS["a header"])(connection)

    with (
        listening(talk) as port,
        AccountClient(
            f"http://127.0.0.1:{port}", PROVISIONING_KEY, retry_deadline=1, timeout=TIMEOUT
        ) as client,
    ):
        refusal(ResponseLostError, client.get_balance, LATE)
    assert len(tries) >= 2
    assert time.monotonic() - begun < 6  # as long as a single answer drips


@pytest.fixture
def silent() -> Iterator[Callable[[int], None]]:
    """Makes a port of 127.0.0.2 silent: its queue is full."""
    with ExitStack() as stack:

        def fill(port: int) -> None:
            address = ("127.0.0.2", port)
            stack.enter_context(socket.create_server(address, backlog=0))
            for _ in range(4):
                connection = stack.enter_context(socket.socket())
                connection.setblocking(False)
                connection.connect_ex(address)

        yield fill


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Make localhost resolve to these addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]
    known = socket.getaddrinfo

    def getaddrinfo(host: str, *args: Any, **options: Any) -> Any:
        return found if host == "localhost" else known(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_a_silent_address_leaves_time_for_the_next(
    silent: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a host's first address is silent, the second one gets its share of the time."""
    with Emulator(provisioning_key=PROVISIONING_KEY, balance="5") as emulator:
        port = int(emulator.url.rpartition(":")[2])
        silent(port)
        resolving(monkeypatch, "127.0.0.2", "127.0.0.1")
        with AccountClient(
            f"http://localhost:{port}", PROVISIONING_KEY, retry_deadline=0, timeout=4
        ) as client:
            assert client.get_balance().balance == 5


def test_silent_addresses_share_the_time(
    silent: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silent addresses together take no longer than one attempt may, however many there are."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        silent(port)
        resolving(monkeypatch, *["127.0.0.2"] * 40)
        begun = time.monotonic()
        with impatient(f"http://localhost:{port}") as client:
            refusal(ConnectFailedError, client.get_balance)
    assert time.monotonic() - begun < 40 * TIMEOUT / 2


def test_a_host_that_is_not_there() -> None:
    """A host name without an address is reported in one line."""
    with impatient("https://account.invalid") as client:
        refusal(ConnectFailedError, client.get_balance, r"^cannot connect to https://account\.invalid: ")


# --- through TLS and proxies


def inside(tls: ssl.SSLContext, answer: bytes, connection: socket.socket) -> None:
    """A TLS server at the end of a connection that may be TLS itself; its answer's bytes drip once it is packed."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = tls.wrap_bio(incoming, outgoing, server_side=True)

    def until_done(step: Callable[[], Any]) -> Any:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                incoming.write(connection.recv(65_536))

    until_done(server.do_handshake)
    until_done(lambda: server.read(65_536))
    server.write(answer)
    dripping(lambda: bytewise(outgoing.read()), connection.sendall)


@pytest.mark.parametrize("drips", [DRIPS["a header"], DRIPS["a body"]], ids=["header", "body"])
def test_drips_through_tls(tls: ssl.SSLContext, drips: Drips) -> None:
    """The time limit holds with TLS too."""

    def talk(connection: socket.socket) -> None:
        with tls.wrap_socket(connection, server_side=True) as encrypted:
            answering(drips)(encrypted)

    with listening(talk) as port, impatient(f"https://127.0.0.1:{port}") as client:
        refusal(ResponseLostError, client.get_balance, LATE)


def test_a_handshake_that_drips(tls: ssl.SSLContext) -> None:
    """A server that never ends its TLS handshake counts as not connected."""
    greeting = b"\x16\x03\x03\x40\x00" + b"x" * 300
    with (
        listening(answering(lambda: bytewise(greeting))) as port,
        impatient(f"https://127.0.0.1:{port}") as client,
    ):
        refusal(ConnectFailedError, client.get_balance)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_drips(tls: ssl.SSLContext, environment: pytest.MonkeyPatch, scheme: str) -> None:
    """A proxy that never ends its response to CONNECT is given up."""

    def talk(connection: socket.socket) -> None:
        with outside(scheme, tls, connection) as outer:
            answering(DRIPS["a header"])(outer)

    with listening(talk) as port:
        environment.setenv("HTTPS_PROXY", f"{scheme}://127.0.0.1:{port}")
        with impatient("https://account.invalid") as client:
            refusal(ResponseLostError, client.get_balance, LATE)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_drips_through_a_proxy(tls: ssl.SSLContext, environment: pytest.MonkeyPatch, scheme: str) -> None:
    """A response that drips is given up behind a proxy too, even with TLS inside TLS."""

    def talk(connection: socket.socket) -> None:
        with outside(scheme, tls, connection) as outer:
            outer.recv(65_536)
            outer.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            inside(tls, HEAD + b"\r\n" + BALANCE, outer)

    with listening(talk) as port:
        environment.setenv("HTTPS_PROXY", f"{scheme}://127.0.0.1:{port}")
        with impatient("https://account.invalid") as client:
            refusal(ResponseLostError, client.get_balance, LATE)
