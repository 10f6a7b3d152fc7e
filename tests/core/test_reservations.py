"""Reservations that a crash left behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from pulumi_account.api.client import AccountClient
from pulumi_account.common.instants import utc_now
from pulumi_account.core.reservations import IN_USE, RESERVATION_PREFIX, find_reservations, remove
from pulumi_account.emulator import Answer, Emulator, Fault
from tests.support.canaries import PROVISIONING_KEY, assert_clean
from tests.support.helpers import account, key_json

NAME = RESERVATION_PREFIX + "0f" * 16
MINUTE = timedelta(minutes=1)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An account with an ordinary key."""
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
        emulator.add("production", credit_limit=0, expires_at="2099-01-01T00:00:00Z")
        yield emulator


@pytest.fixture
def client(emulator: Emulator) -> Iterator[AccountClient]:
    """A client of it."""
    with AccountClient(emulator.url, PROVISIONING_KEY, retry_deadline=0) as client:
        yield client


def reserve(emulator: Emulator, age: timedelta = timedelta(minutes=30)) -> int:
    """A reservation made so long ago."""
    key_id, _ = emulator.add(NAME, credit_limit=0, expires_at=utc_now() - age + timedelta(hours=1))
    emulator.edit(key_id, created_at=utc_now() - age)
    return key_id


def remove_all(client: AccountClient) -> list[str]:
    """What becomes of each reservation."""
    return [remove(client, key) for key in find_reservations(client)]


def names(emulator: Emulator) -> list[str]:
    """The names of all keys."""
    return [key["name"] for key in emulator.keys()]


def test_a_reservation_is_removed(client: AccountClient, emulator: Emulator) -> None:
    """An old reservation is deleted, and nothing else."""
    reserve(emulator)
    assert remove_all(client) == ["deleted"]
    assert names(emulator) == ["production"]


def test_a_run_may_be_using_it(client: AccountClient, emulator: Emulator) -> None:
    """A reservation made just now is kept: to delete it would fail the run that made it."""
    reserve(emulator, IN_USE - MINUTE)
    assert remove_all(client) == ["kept: made 19 minutes ago, so a run may still need it"]
    assert emulator.calls.operations == ["list_keys"]


@pytest.mark.parametrize("ahead", [timedelta(hours=-1), timedelta(hours=1)])
def test_ages_go_by_the_apis_clock(emulator: Emulator, ahead: timedelta) -> None:
    """A wrong clock makes no reservation older or younger."""
    reserve(emulator, IN_USE - MINUTE)
    reserve(emulator, IN_USE + MINUTE)
    with AccountClient(emulator.url, PROVISIONING_KEY, clock=lambda: utc_now() + ahead) as client:
        young, old = remove_all(client)
    assert (young[:4], old) == ("kept", "deleted")


def test_it_may_have_become_a_key(client: AccountClient, emulator: Emulator) -> None:
    """A slow run made a key of it after the list was read: it is looked at once more."""
    key_id = reserve(emulator)
    (reservation,) = find_reservations(client)
    emulator.edit(key_id, name="staging", credit_limit=5)
    assert remove(client, reservation) == "kept: it has become a key"
    assert names(emulator) == ["production", "staging"]


def test_it_may_be_gone(client: AccountClient, emulator: Emulator) -> None:
    """Somebody else deleted it meanwhile."""
    key_id = reserve(emulator)
    (reservation,) = find_reservations(client)
    emulator.remove(key_id)
    assert remove(client, reservation) == "gone already"


# --- the command


def run(emulator: Emulator, *arguments: str, key: str = PROVISIONING_KEY) -> subprocess.CompletedProcess[str]:
    """Run it as a user does."""
    env = {"ACCOUNT_ENDPOINT": emulator.url, "ACCOUNT_PROVISIONING_KEY": key, "ACCOUNT_RETRY_DEADLINE": "0"}
    command = [sys.executable, "-m", "pulumi_account", *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert_clean(done.stdout, done.stderr)
    return done


def test_listing_changes_nothing(emulator: Emulator) -> None:
    """Without --delete, reservations are only listed, one a line."""
    key_id = reserve(emulator)
    done = run(emulator, "leftovers")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{key_id}  {NAME}  made 2")
    assert emulator.calls.operations == ["list_keys"]


def test_deleting(emulator: Emulator) -> None:
    """With --delete, each line says what became of the reservation."""
    reserve(emulator)
    reserve(emulator, MINUTE)
    lines = run(emulator, "leftovers", "--delete").stdout.splitlines()
    assert [line.split("Z  ")[-1][:7] for line in lines] == ["deleted", "kept: m"]
    assert names(emulator) == ["production", NAME]


def test_nothing_left_behind(emulator: Emulator) -> None:
    """An account without reservations: a line says so."""
    assert run(emulator, "leftovers", "--delete").stdout == "no reservations\n"


@pytest.mark.parametrize("operation", ["list_keys", "delete_key"])
def test_an_account_that_cannot_be_asked(emulator: Emulator, operation: str) -> None:
    """One line, and exit status 1."""
    reserve(emulator)
    emulator.faults.add(Fault(Answer(503), operation=operation))
    done = run(emulator, "leftovers", "--delete")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_no_provisioning_key(emulator: Emulator) -> None:
    """A missing credential is reported in one line."""
    done = run(emulator, "leftovers", key="")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "no provisioning key" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["rightovers"], ["leftovers", "--all"]])
def test_wrong_usage(emulator: Emulator, arguments: list[str]) -> None:
    """Exit status 2, and nothing is asked."""
    assert run(emulator, *arguments).returncode == 2
    assert emulator.calls.operations == []


RESERVED_NAME = "pulumi-account-reservation-" + "0f" * 16
RESERVED = {"name": RESERVED_NAME, "credit_limit": 0}
NOT_RESERVED: dict[str, dict[str, Any]] = {
    "another name": {"name": "production"},
    "fewer digits": {"name": RESERVED_NAME[:-1]},
    "more digits": {"name": f"{RESERVED_NAME}0"},
    "other digits": {"name": "pulumi-account-reservation-" + "0F" * 16},
    "a line break": {"name": f"{RESERVED_NAME}\n"},
    "can spend": {"credit_limit": 0.01},
    "has no limit": {"credit_limit": None},
    "never expires": {"expires_at": None},
}


def test_reservations_are_found() -> None:
    """One LIST finds what a crash left behind."""
    keys = [key_json(id=1), key_json(id=2, **RESERVED), key_json(id=3, **RESERVED, is_enabled=False)]
    with account(lambda _: httpx.Response(200, json={"keys": keys})) as client:
        assert [key.id for key in find_reservations(client)] == [2, 3]


@pytest.mark.parametrize("change", NOT_RESERVED.values(), ids=NOT_RESERVED)
def test_nothing_else_is_a_reservation(change: dict[str, Any]) -> None:
    """A key that might not be a reservation is never found: it may be in use."""
    keys = [key_json(**{**RESERVED, **change})]
    with account(lambda _: httpx.Response(200, json={"keys": keys})) as client:
        assert find_reservations(client) == []
