"""Runs a case of the matrix on a stack, and checks what must be true of it."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from pulumi_account.common.instants import parse_instant
from pulumi_account.core.reservations import LEASE, RESERVATION_PREFIX
from pulumi_account.emulator import Answer, Drop, Emulator
from tests.faults.door import Door
from tests.faults.matrix import Case, Declared, Site
from tests.faults.stacks import FRAME, Run, Stack

Keys = dict[int, dict[str, Any]]

_DRIFTED = 99


@dataclass
class Bench:
    """An account that also has other people's keys, and a stack."""

    emulator: Emulator
    stack: Stack
    door: Door | None = None
    runs_are_cheap: bool = False
    legacy: int = 0
    plaintext: str = ""
    others: Keys = field(default_factory=dict)

    def fill(self, site: Site) -> None:
        """Add keys of others to the account; some have the names of the program's keys."""
        for key in self.emulator.keys():
            self.emulator.remove(key["id"])
        soon = datetime.now(timezone.utc) + LEASE / 2
        self.legacy, self.plaintext = self.emulator.add("legacy", credit_limit=3)
        for name in ("production", "Production", "production-7", "k-0123abc", "k-"):
            self.emulator.add(name, credit_limit=5)
        self.emulator.add(f"{RESERVATION_PREFIX}{'0' * 32}", credit_limit=0, expires_at=soon)
        self.others = self.keys()
        if "adopt" in site.name:
            del self.others[self.legacy]

    @property
    def stranger(self) -> dict[str, Any]:
        """An old key of another person, as the API writes it."""
        key = next(key for key in self.emulator.keys() if key["name"] == "production-7")
        return {**key, "created_at": "2020-01-01T00:00:00Z", "credit_limit": float(key["credit_limit"])}

    def keys(self) -> Keys:
        """All keys, by id."""
        return {key["id"]: key for key in self.emulator.keys()}

    def placed(self, declared: Declared) -> Declared:
        """The declaration with the id that the key to be adopted has in this account."""
        return {
            name: {
                argument: self.legacy if argument == "adopt_key_id" else value
                for argument, value in one.items()
            }
            for name, one in declared.items()
        }

    def deploy(self, site: Site) -> None:
        """Deploy the site's first program, before any fault."""
        if site.before is not None:
            assert self.stack.run("up", self.placed(site.before)).ok

    def arm(self, case: Case) -> None:
        """Arm the faults."""
        self.emulator.calls.clear()
        self.emulator.faults.clear()
        self.emulator.faults.add(*case.site.prelude, *case.kind.faults(case.site, self.stranger))
        if self.door:
            self.door.close_after(case.site.connections, for_ever=case.kind.spreading)

    def disarm(self, case: Case) -> None:
        """Disarm the faults, which must have hit."""
        faults = self.emulator.faults
        hits = [faults.hits(fault) for fault in faults.armed if fault.operation == case.site.operation]
        assert all(number >= case.hits for number in hits), hits
        faults.clear()
        if self.door:
            assert self.door.was_shut
            self.door.open()


def hold(bench: Bench, case: Case) -> None:
    """Make one run fail and the next one succeed, and check the promises."""
    site = case.site
    declared = bench.placed(site.declared)
    if site.command == "refresh":
        for outputs in bench.stack.outputs().values():
            bench.emulator.edit(outputs["key_id"], credit_limit=_DRIFTED)
    before, known = bench.keys(), bench.stack.outputs()
    bench.stack.get_ready()
    bench.arm(case)
    faulted = bench.stack.run(site.command, declared)
    _wait_for_late_ones(bench, case)
    _assert_one_line_each(faulted, case)
    _assert_waits_are_explained(faulted, case)
    bench.disarm(case)
    _assert_consumers(bench, site, known)
    given = bench.stack.outputs()
    _assert_in_use(bench, given, case)
    left = _left_behind(bench, faulted, given, before, case)
    if faulted.ok:
        assert_settled(bench, given, declared, left, drifted=site.command == "refresh")
    if not faulted.ok or bench.runs_are_cheap or isinstance(case.kind.action, Drop):
        bench.emulator.calls.clear()
        _succeed(bench, site.command, declared, left)
        if faulted.ok and not site.repeated:
            assert {call.method for call in bench.emulator.calls} <= {"GET"}
        _assert_consumers(bench, site, known)
        if site.command == "refresh":
            _succeed(bench, "up", declared, left)


def _succeed(bench: Bench, command: str, declared: Declared, left: set[int]) -> None:
    """A run without faults leaves everything as declared."""
    run = bench.stack.run(command, declared)
    assert run.ok, run.text
    retired = [entry for one in bench.stack.outputs().values() for entry in one.get("retired", ())]
    assert all("expires_at" in entry for entry in retired)
    assert all("__revoked" not in one for one in bench.stack.outputs().values())
    assert_settled(bench, bench.stack.outputs(), declared, left, drifted=command == "refresh")


