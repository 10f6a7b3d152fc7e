"""Exposure: what keys may still spend."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_account.stacks.exports import StackState
from pulumi_account.stacks.resources import Urn, key_state
from tests.review.documents import (
    account,
    created,
    deleted,
    found,
    preview,
    reviewed,
    rotated,
    state,
    step,
    updated,
    urn,
)

LIVING = [{"key_id": 8, "name": "r-0", "expires_at": "2026-06-02T00:00:00Z"}]
DEAD = [{"key_id": 8, "name": "r-0", "expires_at": "2026-05-02T00:00:00Z"}]


def amounts(*steps: dict[str, Any], **options: Any) -> tuple[str, str]:
    """The exposure before and after."""
    got = reviewed(preview(*steps), **options).exposure
    return str(got.before), str(got.after)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (created("a", credit_limit=5), ("0", "5")),
        (created("a", credit_limit=5, is_enabled=False), ("0", "0")),
        (created("a", credit_limit=5, expires_at="2026-05-01T00:00:00Z"), ("0", "0")),
        (created("a"), ("0", "0")),
        (updated("a", 1, {"credit_limit": 5}, {"credit_limit": 7.5}), ("5", "7.5")),
        (updated("a", 1, {"credit_limit": 5}, {"credit_limit": 5, "is_enabled": False}), ("5", "0")),
        (step("replace", "a", state("a", 1, credit_limit=5), state("a", credit_limit=6)), ("5", "6")),
        (deleted("a", 1, credit_limit=5), ("5", "0")),
        (rotated("r", 1, credit_limit=5), ("5", "10")),
        (rotated("r", 1, credit_limit=5, outputs={"retired": LIVING}), ("10", "15")),
        (rotated("r", 1, credit_limit=5, outputs={"retired": DEAD}), ("5", "10")),
        (rotated("r", 1, "revoke changed", credit_limit=5, outputs={"retired": LIVING}), ("10", "5")),
    ],
)
def test_a_change(change: dict[str, Any], expected: tuple[str, str]) -> None:
    """Keys that work count with their limits, also a rotation's old and retired ones; a revocation ends them."""
    assert amounts(change) == expected


def test_what_is_spent_is_subtracted() -> None:
    """The rest of a limit is never below 0."""
    facts = account((1, "a", 5), (2, "b", 5), used={1: "3", 2: "9"})
    steps = [
        updated("a", 1, {"credit_limit": 5}, {"credit_limit": 7}),
        updated("b", 2, {"credit_limit": 5}, {}),
    ]
    assert amounts(*steps, facts=facts) == ("2", "4")


def test_a_rotation_in_an_account() -> None:
    """The new key has its whole limit again, and the old one its rest."""
    facts = account((1, "r", 5), used={1: "3"})
    assert amounts(rotated("r", 1, credit_limit=5), facts=facts) == ("2", "7")


def test_other_keys_of_the_account() -> None:
    """They count before and after, with what they have spent."""
    facts = account((1, "a", 5), (7, "other", 100), used={7: "40"})
    got = reviewed(preview(deleted("a", 1, credit_limit=5)), facts=facts).exposure
    assert (str(got.before), str(got.after), got.basis.name) == ("65", "60", "ACCOUNT")


def test_an_adopted_key() -> None:
    """It counted before, as the account has it."""
    facts = account((7, "old", 100), used={7: "40"})
    assert amounts(created("a", credit_limit=90, adopt_key_id=7), facts=facts) == ("60", "50")


def test_a_key_that_the_server_has_changed() -> None:
    """The account's limit counts before, not the state's."""
    facts = account((1, "a", 50))
    assert amounts(updated("a", 1, {"credit_limit": 5}, {"credit_limit": 6}), facts=facts) == ("50", "6")


def test_keys_of_another_account() -> None:
    """The account has none of their provider's keys: they are in an exposure of their own."""
    eu = {"provider": "urn:eu::1"}
    there = step(
        "update", "e", {**state("e", 1, credit_limit=5), **eu}, {**state("e", credit_limit=900), **eu}
    )
    there["oldState"]["outputs"]["created_at"] = "2026-02-01T00:00:00Z"
    new = step("create", "n", None, {**state("n", credit_limit=50), **eu})
    own = {"provider": "urn:own::1"}
    here = step(
        "update", "a", {**state("a", 1, credit_limit=5), **own}, {**state("a", credit_limit=6), **own}
    )
    got = reviewed(preview(here, there, new), facts=account((1, "a", 5)))
    assert (str(got.exposure.before), str(got.exposure.after)) == ("5", "6")
    assert got.exposure.elsewhere is not None
    assert (str(got.exposure.elsewhere.before), str(got.exposure.elsewhere.after)) == ("5", "950")
    assert found(got, "exposure-over-balance") == [("", "? the balance of another account is not known")]


def test_a_key_that_stays_on_the_server() -> None:
    """It can still spend, whether no resource has it, another one adopts it, or it was replaced."""
    kept = {**state("a", 1, credit_limit=5), "retainOnDelete": True}
    assert amounts(step("delete", "a", kept)) == ("5", "5")
    adopted = step("create", "b", None, state("a", credit_limit=7, adopt_key_id=1))
    for facts in ({}, {"facts": account((1, "a", 5))}):
        assert amounts(step("delete", "a", state("a", 1, credit_limit=5)), adopted, **facts) == ("5", "7")
    new = {**state("a", credit_limit=5), "retainOnDelete": True}
    assert amounts(step("replace", "a", kept, new)) == ("5", "10")


def test_a_renamed_resource_of_an_export() -> None:
    """The export has the old name of its key, and the preview the new one."""
    old, new = urn("old"), step("update", "new", state("k", 1, credit_limit=5), state("k", credit_limit=6))
    new["oldState"]["urn"] = old
    export = StackState("keys/dev", {old: key_state(state("k", 1, credit_limit=5), Urn.parse(old))})
    assert amounts(new, states=(export,)) == ("5", "6")


def test_keys_of_an_export() -> None:
    """Keys that do not change count if the stack's export is given."""
    urn_ = urn("kept")
    kept = key_state(state("kept", 3, credit_limit=100), Urn.parse(urn_))
    got = reviewed(
        preview(created("a", credit_limit=5), same=9), states=(StackState("keys/dev", {urn_: kept}),)
    )
    assert (str(got.exposure.before), str(got.exposure.after)) == ("100", "105")
    assert got.exposure.basis.name == "STACKS"


def test_what_is_not_in_the_sum() -> None:
    """Keys without a limit are named, and those with a secret one are counted."""
    got = reviewed(preview(created("free"), created("hidden", credit_limit="[secret]"), same=3)).exposure
    assert (got.unlimited, got.unknown, got.basis.name) == (("free",), 1, "CHANGES")


def test_a_key_that_a_stack_only_reads() -> None:
    """It is not the stack's to spend."""
    read = step("read", "a", None, {**state("a", 1, credit_limit=5), "external": True})
    assert amounts(read) == ("0", "0")
