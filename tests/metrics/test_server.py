"""The exporter's server: which requests it answers, and for how long."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack

import httpx
import pytest

from pulumi_account.metrics.exporter import Exporter
from tests.metrics.scrapes import of_answers, settled


def status(exporter: Exporter, *hosts: str) -> int:
    """The status of a GET with these Host headers."""
    url = httpx.URL(exporter.url)
    with socket.create_connection((url.host, url.port or 0), timeout=20) as connection:
        lines = ["GET /metrics HTTP/1.1", *(f"Host: {host}" for host in hosts), "", ""]
        connection.sendall("\r\n".join(lines).encode())
        return int(connection.makefile("rb").readline().split()[1])


@pytest.mark.parametrize(
    "hosts",
    [["evil.example"], ["evil.example:9877"], ["localhost.evil.example"], ["192.0.2.1"], ["127.0.0.1.evil.example"],
     ["[::2]"], ["[1::2::3]"], ["evil.example@localhost"], ["localhost", "evil.example"], [""], []],
)  # fmt: skip
def test_a_host_that_is_not_its_own(hosts: list[str]) -> None:
    """A request with another name gets nothing, as a browser may send; nor does one without a name, or with two."""
    with of_answers() as client, Exporter(client) as exporter:
        assert status(exporter, *hosts) == 421


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:1", "127.0.0.1:9877", "127.9.9.9", "[::1]:80", "[0:0::1]"]
)
def test_hosts_of_this_machine(host: str) -> None:
    """Loopback is always allowed, with any port."""
    with of_answers() as client, Exporter(client) as exporter:
        assert status(exporter, host) == 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [("exporter.example", 200), ("Exporter.Example:80", 200), ("other.example", 421)],
)
def test_further_hosts(host: str, expected: int) -> None:
    """Names that the user gives are allowed too."""
    with of_answers() as client, Exporter(client, allowed_hosts=["Exporter.example"]) as exporter:
        assert status(exporter, host) == expected


def test_a_wildcard_has_the_address_that_was_reached() -> None:
    """With a wildcard, the address that the connection reached is allowed, and so is the wildcard itself."""
    with of_answers() as client, Exporter(client, host="0.0.0.0") as exporter:
        assert [status(exporter, host) for host in ("127.0.0.1", "0.0.0.0", "192.0.2.1")] == [200, 200, 421]


def test_idle_connections_are_few() -> None:
    """Hundreds of idle connections take few threads, and a scrape is still answered."""
    with of_answers() as client, Exporter(client) as exporter, ExitStack() as opened:
        before, url = threading.active_count(), httpx.URL(exporter.url)
        for _ in range(200):
            opened.enter_context(socket.create_connection((url.host, url.port or 0), timeout=20))
            most = threading.active_count() - before
        assert settled(exporter)("balance_usd") == 1
        assert most < 100


def test_slow_connections_are_cut(capfd: pytest.CaptureFixture[str]) -> None:
    """An idle or slow connection is cut after some seconds, silently."""
    with of_answers() as client, Exporter(client) as exporter, ExitStack() as opened:
        url = httpx.URL(exporter.url)
        idle, slow = (
            opened.enter_context(socket.create_connection((url.host, url.port or 0))) for _ in range(2)
        )
        slow.settimeout(0.2)
        give_up = time.monotonic() + 60
        while is_open(slow):
            assert time.monotonic() < give_up
        idle.settimeout(20)
        assert idle.recv(1) == b""
    assert capfd.readouterr() == ("", "")


def is_open(connection: socket.socket) -> bool:
    """Whether another byte can be sent, with no answer yet."""
    try:
        connection.sendall(b"G")
        return bool(connection.recv(1))
    except TimeoutError:
        return True
    except OSError:
        return False
