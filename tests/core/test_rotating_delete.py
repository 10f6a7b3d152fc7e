"""Deletion of a rotating key, and who else may have its keys."""

from __future__ import annotations

import pytest

from pulumi_account.emulator import Answer, Emulator, Fault
from pulumi_account.exceptions import (
    AccountError,
    AdoptionError,
    KeyInUseError,
)
from tests.core.rotating import ROTATED, names
from tests.support.front_end import FrontEnd, RotatingFrontEnd, RotatingStack

# --- delete


def test_a_deletion_takes_all_keys(rotated: RotatingStack, emulator: Emulator) -> None:
    """The retired ones first."""
    rotated.destroy()
    assert emulator.keys() == []
    assert emulator.calls.operations == ["get_key", "delete_key", "delete_key"]


def test_a_deletion_after_a_refresh_that_found_no_key(rotated: RotatingStack, emulator: Emulator) -> None:
    """The retired keys are deleted."""
    emulator.remove(rotated.outputs["key_id"])
    rotated.refresh()
    rotated.destroy()
    assert emulator.keys() == []


@pytest.mark.parametrize("used", [0, 1], ids=["retired", "current"])
def test_a_guard_keeps_all_keys_that_work(rotated: RotatingStack, emulator: Emulator, used: int) -> None:
    """One of them is in use, so none is deleted."""
    rotated.up(**ROTATED, delete_guard="7d")
    emulator.add_usage(emulator.keys()[used]["id"])
    with pytest.raises(KeyInUseError):
        rotated.destroy()
    assert names(emulator) == ["batch-0", "batch-1"]


def test_a_guard_does_not_keep_expired_keys(rotated: RotatingStack, emulator: Emulator) -> None:
    """Their usage matters no more."""
    rotated.up(**ROTATED, delete_guard="7d")
    emulator.add_usage(rotated.retired[0])
    emulator.clock.advance(2.1 * 86_400)
    rotated.destroy()
    assert emulator.keys() == []


def test_a_guard_does_not_keep_keys_that_replace_others(stack: RotatingStack, emulator: Emulator) -> None:
    """A rotation deletes only expired keys, so it asks for no usage."""
    emulator.add_usage(stack.outputs["key_id"])
    stack.up(**ROTATED, delete_guard="7d")
    emulator.clock.advance(2.1 * 86_400)
    stack.up(**ROTATED, delete_guard="7d")
    assert names(emulator) == ["batch-1"]
    assert "get_activity" not in emulator.calls.operations


def test_a_deletion_leaves_the_key_that_has_got_a_retired_ones_id(
    rotated: RotatingStack, emulator: Emulator
) -> None:
    """A server may use the id of a deleted key again."""
    emulator.edit(rotated.retired[0], name="somebody else's")
    rotated.destroy()
    assert names(emulator) == ["somebody else's"]


def test_a_deletion_of_keys_that_are_gone_succeeds(rotated: RotatingStack, emulator: Emulator) -> None:
    """The API's own 404 is success."""
    for key in emulator.keys():
        emulator.remove(key["id"])
    rotated.destroy()


def test_a_deletion_that_fails_can_be_repeated(rotated: RotatingStack, emulator: Emulator) -> None:
    """What was deleted already is no error."""
    emulator.faults.add(Fault(Answer(500), operation="delete_key", skip=1))
    with pytest.raises(AccountError):
        rotated.destroy()
    rotated.destroy()
    assert emulator.keys() == []


# --- adoption


@pytest.mark.parametrize("place", [0, 1], ids=["retired", "current"])
def test_a_key_of_a_rotating_key_is_not_adopted(
    rotated: RotatingStack, emulator: Emulator, place: int
) -> None:
    """The preview of an `ApiKey` that would adopt it says so."""
    key_id = emulator.keys()[place]["id"]
    with rotated.process() as process:
        inputs, _ = process.check(ROTATED, rotated.inputs)
        process.diff("id", rotated.outputs, inputs)
        _, failures = FrontEnd.beside(process).check({"name": "n", "adopt_key_id": float(key_id)})
    (failure,) = failures
    assert failure.startswith(f"adopt_key_id {key_id}: a resource of this stack already manages this key")


@pytest.mark.parametrize("place", [0, 1], ids=["retired", "current"])
def test_a_rotating_key_whose_key_would_be_adopted_is_refused(
    rotated: RotatingStack, emulator: Emulator, place: int
) -> None:
    """The same if the engine asks about the `ApiKey` first."""
    key_id = emulator.keys()[place]["id"]
    with rotated.process() as process:
        FrontEnd.beside(process).check({"name": "n", "adopt_key_id": float(key_id)})
        inputs, _ = process.check(ROTATED, rotated.inputs)
        with pytest.raises(AdoptionError, match=f"key {key_id} belongs to this resource"):
            process.diff("id", rotated.outputs, inputs)


def test_a_new_generation_is_not_adopted_in_the_same_run(stack: RotatingStack, emulator: Emulator) -> None:
    """The resource has made it a moment ago."""
    with stack.process() as process:
        inputs, _ = process.check(ROTATED, stack.inputs)
        process.diff("id", stack.outputs, inputs)
        outputs = process.update("id", stack.outputs, inputs)
        _, failures = FrontEnd.beside(process).check({"name": "n", "adopt_key_id": float(outputs["key_id"])})
    assert len(failures) == 1


# --- provider instances


def test_a_key_that_moves_to_another_account_is_replaced(rotated: RotatingStack, another: Emulator) -> None:
    """The other account has no such key."""
    with RotatingFrontEnd(another, "eu") as eu:
        diff = eu.diff("id", rotated.outputs, rotated.inputs)
    assert diff.moved
    assert diff.replaces == ["provider"]


def test_a_replacement_starts_anew(rotated: RotatingStack, another: Emulator) -> None:
    """Its first key is made in the other account, and it has no retired ones."""
    with RotatingFrontEnd(another, "eu") as eu:
        inputs, _ = eu.check(ROTATED)
        _, outputs = eu.create(inputs)
    assert outputs["retired"] == []
    assert outputs["__instance"] == "eu"


def test_an_instance_of_the_same_account_keeps_the_key(rotated: RotatingStack, emulator: Emulator) -> None:
    """One GET decides."""
    with RotatingFrontEnd(emulator, "eu") as eu:
        diff = eu.diff("id", rotated.outputs, rotated.inputs)
    assert (diff.moved, diff.replaces) == (False, [])
    assert emulator.calls.operations == ["get_key"]
