"""Identities, from values alone: URNs, and which old resource is meant."""

from __future__ import annotations

import pytest

from pulumi_account.testing.identity import Identities
from pulumi_account.testing.resources import STACK, Alias, Goal, PlanError, Resource

HEAD = "urn:pulumi:local::proj::"
ROOT = f"{HEAD}{STACK}::proj-local"


def _identities(*urns: str) -> tuple[Identities, list[tuple[str, str]]]:
    """The identities of a run after one with these URNs, and what was renamed."""
    renamed: list[tuple[str, str]] = []
    olds = [Resource(urn, "t:t:T") for urn in urns]
    return Identities(("proj", "local"), olds, lambda old, new: renamed.append((old, new))), renamed


def test_a_urn_has_the_types_of_the_parents() -> None:
    """But for the stack's."""
    identities, _ = _identities()
    assert identities.urn(Goal("t:t:T", "a")) == f"{HEAD}t:t:T::a"
    assert identities.urn(Goal("t:t:T", "a", parent=ROOT)) == f"{HEAD}t:t:T::a"
    assert identities.urn(Goal("t:t:T", "a", parent=f"{HEAD}g:g:G::g")) == f"{HEAD}g:g:G$t:t:T::a"


def test_the_old_resource_has_the_same_urn() -> None:
    """It is noted as seen; one that waits for its deletion is not meant."""
    identities, renamed = _identities(f"{HEAD}t:t:T::a")
    old = identities.claim(Goal("t:t:T", "a"))
    assert old
    assert (old.urn, identities.seen, renamed) == (f"{HEAD}t:t:T::a", {f"{HEAD}t:t:T::a"}, [])
    waiting = Resource(f"{HEAD}t:t:T::a", "t:t:T", delete=True)
    assert Identities(("proj", "local"), [waiting], lambda *_: None).claim(Goal("t:t:T", "a")) is None


@pytest.mark.parametrize(
    ("alias", "urn"),
    [
        (Alias(urn=f"{HEAD}x:x:X::z"), f"{HEAD}x:x:X::z"),
        (Alias(name="z"), f"{HEAD}g:g:G$t:t:T::z"),
        (Alias(type="u:u:U"), f"{HEAD}g:g:G$u:u:U::a"),
        (Alias(no_parent=True), f"{HEAD}t:t:T::a"),
        (Alias(parent=f"{HEAD}h:h:H::h"), f"{HEAD}h:h:H$t:t:T::a"),
        (Alias(stack="s", project="p"), "urn:pulumi:s::p::g:g:G$t:t:T::a"),
    ],
    ids=["urn", "name", "type", "no parent", "parent", "stack"],
)
def test_an_alias_is_a_former_urn(alias: Alias, urn: str) -> None:
    """Whole, or what differs from the resource's own."""
    identities, renamed = _identities(urn)
    identities.claim(Goal("g:g:G", "g"))
    old = identities.claim(Goal("t:t:T", "a", parent=f"{HEAD}g:g:G::g", aliases=[alias]))
    assert old
    assert (old.urn, renamed) == (urn, [(urn, f"{HEAD}g:g:G$t:t:T::a")])


def test_children_follow_a_renamed_parent() -> None:
    """Also where their names begin with the parent's."""
    identities, _ = _identities(f"{HEAD}g:g:G::old", f"{HEAD}g:g:G$t:t:T::old-a", f"{HEAD}g:g:G$t:t:T::b")
    identities.claim(Goal("g:g:G", "new", aliases=[Alias(name="old")]))
    for name, before in (("new-a", "old-a"), ("b", "b")):
        old = identities.claim(Goal("t:t:T", name, parent=f"{HEAD}g:g:G::new"))
        assert old
        assert old.urn == f"{HEAD}g:g:G$t:t:T::{before}"


def test_a_parent_must_be_declared_before() -> None:
    """The error names it."""
    identities, _ = _identities()
    with pytest.raises(PlanError, match=f"could not find parent resource {HEAD}g:g:G::g"):
        identities.claim(Goal("t:t:T", "a", parent=f"{HEAD}g:g:G::g"))


@pytest.mark.parametrize(
    ("goals", "message"),
    [
        ([Goal("t:t:T", "a"), Goal("t:t:T", "a")], "Duplicate resource URN"),
        ([Goal("t:t:T", n, aliases=[Alias(name="old")]) for n in ("a", "b")], "Duplicate resource alias"),
        ([Goal("t:t:T", "a", aliases=[Alias(name="old")]), Goal("t:t:T", "old")], "conflicting with alias"),
    ],
    ids=["name", "alias", "name and alias"],
)
def test_no_two_resources_are_one(goals: list[Goal], message: str) -> None:
    """Neither under their own names nor under former ones."""
    identities, _ = _identities(f"{HEAD}t:t:T::old")
    identities.claim(goals[0])
    with pytest.raises(PlanError, match=message):
        identities.claim(goals[1])
