"""Resources as states and previews describe them. Only known properties are kept: any other may be a secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from pulumi_account.common.durations import parse_duration
from pulumi_account.common.instants import read_instant
from pulumi_account.core.properties import API_KEY_TYPE, ROTATING_API_KEY_TYPE
from pulumi_account.policy.facts import MARKERS, SIGNATURE, KeyFacts, key_facts

__all__ = [
    "KEY_TYPES",
    "ROOT_TYPE",
    "KeyState",
    "RetiredKey",
    "Urn",
    "id_of",
    "is_hidden",
    "key_state",
    "object_of",
    "objects_of",
    "pending_urn",
    "strings_of",
]

KEY_TYPES = (API_KEY_TYPE, ROTATING_API_KEY_TYPE)
ROOT_TYPE = "pulumi:pulumi:Stack"
_REASON = re.compile(
    r"first key|(revoke|rotate_now) changed|the key was deleted elsewhere|due since [0-9T:.Z-]{20,32}"
)
_ID = re.compile(r"[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True)
class Urn:
    """The parts of a resource's URN that people know."""

    stack: str
    type: str
    name: str

    @classmethod
    def parse(cls, urn: object) -> Urn:
        """Parse ``urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME``; ``stack`` is ``PROJECT/STACK``.

        :raises ValueError: it is no URN.
        """
        parts = urn.split("::", 3) if isinstance(urn, str) else []
        if len(parts) != 4 or not parts[0].startswith("urn:pulumi:"):
            raise ValueError("not a URN")
        stack = f"{parts[1]}/{parts[0].removeprefix('urn:pulumi:')}"
        return cls(stack, parts[2].rpartition("$")[2], parts[3])


@dataclass(frozen=True)
class RetiredKey:
    """A key that a rotation has replaced, and that may still exist."""

    id: str
    expires_at: datetime | None


@dataclass(frozen=True)
class KeyState:
    """A key as a state or a preview describes it.

    ``id`` is the id of the key on the server, or None if it is not known yet; ``external`` is a key that the stack only
    reads; ``retained`` is one that stays on the server when its resource is deleted; ``provider`` is the URN of the
    provider, and so of the account.
    """

    facts: KeyFacts
    id: str | None = None
    created_at: datetime | None = None
    external: bool = False
    retained: bool = False
    provider: str | None = None
    adopts: str | None = None
    generation: int | None = None
    reason: str | None = None
    overlap: timedelta | None = None
    retired: tuple[RetiredKey, ...] = ()


def key_state(state: Mapping[str, Any], urn: Urn, created_at: datetime | None = None) -> KeyState:
    """The key in an entry of a state, or in the old or new state of a step.

    :param created_at: when the key was created, if the state does not say it.
    :raises ValueError: a part is of another kind than Pulumi writes.
    """
    outputs, external = object_of(state.get("outputs")), state.get("external") is True
    rotates = urn.type == ROTATING_API_KEY_TYPE
    declared = _without_secrets(outputs if external else object_of(state.get("inputs")), state)
    created_at = read_instant(outputs.get("created_at")) or created_at
    facts = key_facts(
        *(urn.name, declared),
        rotates=rotates,
        stack=urn.stack,
        protect=state.get("protect") is True,
        created_at=created_at,
    )
    reason, provider = declared.get("reason"), state.get("provider")
    return KeyState(
        facts,
        id_of(outputs.get("key_id") if rotates else state.get("id")),
        created_at,
        external,
        state.get("retainOnDelete") is True,
        provider.rpartition("::")[0] if isinstance(provider, str) else None,
        id_of(declared.get("adopt_key_id")),
        _whole(declared.get("generation")),
        reason if isinstance(reason, str) and _REASON.fullmatch(reason) else None,
        _duration(declared.get("overlap")),
        tuple(_retired(outputs.get("retired"))),
    )


def _without_secrets(declared: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    """The properties, without the values of secret ones and of texts that come from a key: they may contain its
    plaintext, which a preview with `--show-secrets` does not mark.
    """
    sources = object_of(state.get("propertyDependencies"))
    secret = set(strings_of(state.get("additionalSecretOutputs"))) | {
        name for name in ("name", "labels") if any(map(_is_key, strings_of(sources.get(name))))
    }
    return {name: MARKERS[0] if name in secret else value for name, value in declared.items()}


def pending_urn(urn: str, key: KeyState) -> str:
    """Names a replaced key that is not deleted yet: its own URN is that of its replacement."""
    return f"{urn} ({key.id})"


def is_hidden(value: object) -> bool:
    """Whether a value is secret or not known yet, or has such a part."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if SIGNATURE in one:
                return True
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str) and one in MARKERS:
            return True
    return False


def object_of(value: object) -> dict[str, Any]:
    """An object, empty if it is missing.

    :raises ValueError: it is something else.
    """
    if not isinstance(value, (dict, type(None))):
        raise ValueError("not an object")
    return value or {}


def objects_of(value: object) -> list[dict[str, Any]]:
    """A list of objects, empty if it is missing.

    :raises ValueError: it is something else.
    """
    if not isinstance(value, (list, type(None))):
        raise ValueError("not a list")
    return [object_of(item) for item in value or []]


def strings_of(value: object) -> list[str]:
    """The texts in a list, if it is one."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _is_key(urn: str) -> bool:
    try:
        return Urn.parse(urn).type in KEY_TYPES
    except ValueError:
        return False


def id_of(value: object) -> str | None:
    """A whole number, or its text, as text; engines write numbers with or without a fraction."""
    text = value if isinstance(value, str) else str(_whole(value))
    return text if isinstance(text, str) and _ID.fullmatch(text) else None


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    number = Decimal(value)
    is_whole = number.is_finite() and abs(number) < 2**53 and number == number // 1
    return int(number) if is_whole else None


def _duration(value: object) -> timedelta | None:
    try:
        return parse_duration(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _retired(value: object) -> list[RetiredKey]:
    entries = [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
    keys = [(id_of(entry.get("key_id")), read_instant(entry.get("expires_at"))) for entry in entries]
    return [RetiredKey(key_id, expires_at) for key_id, expires_at in keys if key_id]
