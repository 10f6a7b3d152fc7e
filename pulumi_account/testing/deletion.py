"""Decides which resources are deleted, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from pulumi_account.testing.planning import Diff, Step
from pulumi_account.testing.resources import PlanError, Resource
from pulumi_account.testing.values import UNKNOWN, Properties

#: compares a resource of the last run with other inputs
Compare: TypeAlias = Callable[[Resource, Properties], Diff]


class Deletions:
    """The deletions of one run.

    :param resources: the resources of the last run, each after those that it depends on.
    """

    def __init__(self, resources: list[Resource]) -> None:
        self._resources = resources
        self._deleted: set[Resource] = set()  # before their replacement
        self._fallen: dict[str, list[str]] = {}

    def fallen(self, old: Resource | None) -> list[str] | None:
        """The fields for which the resource was deleted with one it depends on; None when it was not."""
        return self._fallen.pop(old.urn, None) if old else None

    def before_replacement(self, root: Resource, seen: set[str], compare: Compare) -> list[Step]:
        """Delete a resource before its replacement is created, and before it all that is replaced with it.

        :param seen: the URNs of the last run that the program has declared again.
        :raises PlanError: one of these is protected.
        """
        steps = []
        for dependent, keys in reversed(self._replaced_with(root, seen, compare)):
            if dependent in self._deleted:
                continue
            if dependent.protect:
                raise PlanError(
                    f'unable to replace resource "{dependent.urn}" as part of replacing "{root.urn}" as it is '
                    "currently marked for protection. To unprotect the resource, remove the `protect` flag from the "
                    "resource in your Pulumi program and run `pulumi up`, or use the command:\n"
                    f"`pulumi state unprotect '{dependent.urn}'`"
                )
            self._fallen[dependent.urn] = keys
            self._deleted.add(dependent)
            steps.append(Step("delete-replaced", dependent, stays=True))
        return steps if root.pending_replacement else [*steps, Step("delete-replaced", root, stays=True)]

    def _replaced_with(
        self, root: Resource, seen: set[str], compare: Compare
    ) -> list[tuple[Resource, list[str]]]:
        """The resources that are replaced when what they take from the root becomes unknown, with the fields."""
        found: list[tuple[Resource, list[str]]] = []
        touched, replaced = {root.urn}, {root.urn}
        for item in self._resources[self._resources.index(root) + 1 :]:
            needs = item.needs() - {item.parent} | set(item.dependencies)
            if item.urn in seen or not needs & touched:
                continue
            touched.add(item.urn)
            replaces, keys = _falls(item, replaced, compare)
            if replaces:
                replaced.add(item.urn)
                found.append((item, keys))
        return found

    def at_end(self, seen: set[str]) -> list[Step]:
        """Delete what the program no longer declares, and the originals of replacements."""
        steps = []
        for old in self._resources:
            if old.delete:
                if old not in self._deleted:
                    steps.append(Step("discard-replaced" if old.external else "delete-replaced", old))
            elif old.urn not in seen:
                gone = "discard" if old.external else "delete"
                steps.append(Step("remove-pending-replace" if old.pending_replacement else gone, old))
        return steps

    def groups(self, steps: Iterable[Step]) -> list[list[Step]]:
        """Sort deletions into groups that can run side by side; a group comes after all that depends on it.

        :param steps: in the order of the state. The descendants of a component count as a part of it.
        """
        ranks: dict[str, int] = {}
        inner: dict[str, int] = {}  # the highest rank among a component's descendants
        groups: list[list[Step]] = []
        parents = {resource.urn: resource.parent for resource in self._resources}
        for step in steps:
            old = step.resource
            needs = old.needs() & ranks.keys()
            below = [max(ranks[urn], inner.get(urn, 0) if urn != old.parent else 0) for urn in needs]
            rank = 1 + max(below, default=-1)
            ranks[old.urn] = max(rank, ranks.get(old.urn, 0))
            up = old.parent
            while up and inner.get(up, 0) < rank:
                inner[up] = rank
                up = parents.get(up, "")
            groups += [[] for _ in range(rank + 1 - len(groups))]
            groups[rank].append(step)
        return groups[::-1]

    def kept_for(self, resource: Resource) -> set[str]:
        """The URNs of all that a resource which could not be deleted depends on."""
        by_urn = {item.urn: item for item in self._resources}
        found: set[str] = set()
        waiting = [resource.urn]
        while waiting:
            item = by_urn.get(waiting.pop())
            news = item.needs() - found if item else set()
            found |= news
            waiting += news
        return found


def _falls(item: Resource, replaced: set[str], compare: Compare) -> tuple[bool, list[str]]:
    """Whether the resource is replaced together with those, and the fields that require it."""
    if not item.custom or item.external or item.is_provider:
        return False, []
    if item.provider_urn in replaced:
        return True, []
    loose = {key for key, urns in item.property_dependencies.items() if replaced & set(urns)}
    if not loose & set(item.inputs):
        return False, []
    inputs = {key: UNKNOWN if key in loose else value for key, value in item.inputs.items()}
    return compare(item, inputs).replacing(item.replace_on_changes)
