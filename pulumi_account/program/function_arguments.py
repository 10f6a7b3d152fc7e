"""Arguments of functions: the rules for each kind. No error quotes an argument, which may be a secret."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from pulumi_account.common.instants import parse_declared_instant
from pulumi_account.common.money import parse_usd
from pulumi_account.exceptions import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from pulumi_account.api.models import Key

_T = TypeVar("_T")
#: the most days that the API's activity covers
LONGEST_PERIOD = 30
#: the most ids in an error about several keys with the same name
_MOST_IDS = 20


def checked(**arguments: tuple[Callable[[Any], Any], object]) -> list[Any]:
    """Apply to each argument its rule, which returns the value to use or raises a ``ValueError``.

    :raises InvalidInputError: with one sentence for each argument that breaks its rule.
    """
    values, failures = [], []
    for name, (rule, value) in arguments.items():
        try:
            values.append(rule(value))
        except ValueError as error:
            failures.append(f"{name} {error}")
    if failures:
        raise InvalidInputError(failures)
    return values


def optional(rule: Callable[[Any], _T]) -> Callable[[Any], _T | None]:
    """Make a rule that admits None."""
    return lambda value: None if value is None else rule(value)


def text(value: object) -> str:
    """Any text."""
    if not isinstance(value, str):
        raise ValueError("must be text")
    return value


def boolean(value: object) -> bool:
    """True or false, no number."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def period(value: object) -> int:
    """A whole number of days, also as a float, as the engine has numbers."""
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0
    if number not in range(1, LONGEST_PERIOD + 1):
        raise ValueError(f"must be a whole number of days from 1 to {LONGEST_PERIOD}")
    return int(number)


def amount(value: object) -> Decimal:
    """An amount of USD, 0 or more."""
    with suppress(ValueError):
        if (usd := parse_usd(value)) >= 0:
            return usd
    raise ValueError("must be an amount of USD, 0 or more, such as 50 or '12.50'")


def instant(value: object) -> datetime:
    """An instant, as ISO 8601 text with an offset or as an aware ``datetime``."""
    return parse_declared_instant(value.isoformat() if isinstance(value, datetime) else str(value))


def only(name: str, found: list[Key]) -> Key:
    """Return the one key that was found. The errors do not quote the name, which may be a plaintext by mistake.

    :raises NotFoundError: no key was found.
    :raises InvalidInputError: several keys were found; the message lists their ids.
    """
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFoundError(
            f"the account has no key with the requested name of {len(name)} characters", status=404
        )
    ids = ", ".join(str(key.id) for key in found[:_MOST_IDS])
    more = f" or {len(found) - _MOST_IDS} others" if len(found) > _MOST_IDS else ""
    raise InvalidInputError([f"name matches {len(found)} keys: give key_id, one of {ids}{more}"])
