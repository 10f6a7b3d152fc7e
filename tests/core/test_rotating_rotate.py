"""The first rotating key, and what a rotation or another update does to the account."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_account.common.instants import format_instant, read_instant
from pulumi_account.emulator import Emulator
from tests.core.rotating import BATCH, DAY, HOUR, ROTATED, about, lives, names
from tests.support.canaries import assert_clean
from tests.support.front_end import RotatingStack

# --- the first key


def test_the_first_key_is_reserved_and_then_committed(emulator: Emulator) -> None:
    """POST and PATCH, as for any key with an exact name."""
    RotatingStack(emulator, **BATCH, credit_limit=20.0)
    assert emulator.calls.operations == ["create_key", "update_key"]
    assert names(emulator) == ["batch-0"]


def test_the_outputs_of_a_first_key(stack: RotatingStack, emulator: Emulator) -> None:
    """The plaintext opens the key, and nothing is retired."""
    outputs = stack.outputs
    assert emulator.key_of(outputs["key"]) == outputs["key_id"]
    assert outputs["retired"] == []
    assert outputs["rotated_at"] == outputs["created_at"]


def test_the_id_of_the_resource_is_not_its_keys(emulator: Emulator) -> None:
    """An engine cannot change it when the key changes."""
    with RotatingStack(emulator).process() as process:
        inputs, _ = process.check(BATCH)
        id_, outputs = process.create(inputs)
    assert id_.startswith("rotating-")
    assert str(outputs["key_id"]) not in id_.split("-")


# --- a rotation


def test_the_calls_of_a_rotation(stack: RotatingStack, emulator: Emulator) -> None:
    """GET of the old key, POST and PATCH of the new one, PATCH of the old one."""
    stack.up(**ROTATED)
    assert emulator.calls.operations == ["get_key", "create_key", "update_key", "update_key"]
    assert set(emulator.calls[-1].json) == {"expires_at"}


def test_both_keys_work_after_a_rotation(stack: RotatingStack, emulator: Emulator) -> None:
    """The old one until the overlap ends, and their names differ."""
    old = stack.outputs["key_id"]
    stack.up(**ROTATED)
    assert names(emulator) == ["batch-0", "batch-1"]
    assert lives(emulator, old) == about(2 * DAY)
    assert lives(emulator, stack.outputs["key_id"]) is None
    assert emulator.key_of(stack.outputs["key"]) == stack.outputs["key_id"]


def test_a_retired_key_is_an_entry_without_a_plaintext(stack: RotatingStack, emulator: Emulator) -> None:
    """Its id, name and expiry; no line and no repr has a plaintext."""
    old = stack.outputs
    stack.up(**ROTATED)
    (entry,) = stack.outputs["retired"]
    assert set(entry) == {"key_id", "name", "expires_at"}
    assert (entry["key_id"], entry["name"]) == (old["key_id"], "batch-0")
    assert read_instant(entry["expires_at"]) == emulator.key(old["key_id"])["expires_at"]  # type: ignore[index]
    assert_clean(stack.outputs["retired"], stack.lines)


def test_an_earlier_expiry_of_the_old_key_stays(stack: RotatingStack, emulator: Emulator) -> None:
    """Someone has set it elsewhere: it is no longer than that, and takes no PATCH."""
    old = stack.outputs["key_id"]
    emulator.edit(old, expires_at=format_instant(emulator.clock.now() + HOUR))
    stack.up(**ROTATED)
    assert lives(emulator, old) == about(HOUR)
    assert emulator.calls.operations == ["get_key", "create_key", "update_key"]


def test_a_later_expiry_of_the_old_key_is_cut(stack: RotatingStack, emulator: Emulator) -> None:
    """The overlap ends before it."""
    old = stack.outputs["key_id"]
    emulator.edit(old, expires_at=format_instant(emulator.clock.now() + 100 * DAY))
    stack.up(**ROTATED)
    assert lives(emulator, old) == about(2 * DAY)


def test_a_changed_overlap_counts_in_the_same_run(stack: RotatingStack, emulator: Emulator) -> None:
    """The declared one, not the one of the state."""
    old = stack.outputs["key_id"]
    stack.up(**{**ROTATED, "overlap": "1h"})
    assert lives(emulator, old) == about(HOUR)


def test_a_changed_overlap_moves_no_retired_key(rotated: RotatingStack, emulator: Emulator) -> None:
    """Who has read that key was promised the overlap of its time."""
    rotated.up(**{**ROTATED, "overlap": "1h"})
    assert lives(emulator, rotated.retired[0]) == about(2 * DAY)
    assert emulator.calls.operations == []


def test_a_changed_limit_changes_the_current_key_alone(rotated: RotatingStack, emulator: Emulator) -> None:
    """A retired key keeps the limit of its generation."""
    rotated.up(**ROTATED, credit_limit=5.0)
    assert emulator.calls.operations == ["update_key"]
    limits = [key["credit_limit"] for key in emulator.keys()]
    assert limits == [None, 5]


def test_a_new_generation_has_the_limit_declared_now(stack: RotatingStack, emulator: Emulator) -> None:
    """A rotation and a new limit in one run."""
    stack.up(**ROTATED, credit_limit=5.0)
    assert [key["credit_limit"] for key in emulator.keys()] == [None, 5]


def test_labels_make_no_call(rotated: RotatingStack, emulator: Emulator) -> None:
    """Only the state has them."""
    assert rotated.up(**ROTATED, labels={"team": "search"}) == "update"
    assert rotated.outputs["labels"] == {"team": "search"}
    assert emulator.calls.operations == []


@pytest.mark.parametrize("change", [{"every": "7d"}, {"anchor": "2020-01-01T00:00:00Z"}], ids=str)
def test_a_changed_schedule_makes_no_call(
    rotated: RotatingStack, emulator: Emulator, change: dict[str, Any]
) -> None:
    """Only the next instant moves."""
    before = rotated.outputs
    rotated.up(**{**ROTATED, **change})
    assert emulator.calls.operations == []
    assert rotated.outputs["next_rotation_at"] != before["next_rotation_at"]
    assert rotated.outputs["key"] == before["key"]


def test_a_run_with_nothing_to_do_makes_no_call(rotated: RotatingStack, emulator: Emulator) -> None:
    """Not due, nothing expired: no call, and the preview is empty."""
    emulator.clock.advance(DAY)
    assert rotated.up(**ROTATED) == "same"
    assert emulator.calls.operations == []
    assert rotated.lines == []


def test_disabling_the_key_disables_the_retired_ones(rotated: RotatingStack, emulator: Emulator) -> None:
    """Enabling it enables them."""
    rotated.up(**ROTATED, is_enabled=False)
    assert [key["is_enabled"] for key in emulator.keys()] == [False, False]
    rotated.up(**ROTATED)
    assert [key["is_enabled"] for key in emulator.keys()] == [True, True]


def test_a_rotation_that_disables_disables_all(rotated: RotatingStack, emulator: Emulator) -> None:
    """The retired keys, the one that is replaced, and the new one."""
    rotated.up(**{**ROTATED, "rotate_now": "2"}, is_enabled=False)
    assert [key["is_enabled"] for key in emulator.keys()] == [False] * 3


def test_a_retired_key_that_is_gone_is_not_switched(rotated: RotatingStack, emulator: Emulator) -> None:
    """Someone has deleted it; the current key is disabled all the same."""
    emulator.remove(rotated.retired[0])
    rotated.up(**ROTATED, is_enabled=False)
    assert [key["is_enabled"] for key in emulator.keys()] == [False]
