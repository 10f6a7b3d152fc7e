"""Planning, from values alone: which steps bring a declared resource about."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_account.testing.planning import (
    Diff,
    Step,
    diff_without_provider,
    inputs_to_check,
    kept_inputs,
    resource_for,
    steps_for_diff,
    steps_to_read,
    steps_without_diff,
    triggers,
)
from pulumi_account.testing.resources import Goal, Resource
from pulumi_account.testing.values import UNKNOWN, Secret

TYPE = "pulumi-python:dynamic:Thing"
URN = f"urn:pulumi:local::proj::{TYPE}::a"
PROVIDER = "urn:pulumi:local::proj::pulumi:providers:pulumi-python::default::1"


def _goal(**options: Any) -> Goal:
    return Goal(TYPE, "a", **{"provider": PROVIDER, "inputs": {"size": 2.0}, **options})


def _old(**options: Any) -> Resource:
    return Resource(URN, TYPE, **{"provider": PROVIDER, "id": "1", "inputs": {"size": 1.0}, **options})


def _steps(goal: Goal, old: Resource, diff: Diff) -> list[Step]:
    return steps_for_diff(goal, old, resource_for(goal, URN, old), diff)


def _ops(steps: list[Step]) -> list[str]:
    return [step.op for step in steps]


def test_a_resource_is_as_declared() -> None:
    """It has the goal's options and the instants of the old resource; an option left open is off."""
    goal = _goal(protect=None, retain_on_delete=True, ignore_changes=["size"])
    new = resource_for(goal, URN, _old(created="then", protect=True))
    assert (new.protect, new.retain_on_delete, new.ignore_changes) == (False, True, ["size"])
    assert (new.urn, new.id, new.created, new.outputs) == (URN, "", "then", {})


def test_what_is_new_is_created() -> None:
    """There is nothing to compare."""
    assert _ops(steps_without_diff(None, _old(), None)) == ["create"]


def test_what_was_looked_up_is_created_and_forgotten_later() -> None:
    """The old entry leaves the state at the end of the run."""
    steps = steps_without_diff(_old(external=True), _old(), None)
    assert _ops(steps) == ["create-replacement", "replace"]
    assert steps[0].leaves


def test_what_fell_with_another_is_created_again() -> None:
    """The reasons are those for which it was deleted."""
    steps = steps_without_diff(_old(), _old(), ["kind"])
    assert [(step.op, step.keys) for step in steps] == [("replace", []), ("create-replacement", ["kind"])]


def test_all_else_is_compared() -> None:
    """No step is certain."""
    assert steps_without_diff(_old(), _old(), None) == []


@pytest.mark.parametrize(
    ("old", "anew", "olds"),
    [
        (None, False, {}),
        (_old(external=True), False, {}),
        (_old(), True, {}),
        (_old(), False, {"size": 1.0}),
    ],
)
def test_a_check_gets_old_inputs_only_of_what_may_stay(
    old: Resource | None, anew: bool, olds: dict[str, Any]
) -> None:
    """What is certainly created is checked like a new resource."""
    assert inputs_to_check(_goal(), old, anew=anew) == (olds, {"size": 2.0})


def test_ignored_changes_keep_the_old_value() -> None:
    """Also below the top, and without changing what the program declared."""
    declared = {"size": 2.0, "tags": {"a": "new", "b": "new"}}
    goal = _goal(inputs=declared, ignore_changes=["size", "tags.b"])
    old = _old(inputs={"size": 1.0, "tags": {"a": "old", "b": "old"}})
    assert kept_inputs(goal, old) == {"size": 1.0, "tags": {"a": "new", "b": "old"}}
    assert declared == {"size": 2.0, "tags": {"a": "new", "b": "new"}}


def test_a_new_resource_ignores_no_changes() -> None:
    """There is no old value to keep."""
    assert kept_inputs(_goal(ignore_changes=["size"]), None) == {"size": 2.0}


@pytest.mark.parametrize(
    ("old", "new", "forced", "expected"),
    [
        (_old(replacement_trigger="x"), _old(replacement_trigger="y"), True, Diff(True)),
        (_old(), _old(), True, Diff(True, ["id"])),
        (_old(provider=""), _old(), False, Diff(True, ["provider"])),
        (_old(), _old(), False, None),
    ],
    ids=["trigger", "forced", "provider", "ask"],
)
def test_a_provider_compares_what_is_not_certain(
    old: Resource, new: Resource, forced: bool, expected: Diff | None
) -> None:
    """A trigger comes first, then the user's request, then a change of kind."""
    assert diff_without_provider(old, new, {"size": 2.0}, forced=forced) == expected


