"""Declarations of rotating keys, and what tests ask of the account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pulumi_account.emulator import Emulator

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BATCH: dict[str, Any] = {"name": "batch", "every": "30d", "overlap": "2d"}
#: rotates a deployed `BATCH`
ROTATED = {**BATCH, "rotate_now": "1"}
REVOKED = {**BATCH, "revoke": "1"}


def names(emulator: Emulator) -> list[str]:
    """The names of the account's keys."""
    return [key["name"] for key in emulator.keys()]


def lives(emulator: Emulator, key_id: int) -> Any:
    """How long a key works; None if it never expires."""
    key = emulator.key(key_id)
    assert key is not None
    return key["expires_at"] and key["expires_at"] - emulator.clock.now()


def about(span: timedelta) -> Any:
    """A duration, give or take a few seconds."""
    return pytest.approx(span, abs=timedelta(seconds=5))
