"""Messages to commands and webhooks."""

from __future__ import annotations

import json
import logging
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from pulumi_account.exceptions import ConfigurationError
from pulumi_account.watch.messages import Crossing
from pulumi_account.watch.notifiers import Command, Webhook
from tests.support.canaries import PROVISIONING_KEY, assert_clean
from tests.support.helpers import refusal
from tests.watch.stories import CROSSING, RECOVERY, Story

URL = "https://hooks.invalid/prov-canary-in-a-path"


# --- webhooks


def hook(handler: Callable[[httpx.Request], httpx.Response]) -> tuple[Webhook, list[str]]:
    """A webhook, and what it warns of."""
    warned: list[str] = []
    return Webhook(URL, warn=warned.append, transport=httpx.MockTransport(handler)), warned


def test_a_webhook_gets_json() -> None:
    """The names that receivers rely on, exact amounts, an instant in UTC, and no credential."""
    sent: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(204)

    webhook, warned = hook(handler)
    assert webhook(CROSSING)
    assert warned == []
    assert (sent[0].method, sent[0].headers["Content-Type"]) == ("POST", "application/json")
    assert json.loads(sent[0].content) == {
        "event": "balance_below",
        "balance": "4.20",
        "below": "5",
        "recover": "5.5",
        "at": "2026-06-01T12:00:00Z",
        "text": "The account's balance is 4.20 USD, below 5 USD.",
    }
    assert "Authorization" not in sent[0].headers
    webhook.close()


@pytest.mark.parametrize(
    ("crossing", "text"),
    [
        (CROSSING, "The account's balance is 4.20 USD, below 5 USD."),
        (RECOVERY, "The account's balance has recovered: it is 6 USD, and was below 5 USD."),
        (
            replace(CROSSING, balance=Decimal("-0.00001")),
            "The account's balance is -0.00001 USD, below 5 USD.",
        ),
    ],
)
def test_slack_gets_what_it_accepts(crossing: Crossing, text: str) -> None:
    """Slack's format has only the text, in characters that need no escape there."""
    sent: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, text="ok")

    webhook = Webhook(URL, payload="slack", warn=print, transport=httpx.MockTransport(handler))
    assert webhook(crossing)
    webhook.close()
    assert json.loads(sent[0].content) == {"text": text}
    assert not set(text) & set("<>&")


@pytest.mark.parametrize("status", [302, 307, 400, 500])
def test_a_webhook_that_refuses(status: int) -> None:
    """The warning names only its host, and a redirect is not followed."""
    calls: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(str(request.url))
        return httpx.Response(status, headers={"Location": "https://elsewhere.invalid/"})

    webhook, warned = hook(handler)
    assert not webhook(CROSSING)
    assert warned == [f"warning: the webhook at hooks.invalid: status {status}; the next check tries again"]
    assert len(calls) == 1


class Echo(BaseHTTPRequestHandler):
    """Redirects to the same URL with a slash."""

    def do_POST(self) -> None:
        self.server.seen.append(self.headers)  # type: ignore[attr-defined]
        self.send_response(302)
        self.send_header("Location", f"https://hooks.invalid{self.path}/")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_no_log_has_a_webhooks_url(caplog: pytest.LogCaptureFixture) -> None:
    """Not even if the HTTP libraries log everything, and the receiver repeats it."""
    with HTTPServer(("127.0.0.1", 0), Echo) as server, caplog.at_level(logging.DEBUG):
        server.seen = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://user:prov-canary-password@127.0.0.1:{server.server_port}/prov-canary-in-a-path?k=prov-canary-q"
        webhook = Webhook(url, warn=logging.getLogger().warning)
        assert not webhook(CROSSING)
        thread.join()
        webhook.close()
    assert "httpcore" in {record.name.partition(".")[0] for record in caplog.records}
    assert_clean(caplog.text, repr(webhook))
    assert "status 302" in caplog.text
    (headers,) = server.seen  # type: ignore[attr-defined]
    assert headers["Authorization"] == f"Basic {b64encode(b'user:prov-canary-password').decode()}"


def test_a_webhook_that_is_away() -> None:
    """The warning has only the type of the error, because its message may contain the URL."""

    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"cannot reach {request.url}")

    webhook, warned = hook(handler)
    assert not webhook(CROSSING)
    assert_clean(*warned)
    assert "ConnectError" in warned[0]


def test_a_webhook_behind_a_proxy_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """The warning names the proxy, because it is what is away."""
    for name in ("no_proxy", "NO_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://user:prov-canary-1@127.0.0.1:1")
    warned: list[str] = []
    webhook = Webhook(URL, warn=warned.append)
    assert not webhook(CROSSING)
    webhook.close()
    assert_clean(*warned)
    assert "hooks.invalid: ConnectError through the proxy http://127.0.0.1:1 of HTTPS_PROXY; the" in warned[0]


