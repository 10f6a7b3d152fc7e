"""The shape of a key file, as a JSON Schema that editors use, and the check of a file against it.

The rules about one key's values are in `core`; here, those values have only what an editor can use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from decimal import Decimal
from typing import Any

from pulumi_account.keyfile.nodes import MISSING, Failures, Node, kind_of, nearest

__all__ = ["DEFAULT_NAME", "OWN_LABELS", "SCHEMA", "check_shape", "schema_text"]

Schema = Mapping[str, Any]

DEFAULT_NAME = "{team}-{key}-{environment}"
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,99}"
#: the labels that every key has
OWN_LABELS = ("team", "environment", "key", "owner")
_LABEL = rf"^(?!({'|'.join(OWN_LABELS)})$)[\s\S]*$"
#: how failures describe a name
_OF_NAME = "1 to 100 letters, digits, - _ or ., and no - or . at the beginning"

_DURATION = r"^[0-9]+ ?[wdhms]$|^P"


def _text(about: str, *examples: str, **more: object) -> dict[str, Any]:
    return {"type": "string", "description": about, "examples": [*examples], **more}


def _or_null(about: str, otherwise: str, **schema: Any) -> dict[str, Any]:
    about = f"{about} Write null to set a default aside: {otherwise}."
    return {**schema, "type": [schema["type"], "null"], "description": about}


def _fields(about: str, *names: str, required: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """A map of known fields: definitions by their names, and schemas."""
    properties = {**{name: _ref(name) for name in names}, **more}
    schema = {"type": "object", "description": about, "properties": properties, "additionalProperties": False}
    return {**schema, "required": [*required]} if required else schema


def _named(about: str, entry: str, **more: object) -> dict[str, Any]:
    """A map of any names."""
    names = {"pattern": f"^{_NAME}$", "description": f"have {_OF_NAME}"}
    if entry == "label":
        names = {"pattern": _LABEL, "description": "not be one that every key has: " + ", ".join(OWN_LABELS)}
    return {
        "type": "object",
        "description": about,
        "propertyNames": names,
        "additionalProperties": _ref(entry),
        **more,
    }


def _names(about: str, pattern: str, *examples: list[str], **more: object) -> dict[str, Any]:
    items = {"type": "string", "pattern": f"^{pattern}$"}
    return {"type": "array", "description": about, "items": items, "examples": [*examples], **more}


def _budget(whose: str) -> dict[str, Any]:
    about = (
        f"The most that the credit limits of the {whose} may sum up to, in USD. A rotating key counts twice."
    )
    return {"type": "number", "description": about, "minimum": 0, "examples": [1000]}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/definitions/{name}"}


#: what every level from a file's defaults to a key's override may set, and core judges
_VALUES: dict[str, dict[str, Any]] = {
    "credit_limit": _or_null(
        "The most that the key may spend, in USD.",
        "no limit",
        type="number",
        minimum=0,
        examples=[50, 12.5],
    ),
    "is_enabled": {"type": "boolean", "description": "Whether the key can be used.", "default": True},
    "expires_at": _or_null(
        "The instant at which the key stops working, with an offset from UTC.",
        "the key never expires",
        type="string",
        examples=["2040-01-01T00:00:00Z"],
    ),
    "expires_in": _or_null(
        "How long the key works, counted from its creation.",
        "the key never expires",
        type="string",
        pattern=_DURATION,
        examples=["90d", "36h"],
    ),
    "delete_guard": _or_null(
        "A key that was used in this time is not deleted: whole days, 1d to 30d.",
        "no guard",
        type="string",
        pattern=_DURATION,
        examples=["7d"],
    ),
}
_ROTATION = {
    "every": _text("The time between two rotations.", "30d", pattern=_DURATION),
    "overlap": _text(
        "How long the old key still works after a rotation.", "2d", pattern=_DURATION, default="1d"
    ),
    "anchor": _text(
        "The instant from which rotations count, with an offset from UTC. Default: the first deployment.",
        "2027-01-01T00:00:00Z",
    ),
    "rotate_now": _text(
        "Any text: when it is set or changed, the key rotates at once, with the overlap.", "1"
    ),
    "revoke": _text(
        "Any text: when it is set or changed, the key rotates at once, and all older keys are deleted.",
        "leak of June",
    ),
}
_COMMON = ("labels", "protect")
_OWN = ("name", "owner", *_VALUES, "rotate", *_COMMON)

_DEFINITIONS: dict[str, dict[str, Any]] = {
    **_VALUES,
    **_ROTATION,
    "rotate": _or_null(
        "Rotates the key: a new key takes over, and the old one works until the overlap ends.",
        "the key is not rotated",
        **_fields("", *_ROTATION, required=["every"]),
    ),
    "adopt_key_id": {
        "type": "integer",
        "description": "The id of an existing key of the account, which this key adopts.",
        "minimum": 1,
        "examples": [42],
    },
    "label": {"type": "string"},
    "labels": _named(
        "Labels of the keys. A more specific level adds labels or changes them.",
        "label",
        examples=[{"cost_center": "CC-1042"}],
    ),
    "owner": _text("Who is responsible for the keys: their label owner.", "search@example.com", minLength=1),
    "protect": {
        "type": "boolean",
        "description": "Whether Pulumi refuses to delete the keys.",
        "default": False,
    },
    "name": _text(
        "The key's name in the account: text in which {team}, {key} and {environment} stand for their names, and {{ "
        "and }} for braces.",
        DEFAULT_NAME,
        minLength=1,
    ),
    "defaults": _fields("Values for all keys that set none of their own.", *_VALUES, "rotate"),
    "override": _fields("What differs in this environment.", *_OWN, "adopt_key_id"),
    "key": _fields(
        "A key in each of its environments.",
        *_OWN,
        environments=_names(
            "The environments that have the key. Default: all.",
            _NAME,
            ["production"],
            uniqueItems=True,
            minItems=1,
        ),
        overrides=_named("What differs, by environment.", "override"),
        previously=_names(
            "Former names of the key, each as key or team/key: a key that was renamed or moved is not deleted.",
            f"({_NAME}/)?{_NAME}",
            ["old-name", "old-team/old-name"],
        ),
    ),
    "team": _fields(
        "A team and its keys.",
        "owner",
        *_COMMON,
        "defaults",
        budget=_budget("team's keys in all environments"),
        previously=_names("Former names of the team.", _NAME, ["old-team"]),
        keys=_named("The team's keys, by name.", "key"),
        required=["keys"],
    ),
    "environment": _fields(
        "An environment, such as production.", *_COMMON, "defaults", budget=_budget("environment's keys")
    ),
}
SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "API keys of an AI gateway account",
    **_fields(
        "The API keys of all teams and environments.",
        *("name", *_COMMON, "defaults"),
        version={"type": "integer", "const": 1, "description": "The version of this format."},
        environments=_named("The environments, by name.", "environment", minProperties=1),
        teams=_named("The teams, by name.", "team"),
        required=["version", "environments", "teams"],
    ),
    "definitions": _DEFINITIONS,
}
#: what core judges, with its own words
_OF_CORE = {*_VALUES, *_ROTATION, "label"}


def schema_text() -> str:
    """The JSON Schema as a file: for editors, it also admits the text that follows ``!include``."""
    schema = deepcopy(SCHEMA)
    for included in (schema["properties"]["teams"], schema["definitions"]["team"]):
        included["type"] = ["object", "string"]
    return json.dumps(schema, indent=2) + "\n"


def check_shape(root: Node, failures: Failures) -> None:
    """Report what is not as the schema says, except for the values that core judges."""
    _check("the file", root, SCHEMA, failures)


def _check(name: str, node: Node, schema: Schema, failures: Failures) -> None:
    """Check a value.

    :param name: what failures call it.
    """
    if "$ref" in schema:
        definition = schema["$ref"].rpartition("/")[2]
        schema = _DEFINITIONS[definition]
        if (
            definition in _OF_CORE
            and node.tag != MISSING
            and (node.value is not None or "null" in schema["type"])
        ):
            return
    value = node.value
    kinds = schema.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if node.tag == MISSING:
        failures.add(node.at, f"{name} has no value: {_to_write(schema, kinds)}", alone=True)
        return
    if kinds and not any(_is(value, kind) for kind in kinds):
        failures.add(node.at, f"{name} must be {_WORDS[kinds[0]]}, not {kind_of(value)}")
    elif isinstance(value, dict):
        _check_map(name, node, schema, failures)
    elif isinstance(value, list):
        _check_list(name, node, schema, failures)
    elif what := _wrong(value, schema):
        failures.add(node.at, f"{name} {what}")


def _to_write(schema: Schema, kinds: Sequence[str]) -> str:
    """What to write in place of no value."""
    if "null" in kinds:
        return "write null for none"
    if kinds != ["object"]:
        return f"it must be {_WORDS[kinds[0]]}"
    needed = schema.get("required", ["an entry"] if "minProperties" in schema else ())
    return f"it must be a map with {' and '.join(needed)}" if needed else "write {} for an empty map"


def _wrong(value: Any, schema: Schema) -> str | None:
    """What is wrong with a value that is neither a map nor a list."""
    if "const" in schema and value != schema["const"]:
        return f"must be {schema['const']}"
    if isinstance(value, str) and len(value) < schema.get("minLength", 0):
        return "must not be empty"
    if isinstance(value, str) and not _matches(schema, value):
        return f"must be a name of {_OF_NAME}"
    if _is(value, "number") and value < schema.get("minimum", value):
        return f"must be {schema['minimum']} or more"
    return None


def _matches(schema: Schema, text: str) -> bool:
    # unlike in a schema, `$` would admit a line break here
    return re.fullmatch(schema["pattern"][1:-1], text) is not None if "pattern" in schema else True


def _check_map(name: str, node: Node, schema: Schema, failures: Failures) -> None:
    for required in schema.get("required", ()):
        if required not in node.value:
            failures.add(node.at, f"{name} needs {required}")
    if len(node.value) < schema.get("minProperties", 0):
        failures.add(node.at, f"{name} must have at least one entry")
    fields = schema.get("properties", {})
    for entry, inner in node.value.items():
        at = node.names[entry]
        if entry in fields:
            _check(entry, inner, fields[entry], failures)
        elif not schema.get("additionalProperties"):
            failures.add(at, nearest(entry, fields))
        else:
            if not _matches(schema["propertyNames"], entry):
                failures.add(at, f"a name in {name} must {schema['propertyNames']['description']}")
            _check(f"an entry of {name}", inner, schema["additionalProperties"], failures)


def _check_list(name: str, node: Node, schema: Schema, failures: Failures) -> None:
    seen = set()
    if len(node.value) < schema.get("minItems", 0):
        failures.add(node.at, f"{name} must have at least one entry; without {name}, the default holds")
    for item in node.value:
        _check(f"an entry of {name}", item, schema["items"], failures)
        if schema.get("uniqueItems") and isinstance(item.value, str) and item.value in seen:
            failures.add(item.at, f"an entry of {name} is given twice")
        seen |= {item.value} if isinstance(item.value, str) else set()


_WORDS = {
    "object": "a map",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
}
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, Decimal),
    "boolean": (bool,),
    "null": (type(None),),
}


def _is(value: Any, kind: str) -> bool:
    if kind == "integer":
        return _is(value, "number") and value == value // 1
    return isinstance(value, _TYPES[kind]) and (kind == "boolean") == isinstance(value, bool)
