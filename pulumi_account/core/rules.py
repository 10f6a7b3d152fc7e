"""The rules about single values that a user declares. Quick to import, because every preview imports it.

Each rule returns the value, or raises a ``ValueError`` whose message follows the property's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from pulumi_account.common.durations import parse_duration
from pulumi_account.common.instants import parse_declared_instant
from pulumi_account.common.money import MAGNITUDE, parse_number
from pulumi_account.common.secret import Secret

__all__ = [
    "amount",
    "delete_guard",
    "duration",
    "flag",
    "instant",
    "key_id",
    "map_of_texts",
    "secret",
    "text",
    "text_of_length",
    "validated",
]

#: above it, the engine's numbers, which are floats, do not distinguish two ids
_LARGEST_ID = 2**53
#: an id in a key's `id`, and in a stack reference
_ID_AS_TEXT = re.compile(r"[0-9]{1,16}(\.0)?")
#: how Pulumi writes a date that YAML has parsed because it had no quotes
_READ_BY_YAML = re.compile(r"([0-9-]{10}) ([0-9:.]{8,18}) ([+-]\d\d)(\d\d) (UTC|[+-]\d{4})", re.ASCII)
#: text that an error may quote: no credential consists of these characters alone
_QUOTABLE = re.compile(r"[0-9TtZzWwDdHhMmSsP:+\-. /]{1,40}", re.ASCII)
#: days; the API has no longer period of activity
_LONGEST_GUARD = 30


def validated(
    given: Mapping[str, object], rules: Mapping[str, Callable[[object], object]], what: str
) -> tuple[dict[str, Any], list[str]]:
    """The valid values, and a sentence for each invalid one.

    :param rules: for each property, a function that returns its value or raises a ``ValueError`` that says why not.
    :param what: what the properties declare.
    """
    values: dict[str, Any] = {}
    failures = []
    for name, rule in rules.items():
        if name not in given:
            continue
        try:
            values[name] = rule(given[name])
        except ValueError as error:
            failures.append(f"{name} {error}")
    unknown = [f"{name} is not a property of {what}" for name in given if name not in rules]
    return values, failures + unknown


def _kind(value: object) -> str:
    """Describe an invalid value in words that cannot contain a credential."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        short = isinstance(value, float) or abs(value) <= 10**MAGNITUDE
        return str(value) if short else f"one of more than {MAGNITUDE} digits"
    kinds = {bool: "a boolean", str: "text", list: "a list", dict: "a map", type(None): "nothing"}
    return kinds.get(type(value), f"a {type(value).__name__}")


def text(value: object) -> str:
    """Text."""
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {_kind(value)}")
    return value


def text_of_length(most: int, note: str, value: object) -> str:
    """Text of 1 to ``most`` characters; ``note`` explains the number."""
    written = text(value)
    if not 1 <= len(written) <= most:
        raise ValueError(f"must have 1 to {most} characters{note}, not {len(written)}")
    return written


def amount(value: object) -> Decimal:
    """An amount in USD, 0 or more."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"must be a number of USD, not {_kind(value)}")
    try:
        money = parse_number(_kind(value))
    except ValueError as error:
        raise ValueError(f"must be a number of USD, but {_kind(value)} {error}") from None
    if money < 0:
        raise ValueError(f"must be 0 USD or more, not {value}")
    return money


def flag(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {_kind(value)}")
    return value


def instant(value: object) -> datetime:
    """An instant in UTC, from ISO 8601 text with an offset."""
    written = text(value)
    if read := _READ_BY_YAML.fullmatch(written):
        offset = "Z" if read[5] == "UTC" else f"{read[3]}:{read[4]}"
        raise ValueError(
            f'{written!r} is a date that YAML has parsed: quote it, as "{read[1]}T{read[2]}{offset}"'
        )
    try:
        return parse_declared_instant(written)
    except ValueError as error:
        raise ValueError(f"{_quoted(written)} {error}") from None


def duration(value: object) -> timedelta:
    """A duration, from text."""
    written = text(value)
    try:
        return parse_duration(written)
    except ValueError as error:
        raise ValueError(f"{_quoted(written)} {error}") from None


def delete_guard(value: object) -> timedelta:
    """A duration of 1 to 30 whole days, from text."""
    guard = duration(value)
    if guard % timedelta(days=1) or guard.days > _LONGEST_GUARD:
        raise ValueError(f"must be 1 to {_LONGEST_GUARD} whole days, such as 7d, not {value}")
    return guard


def _quoted(written: str) -> str:
    return repr(written) if _QUOTABLE.fullmatch(written) else f"text of {len(written)} characters"


def map_of_texts(value: object) -> dict[str, str]:
    """A map from texts to texts."""
    if not isinstance(value, Mapping):
        raise ValueError(f"must be a map of texts, not {_kind(value)}")
    wrong = [
        f"the value of {name!r} is {_kind(entry)}" if isinstance(name, str) else f"a name is {_kind(name)}"
        for name, entry in value.items()
        if not (isinstance(name, str) and isinstance(entry, str))
    ]
    if wrong:
        raise ValueError(f"must be a map of texts, but {', '.join(sorted(wrong))}")
    return dict(value)


def key_id(value: object) -> int:
    """A key's id, from a number or text."""
    if isinstance(value, str) and _ID_AS_TEXT.fullmatch(value):
        value = float(value)
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0
    if not (1 <= number <= _LARGEST_ID and number == number // 1):
        raise ValueError(f"must be the id of a key, a whole number from 1, not {_kind(value)}")
    return int(number)


def secret(value: object) -> Secret:
    """Text that no error may quote."""
    if not (written := text(value)):
        raise ValueError("must not be empty")
    return Secret(written)
