"""The levels of a key file that set values: the file, an environment, a team, a key, and a key's override."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, NamedTuple

from pulumi_account.common.money import to_float
from pulumi_account.core.declaration import declared
from pulumi_account.core.rotation import declared_rotating
from pulumi_account.exceptions import InvalidInputError
from pulumi_account.keyfile.model import Rotation
from pulumi_account.keyfile.nodes import Failures, Node, Place, plain

__all__ = ["NOTHING", "Found", "Level", "merged", "read_level", "rendered"]

#: of these, the most specific level that has one sets those of the other levels aside
_LIFETIME = ("expires_at", "expires_in", "rotate")
_OF_CORE = ("credit_limit", "is_enabled", "expires_at", "expires_in", "delete_guard", "adopt_key_id")
_ROTATION = ("every", "overlap", "anchor", "rotate_now", "revoke")
_AS_THEY_ARE = ("protect", "owner", "name")
#: whether an instant has passed, the deployment judges, as it knows which expiries are in force
_BEGINNING = datetime.min.replace(tzinfo=timezone.utc)
_BRACES = re.compile(r"\{\{|\}\}|\{(team|key|environment)\}|[{}]")


class Found(NamedTuple):
    """A value, and where it is."""

    value: Any
    at: Place


class Level(NamedTuple):
    """What one level sets."""

    values: dict[str, Found]
    labels: dict[str, Found]


NOTHING = Level({}, {})


def read_level(node: Node | None, failures: Failures) -> Level:
    """Read the values of a level, and report those that are invalid."""
    if node is None:
        return NOTHING
    fields = {**node.entries("defaults"), **node.entries()}
    values = {
        name: Found(_judged(name, fields[name], failures), fields[name].at)
        for name in (*_OF_CORE, "rotate", *_AS_THEY_ARE)
        if name in fields
    }
    labels = {
        name: Found(inner.value, inner.at)
        for name, inner in node.entries("labels").items()
        if _of_core("labels", {name: _label(inner)}, inner.at, failures) is not None
    }
    given = [name for name in _LIFETIME if name in values and fields[name].value is not None]
    if len(given) > 1:
        last = max(fields[name].at for name in given)
        failures.add(last, f"{' and '.join(given)} exclude each other: give one of them")
    return Level(values, labels)


def merged(levels: Iterable[Level]) -> Level:
    """The effective values of levels, the least specific first."""
    values: dict[str, Found] = {}
    labels: dict[str, Found] = {}
    for level in levels:
        if any(name in level.values for name in _LIFETIME):
            for name in _LIFETIME:
                values.pop(name, None)
        values.update(level.values)
        labels.update(level.labels)
    return Level(values, labels)


def rendered(template: str, *, team: str, key: str, environment: str) -> str:
    """The name of a key that a template makes."""
    names = {"team": team, "key": key, "environment": environment}
    return _BRACES.sub(lambda found: names[found[1]] if found[1] else found[0][0], template)


def _judged(name: str, node: Node, failures: Failures) -> Any:
    """The valid value; a stand-in for an invalid one."""
    value = node.value
    if value is None:
        return None
    if name == "rotate":
        return _rotation(node, failures)
    if name in _OF_CORE:
        if name == "adopt_key_id" and not isinstance(value, (int, Decimal)):
            return None  # the check of the shape has reported it
        return _of_core(name, plain(node), node.at, failures)
    if name == "name" and isinstance(value, str) and {"{", "}"} & {m[0] for m in _BRACES.finditer(value)}:
        failures.add(
            node.at, "name may contain {team}, {key} and {environment}; write other braces as {{ and }}"
        )
        return None
    return value


def _label(node: Node) -> Any:
    return float(node.value) if isinstance(node.value, Decimal) else plain(node)


def _of_core(name: str, value: Any, at: Place, failures: Failures) -> Any:
    try:
        if isinstance(value, Decimal):
            value = to_float(value)
        return getattr(declared({"name": "any", name: value}, now=_BEGINNING), name)
    except InvalidInputError as error:
        for failure in error.failures:
            failures.add(at, failure)
    except ValueError as error:
        failures.add(at, f"{name} {error}")
    return Decimal(0) if name == "credit_limit" else None  # no budget is exceeded because of it


def _rotation(node: Node, failures: Failures) -> Rotation | None:
    given = {name: inner.value for name, inner in node.entries().items() if name in _ROTATION}
    given = {name: value for name, value in given.items() if value is not None}
    if "every" not in given:
        return None  # the check of the shape has reported it
    try:
        values = declared_rotating({"name": "any", **given})
    except InvalidInputError as error:
        for failure in error.failures:
            property_name = failure.partition(" ")[0]
            failures.add(node.value[property_name].at, failure)
        return None
    return Rotation(**{name: values[name] for name in given})
