"""Keys in exports of stacks."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pulumi_account.api.models import Key
from pulumi_account.core.reservations import RESERVATION_PREFIX
from pulumi_account.stacks.exports import ExportError, StackKey, read_export, unmanaged_keys
from tests.support.canaries import PLAINTEXT
from tests.support.helpers import NOW, key_json, refusal


def test_a_broken_file_is_forgotten(tmp_path: Path) -> None:
    """The error does not lead back to what was in the file, which may be a plaintext."""
    (tmp_path / "broken.py").write_text(f'{{"key": "{PLAINTEXT}"')
    refusal(ExportError, lambda: read_export(str(tmp_path / "broken.py")))


KEY = Key.model_validate(key_json(id=7, created_at=NOW.isoformat()))


@pytest.mark.parametrize(
    ("stack_id", "created_at", "managed", "found"),
    [
        ("7", NOW, True, []),
        ("7", None, True, []),
        ("7", NOW, False, [(KEY, "read")]),
        ("8", NOW, True, [(KEY, None)]),
        ("7", NOW - timedelta(days=1), True, [(KEY, None)]),
    ],
)
def test_a_key_that_no_stack_manages(
    stack_id: str, created_at: datetime | None, managed: bool, found: list[tuple[Key, str | None]]
) -> None:
    """A stack's key is the account's key if id and creation agree; a key that is only read is not managed."""
    assert unmanaged_keys([KEY], [StackKey(stack_id, created_at, managed)]) == found


def test_a_reservation_has_a_note() -> None:
    """A reservation in no stack is marked as one."""
    reservation = Key.model_validate(key_json(name=RESERVATION_PREFIX + "0f" * 16, credit_limit=0))
    assert unmanaged_keys([reservation], []) == [(reservation, "reservation")]
