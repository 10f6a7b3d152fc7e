"""The kinds of changes, by the operations of the engine."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_account.review.changes import key_changes
from tests.review.documents import ROTATING, UNKNOWN, created, deleted, preview, rotated, state, step, updated

BOTH = {"old": state("a", 1), "new": state("a")}


def kinds(*steps: dict[str, Any]) -> list[str]:
    """The kinds of the changes."""
    return [change.kind.value for change in key_changes(preview(*steps))]


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (created("a"), "created"),
        (created("a", adopt_key_id=7), "adopted"),
        (step("import", "a", None, state("a", 1)), "adopted"),
        (updated("a", 1, {}, {"credit_limit": 1}), "changed"),
        (deleted("a", 1), "deleted"),
        (step("replace", "a", **BOTH), "replaced"),
        (step("create-replacement", "a", **BOTH), "replaced"),
        (step("discard", "a", state("a", 1)), "no longer read"),
        (rotated("a", 1), "rotated"),
        (rotated("a", 1, reason="the key was deleted elsewhere"), "rotated"),
        (rotated("a", 1, reason="revoke changed"), "revoked"),
    ],
)
def test_the_kind(one: dict[str, Any], kind: str) -> None:
    """Each operation of the engine has a word that reviewers know."""
    assert kinds(one) == [kind]


@pytest.mark.parametrize("op", ["same", "read", "read-replacement", "refresh", "discard-replaced", "strange"])
def test_no_change(op: str) -> None:
    """Reads and parts of replacements are no changes."""
    assert kinds(step(op, "a", **BOTH)) == []


def test_a_replacement_with_its_parts() -> None:
    """With `--show-replacement-steps`, a replacement is still one change."""
    steps = [step(op, "a", **BOTH) for op in ("create-replacement", "replace", "delete-replaced")]
    assert kinds(*steps) == ["replaced"]


def test_a_key_that_an_earlier_replacement_left_behind() -> None:
    """The run deletes it, although its resource has another key that stays."""
    left = step("delete-replaced", "a", state("a", 7))
    steps = [step("replace", "a", **BOTH), step("delete-replaced", "a", state("a", 1)), left]
    assert kinds(step("same", "a", **BOTH), left) == ["deleted"]
    assert sorted(kinds(*steps)) == ["deleted", "replaced"]


def test_a_retained_key() -> None:
    """With `retain_on_delete`, the key stays on the server, also if its replacement does not have the option."""
    kept = {**state("a", 1), "retainOnDelete": True}
    assert kinds(step("delete", "a", kept)) == ["no longer managed"]
    for old, keeps in [(state("a", 1), False), (kept, True)]:
        (change,) = key_changes(preview(step("replace", "a", old, state("a"))))
        assert (change.kind.value, change.keeps_old) == ("replaced", keeps)


def test_another_provider() -> None:
    """The review says why the key is replaced."""
    (change,) = key_changes(preview(step("replace", "a", **BOTH, replaceReasons=["provider"])))
    assert [(detail.what, detail.new) for detail in change.details] == [("provider", "changed")]


def test_a_managed_key_that_is_only_read() -> None:
    """The same key stays; another one is read after the managed one is deleted, whose name the change has."""
    read = {**state("b", 1), "external": True}
    assert kinds(step("read", "a", state("a", 1), read)) == ["no longer managed"]
    (change,) = key_changes(preview(step("replace", "a", state("a", 1), read)))
    assert (change.kind.value, change.facts.title) == ("deleted", "a")


def test_a_read_key_that_becomes_managed() -> None:
    """The key that was read stays; the engine calls this a replacement."""
    read = {**state("a", 1), "external": True}
    for new, kind in [(state("b"), "created"), (state("b", adopt_key_id=1), "adopted")]:
        (change,) = key_changes(preview(step("replace", "a", read, new)))
        assert (change.kind.value, change.old) == (kind, None)


def test_a_key_that_another_resource_of_the_stack_adopts() -> None:
    """The deployment does not delete it, unless it belongs to another provider."""
    adopted = step("create", "b", None, {**state("a", adopt_key_id=1), "provider": "p::1"})
    old = {**state("a", 1), "provider": "p::1"}
    assert sorted(kinds(adopted, step("delete", "a", old))) == ["adopted", "no longer managed"]
    assert sorted(kinds(adopted, step("delete", "a", {**old, "provider": "q::1"}))) == ["adopted", "deleted"]
    rotating = {**state("a", 1, ROTATING, every="30d"), "provider": "p::1"}
    assert sorted(kinds(adopted, step("delete", "a", rotating))) == ["adopted", "deleted"]
    own = step("replace", "a", old, {**state("a", adopt_key_id=1), "provider": "p::1"})
    assert kinds(own) == ["adopted"]


def test_an_expiry_as_a_duration() -> None:
    """That of a new key counts from a creation that is still to come."""
    (change,) = key_changes(preview(created("a", expires_in="180d")))
    assert ("expires", "180d after its creation") in [(detail.what, detail.new) for detail in change.details]


def test_only_the_protection_changes() -> None:
    """The engine writes a step "same" then, with and without `--show-sames`."""
    one = step("same", "a", state("a", 1, protect=True), state("a", 1))
    (change,) = key_changes(preview(one))
    assert [(detail.what, detail.new) for detail in change.details] == [("resource", "not protected")]


def test_hidden_values_that_change() -> None:
    """The review shows that they change."""
    both = [state("a", 1, credit_limit="[secret]"), state("a", credit_limit="[secret]")]
    (change,) = key_changes(preview(step("update", "a", *both, diffReasons=["credit_limit"])))
    assert [(detail.what, detail.new) for detail in change.details] == [("limit", "changed")]


@pytest.mark.parametrize(("more", "kind"), [({}, "rotated"), ({"revoke": "now"}, "revoked")])
def test_a_rotation_that_is_not_decided(more: dict[str, str], kind: str) -> None:
    """If the generation is not known yet, the key may rotate; a changed `revoke` counts as a revocation."""
    new = state("a", None, ROTATING, every="30d", generation=UNKNOWN, reason=UNKNOWN, **more)
    old = state("a", 1, ROTATING, every="30d", generation=1, reason="first key")
    assert kinds(step("update", "a", old, new)) == [kind]


def test_an_update_without_a_rotation() -> None:
    """A reason that stays from an earlier rotation is no rotation."""
    both = {"every": "30d", "generation": 1, "reason": "revoke changed"}
    one = step(
        "update", "a", state("a", 1, ROTATING, **both), state("a", None, ROTATING, credit_limit=1, **both)
    )
    assert kinds(one) == ["changed"]
