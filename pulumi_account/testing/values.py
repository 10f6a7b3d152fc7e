"""Property values as the engine sees them: JSON values, secrets, and values that are not known yet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeAlias

from google.protobuf import struct_pb2

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105
REFERENCE = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

Value: TypeAlias = Any
Properties: TypeAlias = dict[str, Value]


class UnsupportedError(Exception):
    """The program uses a feature that LocalEngine does not support; the message names it."""


@dataclass(frozen=True, repr=False)
class Secret:
    """A value that is never shown and is encrypted in state."""

    value: Value

    def __repr__(self) -> str:
        return "[secret]"


def decode(struct: struct_pb2.Struct) -> Properties:
    """Read a property map off the wire."""
    return {key: decode_value(value) for key, value in struct.fields.items()}


def decode_value(value: struct_pb2.Value) -> Value:
    """Read one value off the wire."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _special(decode(value.struct_value))
    if kind == "list_value":
        return [decode_value(item) for item in value.list_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)


def _special(fields: Properties) -> Value:
    signature = fields.get(SIGNATURE)
    if signature is None or signature == REFERENCE:
        return fields
    if signature not in (SECRET, OUTPUT):
        raise UnsupportedError("LocalEngine does not take assets or archives")
    inner = fields.get("value", UNKNOWN)
    covered = signature == SECRET or fields.get("secret")
    return Secret(inner) if covered and not isinstance(inner, Secret) else inner


def encode(properties: Mapping[str, Value]) -> struct_pb2.Struct:
    """Write a property map for a reader that understands secrets."""
    return _struct({key: _tagged(value) for key, value in properties.items()})


def encode_outputs(properties: Mapping[str, Value], urns: Mapping[str, list[str]]) -> struct_pb2.Struct:
    """Write a property map for a transform: a secret, an unknown, or what depends on resources becomes an Output.

    :param urns: the resources that a property depends on.
    """
    return _struct({key: _output(value, urns.get(key, [])) for key, value in properties.items()})


def encode_plain(properties: Mapping[str, Value]) -> struct_pb2.Struct:
    """Write a property map for a provider: no secrets, and resources as their id or URN."""
    return _struct({key: _dereferenced(plain(value)) for key, value in properties.items()})


def _struct(fields: Properties) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(fields)
    return struct


def _tagged(value: Value) -> Value:
    if isinstance(value, Secret):
        return {SIGNATURE: SECRET, "value": _tagged(value.value)}
    return _walk(value, _tagged)


def _output(value: Value, urns: list[str]) -> Value:
    inner = value.value if isinstance(value, Secret) else value
    if isinstance(inner, dict) and inner.get(SIGNATURE) == REFERENCE:
        walked = inner
    else:
        walked = _walk(inner, lambda item: _output(item, []))
    if inner is value and inner != UNKNOWN and not urns:
        return walked
    known = {} if inner == UNKNOWN else {"value": walked}
    return {SIGNATURE: OUTPUT, "secret": inner is not value, "dependencies": urns, **known}


def _dereferenced(value: Value) -> Value:
    if isinstance(value, dict) and value.get(SIGNATURE) == REFERENCE:
        return (value["id"] or UNKNOWN) if "id" in value else value["urn"]
    return _walk(value, _dereferenced)


def output_urns(value: struct_pb2.Value) -> set[str]:
    """The URNs that the Outputs within a value depend on."""
    fields = value.struct_value.fields
    is_output = SIGNATURE in fields and fields[SIGNATURE].string_value == OUTPUT
    own = fields["dependencies"].list_value.values if is_output and "dependencies" in fields else ()
    inner = map(output_urns, (*fields.values(), *value.list_value.values))
    return {item.string_value for item in own}.union(*inner)


def plain(value: Value) -> Value:
    """The value with every secret in plain text."""
    return plain(value.value) if isinstance(value, Secret) else _walk(value, plain)


def without_secrets(value: Value) -> Value:
    """The value with null for every secret."""
    return None if isinstance(value, Secret) else _walk(value, without_secrets)


def masked(value: Value) -> Value:
    """The value as it may be shown: every secret is the text ``[secret]``."""
    return "[secret]" if isinstance(value, Secret) else _walk(value, masked)


def _walk(value: Value, change: Any) -> Value:
    if isinstance(value, dict):
        return {key: change(item) for key, item in value.items()}
    return [change(item) for item in value] if isinstance(value, list) else value


def _nested(value: Value) -> Iterator[Value]:
    yield value
    inner = [value.value] if isinstance(value, Secret) else value
    for item in inner.values() if isinstance(inner, dict) else inner if isinstance(inner, list) else ():
        yield from _nested(item)