@pytest.mark.parametrize(
    "url", ["http://hooks.invalid/x", "ftp://localhost/x", "hooks.invalid/x", "https://", "http://[::1", "", "https:///x",
            "http://localhost@hooks.invalid/", "https://hooks.invalid:prov-canary-1/x"],
)  # fmt: skip
def test_a_webhook_that_cannot_be_used(url: str) -> None:
    """It is refused without being quoted, because it may be a secret."""
    error = refusal(ConfigurationError, lambda: Webhook(url, warn=print))
    assert "hooks" not in str(error)


@pytest.mark.parametrize(
    "url", ["http://localhost:1/x", "http://127.0.0.1/x", "http://[::1]/x", "https://hooks.invalid/"]
)
def test_a_webhook_that_can_be_used(url: str) -> None:
    """It is https, or on this machine."""
    Webhook(url, warn=print).close()


# --- commands

#: what every command may have, and what none must have: credentials, and copies of them in any shape
ORDINARY = {
    "PATH": "/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "TMPDIR": "/tmp",
}
ORDINARY |= {"USER": "u", "SHELL": "/bin/sh", "SSL_CERT_FILE": "/ca.pem", "https_proxy": "http://proxy:3128"}
CREDENTIALS = {
    "ACCOUNT_PROVISIONING_KEY": PROVISIONING_KEY,
    "ACCOUNT_WEBHOOK": URL,
    "ACCOUNT_ENDPOINT": "https://account.invalid",
    "BEARER": f"Bearer {PROVISIONING_KEY}",
    "CAPITALS": PROVISIONING_KEY.upper(),
    "QUOTED": quote(f"key={PROVISIONING_KEY}", safe=""),
    "BASIC_AUTH": b64encode(f"user:{PROVISIONING_KEY}".encode()).decode(),
    "LC_COPY": PROVISIONING_KEY,
    "PULUMI_CONFIG": json.dumps({"account:provisioningKey": PROVISIONING_KEY}),
    "PULUMI_CONFIG_PASSPHRASE": "passphrase",
    "AWS_SECRET_ACCESS_KEY": "another",
}


def command(
    tmp_path: Path, code: str, warned: list[str] | None = None, also: Sequence[str] = ("OUT",)
) -> Command:
    """A command that runs Python code."""
    environ = {**ORDINARY, **CREDENTIALS, "OUT": str(tmp_path / "out")}
    warn = (warned if warned is not None else []).append
    return Command([sys.executable, "-c", code], environ=environ, also=also, warn=warn)


def test_a_command_gets_a_clean_environment(tmp_path: Path) -> None:
    """It has the message, ordinary variables and those of --exec-env, but no credential in any form."""
    code = "import json, os; json.dump(dict(os.environ), open(os.environ['OUT'], 'w'))"
    assert command(tmp_path, code)(CROSSING)
    env = json.loads((tmp_path / "out").read_text())
    assert env.pop("OUT") == str(tmp_path / "out")
    assert env == {
        **ORDINARY,
        "ACCOUNT_EVENT": "balance_below",
        "ACCOUNT_BALANCE": "4.20",
        "ACCOUNT_BELOW": "5",
        "ACCOUNT_RECOVER": "5.5",
        "ACCOUNT_AT": "2026-06-01T12:00:00Z",
        "ACCOUNT_TEXT": "The account's balance is 4.20 USD, below 5 USD.",
    }


def test_a_command_prints_beside_the_result(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its output goes to stderr, and its stdin is empty."""
    assert command(tmp_path, "import sys; print(repr(sys.stdin.read()))")(CROSSING)
    assert capfd.readouterr() == ("", "''\n")


def test_a_command_that_fails(tmp_path: Path) -> None:
    """A warning says so, and the message counts as undelivered."""
    warned: list[str] = []
    assert not command(tmp_path, "raise SystemExit(7)", warned)(CROSSING)
    assert warned == [f"warning: {sys.executable} exited with status 7; the next check tries again"]


def test_a_command_that_is_gone() -> None:
    """A warning says so, and the message counts as undelivered: the command may come back."""
    warned: list[str] = []
    gone = Command(["/nowhere/command"], environ={}, warn=warned.append)
    assert not gone(CROSSING)
    assert warned == ["warning: /nowhere/command: No such file or directory; the next check tries again"]


def test_a_command_is_run_until_it_succeeds(tmp_path: Path) -> None:
    """It runs at each check until then."""
    code = "import os; n = os.stat(out).st_size if os.path.exists(out := os.environ['OUT']) else 0; "
    code += "open(out, 'a').write('x'); raise SystemExit(n < 2)"
    warned: list[str] = []
    Story(["9"] * 5, command(tmp_path, code, warned))
    assert (tmp_path / "out").read_text() == "xxx"
    assert len(warned) == 2
