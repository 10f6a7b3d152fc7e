"""`watch`, as a process that runs until a signal ends it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pulumi_account.emulator import Answer, Emulator, Fault
from tests.support.canaries import PROVISIONING_KEY, assert_clean
from tests.support.shell import Shell, environment


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An account that runs dry."""
    with Emulator(provisioning_key=PROVISIONING_KEY, balance="4.20") as emulator:
        yield emulator


class Hook(BaseHTTPRequestHandler):
    """Refuses the first delivery, and keeps all of them; tests wait for the second."""

    def do_POST(self) -> None:
        got = self.server.got  # type: ignore[attr-defined]
        got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200 if len(got) > 1 else 500)
        self.end_headers()
        if len(got) > 1:
            self.server.enough.set()  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    """A webhook on this machine."""
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        server.got, server.enough = [], threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def wait_until(condition: Callable[[], bool]) -> bool:
    """Whether the condition holds within a minute."""
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def test_a_low_balance_is_told(emulator: Emulator, hook: HTTPServer, tmp_path: Path) -> None:
    """On stdout, to a command, and to a webhook until it is delivered; a signal ends the watch with status 0."""
    out = tmp_path / "told"
    shown = "$ACCOUNT_BALANCE/$ACCOUNT_PROVISIONING_KEY/$ACCOUNT_WEBHOOK/$COPY/$WANTED"
    run = f"sh -c 'echo \"{shown}\" >> {out}; echo beside'"
    url = f"http://127.0.0.1:{hook.server_port}/prov-canary-in-a-path"
    arguments = ["watch", "--below", "5", "--every", "1", "--json", "--exec", run, "--exec-env", "WANTED"]
    with subprocess.Popen(
        [sys.executable, "-m", "pulumi_account", *arguments],
        env={**environment(emulator), "ACCOUNT_WEBHOOK": url, "COPY": f"Bearer {PROVISIONING_KEY}", "WANTED": "w"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert hook.enough.wait(60)  # type: ignore[attr-defined]
        process.send_signal(signal.SIGINT)
        shown, err = process.communicate(timeout=30)
    assert_clean(shown, err)
    assert process.returncode == 0
    told = json.loads(shown)
    assert (told["event"], told["balance"], told["recover"]) == ("balance_below", "4.20", "5.5")
    assert hook.got == [told, told]  # type: ignore[attr-defined]
    assert out.read_text() == "4.20////w\n"
    assert err == "beside\nwarning: the webhook at 127.0.0.1: status 500; the next check tries again\n"


@pytest.mark.parametrize("as_json", [True, False])
def test_a_recovery_is_told(emulator: Emulator, hook: HTTPServer, tmp_path: Path, as_json: bool) -> None:
    """On stdout, to a command that runs again until it succeeds, and to a webhook of Slack's."""
    out = tmp_path / "told"
    command = f"sh -c 'echo \"$ACCOUNT_EVENT $ACCOUNT_TEXT\" >> {out}; test $(wc -l < {out}) -gt 1'"
    arguments = ["watch", "--below", "5", "--every", "1", "--exec", command, "--format", "slack"]
    with subprocess.Popen(
        [sys.executable, "-m", "pulumi_account", *arguments, *(["--json"] if as_json else [])],
        env={**environment(emulator), "ACCOUNT_WEBHOOK": f"http://127.0.0.1:{hook.server_port}/"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert hook.enough.wait(60)  # type: ignore[attr-defined]
        emulator.balance = "20"
        assert wait_until(lambda: len(hook.got) == 3)  # type: ignore[attr-defined]
        process.send_signal(signal.SIGINT)
        shown, err = process.communicate(timeout=30)
    low = "The account's balance is 4.20 USD, below 5 USD."
    recovered = "The account's balance has recovered: it is 20 USD, and was below 5 USD."
    assert hook.got == [{"text": low}, {"text": low}, {"text": recovered}]  # type: ignore[attr-defined]
    events = [f"balance_below {low}", f"balance_below {low}", f"balance_recovered {recovered}"]
    assert out.read_text().splitlines() == events
    first, second = shown.splitlines()
    if as_json:
        assert [json.loads(line)["event"] for line in (first, second)] == [
            "balance_below",
            "balance_recovered",
        ]
    else:
        assert first.endswith("Z the balance is 4.20 USD, below 5.00 USD")
        assert second.endswith("Z the balance has recovered: it is 20.00 USD")
    assert sorted(err.splitlines()) == [
        "warning: sh exited with status 1; the next check tries again",
        "warning: the webhook at 127.0.0.1: status 500; the next check tries again",
    ]


def test_certificates_are_no_wrong_usage(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong variable for certificates is not wrong usage: one line, status 1."""
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    done = shell("watch", "--below", "5", "--webhook", "https://hooks.invalid/")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("error: SSL_CERT_FILE is /nowhere.pem, which cannot be read")


def test_a_wrong_key_ends_it(shell: Shell, emulator: Emulator) -> None:
    """The first answer is a refusal: one line, status 1."""
    emulator.faults.add(Fault(Answer(401)))
    done = shell("watch", "--below", "5")
    assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--below", "5", "--recover", "4"],
        ["--below", "5", "--webhook", "http://hooks.invalid/secret"],
        ["--below", "5", "--format", "slack"],
        ["--below", "5", "--format", "teams", "--webhook", "https://hooks.invalid/secret"],
        ["--below", "5", "--exec", "true", "--exec-env", "ACCOUNT_PROVISIONING_KEY"],
        ["--below", "5", "--exec", "true", "--exec-env", "A=secret"],
    ],
)
def test_what_cannot_be_watched(arguments: list[str], shell: Shell, emulator: Emulator) -> None:
    """Wrong usage: the message does not quote the webhook, and there is no call to the API."""
    done = shell("watch", *arguments)
    assert (done.status, done.out) == (2, "")
    assert "secret" not in done.err
    assert emulator.calls.operations == []
