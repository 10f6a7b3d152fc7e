"""The server: its address, its start and its end."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_account.emulator import Emulator
from pulumi_account.emulator.server import ServerThread, listen
from tests.emulator.support import (
    KEYS,
    client_of,
)


def test_it_is_quick_and_leaves_nothing() -> None:
    """Ten starts and stops, with a request each, take less than three seconds and leave no thread."""
    threads = threading.active_count()
    began = time.monotonic()
    for _ in range(10):
        with Emulator() as emulator:
            assert httpx.get(emulator.url, trust_env=False, verify=False).status_code == 404
    assert time.monotonic() - began < 3
    assert threading.active_count() == threads


def test_a_port_in_use(emulator: Emulator, tmp_path: Path) -> None:
    """The error names a port that is in use, and no database stays open."""
    port = httpx.URL(emulator.url).port
    assert port is not None
    with pytest.raises(OSError, match=f"port {port}") as caught:
        Emulator(port=port, db=tmp_path / "keys.db").start()
    assert [path.name for path in tmp_path.iterdir()] == ["keys.db"]  # an open database has a journal
    assert caught.tb is not None  # a traceback could keep it open


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org", ""])
def test_only_loopback(host: str) -> None:
    """Addresses other than loopback are refused."""
    with pytest.raises(ValueError, match="address"):
        Emulator(host=host).start()


@pytest.mark.parametrize(
    ("host", "shown"), [("localhost", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("::1", "[::1]")]
)
def test_loopback_addresses(host: str, shown: str) -> None:
    """Every loopback address works, with IPv4 and IPv6."""
    with Emulator(host=host) as emulator, client_of(emulator) as client:
        assert emulator.url.startswith(f"http://{shown}:")
        assert client.get(KEYS).status_code == 200


def test_a_server_that_cannot_listen_says_so() -> None:
    """`start` raises a failure of the server's thread instead of waiting without end."""
    listener = listen("127.0.0.1", 0)
    listener.close()

    async def application(_scope: Any, _receive: Any, _send: Any) -> None:
        """Never called."""

    with pytest.raises(OSError, match="descriptor"):
        ServerThread(application, listener).start()
