"""Clients and checks that the tests of the emulator share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from pulumi_account.emulator import Emulator

Start = Callable[..., tuple[Emulator, httpx.Client]]

PROVISIONING, INFERENCE = "prov-1", "inference-1"
KEYS = "/v1/account/keys"
FAR = "2099-01-01T00:00:00+00:00"
COMMAND = [sys.executable, "-m", "pulumi_account.emulator"]
ACCOUNT_CALLS = [
    ("GET", "/v1/account/balance"),
    ("GET", "/v1/account/activity"),
    ("GET", KEYS),
    ("POST", KEYS),
    ("GET", KEYS + "/1"),
    ("PATCH", KEYS + "/1"),
    ("DELETE", KEYS + "/1"),
]


def client_of(emulator: Emulator, bearer: str | None = None) -> httpx.Client:
    """A client with this key, or the provisioning key; it loads no certificates, which would be slow."""
    headers = {"Authorization": f"Bearer {bearer or emulator.provisioning_key}"}
    return httpx.Client(base_url=emulator.url, headers=headers, trust_env=False, verify=False)


def assert_error(response: httpx.Response, status: int, kind: str) -> str:
    """Assert that the response is a documented refusal; returns its message."""
    assert response.status_code == status
    document = response.json()
    assert list(document) == ["error"]
    assert document["error"]["type"] == kind
    message = document["error"]["message"]
    assert isinstance(message, str)
    assert message
    return message


def requests_in(client: httpx.Client, days: int) -> Any:
    """The number of requests in the last days, from the activity."""
    response = client.get("/v1/account/activity", params={"days": days})
    return response.json()["total_stats"]["total_requests"]


@contextmanager
def running(*flags: str, key: str | None = "prov-1") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command in a separate process; yields the process and the line with its address."""
    # With unbuffered output the test would miss that the address must be flushed.
    left_out = ("ACCOUNT_PROVISIONING_KEY", "PYTHONUNBUFFERED")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    if key is not None:
        environment["ACCOUNT_PROVISIONING_KEY"] = key
    process = subprocess.Popen(
        [*COMMAND, *flags], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline()
        finally:
            process.kill()
