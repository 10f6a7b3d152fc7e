"""`leftovers`."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pulumi_account.common.instants import format_instant, utc_now
from pulumi_account.core.reservations import RESERVATION_PREFIX
from pulumi_account.emulator import Answer, Emulator, Fault
from tests.support.shell import Shell

RESERVATION = RESERVATION_PREFIX + "0f" * 16


def reserve(emulator: Emulator, age: timedelta = timedelta(minutes=30)) -> int:
    """A reservation of this age."""
    expires_at = utc_now() - age + timedelta(hours=1)
    key_id, _ = emulator.add(RESERVATION, credit_limit=0, expires_at=expires_at)
    emulator.edit(key_id, created_at=utc_now() - age)
    return key_id


def test_leftovers_for_programs(shell: Shell, emulator: Emulator) -> None:
    """JSON and CSV have the fields of each reservation, and the outcome of --delete."""
    key_id = reserve(emulator)
    key = emulator.key(key_id) or {}
    instants = {name: format_instant(key[name]) for name in ("created_at", "expires_at")}
    row = {"id": key_id, "name": RESERVATION, **instants, "outcome": None}
    assert shell("leftovers", "--json").json == [row]
    assert shell("leftovers", "--delete", "--json").json == [{**row, "outcome": "deleted"}]
    assert shell("leftovers", "--csv").csv == ["id,name,created_at,expires_at,outcome"]


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_deletion_that_fails(form: list[str], shell: Shell, emulator: Emulator) -> None:
    """The keys that were already deleted are still printed."""
    first, _ = reserve(emulator), reserve(emulator)
    emulator.faults.add(Fault(Answer(503), operation="delete_key", skip=1))
    done = shell("leftovers", "--delete", *form)
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert done.out.count("deleted") == 1
    assert f"{first}" in done.out
