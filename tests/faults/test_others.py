"""Other stacks and people that use the same account and the same names at the same time: each has its own keys."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pulumi_account.common.instants import parse_instant
from pulumi_account.core.reservations import RESERVATION_PREFIX
from pulumi_account.emulator import Answer, Drop, Emulator, Fault
from tests.faults.bench import Keys
from tests.faults.matrix import Declared
from tests.faults.stacks import ProgramStack, Run
from tests.support.canaries import PROVISIONING_KEY
from tests.support.cli import require_cli
from tests.support.helpers import FAR
from tests.support.projects import warm_python

pytestmark = pytest.mark.timeout(400)

MakeStack = Callable[[str], ProgramStack]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An account."""
    with Emulator(provisioning_key=PROVISIONING_KEY) as account:
        yield account


@pytest.fixture(params=["local", "cli"])
def make_stack(request: pytest.FixtureRequest, tmp_path: Path, emulator: Emulator) -> MakeStack:
    """Makes a stack by its name; all use the same account."""
    if request.param == "cli":
        require_cli()

    def make(name: str) -> ProgramStack:
        (tmp_path / name).mkdir()
        return ProgramStack(tmp_path / name, request.param, {"ACCOUNT_ENDPOINT": emulator.url}, warm_python())

    return make


# --- two stacks and a person

FIRST: Declared = {
    "production": {"name": "production", "credit_limit": 10, "expires_at": FAR},
    "rotating": {"name": "rotating", "credit_limit": 1, "rotation_triggers": {"quarter": "1"}},
    "twin": {"name": "production", "credit_limit": 10},
    "auto": {"credit_limit": 5},
    "off": {"credit_limit": 5, "is_enabled": False},
}
SECOND: Declared = {
    "production": {"name": "production", "credit_limit": 20, "expires_at": FAR},
    "rotating": {"name": "rotating", "credit_limit": 1, "rotation_triggers": {"quarter": "2"}},
    "auto": {"credit_limit": 5, "is_enabled": False},
    "off": {"credit_limit": 5},
    "late": {"name": "production", "credit_limit": 30},
}

SLOW = Fault(latency=0.03, times=None, probability=0.5)
#: no key's three POSTs are all lost, as two are at most
TROUBLES = {
    "slow": [SLOW],
    "lost answers": [SLOW, Fault(Drop(commit=True), operation="create_key", times=2, probability=0.3)],
    "errors": [
        SLOW,
        Fault(Answer(500, commit=True), operation="create_key", times=2, probability=0.3),
        Fault(Answer(503), method="PATCH", times=None, probability=0.2),
        Fault(Drop(commit=True), method="DELETE", times=None, probability=0.2),
    ],
}


class Person(threading.Thread):
    """Adds, changes and removes keys by hand, under the names that the stacks use."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__()
        self._emulator = emulator
        self._chance = random.Random(7)
        self._done = threading.Event()
        self.keys: Keys = {}
        self.failure: Exception | None = None

    def run(self) -> None:
        """Work until stopped."""
        try:
            while not self._done.wait(0.005):
                self._work()
        except Exception as failure:  # noqa: BLE001 - `stop` reports it
            self.failure = failure

    def stop(self) -> None:
        """End the work; these keys must be unchanged by others."""
        self._done.set()
        self.join()
        assert self.failure is None
        assert {key_id: self._emulator.key(key_id) for key_id in self.keys} == self.keys

    def _work(self) -> None:
        name = self._chance.choice(
            ["production", "rotating", "auto-0123abc", "off-", RESERVATION_PREFIX + "0" * 32]
        )
        if len(self.keys) < 5:
            key_id, _ = self._emulator.add(name, credit_limit=self._chance.choice([0, 10, None]))
        else:
            key_id = self._chance.choice(list(self.keys))
            assert self._emulator.key(key_id) == self.keys[key_id]
            if self._chance.random() < 0.3:
                self._emulator.remove(key_id)
                del self.keys[key_id]
                return
            self._emulator.edit(key_id, name=name, is_enabled=self._chance.random() < 0.5)
        found = self._emulator.key(key_id)
        assert found
        self.keys[key_id] = found


@contextmanager
def person_at_work(emulator: Emulator) -> Iterator[Person]:
    """A person who works in the account during the block."""
    person = Person(emulator)
    person.start()
    try:
        yield person
    finally:
        person.stop()


def both(stacks: list[ProgramStack], command: str, declared: Declared) -> list[Run]:
    """Run both stacks at once."""
    with ThreadPoolExecutor(len(stacks)) as pool:
        return list(pool.map(lambda stack: stack.run(command, declared), stacks))


def owned(stack: ProgramStack, emulator: Emulator, declared: Declared) -> set[int]:
    """The ids of a stack's keys, which must be as declared, and open with its plaintexts."""
    outputs = stack.outputs()
    assert outputs.keys() == declared.keys()
    for resource, one in outputs.items():
        key, wanted = emulator.key(int(one["key_id"])), declared[resource]
        assert key is not None
        assert emulator.key_of(one["key"]) == key["id"]
        assert (key["credit_limit"], key["is_enabled"]) == (
            wanted["credit_limit"],
            wanted.get("is_enabled", True),
        )
        assert key["name"] == wanted.get("name", one["name"])
        assert key["expires_at"] == parse_instant(wanted["expires_at"]) if "expires_at" in wanted else True
    return {int(one["key_id"]) for one in outputs.values()}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_two_stacks_and_a_person_do_not_meet(make_stack: MakeStack, emulator: Emulator, trouble: str) -> None:
    """Two stacks with the same names and a person work at once: each has its own keys; the next run changes nothing."""
    stacks = [make_stack("a"), make_stack("b")]
    for command, declared in [("up", FIRST), ("up", SECOND), ("refresh", SECOND)]:
        emulator.faults.add(*TROUBLES[trouble])
        with person_at_work(emulator) as person:
            assert [run.errors for run in both(stacks, command, declared)] == [[], []]
        emulator.faults.clear()
        ids = [owned(stack, emulator, declared) for stack in stacks]
        everyone = [*ids, set(person.keys)]
        assert sum(map(len, everyone)) == len(set().union(*everyone))
        assert {key["id"] for key in emulator.keys()} == set().union(*everyone)
        for key_id in person.keys:  # the person has stopped
            emulator.remove(key_id)
    emulator.calls.clear()
    assert [run.ok for run in both(stacks, "up", SECOND)] == [True, True]
    assert list(emulator.calls) == []
    assert stacks[0].run("destroy", SECOND).ok
    assert {key["id"] for key in emulator.keys()} == ids[1]


