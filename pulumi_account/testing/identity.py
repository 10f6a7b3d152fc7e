"""Decides a resource's URN, and which resource of the last run it continues, under that URN or an alias."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pulumi_account.testing.resources import STACK, Goal, PlanError, Resource, type_and_name


class Identities:
    """The URNs of one run.

    :param stack: the names of the project and of the stack.
    :param resources: the resources of the last run.
    :param rename: called with the old and the new URN when an alias gives a resource a new one.
    """

    def __init__(
        self, stack: tuple[str, str], resources: Iterable[Resource], rename: Callable[[str, str], None]
    ) -> None:
        self._project, self._stack = stack
        self._olds = {old.urn: old for old in resources if not old.delete}
        self._rename = rename
        self._urns: set[str] = set()
        self._aliased: dict[str, str] = {}  # old URN to new
        self._former: dict[str, str] = {}  # new URN to old
        self.seen: set[str] = set()  # old URNs of the resources that this run has declared

    def urn(self, goal: Goal) -> str:
        """The URN of a declared resource."""
        return self._compose(goal.parent, goal.type, goal.name)

    def _compose(self, parent: str, type_: str, name: str, stack: str = "", project: str = "") -> str:
        kind = type_and_name(parent)[0] if parent else STACK
        qualified = type_ if kind == STACK else f"{kind}${type_}"
        return f"urn:pulumi:{stack or self._stack}::{project or self._project}::{qualified}::{name}"

    def claim(self, goal: Goal) -> Resource | None:
        """Take the URN of a declared resource; returns the resource of the last run that it stands for.

        :raises PlanError: the parent is missing, or another resource has the URN or the alias.
        """
        urn = self.urn(goal)
        if goal.parent and goal.parent not in self._urns:
            raise PlanError(f"could not find parent resource {goal.parent}")
        if urn in self._urns:
            raise PlanError(f"Duplicate resource URN '{urn}'; try giving it a unique name")
        self._urns.add(urn)
        if other := self._aliased.get(urn):
            raise PlanError(
                f"Duplicate resource URN '{urn}' conflicting with alias on resource with URN '{other}'"
            )
        for candidate in (urn, *self._former_urns(goal)):
            if old := self._olds.get(candidate):
                if candidate != urn:
                    self._take_alias(candidate, urn)
                self.seen.add(candidate)
                return old
        return None

    def _take_alias(self, old: str, new: str) -> None:
        if other := old if old in self._urns else self._aliased.get(old):
            raise PlanError(
                f"Duplicate resource alias '{old}' applied to resource with URN '{new}' "
                f"conflicting with resource with URN '{other}'"
            )
        self._aliased[old], self._former[new] = new, old
        self._rename(old, new)

    def _former_urns(self, goal: Goal) -> list[str]:
        """The URNs that the aliases stand for, then those from the time when the parent had its former URN."""
        own = []
        for alias in goal.aliases:
            parent = self._former.get(alias.parent, alias.parent) or goal.parent
            names = (alias.type or goal.type, alias.name or goal.name, alias.stack, alias.project)
            own.append(alias.urn or self._compose("" if alias.no_parent else parent, *names))
        former = self._former.get(goal.parent)
        if not former:
            return own
        inherited = []
        before, after = type_and_name(former)[1], type_and_name(goal.parent)[1]
        for kind, name in ((goal.type, goal.name), *map(type_and_name, own)):
            renamed = before + name.removeprefix(after) if name.startswith(after) else name
            inherited.append(self._compose(former, kind.split("$")[-1], renamed))
        return own + inherited