def _wait_for_late_ones(bench: Bench, case: Case) -> None:
    end = time.monotonic() + 30
    while case.kind.late and bench.emulator.calls.of("create_key")[0].status is None:
        assert time.monotonic() < end
        time.sleep(0.02)


def _assert_one_line_each(run: Run, case: Case) -> None:
    """The run succeeds, or fails with one line for each resource."""
    assert run.ok is case.succeeds, run.text
    assert run.ok or 1 <= len(run.errors) <= len(case.site.declared or "k"), run.errors
    for line in run.errors:
        assert line.isprintable(), line
        assert "InternalError" not in line
    assert not FRAME.search(run.text), run.text
    assert not run.ok or not run.errors


def _assert_waits_are_explained(run: Run, case: Case) -> None:
    """The output explains a pause that the API asks for."""
    asked = isinstance(case.kind.action, Answer) and case.kind.action.retry_after
    assert not asked or f"answers 429, too many requests: waiting {asked:.1f} s" in run.text, run.text


def _assert_in_use(bench: Bench, outputs: Mapping[str, Mapping[str, Any]], case: Case) -> None:
    """Every plaintext in the state opens its key, unless that is about to be deleted."""
    for one in outputs.values() if case.site.declared else ():
        assert "key" not in one or bench.emulator.key_of(one["key"]) == one["key_id"]


def _assert_consumers(bench: Bench, site: Site, known: Mapping[str, Mapping[str, Any]]) -> None:
    """Who has read a key before a rotation can use it for the overlap, which is a day."""
    for one in known.values() if site.promises_an_overlap else ():
        key = bench.keys()[int(one["key_id"])]
        assert bench.emulator.key_of(one["key"]) == key["id"]
        assert key["is_enabled"]
        ends = key["expires_at"]
        assert ends is None or ends > datetime.now(timezone.utc) + timedelta(hours=23)


def _managed(bench: Bench, outputs: Mapping[str, Mapping[str, Any]]) -> set[int]:
    """The ids of the keys in the state; a retired key may be gone, as its deletion may have been in doubt."""
    retired = {int(entry["key_id"]) for one in outputs.values() for entry in one.get("retired", ())}
    return (retired & bench.keys().keys()) | {int(one["key_id"]) for one in outputs.values()}


def _left_behind(
    bench: Bench, run: Run, outputs: Mapping[str, Mapping[str, Any]], before: Keys, case: Case
) -> set[int]:
    """The keys that no state holds; the run has reported them.

    Those with an exact name are harmless, unless they were completed already.
    """
    left = bench.keys().keys() - before.keys() - _managed(bench, outputs)
    assert len(left) <= 1
    assert case.may_leave or not left
    for key_id in left:
        key = bench.keys()[key_id]
        assert key["name"] in run.text or re.search(rf"\bkey {key_id}\b", run.text), (
            f"untold: {key}, {run.text}"
        )
        if case.site.completed:
            assert key["name"] == case.site.declared["k"]["name"]
        elif "auto" not in case.site.name:
            assert key["name"].startswith(RESERVATION_PREFIX)
            assert key["credit_limit"] == 0
            assert key["expires_at"] <= datetime.now(timezone.utc) + LEASE
    return left


def assert_settled(
    bench: Bench,
    outputs: Mapping[str, Mapping[str, Any]],
    declared: Declared,
    left: set[int],
    *,
    drifted: bool,
) -> None:
    """The account has the declared keys, the reported leftovers, and the unchanged keys of others."""
    _as_declared(bench, outputs, declared, drifted=drifted)
    assert bench.keys().keys() == bench.others.keys() | left | _managed(bench, outputs)
    assert {key_id: bench.emulator.key(key_id) for key_id in bench.others} == bench.others


def _as_declared(
    bench: Bench, outputs: Mapping[str, Mapping[str, Any]], declared: Declared, *, drifted: bool
) -> None:
    """Each resource has one key, as declared, which its plaintext opens."""
    assert outputs.keys() == declared.keys()
    for resource, wanted in declared.items():
        found, key = outputs[resource], bench.keys()[int(outputs[resource]["key_id"])]
        name, expires_at = wanted.get("name"), wanted.get("expires_at")
        if "every" in wanted:
            name = f"{name}-{int(found['generation'])}"
        assert key["name"] == name if name else re.fullmatch(rf"{resource}-[0-9a-f]{{7}}", key["name"])
        assert (
            key["credit_limit"] == (_DRIFTED if drifted else wanted["credit_limit"]) == found["credit_limit"]
        )
        assert key["expires_at"] == (parse_instant(expires_at) if expires_at else None)
        assert key["is_enabled"] is wanted.get("is_enabled", True)
        plaintext = bench.plaintext if "adopt_key_id" in wanted else found["key"]
        assert bench.emulator.key_of(plaintext) == key["id"]
