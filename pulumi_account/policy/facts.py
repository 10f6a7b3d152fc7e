"""What a rule may know about a declared key: values of known kinds. Secret and unknown values do not get in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TypeAlias

from pulumi_account.common.durations import parse_duration
from pulumi_account.common.instants import read_instant
from pulumi_account.common.money import parse_usd

__all__ = ["MARKERS", "SIGNATURE", "UNKNOWN", "KeyFacts", "Unknown", "key_facts", "text_of"]

#: how previews and states write secret and unknown values: as these texts, or as an object with this name in it
MARKERS = ("[secret]", "04da6b54-80e4-46f7-96ec-b56ff0331ba9")
SIGNATURE = "4dabf18193072939515e22adb298388d"


class Unknown(Enum):
    """The value is secret, not known yet, or of a wrong kind."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN
#: a duration counts from the key's creation
Expiry: TypeAlias = "datetime | timedelta | Unknown | None"


@dataclass(frozen=True)
class KeyFacts:
    """A declared key.

    ``name`` is its name on the server, or None if that is secret or not known yet; ``credit_limit`` and ``expires`` are
    None if there is none. ``every`` is the period of a rotating key.
    """

    resource: str
    stack: str = ""
    name: str | None = None
    credit_limit: Decimal | Unknown | None = None
    is_enabled: bool | Unknown = True
    expires: Expiry = None
    labels: Mapping[str, str | Unknown] | Unknown = field(default_factory=dict)
    protect: bool = False
    rotates: bool = False
    every: timedelta | Unknown | None = None

    @property
    def title(self) -> str:
        """The name on the server if it is known, else the resource's."""
        return self.resource if self.name is None else self.name

    def label(self, name: str) -> str | Unknown | None:
        """A label's value; None if the key has no such label."""
        return self.labels if isinstance(self.labels, Unknown) else self.labels.get(name)

    def expires_at(self, created: datetime) -> datetime | Unknown | None:
        """The instant at which it expires.

        :param created: when it was created, or will be.
        """
        return created + self.expires if isinstance(self.expires, timedelta) else self.expires


def key_facts(
    resource: str,
    inputs: Mapping[str, Any],
    *,
    rotates: bool,
    stack: str = "",
    protect: bool = False,
    created_at: datetime | None = None,
) -> KeyFacts:
    """The facts in the inputs of an ``ApiKey`` or ``RotatingApiKey``. Other properties are not read.

    :param resource: the resource's name in its stack.
    :param inputs: as a program, a policy, a preview or a state has them.
    :param created_at: when the key was created, if it exists.
    """
    duration = _duration(inputs.get("expires_in"))
    if isinstance(duration, timedelta):
        expires: Expiry = duration if created_at is None else _later(created_at, duration)
    else:
        expires = duration or _instant(inputs.get("expires_at"))
    enabled = inputs.get("is_enabled", True)
    return KeyFacts(
        resource,
        stack,
        text_of(inputs.get("name")),
        _amount(inputs.get("credit_limit")),
        enabled if isinstance(enabled, bool) else UNKNOWN,
        expires,
        _labels(inputs.get("labels")),
        protect,
        rotates,
        _duration(inputs.get("every")),
    )


def _later(start: datetime, duration: timedelta) -> datetime | Unknown:
    try:
        return start + duration
    except OverflowError:  # after the year 9999
        return UNKNOWN


def text_of(value: object) -> str | None:
    """A text that is neither secret nor unknown."""
    return value if isinstance(value, str) and value not in MARKERS else None


def _amount(value: object) -> Decimal | Unknown | None:
    if value is None:
        return None
    # a text is not an amount here: it may be any secret
    amount = UNKNOWN if isinstance(value, str) else _parsed(parse_usd, value)
    return amount if isinstance(amount, Unknown) or amount >= 0 else UNKNOWN


def _instant(value: object) -> datetime | Unknown | None:
    return None if value is None else read_instant(value) or UNKNOWN


def _duration(value: object) -> timedelta | Unknown | None:
    if value is None or isinstance(value, timedelta):
        return value
    return _parsed(parse_duration, value) if isinstance(value, str) else UNKNOWN


def _parsed(parse: Any, value: object) -> Any:
    try:
        return parse(value)
    except ValueError:
        return UNKNOWN


def _labels(value: object) -> Mapping[str, str | Unknown] | Unknown:
    if value is None:
        return {}
    if (
        not isinstance(value, Mapping)
        or SIGNATURE in value
        or not all(isinstance(name, str) for name in value)
    ):
        return UNKNOWN
    texts = {name: text_of(text) for name, text in value.items()}
    return {name: UNKNOWN if text is None else text for name, text in texts.items()}
