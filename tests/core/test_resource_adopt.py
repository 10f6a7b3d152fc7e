"""Adoption: a key is never deleted while another resource holds it."""

from __future__ import annotations

import pytest

from pulumi_account.core.resource import Diff
from pulumi_account.emulator import Answer, Emulator, Fault
from pulumi_account.exceptions import (
    AdoptionError,
    PermissionDeniedError,
)
from tests.support.canaries import PLAINTEXT
from tests.support.front_end import UNKNOWN, FrontEnd
from tests.support.helpers import EXACT, made


def test_adopted_key_is_made_as_declared(resource: FrontEnd, emulator: Emulator) -> None:
    """Adoption GETs the key and PATCHes what differs; the plaintext is the one that was given."""
    key_id, _ = emulator.add("old name", credit_limit=1)
    adopted_id, _, outs = made(resource, name="new", adopt_key_id=float(key_id), adopt_key=PLAINTEXT)
    assert adopted_id == str(key_id)
    assert emulator.calls.operations == ["get_key", "update_key"]
    assert emulator.calls[1].json == {"name": "new", "credit_limit": None}
    assert outs["key"] == PLAINTEXT


def test_adopted_key_that_fits_is_not_written(resource: FrontEnd, emulator: Emulator) -> None:
    """A key that is as declared already is adopted with one GET; without a plaintext there is no `key`."""
    key_id, _ = emulator.add("n", credit_limit=1)
    _, _, outs = made(resource, name="n", credit_limit=1.0, adopt_key_id=float(key_id))
    assert emulator.calls.operations == ["get_key"]
    assert "key" not in outs


def test_adoption_of_a_missing_key_fails(resource: FrontEnd) -> None:
    """An id that the account does not have is one clear line."""
    inputs, _ = resource.check({"name": "n", "adopt_key_id": 999_999.0})
    with pytest.raises(AdoptionError, match=r"adopt_key_id 999999: the account has no such key$"):
        resource.create(inputs)


def test_a_key_is_adopted_once(resource: FrontEnd, emulator: Emulator) -> None:
    """Two resources of a stack cannot adopt the same key."""
    key_id, _ = emulator.add("n")
    _, inputs, _ = made(resource, name="n", adopt_key_id=float(key_id))
    with pytest.raises(AdoptionError, match=f"adopt_key_id {key_id}: a resource .* already manages this key"):
        resource.create(inputs)


def test_a_managed_key_is_not_adopted(resource: FrontEnd) -> None:
    """A key that a resource of the stack has cannot be adopted by another, and the preview says so."""
    key_id, olds, outs = made(resource)
    resource.diff(key_id, outs, olds)
    _, failures = resource.check({"name": "n", "adopt_key_id": float(key_id)})
    assert failures == [
        f"adopt_key_id {key_id}: a resource of this stack already manages this key; "
        "if that resource is to be replaced, first remove adopt_key_id from it"
    ]


def test_a_managed_key_is_not_adopted_in_the_other_order_either(
    resource: FrontEnd, emulator: Emulator
) -> None:
    """The same where the adopting resource is declared before the one that has the key from an earlier run."""
    key_id, _ = emulator.add("n")
    outs = resource.found(str(key_id)).outputs
    _, failures = resource.check({"name": "n", "adopt_key_id": float(key_id)})
    assert failures == []
    with pytest.raises(AdoptionError, match=rf"key {key_id} belongs to this resource, but another resource"):
        resource.diff(str(key_id), outs, outs)


def test_a_key_whose_adoption_failed_is_not_deleted(resource: FrontEnd, emulator: Emulator) -> None:
    """When its new resource could not adopt a key, the deletion of its old one fails, and the key lives."""
    key_id, _ = emulator.add("old name")
    inputs, _ = resource.check({"name": "n", "adopt_key_id": float(key_id)})
    emulator.faults.add(Fault(Answer(403), operation="update_key"))
    with pytest.raises(PermissionDeniedError):
        resource.create(inputs)
    with pytest.raises(AdoptionError, match=rf"key {key_id} is not deleted"):
        resource.delete(str(key_id), inputs)
    assert emulator.key(key_id) is not None


def test_a_plaintext_that_the_api_gave_is_not_overwritten(resource: FrontEnd) -> None:
    """`adopt_key` beside the own id does not replace the plaintext of a key that was made here."""
    key_id, olds, outs = made(resource)
    news, _ = resource.check({**EXACT, "adopt_key_id": float(key_id), "adopt_key": PLAINTEXT}, olds)
    assert resource.update(key_id, outs, news)["key"] == outs["key"]


def test_adopting_another_key_replaces(resource: FrontEnd, emulator: Emulator) -> None:
    """Another `adopt_key_id` replaces the resource."""
    key_id, inputs, outs = made(resource)
    news, _ = resource.check({**EXACT, "adopt_key_id": 1e9}, inputs)
    assert resource.diff(key_id, outs, news) == Diff(["adopt_key_id"], replaces=["adopt_key_id"])


@pytest.mark.parametrize("adopt", [True, False])
def test_naming_or_dropping_the_own_id_replaces_nothing(resource: FrontEnd, adopt: bool) -> None:
    """`adopt_key_id` may be added for the key that the resource has, and removed once it is adopted."""
    key_id, inputs, outs = made(resource)
    adopting = {**EXACT, "adopt_key_id": float(key_id)}
    news, _ = resource.check(adopting if adopt else EXACT, inputs)
    olds = outs if adopt else {**outs, "adopt_key_id": float(key_id)}
    assert resource.diff(key_id, olds, news) == Diff(["adopt_key_id"])


