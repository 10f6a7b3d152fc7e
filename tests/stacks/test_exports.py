"""Keys in exports of stacks."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pulumi_account.api.models import Key
from pulumi_account.core.properties import API_KEY_TYPE, ROTATING_API_KEY_TYPE
from pulumi_account.core.reservations import RESERVATION_PREFIX
from pulumi_account.stacks.exports import (
    ExportError,
    StackKey,
    read_export,
    unmanaged_keys,
)
from pulumi_account.stacks.resources import id_of
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


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, "7"),
        ("7", "7"),
        (Decimal("7.0"), "7"),
        *(
            (odd, None)
            for odd in (True, "x", "", None, 7.5, Decimal("1e100"), Decimal("NaN"), Decimal("Infinity"), [7])
        ),
    ],
)
def test_an_id(value: object, expected: str | None) -> None:
    """It is a whole number or its text; anything else is none."""
    assert id_of(value) == expected


def test_a_reservation_has_a_note() -> None:
    """A reservation in no stack is marked as one."""
    reservation = Key.model_validate(key_json(name=RESERVATION_PREFIX + "0f" * 16, credit_limit=0))
    assert unmanaged_keys([reservation], []) == [(reservation, "reservation")]


def export(folder: Path, *resources: dict[str, Any], **deployment: object) -> list[StackKey]:
    """The keys in an export with these resources."""
    file = folder / "export.py"
    file.write_text(json.dumps({"deployment": {"resources": resources, **deployment}}))
    return read_export(str(file))


def resource(**outputs: object) -> dict[str, Any]:
    """A key in a state."""
    return {"type": API_KEY_TYPE, "id": "7", "outputs": outputs}


ROTATING = {
    "type": ROTATING_API_KEY_TYPE,
    "id": "random",
    "outputs": {
        "key_id": 42,
        "name": "batch-3",
        "generation": 3,
        "created_at": NOW.isoformat(),
        "labels": {"team": "ads"},
        "retired": [{"key_id": 41.0, "name": "batch-2", "expires_at": NOW.isoformat()}, {"name": "none"}],
    },
}


def test_a_key_has_a_name_and_labels(tmp_path: Path) -> None:
    """They are read from the outputs."""
    (key,) = export(tmp_path, resource(name="ci-0f0f0f0", name_prefix="ci-", labels={"team": "ads"}))
    assert (key.name, key.name_prefix, key.labels, key.current) == (
        "ci-0f0f0f0",
        "ci-",
        {"team": "ads"},
        True,
    )


@pytest.mark.parametrize(
    "labels",
    [
        None,
        7,
        [],
        {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"},
        {
            "team": {
                "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
                "ciphertext": "v1:x",
            }
        },
        {"team": 7},
    ],
)
def test_labels_that_cannot_be_read(labels: object, tmp_path: Path) -> None:
    """A state without labels, and one with encrypted labels, has none."""
    (key,) = export(tmp_path, resource(labels=labels, name={"ciphertext": "v1:x"}))
    assert (key.name, key.labels) == (None, {})


def test_the_generations_of_a_rotating_key(tmp_path: Path) -> None:
    """The current key and the retired ones are keys of the stack, with the resource's labels."""
    keys = export(tmp_path, ROTATING)
    assert [(key.id, key.name, key.base, key.current) for key in keys] == [
        ("42", "batch-3", "batch", True),
        ("41", "batch-2", "batch", False),
    ]
    assert [key.labels for key in keys] == [{"team": "ads"}] * 2
    assert [key.created_at for key in keys] == [NOW, None]


def test_retired_keys_count_without_a_current_one(tmp_path: Path) -> None:
    """A stack whose current key was deleted elsewhere still manages those that it has retired."""
    outputs = {name: value for name, value in ROTATING["outputs"].items() if name != "key_id"}  # type: ignore[attr-defined]
    keys = export(tmp_path, {**ROTATING, "outputs": outputs})
    assert keys == [key for key in export(tmp_path, ROTATING) if not key.current]
    assert keys != []


def test_generations_are_managed(tmp_path: Path) -> None:
    """The current and the retired keys of a rotating key are not unmanaged."""
    keys = [Key.model_validate(key_json(id=key_id, created_at=NOW.isoformat())) for key_id in (41, 42, 43)]
    assert unmanaged_keys(keys, export(tmp_path, ROTATING)) == [(keys[2], None)]


def test_a_rotating_key_that_is_not_made_yet(tmp_path: Path) -> None:
    """An interrupted creation has no key; the resource's own id is not one."""
    assert export(tmp_path, {**ROTATING, "outputs": {}}) == []
    operation = {"type": "creating", "resource": {**ROTATING, "outputs": None}}
    assert export(tmp_path, pending_operations=[operation]) == []


def test_a_rotating_key_with_another_name(tmp_path: Path) -> None:
    """A name without the generation has no part before it."""
    (key,) = export(tmp_path, {**ROTATING, "outputs": {"key_id": "42", "name": "batch", "generation": 3}})
    assert (key.id, key.base) == ("42", None)


def test_a_rotating_key_with_an_auto_name(tmp_path: Path) -> None:
    """Its prefix precedes the generation, and not the seven digits."""
    outputs = {"key_id": 42, "name": "b-3-0f0f0f0", "generation": 3, "name_prefix": "b-"}
    (key,) = export(tmp_path, {**ROTATING, "outputs": outputs})
    assert (key.stem, key.base, key.name_prefix) == ("b-", None, None)


def test_a_pending_deletion_is_not_current(tmp_path: Path) -> None:
    """A replaced key that is still to be deleted is marked."""
    (key,) = export(tmp_path, {**resource(), "delete": True})
    assert not key.current
