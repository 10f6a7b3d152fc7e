"""The emulator as a Python object."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

import pulumi_account.emulator as package
from pulumi_account.emulator import Emulator
from tests.emulator.support import (
    FAR,
    KEYS,
    Start,
    assert_error,
    client_of,
)
from tools.rooms import imports


def test_keys_as_stored(emulator: Emulator, client: httpx.Client) -> None:
    """`keys` and `key` return exact, typed values and no plaintext."""
    client.post(KEYS, json={"name": "x", "credit_limit": 0.1, "expires_at": FAR})
    [key] = emulator.keys()
    created_at = key.pop("created_at")
    assert abs(emulator.clock.now() - created_at) < timedelta(minutes=1)
    assert key == {
        "id": 1,
        "name": "x",
        "expires_at": datetime(2099, 1, 1, tzinfo=timezone.utc),
        "is_enabled": True,
        "credit_limit": Decimal("0.1"),
    }
    assert emulator.key(1) == {**key, "created_at": created_at}
    assert emulator.key(2) is None


def test_keys_can_be_changed_behind_the_clients_back(emulator: Emulator, client: httpx.Client) -> None:
    """Fields can change without the API's rules, so that a key can have expired."""
    key_id, plaintext = emulator.add("x", credit_limit=0.1)
    assert emulator.key_of(plaintext) == key_id
    emulator.edit(
        key_id,
        name="y",
        is_enabled=False,
        credit_limit="2.50",
        expires_at="2001-01-01T01:00:00+01:00",
        created_at=datetime(2000, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
    )
    assert client.get(f"{KEYS}/{key_id}").json() == {
        "id": key_id,
        "name": "y",
        "created_at": "2000-01-01T00:00:00.000000",
        "expires_at": "2001-01-01T00:00:00.000000",
        "is_enabled": False,
        "credit_limit": 2.5,
    }
    emulator.edit(key_id, credit_limit=None, expires_at=None)
    assert client.get(f"{KEYS}/{key_id}").json()["expires_at"] is None
    emulator.remove(key_id)
    assert_error(client.get(f"{KEYS}/{key_id}"), 404, "not_found_error")


def test_slips_in_edits_are_errors(emulator: Emulator) -> None:
    """Unknown ids, unknown fields and instants without an offset are errors."""
    key_id, _ = emulator.add("x")
    with pytest.raises(KeyError, match="7"):
        emulator.edit(7, name="y")
    with pytest.raises(KeyError, match="7"):
        emulator.remove(7)
    with pytest.raises(TypeError, match="limit"):
        emulator.edit(key_id, limit=3)
    for instant in ("2001-01-01", datetime(2001, 1, 1)):
        with pytest.raises(ValueError, match="offset"):
            emulator.edit(key_id, expires_at=instant)


def test_starting_and_stopping(emulator: Emulator) -> None:
    """It can start only once, can stop repeatedly, and has no state while it is stopped."""
    with pytest.raises(RuntimeError, match="already"):
        emulator.start()
    emulator.stop()
    emulator.stop()
    with pytest.raises(RuntimeError, match="not running"):
        emulator.keys()
    with pytest.raises(httpx.ConnectError):
        httpx.get(emulator.url, trust_env=False)


def test_64_clients_at_once(start: Start, tmp_path: Path) -> None:
    """All keys that 64 threads create exist, each with its own id and its own valid plaintext."""
    emulator, _ = start(db=tmp_path / "keys.db")

    def create(number: int) -> tuple[int, str]:
        with client_of(emulator) as client:
            created = [client.post(KEYS, json={"name": f"{number}-{i}"}).json() for i in range(4)]
            client.delete(f"{KEYS}/{created[0]['id']}")
            client.patch(f"{KEYS}/{created[1]['id']}", json={"credit_limit": number})
            return created[1]["id"], created[1]["key"]

    with ThreadPoolExecutor(64) as pool:
        pairs = list(pool.map(create, range(64)))
    stored = emulator.keys()
    keys = {key["id"]: key for key in stored}
    assert len(keys) == 64 * 3
    for number, (key_id, plaintext) in enumerate(pairs):
        assert emulator.key_of(plaintext) == key_id
        assert keys[key_id]["credit_limit"] == number
    assert len(emulator.calls) == 64 * 6


def test_public_names() -> None:
    """All public names exist, and an unknown name is an error."""
    assert all(hasattr(package, name) for name in package.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = package.nothing


def test_it_uses_nothing_of_the_package() -> None:
    """The emulator imports nothing of the rest of the package, so that it can reveal a wrong model."""
    for path in Path(package.__path__[0]).glob("*.py"):
        assert [name for name in imports(path) if not name.startswith("emulator")] == [], path