def test_a_forced_replacement_of_an_adopted_key_is_refused(
    resource: FrontEnd, emulator: Emulator, next_run: FrontEnd
) -> None:
    """A replacement that no diff asks for is checked a second time, without old inputs: the preview says no."""
    key_id, _ = emulator.add("n")
    adopting = {"name": "n", "adopt_key_id": float(key_id)}
    _, inputs, _ = made(resource, **adopting)
    assert next_run.check(adopting, inputs)[1] == []
    assert "first remove adopt_key_id from it" in next_run.check(adopting)[1][0]


def test_a_key_that_is_yet_to_be_adopted_is_not_deleted(
    resource: FrontEnd, emulator: Emulator, next_run: FrontEnd
) -> None:
    """A tainted resource is checked once, and then deleted before it would adopt its key again: the key lives."""
    key_id, _ = emulator.add("n")
    adopting = {"name": "n", "adopt_key_id": float(key_id)}
    _, _, outs = made(resource, **adopting)
    next_run.check(adopting)
    with pytest.raises(AdoptionError, match=rf"key {key_id} is not deleted"):
        next_run.delete(str(key_id), outs)
    assert emulator.key(key_id) is not None


def test_a_key_that_may_be_adopted_again_is_not_deleted(resource: FrontEnd, emulator: Emulator) -> None:
    """The engine deletes first what depends on a replaced resource, before `adopt_key_id` is known again."""
    key_id, _ = emulator.add("n")
    _, inputs, outs = made(resource, name="n", adopt_key_id=float(key_id))
    assert resource.diff(str(key_id), outs, {**inputs, "adopt_key_id": UNKNOWN}).replaces == ["adopt_key_id"]
    with pytest.raises(AdoptionError, match=rf"key {key_id} is not deleted"):
        resource.delete(str(key_id), outs)
    assert emulator.key(key_id) is not None


def test_a_key_of_two_resources_is_not_deleted_with_one(
    resource: FrontEnd, emulator: Emulator, next_run: FrontEnd
) -> None:
    """The same where nothing is updated: it is enough that another resource was seen to keep the key."""
    key_id, _ = emulator.add("n")
    _, inputs, new = made(resource, name="n", adopt_key_id=float(key_id))
    next_run.diff(str(key_id), {**new, "adopt_key_id": None}, {**inputs, "adopt_key_id": None})
    next_run.delete(str(key_id), {**new, "__adoption": "another"})
    assert emulator.key(key_id) is not None


def test_whose_key_it_is_may_not_be_known(resource: FrontEnd, emulator: Emulator, next_run: FrontEnd) -> None:
    """If an older version let two resources adopt one key, they cannot be distinguished, and nothing is deleted."""
    key_id, _ = emulator.add("n")
    _, inputs, outs = made(resource, name="n", adopt_key_id=float(key_id))
    del outs["__adoption"]
    next_run.diff(str(key_id), outs, {**inputs, "adopt_key_id": None})
    with pytest.raises(AdoptionError, match=rf"key {key_id} is not deleted"):
        next_run.delete(str(key_id), outs)
    assert emulator.key(key_id) is not None


def test_the_last_of_two_resources_deletes_their_key(
    resource: FrontEnd, emulator: Emulator, next_run: FrontEnd
) -> None:
    """Where both go after a refresh, which looks at both, the first leaves the key to the second."""
    key_id, _ = emulator.add("n")
    _, inputs, outs = made(resource, name="n", adopt_key_id=float(key_id))
    former = {**outs, "__adoption": "another"}
    for entry in (outs, former):
        next_run.read(str(key_id), entry)
        assert next_run.diff(str(key_id), entry, inputs) == Diff()
    next_run.delete(str(key_id), former)
    assert emulator.key(key_id) is not None
    next_run.delete(str(key_id), outs)
    assert emulator.key(key_id) is None


def test_a_refresh_takes_no_key_from_who_is_to_adopt_it(
    resource: FrontEnd, emulator: Emulator, next_run: FrontEnd
) -> None:
    """`up --refresh` looks at the resource that the program no longer declares, and then lets another adopt its key."""
    key_id, inputs, outs = made(resource)
    next_run.read(key_id, outs)
    next_run.diff(key_id, outs, inputs)
    made(next_run, name="n", adopt_key_id=float(key_id))
    next_run.delete(key_id, outs)
    assert emulator.key(int(key_id)) is not None


def test_a_preview_says_what_an_adoption_may_change(resource: FrontEnd, emulator: Emulator) -> None:
    """What is not known yet is said to be so."""
    key_id, _ = emulator.add("chk", credit_limit="3.5")
    declared = {"name": "chk", "credit_limit": UNKNOWN, "adopt_key_id": float(key_id)}
    resource.check(declared, preview=True)
    told = [line for line in resource.warnings if line.startswith(f"adopt_key_id {key_id}: ")]
    assert told == [f"adopt_key_id {key_id}: credit_limit 3.5 => not known yet"]


def test_a_preview_of_an_adoption_asks_for_a_missing_key(resource: FrontEnd) -> None:
    """An id that the account does not have fails in the preview."""
    _, failures = resource.check({"name": "n", "adopt_key_id": 888_888.0}, preview=True)
    assert failures == ["adopt_key_id 888888: the account has no such key"]


def test_rotation_of_a_key_still_being_adopted_is_refused(resource: FrontEnd, emulator: Emulator) -> None:
    """A rotation that would adopt again the key it deletes is stopped in the preview."""
    key_id, _ = emulator.add("n")
    _, inputs, outs = made(resource, name="n", adopt_key_id=float(key_id))
    with pytest.raises(AdoptionError, match=r"rotation_triggers changed.*remove adopt_key_id$"):
        resource.diff(str(key_id), outs, {**inputs, "rotation_triggers": {"q": "1"}})
