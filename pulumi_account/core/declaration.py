"""What a user may declare about a key, with all rules. Quick to import, because every preview imports it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from pulumi_account.common.instants import format_instant, same_instant
from pulumi_account.common.secret import Secret
from pulumi_account.core.naming import MAX_NAME, MAX_NAME_PREFIX
from pulumi_account.core.rules import (
    amount,
    delete_guard,
    duration,
    flag,
    instant,
    key_id,
    map_of_texts,
    secret,
    text_of_length,
    validated,
)
from pulumi_account.exceptions import InvalidInputError

__all__ = ["ApiKeyInputs", "declared"]


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
    values, failures = validated(given, _rules(now, settled, rotated), "an API key")
    failures += _conflicts({*given, *unknown}, own_name=own_name)
    if failures:
        raise InvalidInputError(failures)
    return ApiKeyInputs(**values)


def _rules(now: datetime, settled: datetime | None, rotated: bool) -> dict[str, Callable[[object], object]]:
    """The rule of each property, in the order of reports."""
    return {
        "name": partial(text_of_length, MAX_NAME, ""),
        "name_prefix": partial(text_of_length, MAX_NAME_PREFIX, " (seven are added)"),
        "credit_limit": amount,
        "is_enabled": flag,
        "expires_at": partial(_expires_at, now, settled, rotated),
        "expires_in": duration,
        "labels": map_of_texts,
        "delete_guard": delete_guard,
        "rotation_triggers": map_of_texts,
        "adopt_key_id": key_id,
        "adopt_key": secret,
    }


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


def _expires_at(now: datetime, settled: datetime | None, rotated: bool, value: object) -> datetime:
    moment = instant(value)
    # an expiry that is already in force may be in the past: it must not block a deployment
    in_force = same_instant(moment, settled)
    if moment <= now and in_force and rotated:
        raise ValueError(f"{format_instant(moment)} is in the past: a new key needs a later one, or none")
    if moment <= now and not in_force:
        raise ValueError(
            f"{format_instant(moment)} is in the past: this machine's clock says {format_instant(now)}"
        )
    return moment
