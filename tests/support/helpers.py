"""Small builders that many tests share."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pulumi
import pytest
from google.protobuf import empty_pb2
from hypothesis import settings
from hypothesis import strategies as st
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import SETTINGS
from pulumi.runtime.stack import Stack

from pulumi_account.api.client import AccountClient
from pulumi_account.core.declaration import ApiKeyInputs, declared
from pulumi_account.emulator import Emulator
from tests.support.canaries import PLAINTEXT, PROVISIONING_KEY, assert_forgotten

ENDPOINT = "https://account.invalid"
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=timezone.utc)
#: lies in the future for a long time, for tests against a server with a clock of its own
FAR = "2099-01-01T00:00:00Z"
#: for property tests, which must not fail because the machine is busy
unhurried = settings(deadline=None)

#: numbers that no server should send: huge, tiny, with thousands of digits, with exponents of any size
DIGITS = st.builds(lambda digit, count: digit * count, st.sampled_from("1907"), st.integers(1, 6000))
NUMBERS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "-"]),
    DIGITS.filter(lambda digits: digits[0] != "0" or digits == "0") | st.just("0.00"),
    st.just("") | st.integers(-(10**20), 10**20).map("e{}".format) | st.integers(-400, 400).map("E{}".format),
)

#: declarations as a program passes them to a provider
EXACT = {"name": "production", "credit_limit": 500.0, "expires_at": "2099-01-01T00:00:00Z"}
AUTO = {"name_prefix": "ci-", "credit_limit": 5.0}

Handler = Callable[[httpx.Request], httpx.Response]


def made(provider: Any, **declared: Any) -> tuple[str, Any, Any]:
    """A key made as an engine makes one, by a front end or a provider's process: its id, inputs and outputs."""
    inputs, failures = provider.check(declared or EXACT)
    assert failures == []
    key_id, outputs = provider.create(inputs)
    return key_id, inputs, outputs


def emptied(emulator: Emulator) -> Emulator:
    """An emulator without keys, faults and recorded calls, at the present time."""
    emulator.clock.offset = timedelta(0)
    emulator.faults.clear()
    for key in emulator.keys():
        emulator.remove(key["id"])
    emulator.calls.clear()
    return emulator


def key_json(**changes: Any) -> dict[str, Any]:
    """A key as the API writes it."""
    key = {
        "id": 7,
        "name": "production",
        "created_at": "2026-01-01T00:00:00",
        "expires_at": "2027-01-01T00:00:00+00:00",
        "is_enabled": True,
        "credit_limit": 10.5,
    }
    return {**key, **changes}


def created_json(**changes: Any) -> dict[str, Any]:
    """The answer to a POST."""
    return key_json(key=PLAINTEXT, message="store it", **changes)


def stats_json(**changes: Any) -> dict[str, Any]:
    """Requests, cost and tokens as the API writes them."""
    stats = {
        "total_requests": 3,
        "total_cost": "0.10",
        "total_input_tokens": 20,
        "total_output_tokens": 30,
    }
    return {**stats, **changes}


def activity_json() -> dict[str, Any]:
    """An activity report with one day, one model and one key."""
    usage = {"request_count": 3, "total_cost": "0.10", "total_input_tokens": 20, "total_output_tokens": 30}
    return {
        "period_days": 7,
        "total_stats": stats_json(),
        "daily_stats": [stats_json(date="2026-05-31")],
        "top_models": [{"model_name": "m", **usage}],
        "api_key_usage": [{"api_key_id": 7, "api_key_name": "production", **usage}],
    }


def account(
    transport: httpx.BaseTransport | Handler, key: str = PROVISIONING_KEY, **options: Any
) -> AccountClient:
    """A client over a transport or a mere handler."""
    if not isinstance(transport, httpx.BaseTransport):
        transport = httpx.MockTransport(transport)
    return AccountClient(ENDPOINT, key, transport=transport, **options)


def wanted(properties: Mapping[str, object] | None = None, **more: object) -> ApiKeyInputs:
    """A valid declaration; a name with a prefix counts as auto-named."""
    given = {**(properties or {}), **more}
    return declared(given, now=NOW, auto_named=given.get("name"))


def refusal(kind: type[BaseException], action: Callable[[], object], match: str | None = None) -> Any:
    """The error that an action raises: of this very kind, one line, and clean however it is shown or searched."""
    with pytest.raises(kind, match=match) as caught:
        action()
    error = caught.value
    assert type(error) is kind
    assert str(error).isprintable(), f"not one readable line: {error!r}"
    assert_forgotten(error)
    return error


def mode(path: Path) -> int:
    """The permissions of a file or folder."""
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Set the umask for a while."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


class _Engine:
    """An engine that creates resources as mocks do, but is not the SDK's mocks."""

    def __init__(self, mocks: pulumi.runtime.Mocks) -> None:
        self._monitor = MockMonitor(mocks)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._monitor, name)


def set_engine(mocks: pulumi.runtime.Mocks) -> None:
    """Run programs of this context on a stand-in for an engine: functions call the account, as on a real one."""
    monitor, engine = _Engine(mocks), SimpleNamespace(Log=lambda request: None)
    pulumi.runtime.configure(pulumi.runtime.Settings("project", "stack", monitor=monitor, engine=engine))
    SETTINGS.monitor_features = set(monitor.GetDeploymentInfo(empty_pb2.Empty()).supportedFeatures)
    Stack()._finish()


class FakeClock:
    """Monotonic seconds that pass only during sleeps; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Advance the time at once."""
        with self._lock:
            self.now += seconds


class Broken(httpx.SyncByteStream):
    """A body that breaks off in the middle."""

    def __iter__(self) -> Iterator[bytes]:
        yield b'{"bal'
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")
