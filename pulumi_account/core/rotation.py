"""Rotation: what a user may declare about it, which generation is due and since when. Quick to import."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pulumi_account.core.naming import MAX_ROTATING_NAME, MAX_ROTATING_NAME_PREFIX
from pulumi_account.core.rules import (
    amount,
    delete_guard,
    duration,
    flag,
    instant,
    map_of_texts,
    text,
    text_of_length,
    validated,
)
from pulumi_account.exceptions import InvalidInputError

__all__ = ["DEFAULT_OVERLAP", "Schedule", "declared_rotating", "generation_name"]

DEFAULT_OVERLAP = timedelta(days=1)
_FIRST_YEAR, _END_YEAR = 1970, 3000


def _anchor(value: object) -> datetime:
    moment = instant(value)
    if not _FIRST_YEAR <= moment.year < _END_YEAR:
        raise ValueError(f"must be in the years {_FIRST_YEAR} to {_END_YEAR - 1}")
    return moment


_RULES: dict[str, Callable[[object], object]] = {
    "every": duration,
    "overlap": duration,
    "anchor": _anchor,
    "rotate_now": text,
    "revoke": text,
    "name": partial(text_of_length, MAX_ROTATING_NAME, " (the generation is added)"),
    "name_prefix": partial(text_of_length, MAX_ROTATING_NAME_PREFIX, " (the generation and seven are added)"),
    "credit_limit": amount,
    "is_enabled": flag,
    "labels": map_of_texts,
    "delete_guard": delete_guard,
}


def declared_rotating(properties: Mapping[str, object], *, unknown: Collection[str] = ()) -> dict[str, Any]:
    """Validate what a user declared about a rotating key, and return the values.

    :param properties: the declared properties that are known; None counts as absent.
    :param unknown: names of the declared properties whose values are not known yet.
    :raises InvalidInputError: with one sentence for each broken rule.
    """
    given = {name: value for name, value in properties.items() if value is not None}
    values, failures = validated(given, _RULES, "a rotating API key")
    names = {*given, *unknown}
    every: timedelta | None = values.get("every")
    overlap: timedelta | None = values.get("overlap")
    conflicts = {
        "every must be given: how long a key is the current one, such as 30d": "every" not in names,
        "overlap must be at most every: a key would otherwise outlive its successor": (
            every is not None and overlap is not None and overlap > every
        ),
        "name and name_prefix exclude each other: give one of them": {"name", "name_prefix"} <= names,
        "name or name_prefix must be given": not {"name", "name_prefix"} & names,
    }
    failures += [rule for rule, broken in conflicts.items() if broken]
    if failures:
        raise InvalidInputError(failures)
    return {"is_enabled": True, **values}


@dataclass(frozen=True)
class Schedule:
    """Generation k is due at ``anchor + k * every``; generation 0 also counts before the anchor."""

    anchor: datetime
    every: timedelta

    def generation(self, moment: datetime) -> int:
        """The generation that is due by then."""
        return max(0, (moment - self.anchor) // self.every)

    def due(self, generation: int) -> datetime:
        """The instant at which a generation is due."""
        return self.anchor + generation * self.every

    def due_after(self, moment: datetime) -> datetime:
        """The instant at which the next generation is due."""
        return self.due(self.generation(moment) + 1)


def generation_name(name: str, generation: int) -> str:
    """The exact name of a generation."""
    return f"{name}-{generation}"
