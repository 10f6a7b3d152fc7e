"""Expiries that are declared as durations: ``expires_in`` counts from the key's creation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pulumi_account.common.durations import LONGEST, format_duration
from pulumi_account.common.instants import format_instant, read_instant, same_instant
from pulumi_account.exceptions import InvalidInputError

if TYPE_CHECKING:
    from pulumi_account.api.models import Key
    from pulumi_account.core.properties import Bag, KnownKey

__all__ = ["counted", "found"]


def counted(expires_in: timedelta, key: Key | KnownKey, now: datetime) -> datetime:
    """The instant at which an existing key is to expire.

    :raises InvalidInputError: it is in the past, and not the expiry that is already in force.
    """
    if key.created_at is None:
        raise InvalidInputError(
            [f"expires_in: the state does not say when key {key.id} was made: run `pulumi refresh`"]
        )
    end = key.created_at + expires_in
    if end <= now and not same_instant(end, key.expires_at):
        raise InvalidInputError(
            [
                f"expires_in {format_duration(expires_in)} counts from the creation of key {key.id} at "
                f"{format_instant(key.created_at)}, and {format_instant(end)} is in the past: give a longer duration"
            ]
        )
    return end


def found(key: Key, state: Bag) -> str | None:
    """The ``expires_in`` that declares the key as it is: that of the state, unless the expiry was changed elsewhere."""
    declared = state.get("expires_in")
    if declared is None or key.expires_at is None:
        return None
    if same_instant(key.expires_at, read_instant(state.get("expires_at"))):
        return str(declared)
    actual = key.expires_at - key.created_at
    return format_duration(min(max(actual, timedelta(seconds=1)), LONGEST))
