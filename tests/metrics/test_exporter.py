"""Serving until a signal arrives."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

from pulumi_account.emulator import Emulator, Fault, Hang
from pulumi_account.exceptions import ConfigurationError
from pulumi_account.metrics.exporter import Exporter, serve
from tests.metrics.scrapes import of_answers
from tests.support.canaries import PROVISIONING_KEY
from tests.support.helpers import refusal

PROGRAM = """
import os
from pulumi_account.api.client import AccountClient
from pulumi_account.metrics.exporter import Exporter, serve
with AccountClient(os.environ["ACCOUNT_ENDPOINT"], os.environ["ACCOUNT_PROVISIONING_KEY"]) as client:
    serve(Exporter(client), lambda url: print(url, flush=True))
print("done", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_clean_stop(emulator: Emulator, number: int) -> None:
    """Either signal ends it at once and silently, even during a call that hangs."""
    emulator.faults.add(Fault(Hang(), operation="list_keys", times=None))
    environment = {
        **os.environ,
        "ACCOUNT_ENDPOINT": emulator.url,
        "ACCOUNT_PROVISIONING_KEY": PROVISIONING_KEY,
    }
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(number)
        assert process.communicate(timeout=30) == ("done\n", "")
    assert process.returncode == 0


def test_signals_are_given_back() -> None:
    """Afterwards the signals have their handlers again."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    def interrupt(_url: str) -> None:
        raise KeyboardInterrupt

    with of_answers() as client:
        serve(Exporter(client), interrupt)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", None), ("192.0.2.1", 0), ("127.0.0.1", 70_000)])
def test_addresses_that_cannot_be_used(host: str, port: int | None) -> None:
    """A port in use, another machine's address and an invalid port: one line."""
    with socket.create_server(("127.0.0.1", 0)) as taken, of_answers() as client:
        wanted = taken.getsockname()[1] if port is None else port
        refusal(
            ConfigurationError,
            lambda: serve(Exporter(client, host=host, port=wanted)),
            f"cannot listen on {host}, port",
        )


def test_without_prometheus_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, one line says what to install."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with of_answers() as client:
        refusal(
            ConfigurationError, lambda: serve(Exporter(client)), r"pip install 'pulumi_account\[metrics\]'"
        )