# --- keys that cannot be proven to be the run's own

EXACT: Declared = {"k": {"name": "production", "credit_limit": 10.5, "expires_at": FAR}}
AUTO: Declared = {"k": {"credit_limit": 10.5, "expires_at": FAR}}
#: seconds for which a list is held
_HELD = 0.8


class Meddler(threading.Thread):
    """Does something to the account after a POST's answer was lost and before the list that looks for its key."""

    def __init__(self, emulator: Emulator, meddle: Callable[[Emulator, Mapping[str, Any]], None]) -> None:
        super().__init__(daemon=True)
        self._emulator, self._meddle = emulator, meddle
        self.in_time = False
        emulator.faults.add(
            Fault(Drop(commit=True), operation="create_key"), Fault(latency=_HELD, operation="list_keys")
        )
        self.start()

    def run(self) -> None:
        """Wait for the list, which is held, and meddle."""
        calls = self._emulator.calls
        while not calls.of("list_keys"):
            time.sleep(0.01)
        self._meddle(self._emulator, calls.of("create_key")[0].json)
        self.in_time = calls.of("list_keys")[0].status is None


def plant_a_twin(emulator: Emulator, asked: Mapping[str, Any]) -> None:
    """Another key, just as this one was asked for."""
    emulator.add(asked["name"], credit_limit=asked["credit_limit"], expires_at=asked["expires_at"])


def replace_by(**other: Any) -> Callable[[Emulator, Mapping[str, Any]], None]:
    """Replace the key by another of the same name that differs in one field."""

    def meddle(emulator: Emulator, asked: Mapping[str, Any]) -> None:
        emulator.remove(emulator.keys()[-1]["id"])
        fields = {"credit_limit": asked["credit_limit"], "expires_at": asked["expires_at"], **other}
        emulator.add(asked["name"], **fields)

    return meddle


MEDDLING = {
    "a twin": plant_a_twin,
    "another limit": replace_by(credit_limit=77),
    "no limit": replace_by(credit_limit=None),
    "another expiry": replace_by(expires_at="2098-01-01T00:00:00Z"),
    "no expiry": replace_by(expires_at=None),
    "disabled": replace_by(is_enabled=False),
}


@pytest.mark.parametrize(
    ("declared", "meddling"),
    [*((EXACT, meddling) for meddling in MEDDLING), (AUTO, "a twin"), (AUTO, "another limit")],
    ids=lambda value: value if isinstance(value, str) else "exact" if value is EXACT else "auto",
)
def test_what_cannot_be_proven_to_be_ones_own_lives(
    make_stack: MakeStack, emulator: Emulator, declared: Declared, meddling: str
) -> None:
    """A key that has the name of a lost POST but may belong to others is not deleted; one line names it."""
    meddler = Meddler(emulator, MEDDLING[meddling])
    stack = make_stack("a")
    run = stack.run("up", declared)
    assert meddler.in_time
    (line,) = run.errors
    assert line.isprintable()
    suspects = {key["id"]: key for key in emulator.keys()}
    assert (
        set(map(int, re.findall(r"\d+", line.partition("; key")[2].partition(" named ")[0])))
        == suspects.keys()
    )
    assert all(key["name"] in line for key in suspects.values())
    assert stack.outputs() == {}
    assert stack.run("up", declared).ok
    assert {key_id: emulator.key(key_id) for key_id in suspects} == suspects
    assert owned(stack, emulator, declared) == {key["id"] for key in emulator.keys()} - suspects.keys()


def test_what_is_ones_own_is_deleted_beside_others_at_work(make_stack: MakeStack, emulator: Emulator) -> None:
    """The key of a lost POST is deleted, while another person adds keys whose names only begin like it."""
    meddler = Meddler(
        emulator, lambda account, asked: plant_a_twin(account, {**asked, "name": asked["name"] + "0"})
    )
    stack = make_stack("a")
    assert stack.run("up", AUTO).ok
    assert meddler.in_time
    (other,) = {key["id"] for key in emulator.keys()} - owned(stack, emulator, AUTO)
    assert emulator.keys()[0]["id"] == other == 2
