"""Properties of a key as states hold them: their names, and conversions to and from values. Quick to import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from pulumi_account.common.durations import format_duration
from pulumi_account.common.instants import format_instant, read_instant, same_instant
from pulumi_account.common.money import to_number
from pulumi_account.common.text import visible

if TYPE_CHECKING:
    from pulumi_account.api.models import Key
    from pulumi_account.core.declaration import ApiKeyInputs

__all__ = ["ADOPTING", "API_KEY_TYPE", "DEFAULT_PREFIX", "INSTANCE_ID", "PLAINTEXTS"]

#: what a state or an engine passes: names and plain values; a value that is not set has no name in it
Bag = Mapping[str, Any]

#: the types of keys in a state
API_KEY_TYPE = "pulumi-python:dynamic/account:ApiKey"

ROTATING_API_KEY_TYPE = "pulumi-python:dynamic/account:RotatingApiKey"

#: the inputs that the server has
ON_SERVER = ("name", "credit_limit", "is_enabled", "expires_at")
#: the inputs that only program and state have: outputs repeat them, and a refresh copies them from the state
DECLARED_ONLY = (
    *("name_prefix", "expires_in", "labels", "delete_guard"),
    *("rotation_triggers", "adopt_key_id", "adopt_key"),
)
INPUTS = (*ON_SERVER, *DECLARED_ONLY)
#: the properties that a front end must always keep secret
PLAINTEXTS = ("key", "adopt_key")

# Two underscores hide a property from the engine's displays.
#: input: the ids that the program's keys are to adopt, including those of resources declared later
ADOPTING = "__adopting"
#: input: the prefix is not declared, but made from the resource's name
DEFAULT_PREFIX = "__default_prefix"
#: output: the name of the explicit provider instance that made the key
INSTANCE = "__instance"
#: input and output: the id that the engine gave to that instance; it stays when the name changes
INSTANCE_ID = "__instance_id"
#: input: the id of the instance that had the key before, which `check` knows and `diff` does not
FORMER_INSTANCE_ID = "__former_instance_id"


class KnownKey(NamedTuple):
    """A key as a state has it. A `Key` would load pydantic before a call needs it."""

    id: int
    name: str | None
    created_at: datetime | None
    expires_at: datetime | None
    is_enabled: bool | None
    credit_limit: Decimal | None

    @classmethod
    def of(cls, key_id: int, state: Bag) -> KnownKey:
        """The key that a state holds under this id."""
        limit = state.get("credit_limit")
        return cls(
            id=key_id,
            name=state.get("name"),
            created_at=read_instant(state.get("created_at")),
            expires_at=read_instant(state.get("expires_at")),
            is_enabled=state.get("is_enabled"),
            credit_limit=None if limit is None else Decimal(repr(limit)),
        )


def kept(bag: Bag, *names: str) -> dict[str, Any]:
    """The properties in a bag that have one of these names."""
    return {name: bag[name] for name in names if name in bag}


def split(bag: Bag, is_unknown: Callable[[object], bool]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The known properties and those that a preview does not know yet, without the hidden ones."""
    known: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    for name, value in bag.items():
        if is_unknown(value):
            unknown[name] = value
        elif isinstance(value, dict):
            unknown_parts = {k: v for k, v in value.items() if is_unknown(v)}
            known[name] = {k: v for k, v in value.items() if k not in unknown_parts}
            if unknown_parts:
                unknown[name] = unknown_parts
        elif not name.startswith("__"):
            known[name] = value
    return known, unknown


def merged(known: Bag, unknown: Bag) -> dict[str, Any]:
    """Undo `split`."""
    return {
        **known,
        **{k: {**known.get(k, {}), **v} if isinstance(v, dict) else v for k, v in unknown.items()},
    }


def of_server(key: Key | KnownKey | ApiKeyInputs) -> dict[str, Any]:
    """The inputs that the server stores, as a state holds them."""
    return _present(
        name=key.name,
        credit_limit=None if key.credit_limit is None else to_number(key.credit_limit),
        is_enabled=key.is_enabled,
        expires_at=key.expires_at and format_instant(key.expires_at),
    )


def declared_bag(inputs: ApiKeyInputs) -> dict[str, Any]:
    """All inputs, as a state holds them."""
    return of_server(inputs) | _present(
        name_prefix=inputs.name_prefix,
        expires_in=inputs.expires_in and format_duration(inputs.expires_in),
        labels=inputs.labels or None,
        delete_guard=inputs.delete_guard and format_duration(inputs.delete_guard),
        rotation_triggers=inputs.rotation_triggers or None,
        adopt_key_id=inputs.adopt_key_id,
        adopt_key=inputs.adopt_key and inputs.adopt_key.reveal(),
    )


def facts(key: Key | KnownKey, plaintext: str | None) -> dict[str, Any]:
    """The outputs that are not inputs."""
    return _present(
        key_id=key.id, created_at=key.created_at and format_instant(key.created_at), key=plaintext
    )


def differs(name: str, old: Any, new: Any) -> bool:
    """Whether two values of a property differ in meaning."""
    if name in ("expires_at", "anchor") and isinstance(old, str) and isinstance(new, str):
        return not same_instant(read_instant(old), read_instant(new))
    if name in ("labels", "rotation_triggers"):
        return bool((old or {}) != (new or {}))
    return bool(old != new)


def shown(name: str, bag: Bag) -> str:
    """A property as people read it."""
    value = bag.get(name)
    if value is None:
        return "never" if name == "expires_at" else "none"
    if name == "name":
        return repr(visible(value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _present(**bag: object) -> dict[str, Any]:
    return {name: value for name, value in bag.items() if value is not None}
