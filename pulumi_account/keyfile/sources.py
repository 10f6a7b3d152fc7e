"""The files of a key file: the file itself, and the teams' files that it includes; or a Python dict in its place."""

from __future__ import annotations

import os
from codecs import BOM_UTF8
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any

from pulumi_account.common.durations import format_duration
from pulumi_account.common.money import parse_number
from pulumi_account.keyfile.nodes import MAX_DEPTH, MAX_NODES, Failures, Node, Place
from pulumi_account.keyfile.yaml_text import INCLUDE, UnreadableError, parse

__all__ = ["MAX_BYTES", "read_dict", "read_files"]

#: of all files together
MAX_BYTES = 4 * 1024 * 1024
#: beside them, a directory of teams may have a README and the like
_SUFFIXES = (".yaml", ".yml")


def read_files(path: Path, failures: Failures) -> Node | None:
    """Read a file and what it includes.

    :param failures: receives what is wrong.
    :returns: the file's content, or None if the file itself is not YAML.
    :raises OSError: the file cannot be opened.
    """
    return _Files(path, failures).read()


class _Files:
    def __init__(self, path: Path, failures: Failures) -> None:
        self._path, self._failures = path, failures
        self._numbers = count()
        self._room = MAX_BYTES

    def read(self) -> Node | None:
        root = self._parsed(self._path, str(self._path), Place(0, 1, 1, str(self._path)))
        if root is None:
            return None
        teams = root.get("teams")
        if teams is not None and teams.tag == INCLUDE:
            root.value["teams"] = self._directory(teams)
        else:
            root.entries("teams").update(
                {
                    name: self._team(team)
                    for name, team in root.entries("teams").items()
                    if team.tag == INCLUDE
                }
            )
        self._refuse_includes(root)
        return root

    def _directory(self, teams: Node) -> Node:
        """The teams of a directory: each file is the team that has the file's name."""
        folder = self._resolved(teams)
        if folder is not None and not folder.is_dir():
            what = "is a file" if folder.exists() else "does not exist"
            self._failures.add(
                teams.at, f"the folder {teams.value} {what}: name a folder that has a file for each team"
            )
            folder = None
        entries: dict[str, Node] = {}
        for file in sorted(folder.iterdir()) if folder else ():
            if file.suffix not in _SUFFIXES or file.name.startswith("."):
                continue
            if file.stem in entries:
                self._failures.add(teams.at, f"the team {file.stem} has two files")
            entries[file.stem] = self._team(Node(f"{teams.value}/{file.name}", teams.at))
        return Node(entries, teams.at)

    def _team(self, include: Node) -> Node:
        """The team of a file; a team without keys in place of one that cannot be read."""
        path = self._resolved(include)
        name = os.path.normpath(self._path.parent / str(include.value))
        if path is not None and not path.is_file():
            self._failures.add(include.at, "there is no such file" if not path.exists() else "must be a file")
            path = None
        try:
            team = None if path is None else self._parsed(path, name, include.at)
        except OSError as error:
            self._failures.add(include.at, f"the file cannot be read: {error.strerror}")
            team = None
        return team or Node({"keys": Node({}, include.at)}, include.at)

    def _resolved(self, include: Node) -> Path | None:
        """The path of an included file or directory, which must be in the directory of the file that includes it."""
        path = PurePosixPath(str(include.value))
        try:
            found = (self._path.parent / path).resolve()
            if path.is_absolute() or ".." in path.parts:
                self._failures.add(include.at, "must be a path below the file's directory, without ..")
            elif not found.is_relative_to(self._path.parent.resolve()):
                self._failures.add(include.at, "must not lead out of the file's directory through a link")
            else:
                return found
        except (OSError, ValueError, RuntimeError):  # a loop of links, a null character
            self._failures.add(include.at, "is not a path that can be opened")
        return None

    def _parsed(self, path: Path, name: str, at: Place) -> Node | None:
        with path.open("rb") as file:
            data = file.read(self._room + 1).removeprefix(BOM_UTF8)
        self._room -= len(data)
        source = next(self._numbers)
        if self._room < 0:
            self._failures.add(at, f"the files have more than {MAX_BYTES:,} bytes")
            return None
        try:
            return parse(data.decode("utf-8"), name, source, self._failures)
        except UnicodeDecodeError as error:
            before = data[: error.start].decode(errors="replace")
            column = len(before) - before.rfind("\n")
            self._failures.add(Place(source, before.count("\n") + 1, column, name), "is not UTF-8")
        except UnreadableError:
            pass
        return None

    def _refuse_includes(self, node: Node) -> None:
        if node.tag == INCLUDE:
            self._failures.add(
                node.at, "only a team can be included, or all teams, and not by an included file"
            )
        for inner in node:
            self._refuse_includes(inner)


def read_dict(document: Mapping[str, Any], failures: Failures) -> Node | None:
    """Convert a Python dict to nodes, whose places are paths.

    :param failures: receives what is wrong.
    :returns: the content, or None if it cannot be used at all.
    """
    try:
        return _Values(failures).node(document, "", 0)
    except UnreadableError:
        return None


class _Values:
    def __init__(self, failures: Failures) -> None:
        self._failures = failures
        self._numbers = count()

    def node(self, value: Any, path: str, depth: int) -> Node:
        number = next(self._numbers)
        at = Place(0, 0, number, path or "the key file")
        if depth > MAX_DEPTH or number > MAX_NODES:
            self._failures.add(at, f"has more than {MAX_DEPTH} levels, or {MAX_NODES:,} values")
            raise UnreadableError
        if isinstance(value, Mapping):
            return self._map(value, at, path, depth)
        if isinstance(value, (list, tuple)):
            return Node([self.node(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(value)], at)
        try:
            return Node(_plain(value), at)
        except ValueError as error:
            self._failures.add(at, str(error))
            return Node(None, at)

    def _map(self, value: Mapping[Any, Any], at: Place, path: str, depth: int) -> Node:
        entries = {}
        for name, inner in value.items():
            if isinstance(name, str):
                entries[name] = self.node(inner, f"{path}.{name}" if path else name, depth + 1)
            else:
                self._failures.add(at, f"a name must be text, not a value of type {type(name).__name__}")
        return Node(entries, at)


def _plain(value: object) -> str | int | Decimal | bool | None:
    """A value as YAML would have it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, float):
        return parse_number(repr(value))
    if isinstance(value, (str, int, Decimal, type(None))):
        return value
    raise ValueError(f"must be a plain value, not one of type {type(value).__name__}")
