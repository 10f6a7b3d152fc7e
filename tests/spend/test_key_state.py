"""The states of keys."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_account.api.models import Key
from pulumi_account.spend.key_state import EXISTING, key_state
from tests.support.helpers import NOW, key_json


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "active"),
        ({"is_enabled": False}, "disabled"),
        ({"expires_at": "2026-06-01T12:00:00Z", "is_enabled": False}, "expired"),
        ({"expires_at": None}, "active"),
    ],
)
def test_state(changes: dict[str, Any], state: str) -> None:
    """A key that has expired is expired, enabled or not."""
    assert key_state(Key.model_validate(key_json(**changes)), NOW) == state
    assert state in EXISTING


def test_a_missing_key_is_deleted() -> None:
    """A key with usage that the account no longer has is deleted."""
    assert key_state(None, NOW) == "deleted"
