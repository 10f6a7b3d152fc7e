"""Files that put existing keys into a stack: a program that declares them, and a file for ``pulumi import --file``.

The state after that import is the state that a deployment of the program would have written.
"""

from __future__ import annotations

import json
import keyword
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from unicodedata import normalize

from pulumi_account.api.models import Key
from pulumi_account.common.secret import Secret
from pulumi_account.core.declaration import declared
from pulumi_account.core.properties import API_KEY_TYPE, facts, of_server
from pulumi_account.exceptions import InvalidInputError

__all__ = [
    "ImportedKey",
    "KeySetPlace",
    "import_file",
    "imported_keys",
    "key_file",
    "python_program",
    "undeclarable",
]

#: how the engine marks a secret in a file; it encrypts the plaintext when it writes the state
_SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
#: characters of a key's name that a resource's name keeps
_LONGEST_SLUG = 60
#: the name of the component in the program that reads the key file
_KEY_SET = "keys"
_HEAD = '''"""Keys that the account had before this stack managed them, written by `pulumi-account adopt`."""

import pulumi_account as account
'''


@dataclass(frozen=True)
class ImportedKey:
    """A key to put into a stack.

    :ivar resource: the resource's name.
    :ivar marks: what a reader of the program should know about the key.
    """

    key: Key
    resource: str
    marks: Sequence[str] = ()
    plaintext: Secret | None = None

    @property
    def comment(self) -> str:
        """The key's id and its marks. A name is never part of it: a line break in one would end the comment."""
        return f"# key {self.key.id}" + (f": {', '.join(self.marks)}" if self.marks else "")


class KeySetPlace(NamedTuple):
    """Where a key file has the keys: one team, in one environment."""

    team: str
    environment: str


def undeclarable(key: Key, now: datetime) -> str | None:
    """Why no program can declare this key as it is; None if one can."""
    if any("\ud800" <= character <= "\udfff" for character in key.name):
        return "its name has lone surrogates"
    try:
        declared(of_server(key), now=now, settled=key.expires_at)
    except InvalidInputError as error:
        return "; ".join(error.failures)
    return None


def imported_keys(
    keys: Iterable[Key], marks: Mapping[int, Sequence[str]], plaintexts: Mapping[int, Secret]
) -> list[ImportedKey]:
    """The keys with names for their resources, which are made of the keys' names and are unique.

    :param marks: by id; a key may have none.
    :param plaintexts: by id; a key may have none.
    """
    keys = list(keys)
    resources = _unique({key.id: _slug(key) for key in keys})
    return [
        ImportedKey(key, resources[key.id], marks.get(key.id, ()), plaintexts.get(key.id)) for key in keys
    ]


def import_file(keys: Iterable[ImportedKey], place: KeySetPlace | None = None) -> str:
    """The file for ``pulumi import --file``. An entry with outputs makes the engine read nothing.

    :param place: the keys are the children of a `KeySet` named ``keys``, with its labels.
    """
    from pulumi_account.program.api_key import PROVIDER  # imports Pulumi's SDK, which is slow

    entries: list[dict[str, Any]] = []
    if place:
        entries.append({"type": "account:index:KeySet", "name": _KEY_SET, "component": True})
    for one in keys:
        inputs = {**of_server(one.key), "__provider": PROVIDER}
        if place:
            inputs["labels"] = {**place._asdict(), "key": one.resource}
        outputs = inputs | facts(one.key, None)
        if one.plaintext:
            outputs["key"] = {**_SECRET, "plaintext": json.dumps(one.plaintext.reveal())}
        child = {"name": f"{place.team}-{one.resource}", "parent": _KEY_SET} if place else {}
        entry = {"type": API_KEY_TYPE, "name": one.resource, "id": str(one.key.id), **child}
        entries.append({**entry, "inputs": inputs, "outputs": outputs})
    return json.dumps({"resources": entries}, indent=2) + "\n"


def python_program(keys: Sequence[ImportedKey]) -> str:
    """A Pulumi program that declares the keys exactly as they are."""
    variables = _unique({one.key.id: _identifier(one.resource) for one in keys}, "_")
    return _HEAD + "".join(f"\n{one.comment}\n{variables[one.key.id]} = {_call(one)}\n" for one in keys)


def key_file(keys: Iterable[ImportedKey], place: KeySetPlace) -> str:
    """A ``keys.yaml`` that declares the keys exactly as they are."""
    lines = ["# Keys that the account had before a stack managed them, written by `pulumi-account adopt`."]
    lines += ["version: 1", "environments:", f"  {json.dumps(place.environment)}: {{}}"]
    lines += ["teams:", f"  {json.dumps(place.team)}:", "    keys:"]
    for one in keys:
        values = {**of_server(one.key), "name": one.key.name.replace("{", "{{").replace("}", "}}")}
        if values["is_enabled"]:
            del values["is_enabled"]  # the default
        lines += [f"      {one.comment}", f"      {json.dumps(one.resource)}:"]
        lines += [f"        {name}: {_yaml(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def _yaml(value: object) -> str:
    """A YAML value. Text has quotes, and escapes for what cannot be printed."""
    if not isinstance(value, str):
        return json.dumps(value)
    escaped = re.sub(r'["\\]', r"\\\g<0>", value)
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in escaped) + '"'


def _call(one: ImportedKey) -> str:
    bag = of_server(one.key)
    if bag["is_enabled"]:
        del bag["is_enabled"]  # the default
    arguments = [_literal(one.resource), *(f"{name}={_literal(value)}" for name, value in bag.items())]
    line = f"account.ApiKey({', '.join(arguments)})"
    return line if len(line) < 90 else "account.ApiKey(\n" + "".join(f"    {a},\n" for a in arguments) + ")"


def _literal(value: object) -> str:
    """A Python literal, with double quotes where ``repr`` needs none inside; it escapes what cannot be printed."""
    text = repr(value)
    return f'"{text[1:-1]}"' if text.startswith("'") and '"' not in text else text


def _slug(key: Key) -> str:
    """The part of a key's name that a resource's name can have."""
    ascii_only = normalize("NFKD", key.name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^A-Za-z0-9_.-]+", "-", ascii_only)[:_LONGEST_SLUG].strip("-.")
    return slug or f"key-{key.id}"


def _identifier(resource: str) -> str:
    name = re.sub(r"\W", "_", resource).lower()
    free = name.isidentifier() and not (keyword.iskeyword(name) or name.startswith("_") or name == "account")
    return name if free else f"key_{name}"


def _unique(names: Mapping[int, str], separator: str = "-") -> dict[int, str]:
    """The names by id; where several are equal, each gets its id."""
    counts = Counter(names.values())
    unique = {key_id: name for key_id, name in names.items() if counts[name] == 1}
    taken = set(unique.values())
    for key_id, name in names.items():
        if key_id in unique:
            continue
        while name in taken or name == names[key_id]:
            name = f"{name}{separator}{key_id}"
        unique[key_id] = name
        taken.add(name)
    return unique
