"""What becomes of retired keys, and of revoked ones."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pulumi_account.common.instants import format_instant
from pulumi_account.emulator import Answer, Emulator, Fault
from tests.core.rotating import BATCH, DAY, HOUR, REVOKED, ROTATED, about, lives, names
from tests.support.front_end import RotatingStack

# --- retired keys


def test_expired_keys_are_deleted_by_the_first_run_after(rotated: RotatingStack, emulator: Emulator) -> None:
    """No input has changed, so a line says what the update does; then nothing more is to do."""
    old = rotated.outputs["retired"][0]
    emulator.clock.advance(2.1 * 86_400)
    assert rotated.up(**ROTATED) == "update"
    assert rotated.lines == [
        f"retired key {old['key_id']} ('batch-0') expired at {old['expires_at']}: the update deletes it"
    ]
    assert emulator.calls.operations == ["get_key", "delete_key"]
    assert rotated.outputs["retired"] == []
    assert rotated.up(**ROTATED) == "same"


def test_a_preview_announces_a_deletion(rotated: RotatingStack, emulator: Emulator) -> None:
    """And makes no call."""
    emulator.clock.advance(2.1 * 86_400)
    assert rotated.preview(**ROTATED)[0] == "update"
    assert len(rotated.lines) == 1
    assert emulator.calls.operations == []


def test_a_retired_key_that_is_gone_leaves_the_state(rotated: RotatingStack, emulator: Emulator) -> None:
    """Someone has deleted it: nothing is deleted, and nothing fails."""
    emulator.remove(rotated.retired[0])
    emulator.clock.advance(2.1 * 86_400)
    rotated.up(**ROTATED)
    assert emulator.calls.operations == ["get_key"]
    assert rotated.outputs["retired"] == []


def test_an_id_that_another_key_has_got_is_left_alone(rotated: RotatingStack, emulator: Emulator) -> None:
    """A server may use the id of a deleted key again; a line says so, because somebody may have renamed the key."""
    (old,) = rotated.retired
    emulator.edit(old, name="somebody else's")
    emulator.clock.advance(2.1 * 86_400)
    rotated.up(**ROTATED)
    assert "somebody else's" in names(emulator)
    assert "so it is left alone: delete it if it is the same key" in "\n".join(rotated.lines)
    assert rotated.outputs["retired"] == []


def test_an_expiry_extended_elsewhere_stays(rotated: RotatingStack, emulator: Emulator) -> None:
    """The state follows it, and the key is deleted after it."""
    (old,) = rotated.retired
    emulator.edit(old, expires_at=format_instant(emulator.clock.now() + 5 * DAY))
    emulator.clock.advance(2.1 * 86_400)
    rotated.up(**ROTATED)
    assert emulator.calls.operations == ["get_key"]
    assert rotated.retired == [old]
    assert rotated.up(**ROTATED) == "same"
    emulator.clock.advance(3 * 86_400)
    rotated.up(**ROTATED)
    assert rotated.outputs["retired"] == []


def test_an_expiry_removed_elsewhere_is_set_again(rotated: RotatingStack, emulator: Emulator) -> None:
    """No retired key lives for good."""
    (old,) = rotated.retired
    emulator.edit(old, expires_at=None)
    emulator.clock.advance(2.1 * 86_400)
    rotated.up(**ROTATED)
    assert lives(emulator, old) == about(2 * DAY)


def test_a_failed_deletion_is_repeated(rotated: RotatingStack, emulator: Emulator) -> None:
    """The run succeeds with a line, and the next one deletes the key."""
    emulator.clock.advance(2.1 * 86_400)
    emulator.faults.add(Fault(Answer(500), operation="delete_key"))
    rotated.up(**ROTATED)
    assert any("the next run tries again" in line for line in rotated.lines)
    assert len(rotated.retired) == 1
    rotated.up(**ROTATED)
    assert names(emulator) == ["batch-1"]


@pytest.mark.parametrize("ahead", [-HOUR, HOUR])
def test_the_apis_clock_decides_what_has_expired(
    rotated: RotatingStack, emulator: Emulator, ahead: timedelta
) -> None:
    """A machine whose clock is an hour ahead deletes no key that still works."""
    emulator.clock.advance(2 * DAY - HOUR / 2)
    with rotated.process(ahead=ahead) as process:
        inputs, _ = process.check(ROTATED, rotated.inputs)
        process.diff("id", rotated.outputs, inputs)
        outputs = process.update("id", rotated.outputs, inputs)
    assert names(emulator) == ["batch-0", "batch-1"]
    assert outputs["retired"] == rotated.outputs["retired"]


def test_an_overlap_counts_by_the_apis_clock(stack: RotatingStack, emulator: Emulator) -> None:
    """A machine whose clock is behind does not cut it."""
    old = stack.outputs["key_id"]
    with stack.process(ahead=-HOUR) as process:
        inputs, _ = process.check(ROTATED, stack.inputs)
        process.update("id", stack.outputs, inputs)
    assert lives(emulator, old) == about(2 * DAY)


# --- an expiry that could not be set


@pytest.fixture
def unretired(stack: RotatingStack, emulator: Emulator) -> RotatingStack:
    """A stack whose rotation has failed to set the old key's expiry."""
    emulator.faults.add(Fault(Answer(500), operation="update_key", skip=1))
    stack.up(**ROTATED)
    return stack


