"""What a user may declare about a key, with all rules. Quick to import, because every preview imports it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from pulumi_account.common.durations import parse_duration
from pulumi_account.common.instants import format_instant, parse_declared_instant, same_instant
from pulumi_account.common.money import MAGNITUDE, parse_number
from pulumi_account.common.secret import Secret
from pulumi_account.core.naming import MAX_NAME, MAX_NAME_PREFIX
from pulumi_account.exceptions import InvalidInputError

__all__ = ["ApiKeyInputs", "declared", "delete_guard"]

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


@dataclass(frozen=True, kw_only=True)
class ApiKeyInputs:
    """A valid declaration of a key, made by `declared`: amounts in USD, instants in UTC."""

    name: str | None = None
    name_prefix: str | None = None
    credit_limit: Decimal | None = None
    is_enabled: bool = True
    expires_at: datetime | None = None
    expires_in: timedelta | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    delete_guard: timedelta | None = None
    rotation_triggers: Mapping[str, str] = field(default_factory=dict)
    adopt_key_id: int | None = None
    adopt_key: Secret | None = None


def declared(
    properties: Mapping[str, object],
    *,
    now: datetime,
    settled: datetime | None = None,
    rotated: bool = False,
    auto_named: object = None,
    unknown: Collection[str] = (),
) -> ApiKeyInputs:
    """Validate what a user declared.

    :param properties: the declared properties that are known; None counts as absent.
    :param now: the present instant, in UTC.
    :param settled: the expiry that is already in force, which may be in the past.
    :param rotated: a new key will replace this one, and its expiry must not be in the past.
    :param auto_named: the name that auto-naming made; it may be given together with its ``name_prefix``.
    :param unknown: names of the declared properties whose values are not known yet.
    :raises InvalidInputError: with one sentence for each broken rule.
    """
    given = {name: value for name, value in properties.items() if value is not None}
    own_name = auto_named is None or given.get("name") != auto_named
    values, failures = _validated(given, _rules(now, settled, rotated))
    failures += _conflicts({*given, *unknown}, own_name=own_name)
    if failures:
        raise InvalidInputError(failures)
    return ApiKeyInputs(**values)


def _rules(now: datetime, settled: datetime | None, rotated: bool) -> dict[str, Callable[[object], object]]:
    """The rule of each property, in the order of reports."""
    return {
        "name": partial(_of_length, MAX_NAME, ""),
        "name_prefix": partial(_of_length, MAX_NAME_PREFIX, " (seven are added)"),
        "credit_limit": _credit_limit,
        "is_enabled": _is_enabled,
        "expires_at": partial(_expires_at, now, settled, rotated),
        "expires_in": _duration,
        "labels": _map_of_texts,
        "delete_guard": delete_guard,
        "rotation_triggers": _map_of_texts,
        "adopt_key_id": _adopt_key_id,
        "adopt_key": _adopt_key,
    }


def _validated(
    given: Mapping[str, object], rules: Mapping[str, Callable[[object], object]]
) -> tuple[dict[str, Any], list[str]]:
    """The valid values, and a sentence for each invalid one."""
    values: dict[str, Any] = {}
    failures = []
    for name, rule in rules.items():
        if name not in given:
            continue
        try:
            values[name] = rule(given[name])
        except ValueError as error:
            failures.append(f"{name} {error}")
    unknown = [f"{name} is not a property of an API key" for name in given if name not in rules]
    return values, failures + unknown


def _conflicts(given: Collection[str], *, own_name: bool) -> list[str]:
    rules = {
        "name and name_prefix exclude each other: give one of them": (
            own_name and {"name", "name_prefix"} <= set(given)
        ),
        "name or name_prefix must be given": not {"name", "name_prefix"} & set(given),
        "expires_at and expires_in exclude each other: give one of them": (
            {"expires_at", "expires_in"} <= set(given)
        ),
        "adopt_key_id needs name: give the name that the adopted key is to have": (
            "adopt_key_id" in given and "name" not in given
        ),
        "adopt_key needs adopt_key_id: give both": "adopt_key" in given and "adopt_key_id" not in given,
    }
    return [rule for rule, broken in rules.items() if broken]


def _kind(value: object) -> str:
    """Describe an invalid value in words that cannot contain a credential."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        short = isinstance(value, float) or abs(value) <= 10**MAGNITUDE
        return str(value) if short else f"one of more than {MAGNITUDE} digits"
    kinds = {bool: "a boolean", str: "text", list: "a list", dict: "a map", type(None): "nothing"}
    return kinds.get(type(value), f"a {type(value).__name__}")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {_kind(value)}")
    return value


