"""The order of deletions, from values alone."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_account.testing.deletion import Deletions
from pulumi_account.testing.planning import Diff, Step
from pulumi_account.testing.resources import PlanError, Resource
from pulumi_account.testing.values import UNKNOWN, Properties

HEAD = "urn:pulumi:local::proj::t:t:T::"


def _item(name: str, *needs: str, **options: Any) -> Resource:
    """A resource whose property ``x`` comes from those that it needs."""
    urns = [HEAD + need for need in needs]
    inputs = {"x": "1"} if needs else {}
    properties = {"dependencies": urns, "property_dependencies": {"x": urns}, "inputs": inputs}
    return Resource(HEAD + name, "t:t:T", **{**properties, **options})


def _names(steps: list[Step]) -> list[str]:
    return [step.resource.name for step in steps]


def _replaces(_old: Resource, inputs: Properties) -> Diff:
    assert inputs == {"x": UNKNOWN}
    return Diff(True, ["x"])


def _updates(_old: Resource, _inputs: Properties) -> Diff:
    return Diff(True)


def _groups(*items: Resource) -> list[list[str]]:
    deletions = Deletions(list(items))
    return [sorted(_names(group)) for group in deletions.groups(deletions.at_end(set()))]


def test_what_depends_on_others_goes_first() -> None:
    """What does not depend on each other goes side by side."""
    assert _groups(_item("a"), _item("b", "a"), _item("c", "a"), _item("d", "c")) == [
        ["d"],
        ["b", "c"],
        ["a"],
    ]


def test_children_go_before_their_parent() -> None:
    """As what depends on it."""
    assert _groups(_item("group"), _item("child", parent=HEAD + "group")) == [["child"], ["group"]]


def test_what_depends_on_a_component_goes_before_its_descendants() -> None:
    """They count as a part of it."""
    group, child = _item("group", custom=False), _item("child", parent=HEAD + "group")
    assert _groups(group, child, _item("user", "group")) == [["user"], ["child"], ["group"]]


def test_a_provider_instance_goes_after_its_resources() -> None:
    """It has to delete them."""
    assert _groups(_item("instance"), _item("a", provider=f"{HEAD}instance::1")) == [["a"], ["instance"]]


def test_the_end_of_a_run_deletes_what_is_not_declared_and_originals() -> None:
    """What was looked up is only forgotten, and what was already deleted leaves the state."""
    items = [
        _item("seen"),
        _item("gone"),
        _item("found", external=True),
        _item("half-way", pending_replacement=True),
        _item("seen", delete=True),
        _item("seen", delete=True, external=True),
    ]
    steps = Deletions(items).at_end({HEAD + "seen"})
    assert [(step.op, step.resource.name) for step in steps] == [
        ("delete", "gone"),
        ("discard", "found"),
        ("remove-pending-replace", "half-way"),
        ("delete-replaced", "seen"),
        ("discard-replaced", "seen"),
    ]


def test_what_is_replaced_with_the_root_goes_before_it() -> None:
    """The last first; each stays in the state until its replacement exists, with the fields that required it."""
    root, b, c = _item("a"), _item("b", "a"), _item("c", "b")
    deletions = Deletions([root, b, c])
    steps = deletions.before_replacement(root, set(), _replaces)
    assert _names(steps) == ["c", "b", "a"]
    assert {(step.op, step.stays) for step in steps} == {("delete-replaced", True)}
    assert (deletions.fallen(b), deletions.fallen(b), deletions.fallen(root)) == (["x"], None, None)


def test_what_would_be_updated_stays() -> None:
    """And so does what depends only on it."""
    root = _item("a")
    steps = Deletions([root, _item("b", "a"), _item("c", "b")]).before_replacement(root, set(), _updates)
    assert _names(steps) == ["a"]


def test_what_the_program_has_declared_already_stays() -> None:
    """Its steps are done."""
    root = _item("a")
    steps = Deletions([root, _item("b", "a")]).before_replacement(root, {HEAD + "b"}, _replaces)
    assert _names(steps) == ["a"]


def test_resources_are_replaced_with_their_provider_instance() -> None:
    """Without asking it."""
    root, user = _item("a"), _item("b", provider=f"{HEAD}a::1")
    assert _names(Deletions([root, user]).before_replacement(root, set(), _updates)) == ["b", "a"]


def test_an_original_that_is_deleted_already_is_not_deleted_again() -> None:
    """Its replacement was never created."""
    root = _item("a", pending_replacement=True)
    assert Deletions([root]).before_replacement(root, set(), _replaces) == []


def test_what_is_protected_is_not_replaced_with_another() -> None:
    """The error names both."""
    root = _item("a")
    deletions = Deletions([root, _item("b", "a", protect=True)])
    with pytest.raises(
        PlanError, match=f'unable to replace resource "{HEAD}b" as part of replacing "{HEAD}a"'
    ):
        deletions.before_replacement(root, set(), _replaces)


def test_what_could_not_be_deleted_keeps_all_that_it_needs() -> None:
    """At any distance."""
    items = [_item("a"), _item("b", "a"), _item("c", "b"), _item("d")]
    assert Deletions(items).kept_for(items[2]) == {HEAD + "a", HEAD + "b"}