def secret_texts(value: Value) -> Iterator[str]:
    """Every text within a secret."""
    for item in _nested(value):
        if isinstance(item, Secret):
            yield from (text for text in _nested(item.value) if isinstance(text, str))


def visible(value: Value) -> Value:
    """The value as a user reads it: ``[secret]``, ``[unknown]``, and whole numbers without a point."""
    if isinstance(value, Secret) or value == UNKNOWN:
        return "[secret]" if isinstance(value, Secret) else "[unknown]"
    return int(value) if isinstance(value, float) and value.is_integer() else _walk(value, visible)


def has_secret(value: Value) -> bool:
    """Whether a secret lies anywhere in the value."""
    return any(isinstance(item, Secret) for item in _nested(value))


def has_unknown(value: Value) -> bool:
    """Whether an unknown lies anywhere in the value."""
    return any(isinstance(item, str) and item == UNKNOWN for item in _nested(value))


def annotate(outs: Properties, ins: Mapping[str, Value]) -> Properties:
    """Mark those values in `outs`, which has no secrets, as secret whose names have a secret in `ins`."""
    for key, was in ins.items():
        now = outs.get(key)
        if isinstance(now, dict) and isinstance(was, dict):
            annotate(now, was)
        elif (
            key in outs
            and not isinstance(now, Secret)
            and any(isinstance(item, Secret) for item in _nested(was))
        ):
            outs[key] = Secret(now)
    return outs


def same(a: Value, b: Value) -> bool:
    """Deep equality: true is not 1, a secret is not its plain value, a missing key is a null."""
    if isinstance(a, dict) and isinstance(b, dict):
        return all(same(a.get(key), b.get(key)) for key in {**a, **b})
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, Secret) and isinstance(b, Secret):
        return same(a.value, b.value)
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


Change: TypeAlias = tuple[str, "tuple[str | int, ...]"]


def changes(old: Value, new: Value, path: tuple[str | int, ...] = ()) -> list[Change]:
    """The differences, leaf by leaf: pairs of ``add``, ``delete`` or ``update`` and a path."""
    if same(old, new):
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        keys: list[Any] = sorted(key for key in {**old, **new} if not key.startswith("__"))
        pairs = [(key, old.get(key), new.get(key)) for key in keys]
    elif isinstance(old, list) and isinstance(new, list):
        pairs = [(i, *pair) for i, pair in enumerate(zip_longest(old, new))]
    else:
        return [("add" if old is None else "delete" if new is None else "update", path)]
    return [change for key, was, now in pairs for change in changes(was, now, (*path, key))]


def camel_case(name: str) -> str:
    """The name of a Python attribute as Pulumi's protocol and state files write it."""
    head, *rest = name.split("_")
    return head + "".join(map(str.title, rest))


def path_of(text: str) -> list[str | int]:
    """The parts of a property path such as ``a.b[0]["c d"]`` or ``tags[*]``; an index is a number."""
    parts = re.findall(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+|\*)\]|([^.\[]+)', text)
    return [
        int(index) if index.isdigit() else index or quoted.replace('\\"', '"') or name
        for quoted, index, name in parts
    ]


def path_text(path: tuple[str | int, ...]) -> str:
    """The usual spelling of a path."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def covers(pattern: list[str | int], path: tuple[str | int, ...]) -> bool:
    """Whether the path is the pattern's, or lies below it; ``*`` matches anything."""
    return len(pattern) <= len(path) and all(p in ("*", q) for p, q in zip(pattern, path, strict=False))


def keep_old(path: list[str | int], old: Value, new: Value) -> bool:
    """Put the old value at the path into `new`, in place; false when the path does not fit both."""
    head, rest = path[0], path[1:]
    if head == "*":
        keys: Any = old if isinstance(old, dict) else range(len(old)) if isinstance(old, list) else ()
        fits = [
            keep_old([key, *rest], old, new) for key in tuple(keys)
        ]  # at all keys, also after one that fails
        return all(fits)
    has_old, has_new = _has(old, head), _has(new, head)
    if rest:
        return keep_old(rest, old[head], new[head]) if has_old and has_new else has_old == has_new
    if has_old and (has_new or isinstance(new, dict)):
        new[head] = old[head]
    elif has_new and isinstance(new, dict):
        del new[head]
    return has_old == has_new or isinstance(new, dict)


def _has(container: Value, key: str | int) -> bool:
    if isinstance(container, list):
        return isinstance(key, int) and key < len(container)
    return isinstance(container, dict) and key in container
