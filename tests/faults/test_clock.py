"""A clock that is an hour wrong, or a zone with daylight saving time: keys are as declared, or a line says why not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pulumi_account.common.instants import format_instant, parse_instant, utc_now
from pulumi_account.core.reservations import LEASE
from pulumi_account.emulator import Emulator
from tests.faults.bench import Bench, assert_settled
from tests.faults.matrix import Declared
from tests.faults.stacks import SECRETS, GrpcStack, ProgramStack, Stack
from tests.support.canaries import PROVISIONING_KEY
from tests.support.cli import require_cli
from tests.support.projects import warm_python
from tests.support.provider_process import ProviderProcess

pytestmark = pytest.mark.timeout(400)

#: how far this machine's clock is ahead of the API's
CLOCKS = {"fast": timedelta(hours=1), "slow": timedelta(hours=-1)}
WRONG = {
    "fast": "this machine's clock is 60 minutes ahead of the API's",
    "slow": "this machine's clock is 60 minutes behind the API's",
}
OVER = {"fast": " is in the past: this machine's clock says ", "slow": f"; {WRONG['slow']})"}
#: the provider's threads, each of which may make its first key before any response has had a date
_THREADS = 4
_HALF_AN_HOUR = timedelta(minutes=30)
_A_WHILE = timedelta(minutes=10)
#: how often the output contains a warning: the CLI writes it to the terminal and to its event log
_TOLD = {"grpc": 1, "local": 1, "cli": 2}


@pytest.fixture
def emulator(clock: str) -> Iterator[Emulator]:
    """An account whose clock differs from this machine's."""
    with Emulator(provisioning_key=PROVISIONING_KEY, clock_offset=-CLOCKS[clock]) as account:
        yield account


@pytest.fixture
def stack(kind: str, tmp_path: Path, emulator: Emulator) -> Iterator[Stack]:
    """A stack on an engine of a kind."""
    env = {"ACCOUNT_ENDPOINT": emulator.url}
    if kind == "cli":
        require_cli()
    if kind == "grpc":
        with ProviderProcess(SECRETS, tmp_path, env, python=warm_python()) as process:
            yield GrpcStack(lambda: process)
    else:
        yield ProgramStack(tmp_path, kind, env, warm_python())


def later(emulator: Emulator, by: timedelta) -> str:
    """An instant that is later by this than the faster of both clocks."""
    return format_instant((max(utc_now(), emulator.clock.now()) + by).replace(microsecond=0))


def assert_made(stack: Stack, emulator: Emulator, declared: Declared) -> None:
    """The account has the keys that are declared, as they are, and nothing else."""
    assert_settled(Bench(emulator, stack), stack.outputs(), declared, set(), drifted=False)


def assert_leases(emulator: Emulator, ahead: timedelta) -> None:
    """Only the first lease of each thread follows this machine's clock, all others the API's."""
    now = emulator.clock.now()
    leases = [parse_instant(call.json["expires_at"]) - now for call in emulator.calls.of("create_key")]
    first = [lease for lease in leases if abs(lease - LEASE) > _A_WHILE]
    assert 1 <= len(first) <= _THREADS < len(leases)
    assert all(abs(lease - (LEASE + ahead)) < _A_WHILE for lease in first)


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("kind", _TOLD)
def test_what_both_clocks_allow_is_made(stack: Stack, emulator: Emulator, kind: str, clock: str) -> None:
    """Keys that expire soon by the faster clock are made, one warning reports the clock, and leases hold."""
    soon = later(emulator, _HALF_AN_HOUR)
    declared: Declared = {
        f"k{number}": {"name": "production", "credit_limit": number, "expires_at": soon}
        for number in range(_THREADS + 2)
    }
    run = stack.run("up", declared)
    assert run.ok, run.text
    assert_made(stack, emulator, declared)
    assert_leases(emulator, CLOCKS[clock])
    lines = [line.strip() for line in run.text.splitlines()]
    assert lines.count(f"{WRONG[clock]}: expiries follow the API's clock") == _TOLD[kind], run.text


# the minimal engine expects valid inputs, and `check` refuses an expiry in this machine's past
@pytest.mark.parametrize(
    ("kind", "clock"),
    [("grpc", "slow"), ("local", "fast"), ("local", "slow"), ("cli", "fast"), ("cli", "slow")],
)
def test_what_one_clock_says_is_over_is_refused(stack: Stack, emulator: Emulator, clock: str) -> None:
    """An expiry that only one clock puts in the future makes no key; one line says which clock puts it in the past."""
    expiring = {"name": "production", "credit_limit": 1, "expires_at": later(emulator, -_HALF_AN_HOUR)}
    run = stack.run("up", {"k": expiring})
    (line,) = run.errors
    assert OVER[clock] in line
    assert line.isprintable()
    assert (run.ok, stack.outputs(), emulator.keys()) == (False, {}, [])


@pytest.mark.parametrize(
    "expires_at",
    [
        "2098-07-01T02:00:00+02:00",
        "2098-06-30T23:59:60Z",
        "2098-07-01T01:59:60+02:00",
        "2098-07-01T00:00:00.123456Z",
        "2098-06-30T23:59:59.999999Z",
    ],
)
def test_this_machines_zone_changes_nothing(tmp_path: Path, expires_at: str) -> None:
    """In a zone with daylight saving time, declared instants equal those that the API writes without an offset.

    This includes leap seconds and microseconds: neither a refresh nor another run changes the key.
    """
    declared: Declared = {"k": {"name": "production", "credit_limit": 1, "expires_at": expires_at}}
    with Emulator(provisioning_key=PROVISIONING_KEY, timestamps="naive") as emulator:
        env = {"TZ": "EST5EDT,M3.2.0,M11.1.0", "ACCOUNT_ENDPOINT": emulator.url}
        with ProviderProcess(SECRETS, tmp_path, env) as process:
            stack = GrpcStack(lambda: process)
            assert all(stack.run(command, declared).ok for command in ("up", "refresh", "up"))
        assert_made(stack, emulator, declared)
        assert emulator.calls.operations == ["create_key", "update_key", "get_key"]
