"""Decides which steps deploy a declared resource, from values alone: other modules ask the providers."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace

from pulumi_account.testing.resources import Goal, Resource
from pulumi_account.testing.values import (
    Change,
    Properties,
    Value,
    changes,
    covers,
    has_unknown,
    keep_old,
    path_of,
    plain,
    same,
    without_secrets,
)

#: the fields of a goal that its resource takes as they are
_SHARED = {item.name for item in fields(Goal)} & {item.name for item in fields(Resource)} - {
    *("id", "protect", "retain_on_delete")
}
_COUNTED = ("same", "create", "update", "delete", "replace", "discard")


@dataclass(frozen=True)
class Diff:
    """What differs between an old and a new resource, as the provider or the comparison of inputs reports it."""

    some: bool
    replaces: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    detailed: list[Change] | None = None
    delete_before_replace: bool = False

    def replacing(self, paths: Iterable[str]) -> tuple[bool, list[str]]:
        """Whether this is a replacement, and the fields that require it.

        :param paths: the resource's ``replace_on_changes``.
        """
        if not self.some:
            return False, []
        patterns = [path_of(path) for path in paths]

        def hit(path: tuple[str | int, ...]) -> bool:
            return any(covers(pattern, path) for pattern in patterns)

        keys = sorted({*self.replaces, *(key for key in self.changed if hit((key,)))})
        return bool(keys) or any(hit(path) for _, path in self.detailed or ()), keys


@dataclass
class Step:
    """One operation on one resource, planned or done."""

    op: str
    old: Resource | None = None
    new: Resource | None = None
    keys: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    detailed: list[Change] | None = None
    stays: bool = False  # the deleted original stays in the state until its replacement exists
    leaves: bool = False  # the original is deleted at the end of the run
    result: str = ""  # what a refresh found

    @property
    def resource(self) -> Resource:
        """The resource after the step or, when it is deleted, before."""
        resource = self.new or self.old
        assert resource
        return resource

    @property
    def counts_as(self) -> str:
        """The operation under which a summary counts the step; empty for a part of another step."""
        if self.resource.is_default_provider:
            return ""
        if self.op == "refresh":
            return self.result
        if self.op == "read":
            return "read" if self.old and self.new and changes(self.old.outputs, self.new.outputs) else ""
        return self.op if self.op in _COUNTED else ""


def resource_for(goal: Goal, urn: str, old: Resource | None) -> Resource:
    """The resource to be, with the declared inputs and no outputs yet.

    :param old: the resource of the last run that it stands for.
    """
    declared = {name: getattr(goal, name) for name in _SHARED}
    protect, retain = bool(goal.protect), bool(goal.retain_on_delete)
    created, modified = (old.created, old.modified) if old else ("", "")
    return Resource(
        urn, **declared, protect=protect, retain_on_delete=retain, created=created, modified=modified
    )


def steps_to_read(goal: Goal, urn: str, old: Resource | None) -> list[Step]:
    """The steps for a resource that the stack looks up and does not own."""
    new = replace(resource_for(goal, urn, old), id=goal.id, external=True, property_dependencies={})
    if old and not old.external and old.id != goal.id:
        return [Step("read-replacement", old, new), Step("replace", old, new)]
    return [Step("read", old, new)]


def kept_inputs(goal: Goal, old: Resource | None) -> Properties:
    """The declared inputs, with the old values of those whose changes are ignored."""
    return with_ignored(goal.ignore_changes, old.inputs, goal.inputs) if old else goal.inputs


def inputs_to_check(goal: Goal, old: Resource | None, *, anew: bool) -> tuple[Properties, Properties]:
    """The old and the new inputs for the provider's check.

    :param anew: whether the resource is certainly created, whatever it was before.
    """
    if old is None or old.external or anew:
        return {}, goal.inputs
    return old.inputs, kept_inputs(goal, old)


def steps_without_diff(old: Resource | None, new: Resource, fallen: list[str] | None) -> list[Step]:
    """The steps that depend on no difference; empty when old and new must be compared.

    :param fallen: the fields because of which the old resource was deleted together with one it depends on.
    """
    if not old:
        return [Step("create", new=new)]
    if fallen is not None:
        return [Step("replace", old, new), Step("create-replacement", old, new, fallen)]
    if old.external:
        return [Step("create-replacement", old, new, leaves=True), Step("replace", old, new)]
    return []


def diff_without_provider(old: Resource, new: Resource, inputs: Properties, *, forced: bool) -> Diff | None:
    """The difference, or None when only the provider can compare.

    :param inputs: the new inputs; those of a component are compared here and not stored.
    :param forced: whether the user requests a replacement.
    """
    if triggers(old.replacement_trigger, new.replacement_trigger):
        return Diff(True)
    if forced:
        return Diff(True, ["id"])
    if bool(old.provider) != bool(new.provider):
        return Diff(True, ["provider"])
    if new.is_provider:
        return Diff(not same(old.outputs, inputs))
    return None if new.custom else Diff(not same(old.inputs, inputs))


def triggers(old: Value, new: Value) -> bool:
    """Whether a ``replacement_trigger`` requires a replacement: the state's secrets are compared undecrypted."""
    before, after = without_secrets(old), plain(new)
    return has_unknown(after) or not (before is None or after is None or same(before, after))


def steps_for_diff(goal: Goal, old: Resource, new: Resource, diff: Diff) -> list[Step]:
    """Keep, update or replace the old resource; the program's ``delete_before_replace`` overrides the provider's."""
    replaces, keys = diff.replacing(goal.replace_on_changes)
    triggered = triggers(old.replacement_trigger, new.replacement_trigger)
    if not (replaces or triggered or old.pending_replacement):
        return [Step("update" if diff.some else "same", old, new, [], diff.changed, diff.detailed)]
    override = goal.delete_before_replace
    delete_first = diff.delete_before_replace if override is None else override
    create = Step("create-replacement", old, new, keys, diff.changed, diff.detailed, leaves=not delete_first)
    logical = replace(create, op="replace")
    return [logical, create] if delete_first else [create, logical]


def with_ignored(paths: Iterable[str], olds: Properties, news: Properties) -> Properties:
    """The new inputs with the old value at every ignored path."""
    result = deepcopy(news)
    for path in paths:
        keep_old(path_of(path), olds, result)
    return result
