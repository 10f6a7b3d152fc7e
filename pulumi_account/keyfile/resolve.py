"""From a key file to the keys that it declares: precedence, labels, names, and what must hold among keys."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pulumi_account.core.declaration import declared
from pulumi_account.core.rotation import declared_rotating
from pulumi_account.exceptions import InvalidInputError
from pulumi_account.keyfile.budgets import check_budgets
from pulumi_account.keyfile.former import check_former_names, former_names
from pulumi_account.keyfile.levels import NOTHING, Found, Level, merged, read_level, rendered
from pulumi_account.keyfile.model import DeclaredKey, KeyFile
from pulumi_account.keyfile.nodes import Failures, Node, Place
from pulumi_account.keyfile.shape import DEFAULT_NAME, check_shape
from pulumi_account.keyfile.sources import read_dict, read_files

__all__ = ["MAX_KEYS", "load", "load_dict"]

#: in all environments together
MAX_KEYS = 100_000
_BEGINNING = datetime.min.replace(tzinfo=timezone.utc)


def load(path: str | os.PathLike[str]) -> KeyFile:
    """Read a key file, and the files that it includes.

    :param path: the file.
    :raises InvalidInputError: the file breaks rules; each failure is a line ``file:line:column: what``.
    :raises OSError: the file cannot be opened.
    """
    failures = Failures()
    return _resolved(read_files(Path(path), failures), failures)


def load_dict(document: Mapping[str, Any]) -> KeyFile:
    """Resolve a Python dict that has the content of a key file.

    :param document: the content.
    :raises InvalidInputError: it breaks rules; each failure is a line ``path: what``.
    """
    failures = Failures()
    return _resolved(read_dict(document, failures), failures)


def _resolved(root: Node | None, failures: Failures) -> KeyFile:
    keys: tuple[DeclaredKey, ...] = ()
    environments: tuple[str, ...] = ()
    if root is not None:
        check_shape(root, failures)
        environments = tuple(root.entries("environments"))
        keys = tuple(_Resolver(root, failures).keys())
        _check_names(keys, failures)
        check_former_names(root, failures)
        check_budgets(root, keys, failures)
    failures.require_none()
    return KeyFile(environments=environments, keys=keys)


class _Resolver:
    """The keys of a file. Invalid values are reported and left out."""

    def __init__(self, root: Node, failures: Failures) -> None:
        self._root, self._failures = root, failures
        self._file = read_level(root, failures)
        self._environments = {
            name: read_level(node, failures) for name, node in root.entries("environments").items()
        }

    def keys(self) -> Iterator[DeclaredKey]:
        """The keys of all environments."""
        room = MAX_KEYS
        for team, team_node in self._root.entries("teams").items():
            team_level = read_level(team_node, self._failures)
            for key, node in team_node.entries("keys").items():
                for declared_key in self._keys(team, team_node, team_level, key, node):
                    if (room := room - 1) < 0:
                        self._failures.add(node.at, f"the file declares more than {MAX_KEYS:,} keys")
                        return
                    yield declared_key

    def _keys(
        self, team: str, team_node: Node, team_level: Level, key: str, node: Node
    ) -> Iterator[DeclaredKey]:
        """One key in each of its environments."""
        environments = self._environments_of(node)
        key_level, overrides = read_level(node, self._failures), self._overrides(node, environments)
        previously = former_names(team, team_node, key, node)
        for environment in environments:
            names = {
                "team": Found(team, _name_at(self._root.get("teams"), team)),
                "environment": Found(environment, _name_at(self._root.get("environments"), environment)),
                "key": Found(key, _name_at(team_node.get("keys"), key)),
            }
            levels = [self._file, self._environments[environment], team_level, key_level]
            level = merged([*levels, overrides.get(environment, NOTHING)])
            yield self._declared(names, level, previously)

    def _declared(self, names: Mapping[str, Found], level: Level, previously: tuple[str, ...]) -> DeclaredKey:
        values = dict(level.values)
        owner, template = values.pop("owner", None), values.pop("name", None)
        labels = {**level.labels, **names, **({"owner": owner} if owner else {})}
        places = {name: found.at for name, found in values.items()}
        places |= {f"labels.{name}": found.at for name, found in labels.items()}
        places["name"] = template.at if template else names["key"].at
        parts = {name: found.value for name, found in names.items()}
        text = template.value if template and isinstance(template.value, str) else DEFAULT_NAME
        name = rendered(text, **parts)
        self._check_rules(name, values, places)
        return DeclaredKey(
            **parts,
            **{name: found.value for name, found in values.items()},
            name=name,
            labels={name: found.value for name, found in labels.items()},
            previously=previously,
            places=places,
        )

    def _check_rules(self, name: str, values: Mapping[str, Found], at: Mapping[str, Place]) -> None:
        """Report what is wrong with the effective name, and with values that come from several levels."""
        is_rotating = "rotate" in values and values["rotate"].value is not None
        try:
            if is_rotating:
                declared_rotating({"name": name, "every": "1d"})
            else:
                declared({"name": name}, now=_BEGINNING)
        except InvalidInputError as error:
            self._failures.add(at["name"], str(error))
        if is_rotating and "adopt_key_id" in values:
            self._failures.add(at["adopt_key_id"], "a rotating key cannot adopt a key")

    def _environments_of(self, key: Node) -> list[str]:
        listed = key.get("environments")
        if listed is None or not isinstance(listed.value, list):
            return list(self._environments)
        texts = [node for node in listed if isinstance(node.value, str)]
        for node in texts:
            if node.value not in self._environments:
                self._failures.add(node.at, self._no_environment(node.value))
        return list(dict.fromkeys(node.value for node in texts if node.value in self._environments))

    def _overrides(self, key: Node, environments: Iterable[str]) -> dict[str, Level]:
        overrides = key.entries("overrides")
        for name in overrides.keys() - {*environments}:
            known = name in self._environments
            what = "the key is not in this environment" if known else self._no_environment(name)
            self._failures.add(_name_at(key.get("overrides"), name), what)
        return {name: read_level(node, self._failures) for name, node in overrides.items()}

    def _no_environment(self, name: str) -> str:
        near = get_close_matches(name[:100], self._environments, n=1, cutoff=0.5)
        return "the file has no environment of this name" + (f"; did you mean {near[0]}?" if near else "")


def _name_at(node: Node | None, name: str) -> Place:
    assert node is not None
    return node.names[name]


def _check_names(keys: Iterable[DeclaredKey], failures: Failures) -> None:
    """Report keys of the same name in one environment, and keys whose resources would have the same name."""
    named: dict[tuple[str, str], DeclaredKey] = {}
    resources: dict[str, DeclaredKey] = {}
    for key in keys:
        other = named.setdefault((key.environment, key.name), key)
        if other is not key:
            at = other.places["labels.key"]
            failures.add(key.places["name"], f"name is also that of the key at {at}, in the same environment")
        other = resources.setdefault(key.resource_name, key)
        if (other.team, other.key) != (key.team, key.key):
            at = other.places["labels.key"]
            failures.add(
                key.places["labels.key"], f"the resource {key.resource_name} is also that of the key at {at}"
            )