def test_a_rotation_stands_although_the_old_key_has_no_expiry(
    unretired: RotatingStack, emulator: Emulator
) -> None:
    """The run succeeds with a line, and the entry has no expiry."""
    assert unretired.outputs["name"] == "batch-1"
    (entry,) = unretired.outputs["retired"]
    assert "expires_at" not in entry
    assert lives(emulator, entry["key_id"]) is None
    assert any("is replaced, but never expires yet" in line for line in unretired.lines)


def test_the_next_run_sets_the_missing_expiry(unretired: RotatingStack, emulator: Emulator) -> None:
    """No input has changed, so a line says what the update does. The overlap counts from then."""
    (old,) = unretired.retired
    emulator.clock.advance(DAY)
    assert unretired.up(**ROTATED) == "update"
    assert unretired.lines == [
        f"retired key {old} ('batch-0') has been replaced, but never expires yet: the update sets its expiry"
    ]
    assert lives(emulator, old) == about(2 * DAY)
    assert unretired.up(**ROTATED) == "same"


def test_an_old_key_that_vanishes_during_the_rotation_is_no_entry(
    stack: RotatingStack, emulator: Emulator
) -> None:
    """The PATCH of its expiry finds no key."""
    old = stack.outputs["key_id"]
    emulator.faults.add(Fault(Answer(404), operation="update_key", path=f"/v1/account/keys/{old}"))
    stack.up(**ROTATED)
    assert stack.retired == []


# --- revoke


def test_revoke_deletes_all_older_keys(rotated: RotatingStack, emulator: Emulator) -> None:
    """The retired ones and the replaced one, in the same run, after the new key was made."""
    rotated.up(**ROTATED, revoke="1")
    assert names(emulator) == ["batch-2"]
    assert rotated.outputs["retired"] == []
    assert emulator.key_of(rotated.outputs["key"]) == rotated.outputs["key_id"]
    operations = emulator.calls.operations
    assert operations.index("create_key") < operations.index("delete_key")


def test_a_preview_names_the_keys_that_revoke_deletes(rotated: RotatingStack, emulator: Emulator) -> None:
    """The diff shows only that `revoke` has changed, so a line for each key says what the update does."""
    retired, current = rotated.retired[0], rotated.outputs["key_id"]
    rotated.preview(**ROTATED, revoke="1")
    assert rotated.lines == [
        f"key {retired} ('batch-0') is revoked: the update deletes it",
        f"key {current} ('batch-1') is revoked: the update deletes it",
    ]
    assert names(emulator) == ["batch-0", "batch-1"]


def test_revoke_ignores_the_guard(emulator: Emulator) -> None:
    """A leaked key is deleted although it is in use."""
    stack = RotatingStack(emulator, **BATCH, delete_guard="7d")
    emulator.add_usage(stack.outputs["key_id"])
    stack.up(**REVOKED, delete_guard="7d")
    assert names(emulator) == ["batch-1"]


def test_a_failed_deletion_of_a_revoked_key_is_kept(stack: RotatingStack, emulator: Emulator) -> None:
    """The run succeeds with a line, and the state remembers that the key is revoked."""
    old = stack.outputs["key_id"]
    emulator.faults.add(Fault(Answer(500), operation="delete_key"))
    stack.up(**REVOKED)
    assert stack.retired == [old]
    assert stack.outputs["__revoked"] == [old]
    assert any(f"retired key {old}: the next run tries again" in line for line in stack.lines)


def test_the_next_run_deletes_a_revoked_key(stack: RotatingStack, emulator: Emulator) -> None:
    """No input has changed, so a line says what the update does."""
    old = stack.outputs["key_id"]
    emulator.faults.add(Fault(Answer(500), operation="delete_key"))
    stack.up(**REVOKED)
    assert stack.up(**REVOKED) == "update"
    assert stack.lines == [
        f"retired key {old} ('batch-0') is revoked, but not deleted yet: the update deletes it"
    ]
    assert names(emulator) == ["batch-1"]
    assert "__revoked" not in stack.outputs
    assert stack.up(**REVOKED) == "same"


def test_a_revoked_key_stays_so_in_a_later_rotation(stack: RotatingStack, emulator: Emulator) -> None:
    """The keys of later rotations keep their overlap."""
    emulator.faults.add(Fault(Answer(500), operation="delete_key", times=None))
    stack.up(**REVOKED)
    stack.up(**REVOKED, rotate_now="1")
    emulator.faults.clear()
    stack.up(**REVOKED, rotate_now="1")
    assert names(emulator) == ["batch-1", "batch-2"]


def test_a_revoked_key_of_a_state_with_floats_is_deleted(stack: RotatingStack, emulator: Emulator) -> None:
    """An engine carries ids as floats."""
    emulator.faults.add(Fault(Answer(500), operation="delete_key"))
    stack.up(**REVOKED)
    entries = [{**entry, "key_id": float(entry["key_id"])} for entry in stack.outputs["retired"]]
    revoked = [float(key_id) for key_id in stack.outputs["__revoked"]]
    stack.outputs = {**stack.outputs, "retired": entries, "__revoked": revoked}
    stack.up(**REVOKED)
    assert names(emulator) == ["batch-1"]
