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


@pytest.mark.parametrize(
    "op", ["same", "read", "read-replacement", "refresh", "delete-replaced", "discard-replaced", "strange"]
)
def test_no_change(op: str) -> None:
    """Reads and parts of replacements are no changes."""
    assert kinds(step(op, "a", **BOTH)) == []


def test_a_replacement_with_its_parts() -> None:
    """With `--show-replacement-steps`, a replacement is still one change."""
    steps = [step(op, "a", **BOTH) for op in ("create-replacement", "replace", "delete-replaced")]
    assert kinds(*steps) == ["replaced"]


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