@pytest.mark.parametrize(("size", "some"), [(1.0, False), (2.0, True)])
def test_components_and_instances_are_compared_by_inputs(size: float, some: bool) -> None:
    """An instance by the outputs that it has from them."""
    component = _old(custom=False, provider="")
    assert diff_without_provider(component, component, {"size": size}, forced=False) == Diff(some)
    kind = "pulumi:providers:pulumi-python"
    instance = Resource(URN, kind, inputs={"size": 0.0}, outputs={"size": 1.0})
    assert diff_without_provider(instance, instance, {"size": size}, forced=False) == Diff(some)


@pytest.mark.parametrize(
    ("diff", "op"), [(Diff(False), "same"), (Diff(True, changed=["size"]), "update")], ids=["same", "update"]
)
def test_a_change_that_requires_nothing_is_an_update(diff: Diff, op: str) -> None:
    """And no change at all is the same."""
    assert _ops(_steps(_goal(), _old(), diff)) == [op]


@pytest.mark.parametrize(
    ("goal", "old", "diff", "keys"),
    [
        (_goal(), _old(), Diff(True, ["kind"]), ["kind"]),
        (_goal(replace_on_changes=["size"]), _old(), Diff(True, changed=["size"]), ["size"]),
        (
            _goal(replace_on_changes=["tags[*].a"]),
            _old(),
            Diff(True, detailed=[("update", ("tags", 0, "a"))]),
            [],
        ),
        (_goal(replacement_trigger="y"), _old(replacement_trigger="x"), Diff(True), []),
        (_goal(), _old(pending_replacement=True), Diff(False), []),
    ],
    ids=["provider", "field", "path", "trigger", "half-way"],
)
def test_what_requires_a_replacement(goal: Goal, old: Resource, diff: Diff, keys: list[str]) -> None:
    """The provider, the program by field, path or trigger, and an earlier replacement that did not end."""
    steps = _steps(goal, old, diff)
    assert _ops(steps) == ["create-replacement", "replace"]
    assert [step.keys for step in steps] == [keys, keys]


def test_a_field_that_did_not_change_requires_no_replacement() -> None:
    """Whatever ``replace_on_changes`` names."""
    assert _ops(_steps(_goal(replace_on_changes=["size"]), _old(), Diff(True, changed=["kind"]))) == [
        "update"
    ]
    assert _ops(_steps(_goal(replace_on_changes=["*"]), _old(), Diff(False))) == ["same"]


@pytest.mark.parametrize(
    ("program", "provider", "delete_first"),
    [
        (None, False, False),
        (None, True, True),
        (False, True, False),
        (True, False, True),
    ],
)
def test_the_program_decides_what_comes_first(
    program: bool | None, provider: bool, delete_first: bool
) -> None:
    """Else the provider; the original of a replacement that is created first is deleted at the end."""
    diff = Diff(True, ["kind"], delete_before_replace=provider)
    steps = _steps(_goal(delete_before_replace=program), _old(), diff)
    assert (steps[0].op == "replace") == delete_first
    (create,) = [step for step in steps if step.op == "create-replacement"]
    assert create.leaves == (not delete_first)


@pytest.mark.parametrize(
    ("old", "new", "replaces"),
    [
        ("x", "y", True),
        ("x", "x", False),
        (None, "x", False),
        ("x", None, False),
        ("x", Secret("x"), False),
        (Secret("x"), "y", False),
        ({"a": Secret(1)}, {"a": Secret(1)}, True),
        ("x", UNKNOWN, True),
    ],
)
def test_what_triggers(old: Any, new: Any, replaces: bool) -> None:
    """A trigger that changes or is unknown; not one that comes or goes, nor one that the state holds as a secret."""
    assert triggers(old, new) == replaces


@pytest.mark.parametrize(
    ("old", "ops"),
    [
        (None, ["read"]),
        (_old(external=True), ["read"]),
        (_old(id="7"), ["read"]),
        (_old(), ["read-replacement", "replace"]),
    ],
    ids=["new", "external", "same id", "owned"],
)
def test_a_look_up_replaces_what_the_stack_owned(old: Resource | None, ops: list[str]) -> None:
    """Unless it has the id that is looked up."""
    steps = steps_to_read(_goal(id="7"), URN, old)
    assert _ops(steps) == ops
    assert (steps[0].resource.id, steps[0].resource.external) == ("7", True)


@pytest.mark.parametrize(
    ("step", "counted"),
    [
        (Step("create", new=_old()), "create"),
        (Step("create-replacement", _old(), _old()), ""),
        (Step("refresh", _old(), _old(), result="update"), "update"),
        (Step("read", _old(), _old()), ""),
        (Step("read", _old(), _old(outputs={"a": 1.0})), "read"),
        (Step("same", new=Resource(PROVIDER.rpartition("::")[0], "pulumi:providers:pulumi-python")), ""),
    ],
    ids=["create", "part", "refresh", "nothing new", "read", "default instance"],
)
def test_under_what_a_step_counts(step: Step, counted: str) -> None:
    """A part of another step, a look-up without news and the default instance do not count."""
    assert step.counts_as == counted
