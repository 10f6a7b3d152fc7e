"""The keys in exports of stacks. Nothing else of an export is used, because it contains secrets."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from pulumi_account.api.models import Key
from pulumi_account.common.instants import read_instant, same_instant
from pulumi_account.common.money import parse_json
from pulumi_account.core.properties import API_KEY_TYPE, ROTATING_API_KEY_TYPE
from pulumi_account.core.reservations import is_reservation
from pulumi_account.exceptions import AccountError
from pulumi_account.stacks.resources import (
    KEY_TYPES,
    KeyState,
    Urn,
    id_of,
    key_state,
    objects_of,
    pending_urn,
)

__all__ = ["ExportError", "StackKey", "StackState", "read_export", "read_state", "unmanaged_keys"]

#: what marks an object in a state as an encrypted value
_ENCRYPTED = "4dabf18193072939515e22adb298388d"

_T = TypeVar("_T")


class ExportError(AccountError):
    """A file is not an export of a stack; the message names it."""


@dataclass(frozen=True)
class StackKey:
    """A key in a stack.

    :param created_at: None if the stack does not show it.
    :param managed: False if the stack only reads the key (``ApiKey.get``).
    :param name: None if the stack does not show it.
    :param labels: empty if there are none, or if they are secret.
    :param name_prefix: the prefix of its resource's auto-names.
    :param base: what precedes a hyphen and the generation in the names of a rotating key.
    :param stem: what precedes the generation, a hyphen and seven hex digits in the auto-names of a rotating key.
    :param current: False if the stack will delete the key: it was replaced, or it is a retired generation.
    """

    id: str
    created_at: datetime | None
    managed: bool
    name: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    name_prefix: str | None = None
    base: str | None = None
    stem: str | None = None
    current: bool = True

    def is_(self, key: Key) -> bool:
        """Whether it is this key of this account: accounts may share ids, but not instants of creation.

        Without the instant in the stack, the id decides: a key in use must not look unmanaged.
        """
        same_key = self.created_at is None or same_instant(self.created_at, key.created_at)
        return self.id == str(key.id) and same_key


@dataclass(frozen=True)
class StackState:
    """The keys that a stack manages, by their URNs; ``stack`` is ``PROJECT/STACK``, empty if it has no resource.

    :ivar pending: the replaced keys that the next run deletes, by `pending_urn`.
    """

    stack: str
    keys: Mapping[str, KeyState]
    pending: Mapping[str, KeyState] = field(default_factory=dict)


def read_state(name: str) -> StackState:
    """The keys that the stack of an export manages, with their properties; ``-`` is stdin.

    :raises ExportError: the file cannot be read, or is not an export.
    """
    return _read(name, _state)


def read_export(name: str) -> list[StackKey]:
    """The keys in a file that ``pulumi stack export`` or LocalEngine wrote; ``-`` is stdin.

    Pending deletions, interrupted operations and retired generations count, because the stack will still complete or
    delete them.

    :raises ExportError: the file cannot be read, or is not an export.
    """
    return _read(name, lambda deployment: list(_keys(deployment)))


def _read(name: str, read: Callable[[dict[str, Any]], _T]) -> _T:
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return read(_object(_object(parse_json(content))["deployment"]))
    except OSError as error:
        problem = error.strerror or "cannot be read"
    except (ValueError, KeyError, RecursionError):  # their messages may contain the whole file
        problem = "not what `pulumi stack export` prints"
    raise ExportError(f"{name}: {problem}")


def _state(deployment: dict[str, Any]) -> StackState:
    keys: dict[str, KeyState] = {}
    pending: dict[str, KeyState] = {}
    stack = ""
    for entry in objects_of(deployment.get("resources")):
        urn = Urn.parse(entry.get("urn"))
        stack = urn.stack
        if urn.type not in KEY_TYPES or entry.get("external"):
            continue
        key = key_state(entry, urn)
        if entry.get("delete"):  # a key that a replacement left behind has the URN of its replacement
            pending[pending_urn(str(entry["urn"]), key)] = key
        else:
            keys[str(entry["urn"])] = key
    return StackState(stack, keys, pending)


def unmanaged_keys(keys: Iterable[Key], known: Iterable[StackKey]) -> list[tuple[Key, str | None]]:
    """The keys that no stack manages, each with a note: reservation, read (a stack only reads it) or None.

    :param keys: all keys of the account.
    :param known: the keys in the stacks.
    """
    by_id: dict[str, list[StackKey]] = {}
    for one in known:
        by_id.setdefault(one.id, []).append(one)
    found: list[tuple[Key, str | None]] = []
    for key in keys:
        same = [one for one in by_id.get(str(key.id), []) if one.is_(key)]
        if not any(one.managed for one in same):
            found.append((key, "reservation" if is_reservation(key) else "read" if same else None))
    return found


def _keys(deployment: dict[str, Any]) -> Iterator[StackKey]:
    operations = _list(deployment.get("pending_operations"))
    pending = [_object(operation).get("resource") for operation in operations]
    for entry in [*_list(deployment.get("resources")), *pending]:
        resource = _object(entry)
        if resource.get("type") == API_KEY_TYPE and resource.get("id"):
            yield _key(resource, str(resource["id"]))
        elif resource.get("type") == ROTATING_API_KEY_TYPE:
            yield from _generations(resource)


def _generations(resource: dict[str, Any]) -> Iterator[StackKey]:
    """The current key of a rotating one, and those that it has retired. The resource's id is no key's id."""
    outputs = _object(resource.get("outputs") or {})
    current_id = id_of(outputs.get("key_id"))  # None if the current key was deleted elsewhere
    current = _key(resource, current_id or "")
    current = replace(current, base=_base(outputs), stem=current.name_prefix, name_prefix=None)
    if current_id:
        yield current
    for entry in _list(outputs.get("retired")):
        retired = _object(entry)
        if key_id := id_of(retired.get("key_id")):
            yield replace(current, id=key_id, name=_text(retired.get("name")), created_at=None, current=False)


def _key(resource: dict[str, Any], key_id: str) -> StackKey:
    outputs = _object(resource.get("outputs") or {})
    return StackKey(
        key_id,
        read_instant(outputs.get("created_at")),
        not resource.get("external"),
        _text(outputs.get("name")),
        _labels(outputs.get("labels")),
        _text(outputs.get("name_prefix")),
        current=not resource.get("delete"),
    )


def _labels(value: Any) -> dict[str, str]:
    """The texts in a map; a secret one has none that can be read."""
    if not isinstance(value, dict) or _ENCRYPTED in value:
        return {}
    return {label: text for label, text in value.items() if isinstance(text, str)}


def _base(outputs: dict[str, Any]) -> str | None:
    name, generation = _text(outputs.get("name")), id_of(outputs.get("generation"))
    ending = f"-{generation}"
    return name.removesuffix(ending) if name and generation and name.endswith(ending) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _list(value: Any) -> list[Any]:
    """A list, empty if it is missing."""
    if not isinstance(value, (list, type(None))):
        raise ValueError("not a list")
    return value or []
