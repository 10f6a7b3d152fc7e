"""YAML to nodes: YAML 1.2's plain values, places for everything, and bounds for anchors and aliases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NoReturn

from pulumi_account.common.money import parse_number
from pulumi_account.exceptions import ConfigurationError
from pulumi_account.keyfile.nodes import MAX_DEPTH, MAX_NODES, MISSING, Failures, Node, Place

try:
    import yaml
except ModuleNotFoundError:
    raise ConfigurationError("key files need PyYAML: pip install 'pulumi_account[keyfile]'") from None

__all__ = ["INCLUDE", "UnreadableError", "parse"]

INCLUDE = "!include"
#: the parser in C is twelve times as fast; not every platform has it
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: the plain texts that are no texts, by the core schema of YAML 1.2: there, `no` and a date are texts
_CONSTANTS = {
    **dict.fromkeys(("null", "Null", "NULL", "~"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_INTEGER = re.compile(r"[-+]?[0-9]{1,300}", re.ASCII)


class UnreadableError(Exception):
    """The rest of a file cannot be read; the failures say why."""


def parse(text: str, name: str, source: int, failures: Failures) -> Node:
    """Read a text of one YAML document.

    :param text: the text.
    :param name: the file's name in failures.
    :param source: the number of the file, in the order of reading.
    :param failures: receives what is wrong but does not end the reading, such as duplicate names.
    :raises UnreadableError: it is not YAML, or exceeds a bound.
    """
    return _Reader(text, name, source, failures).document()


class _Reader:
    def __init__(self, text: str, name: str, source: int, failures: Failures) -> None:
        self._name, self._source, self._failures = name, source, failures
        self._anchors: dict[str, Node] = {}
        self._room = MAX_NODES
        self._events = self._parsed(text)

    def document(self) -> Node:
        """The only document; an empty file is nothing."""
        found = Node(None, self._place(0, 0))
        is_first = True
        for event in self._events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            if not is_first:
                self._stop(self._at(event), "the file has more than one document")
            is_first = False
            found = self._node(next(self._events), 0)
        return found

    def _parsed(self, text: str) -> Iterator[Any]:
        try:
            yield from yaml.parse(text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            context = f" {error.context}" if error.context else ""
            at = self._place(mark.line, mark.column) if mark else self._place(0, 0)
            self._stop(at, f"is not YAML: {error.problem}{context}")
        except yaml.reader.ReaderError as error:
            before = text[: error.position]
            column = len(before) - before.rfind("\n") - 1
            self._stop(self._place(before.count("\n"), column), "is not YAML: a control character")

    def _place(self, line: int, column: int) -> Place:
        return Place(self._source, line + 1, column + 1, self._name)

    def _at(self, event: Any) -> Place:
        return self._place(event.start_mark.line, event.start_mark.column)

    def _stop(self, at: Place, what: str) -> NoReturn:
        self._failures.add(at, what)
        raise UnreadableError

    def _node(self, event: Any, depth: int) -> Node:
        at = self._at(event)
        if depth > MAX_DEPTH:
            self._stop(at, f"is nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent):
            # an anchor counts from its end on, so that nothing can contain itself
            node = self._anchors.get(str(event.anchor)) or self._stop(
                at, "no anchor of this name ends before"
            )
            self._take(at, node.size)
            return node
        self._take(at, 1)
        tag = event.tag if event.tag not in (None, "!") else None
        if tag and not (tag == INCLUDE and isinstance(event, yaml.ScalarEvent)):
            self._failures.add(at, "a tag other than !include FILE cannot be used")
        if isinstance(event, yaml.ScalarEvent):
            is_plain = event.implicit[0] and tag is None
            if is_plain and not event.value:
                tag = MISSING
                self._failures.add(at, "has no value")
            node = Node(_value(event.value) if is_plain else event.value, at, tag=tag)
        elif isinstance(event, yaml.MappingStartEvent):
            node = self._map(at, depth)
        else:
            node = Node([self._node(item, depth + 1) for item in self._until(yaml.SequenceEndEvent)], at)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _map(self, at: Place, depth: int) -> Node:
        entries: dict[str, Node] = {}
        names: dict[str, Place] = {}
        for event in self._until(yaml.MappingEndEvent):
            name_at = self._at(event)
            if not isinstance(event, yaml.ScalarEvent) or event.tag:
                self._stop(name_at, "a name must be text, without a tag and no alias")
            node = self._node(next(self._events), depth + 1)
            if event.value in names:
                self._failures.add(name_at, f"the same name as in line {names[event.value].line}")
                continue
            entries[event.value], names[event.value] = node, name_at
        return Node(entries, at, names)

    def _until(self, end: type) -> Iterator[Any]:
        while not isinstance(event := next(self._events), end):
            yield event

    def _take(self, at: Place, size: int) -> None:
        self._room -= size
        if self._room < 0:
            self._stop(at, f"the file has more than {MAX_NODES:,} values, counting each use of an alias")


def _value(text: str) -> str | int | Decimal | bool | None:
    """The value of a text without quotes."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if not _NUMBER.fullmatch(text):
        return text
    try:
        return int(text) if _INTEGER.fullmatch(text) else parse_number(text)
    except ValueError:  # beyond all bounds: a text is as wrong where a number is needed
        return text