def _of_length(most: int, note: str, value: object) -> str:
    text = _text(value)
    if not 1 <= len(text) <= most:
        raise ValueError(f"must have 1 to {most} characters{note}, not {len(text)}")
    return text


def _credit_limit(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"must be a number of USD, not {_kind(value)}")
    try:
        money = parse_number(_kind(value))
    except ValueError as error:
        raise ValueError(f"must be a number of USD, but {_kind(value)} {error}") from None
    if money < 0:
        raise ValueError(f"must be 0 USD or more, not {value}")
    return money


def _is_enabled(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {_kind(value)}")
    return value


def _expires_at(now: datetime, settled: datetime | None, rotated: bool, value: object) -> datetime:
    text = _text(value)
    if read := _READ_BY_YAML.fullmatch(text):
        offset = "Z" if read[5] == "UTC" else f"{read[3]}:{read[4]}"
        raise ValueError(
            f'{text!r} is a date that YAML has parsed: quote it, as "{read[1]}T{read[2]}{offset}"'
        )
    try:
        moment = parse_declared_instant(text)
    except ValueError as error:
        raise ValueError(f"{_quoted(text)} {error}") from None
    # an expiry that is already in force may be in the past: it must not block a deployment
    in_force = same_instant(moment, settled)
    if moment <= now and in_force and rotated:
        raise ValueError(f"{format_instant(moment)} is in the past: a new key needs a later one, or none")
    if moment <= now and not in_force:
        raise ValueError(
            f"{format_instant(moment)} is in the past: this machine's clock says {format_instant(now)}"
        )
    return moment


def _duration(value: object) -> timedelta:
    text = _text(value)
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ValueError(f"{_quoted(text)} {error}") from None


def delete_guard(value: object) -> timedelta:
    """The rule of ``delete_guard``.

    :raises ValueError: the value is not the text of a duration of 1 to 30 whole days.
    """
    guard = _duration(value)
    if guard % timedelta(days=1) or guard.days > _LONGEST_GUARD:
        raise ValueError(f"must be 1 to {_LONGEST_GUARD} whole days, such as 7d, not {value}")
    return guard


def _quoted(text: str) -> str:
    return repr(text) if _QUOTABLE.fullmatch(text) else f"text of {len(text)} characters"


def _map_of_texts(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError(f"must be a map of texts, not {_kind(value)}")
    wrong = [
        f"the value of {name!r} is {_kind(text)}" if isinstance(name, str) else f"a name is {_kind(name)}"
        for name, text in value.items()
        if not (isinstance(name, str) and isinstance(text, str))
    ]
    if wrong:
        raise ValueError(f"must be a map of texts, but {', '.join(sorted(wrong))}")
    return dict(value)


def _adopt_key_id(value: object) -> int:
    if isinstance(value, str) and _ID_AS_TEXT.fullmatch(value):
        value = float(value)
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0
    if not (1 <= number <= _LARGEST_ID and number == number // 1):
        raise ValueError(f"must be the id of a key, a whole number from 1, not {_kind(value)}")
    return int(number)


def _adopt_key(value: object) -> Secret:
    if not (text := _text(value)):
        raise ValueError("must not be empty")
    return Secret(text)
