"""Values with their places, from YAML or from Python, and the failures that are found in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from pulumi_account.exceptions import InvalidInputError

__all__ = ["MAX_DEPTH", "MAX_NODES", "MISSING", "Failures", "Node", "Place", "kind_of", "nearest", "plain"]

#: a file of 10,000 keys is below it; aliases count as often as they are used
MAX_NODES = 200_000
MAX_DEPTH = 32
#: the tag of a name without a value
MISSING = "missing"
#: a field that an error may quote: no credential looks like this
_FIELD = re.compile(r"[a-z]+(_[a-z]+){0,3}|<<")


class Place(NamedTuple):
    """Where a value is: a line and column of a file, or a path in a Python dict. Places sort in the order of reading.

    :ivar source: the number of the file, in the order of reading.
    :ivar line: from 1; 0 in a dict.
    :ivar column: from 1; in a dict, a running number.
    :ivar name: the file's name; in a dict, the whole path.
    """

    source: int
    line: int
    column: int
    name: str

    def __str__(self) -> str:
        return f"{self.name}:{self.line}:{self.column}" if self.line else self.name


class Node:
    """A value and its place. A map also has the places of its names.

    :ivar value: a dict or list of nodes, or text, an integer, a `Decimal`, a boolean or None.
    :ivar size: the number of nodes in it.
    :ivar tag: ``!include``, `MISSING` or None.
    """

    __slots__ = ("at", "names", "size", "tag", "value")

    def __init__(
        self, value: Any, at: Place, names: dict[str, Place] | None = None, tag: str | None = None
    ) -> None:
        self.value = value
        self.at = at
        if names is None:
            names = {name: node.at for name, node in value.items()} if isinstance(value, dict) else {}
        self.names = names
        self.tag = tag
        self.size: int = 1 + sum(node.size for node in self)

    def __iter__(self) -> Iterator[Node]:
        if isinstance(self.value, dict):
            return iter(self.value.values())
        return iter(self.value if isinstance(self.value, list) else ())

    def get(self, *path: str) -> Node | None:
        """The node below these names; None if there is none."""
        node: Node | None = self
        for name in path:
            node = node.value.get(name) if node is not None and isinstance(node.value, dict) else None
        return node

    def entries(self, *path: str) -> dict[str, Node]:
        """The entries of the map below these names; none if there is no such map."""
        node = self.get(*path)
        return node.value if node is not None and isinstance(node.value, dict) else {}


class Failures:
    """All failures of a key file. Each is reported once, in the order of the file."""

    def __init__(self) -> None:
        self._found: set[tuple[Place, str]] = set()
        self._alone: dict[Place, str] = {}

    def add(self, at: Place, what: str, *, alone: bool = False) -> None:
        """Note a failure.

        :param at: its place.
        :param what: one sentence, which quotes no value that could be a credential.
        :param alone: this is the only failure of its place, whatever else is found there.
        """
        self._found.add((at, what))
        if alone:
            self._alone[at] = what

    def __bool__(self) -> bool:
        return bool(self._found)

    def lines(self) -> list[str]:
        """The failures as lines: ``file:line:column: what``."""
        found = sorted(self._found)
        return [f"{at}: {what}" for at, what in found if self._alone.get(at, what) == what]

    def require_none(self) -> None:
        """Raise all failures, if there are any.

        :raises InvalidInputError: with a line for each.
        """
        if self._found:
            raise InvalidInputError(self.lines())


def kind_of(value: object) -> str:
    """The kind of a value, in words that cannot contain a credential."""
    kinds = {bool: "a boolean", str: "text", list: "a list", dict: "a map", type(None): "nothing"}
    return kinds.get(type(value), "a number")


def nearest(name: str, known: Mapping[str, object]) -> str:
    """Name a field that is unknown, and the known one that it resembles."""
    shown = f"unknown field {name}" if _FIELD.fullmatch(name) and len(name) <= 30 else "unknown field"
    if name == "<<":
        return f"{shown}: maps cannot be merged: use defaults"
    found = get_close_matches(name[:30], known, n=1)
    return f"{shown}; did you mean {found[0]}?" if found else f"{shown}; there are {', '.join(known)}"


def plain(node: Node) -> Any:
    """The value without its places, for a rule that reports its kind."""
    if isinstance(node.value, dict):
        return {name: plain(inner) for name, inner in node.value.items()}
    return [plain(inner) for inner in node.value] if isinstance(node.value, list) else node.value
