"""Puts existing resources into a state, as ``pulumi import --file`` does: from the inputs and outputs in the file."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pulumi_account.testing.identity import Identities
from pulumi_account.testing.resources import PACKAGE, STACK, Goal, Resource, now
from pulumi_account.testing.state import StateError
from pulumi_account.testing.values import Properties

__all__ = ["Import", "read_import_file"]

_FIELDS = {"type", "name", "id", "parent", "provider", "component", "inputs", "outputs"}


def read_import_file(file: Path) -> dict[str, Any]:
    """The content of a file for ``pulumi import --file``.

    :raises StateError: it is not such a file, or LocalEngine cannot import what it lists.
    """
    try:
        found = json.loads(file.read_bytes())
        resources, table = found.get("resources") or [], found.get("nameTable") or {}
        problem = next((text for text in map(_problem, resources) if text), None)
    except (ValueError, AttributeError, TypeError):  # their messages may contain the whole file
        problem = "not a file for `pulumi import --file`"
    if problem:
        raise StateError(f"{file}: {problem}")
    return {"resources": resources, "nameTable": table}


def _problem(spec: dict[str, Any]) -> str | None:
    name = spec.get("name")
    if not (name and spec.get("type")):
        return "a resource has no type or no name"
    if extra := sorted(spec.keys() - _FIELDS):
        return f"{name}: LocalEngine does not support {', '.join(extra)}"
    if not spec.get("component") and not (spec.get("id") and spec.get("outputs")):
        return f"{name}: LocalEngine imports resources with an id and outputs only"
    return None


class Import:
    """The entries that an import adds to a state, parents first.

    :param stack: the names of the project and of the stack.
    :param config: the stack's configuration, which a new default provider gets.
    :param base: the resources that the state has.
    """

    def __init__(self, stack: tuple[str, str], config: Properties, base: Iterable[Resource]) -> None:
        self._ids = {old.urn: old.id for old in base if not old.delete}
        self._old = frozenset(self._ids)
        self._identities = Identities(stack, (), lambda *_: None)
        self.entries: list[dict[str, Any]] = []
        self._root = self._add(Goal(STACK, "-".join(stack), custom=False))
        default = Goal(f"pulumi:providers:{PACKAGE}", "default", inputs=config)
        default.id = self._ids.get(self._identities.urn(default)) or str(uuid.uuid4())
        self._default = self._add(default, outputs=config)

    def add(self, found: Mapping[str, Any], *, protect: bool) -> int:
        """Add the resources of a file, and return how many are new.

        :param found: what `read_import_file` returned.
        :raises StateError: a parent or a provider is not known, or a resource exists with another id.
        """
        names, before = dict(found["nameTable"]), len(self.entries)
        for spec in sorted(found["resources"], key=lambda spec: not spec.get("component")):
            custom = not spec.get("component")
            goal = Goal(spec["type"], spec["name"], custom, inputs=spec.get("inputs") or {})
            goal.id = spec.get("id") or ""
            goal.parent = _named(names, spec, "parent") or self._root
            goal.provider = (_named(names, spec, "provider") or self._default) if custom else ""
            names[goal.name] = self._add(goal, outputs=spec.get("outputs") or {}, protect=protect)
        return len(self.entries) - before

    def _add(self, goal: Goal, **fields: Any) -> str:
        urn, provider = self._identities.urn(goal), goal.provider
        if urn in self._ids and (urn not in self._old or self._ids[urn] != goal.id):
            raise StateError(f"resource '{urn}' already exists")
        self._ids[urn] = goal.id
        if provider and provider not in self._ids:
            raise StateError(f"the provider of {goal.name} is not in the state: deploy it first")
        if urn not in self._old:
            entry = {name: getattr(goal, name) for name in ("type", "id", "custom", "parent", "inputs")}
            fields |= {"provider": f"{provider}::{self._ids[provider]}"} if provider else {}
            self.entries.append({"urn": urn, **entry, **fields, "created": now(), "modified": now()})
        return urn


def _named(names: Mapping[str, str], spec: Mapping[str, Any], field: str) -> str | None:
    """The URN of the resource that a field names; None if the field is not given."""
    name = spec.get(field)
    if name and name not in names:
        raise StateError(f"the {field} '{name}' of {spec['name']} has no entry")
    return names[name] if name else None
