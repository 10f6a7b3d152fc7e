"""Rotations that fail, and refreshes of a rotating key."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_account.common.instants import format_instant
from pulumi_account.emulator import Answer, Drop, Emulator, Fault
from pulumi_account.exceptions import (
    AbandonedError,
    ConfigurationError,
    KeyGoneError,
    NotFoundError,
    PermissionDeniedError,
)
from tests.core.rotating import BATCH, DAY, REVOKED, ROTATED, about, lives, names
from tests.support.front_end import RotatingStack

# --- failures


@pytest.mark.parametrize("operation", ["get_key", "create_key"])
def test_a_rotation_that_fails_changes_nothing(
    stack: RotatingStack, emulator: Emulator, operation: str
) -> None:
    """The old key is the current one, and has no expiry."""
    emulator.faults.add(Fault(Answer(403), operation=operation))
    with pytest.raises(PermissionDeniedError):
        stack.up(**ROTATED)
    assert names(emulator) == ["batch-0"]
    assert lives(emulator, stack.outputs["key_id"]) is None


def test_a_new_key_that_cannot_be_completed_is_deleted(stack: RotatingStack, emulator: Emulator) -> None:
    """The old one stays the current one."""
    emulator.faults.add(Fault(Answer(403), operation="update_key"))
    with pytest.raises(PermissionDeniedError):
        stack.up(**ROTATED)
    assert names(emulator) == ["batch-0"]
    assert stack.up(**ROTATED) == "update"
    assert names(emulator) == ["batch-0", "batch-1"]


def test_a_lost_post_leaves_one_new_key(stack: RotatingStack, emulator: Emulator) -> None:
    """The key that was made without an answer is found and deleted."""
    emulator.faults.add(Fault(Drop(commit=True), operation="create_key"))
    stack.up(**ROTATED)
    assert names(emulator) == ["batch-0", "batch-1"]


def gone_after(emulator: Emulator, calls: int) -> Any:
    """Whether the engine has exited: after this many calls."""
    return lambda: len(emulator.calls) >= calls


@pytest.mark.parametrize("calls", [2, 3, 4])
def test_an_engine_that_exits_leaves_the_old_key_as_it_was(
    stack: RotatingStack, emulator: Emulator, calls: int
) -> None:
    """The state still holds the old key, so its expiry is removed again, and the new key is deleted."""
    with stack.process(abandoned=gone_after(emulator, calls)) as process:
        inputs, _ = process.check(ROTATED, stack.inputs)
        with pytest.raises(AbandonedError):
            process.update("id", stack.outputs, inputs)
    assert names(emulator) == ["batch-0"]
    assert lives(emulator, stack.outputs["key_id"]) is None


def test_an_engine_that_exits_restores_an_older_expiry(stack: RotatingStack, emulator: Emulator) -> None:
    """The expiry that the key had before, if it had one."""
    old = stack.outputs["key_id"]
    emulator.edit(old, expires_at=format_instant(emulator.clock.now() + 100 * DAY))
    with stack.process(abandoned=gone_after(emulator, 4)) as process:
        inputs, _ = process.check(ROTATED, stack.inputs)
        with pytest.raises(AbandonedError):
            process.update("id", stack.outputs, inputs)
    assert lives(emulator, old) == about(100 * DAY)


def test_an_engine_that_exits_after_a_revocation_revives_nothing(
    stack: RotatingStack, emulator: Emulator
) -> None:
    """The leaked key is deleted, and the new one, too; the next run makes another."""
    with stack.process(abandoned=gone_after(emulator, 5)) as process:
        inputs, _ = process.check(REVOKED, stack.inputs)
        with pytest.raises(AbandonedError):
            process.update("id", stack.outputs, inputs)
    assert names(emulator) == []
    stack.up(**REVOKED)
    assert names(emulator) == ["batch-1"]


def test_another_account_is_refused_before_anything_is_made(stack: RotatingStack, emulator: Emulator) -> None:
    """Ids are small numbers, so the other account has a key with the same one."""
    emulator.edit(stack.outputs["key_id"], created_at="2020-01-01T00:00:00Z")
    with pytest.raises(ConfigurationError, match=r"is that of another account$"):
        stack.up(**ROTATED)
    assert emulator.calls.operations == ["get_key"]


# --- refresh


def test_a_refresh_changes_nothing(rotated: RotatingStack) -> None:
    """Outputs and inputs come back as they were."""
    before = rotated.outputs, rotated.inputs
    rotated.refresh()
    assert (rotated.outputs, rotated.inputs) == before


def test_a_refresh_shows_drift(rotated: RotatingStack, emulator: Emulator) -> None:
    """The next update mends what was changed elsewhere, an expiry as well."""
    current = rotated.outputs["key_id"]
    emulator.edit(
        current,
        name="x",
        credit_limit=3,
        is_enabled=False,
        expires_at=format_instant(emulator.clock.now() + DAY),
    )
    rotated.refresh()
    assert rotated.outputs["name"] == "x"
    assert rotated.up(**ROTATED) == "update"
    key = emulator.key(current)
    assert key is not None
    assert [key[name] for name in ("name", "credit_limit", "is_enabled", "expires_at")] == [
        "batch-1", None, True, None,
    ]  # fmt: skip


def test_an_expiry_alone_is_drift(rotated: RotatingStack, emulator: Emulator) -> None:
    """A run that was cut off may have set it: the current key must not expire."""
    current = rotated.outputs["key_id"]
    emulator.edit(current, expires_at=format_instant(emulator.clock.now() + DAY))
    rotated.refresh()
    assert rotated.up(**ROTATED) == "update"
    assert lives(emulator, current) is None


def test_a_refresh_of_a_key_deleted_elsewhere_keeps_the_resource(
    rotated: RotatingStack, emulator: Emulator
) -> None:
    """Otherwise the retired keys would be forgotten. A line says what comes next."""
    current, retired = rotated.outputs["key_id"], rotated.retired
    emulator.remove(current)
    rotated.refresh()
    assert rotated.lines == [f"key {current} was deleted elsewhere: the next `pulumi up` makes a new one"]
    assert "key" not in rotated.outputs
    assert rotated.retired == retired
    rotated.refresh()
    assert rotated.retired == retired


@pytest.mark.parametrize("ignore", [[], ["generation"], ["name"]], ids=str)
def test_a_key_deleted_elsewhere_is_made_anew(
    rotated: RotatingStack, emulator: Emulator, ignore: list[str]
) -> None:
    """The retired keys stay known, also if the program ignores changes."""
    emulator.remove(rotated.outputs["key_id"])
    retired = rotated.retired
    rotated.refresh()
    assert rotated.up(ignore=ignore, **ROTATED) == "update"
    assert emulator.key_of(rotated.outputs["key"]) == rotated.outputs["key_id"]
    assert rotated.retired == retired
    assert rotated.up(ignore=ignore, **ROTATED) == "same"


def test_a_key_deleted_elsewhere_is_a_generation_of_its_own(
    rotated: RotatingStack, emulator: Emulator
) -> None:
    """The preview names the reason."""
    emulator.remove(rotated.outputs["key_id"])
    rotated.refresh()
    _, inputs = rotated.preview(**ROTATED)
    assert (inputs["generation"], inputs["reason"]) == (2, "the key was deleted elsewhere")


def test_a_rotation_of_a_key_deleted_elsewhere_makes_the_next(
    stack: RotatingStack, emulator: Emulator
) -> None:
    """Without a refresh before it: there is nothing to retire."""
    emulator.remove(stack.outputs["key_id"])
    stack.up(**ROTATED)
    assert names(emulator) == ["batch-1"]
    assert stack.outputs["retired"] == []


def test_an_update_of_a_key_deleted_elsewhere_says_what_to_do(
    stack: RotatingStack, emulator: Emulator
) -> None:
    """The one line names the key and `pulumi refresh`."""
    emulator.remove(stack.outputs["key_id"])
    with pytest.raises(KeyGoneError, match="`pulumi refresh`"):
        stack.up(**BATCH, credit_limit=1.0)


def test_a_read_without_a_state_is_refused(stack: RotatingStack) -> None:
    """The id of the resource is no key's."""
    with stack.process() as process, pytest.raises(NotFoundError, match=r"read its current key with ApiKey"):
        process.read("7")


def test_a_refresh_with_another_account_is_refused(stack: RotatingStack, emulator: Emulator) -> None:
    """Its key with this id was made at another instant."""
    emulator.edit(stack.outputs["key_id"], created_at="2020-01-01T00:00:00Z")
    with pytest.raises(ConfigurationError, match="is that of another account"):
        stack.refresh()
