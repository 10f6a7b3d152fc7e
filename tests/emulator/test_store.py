"""The database: a file that keeps the account, or memory."""

from __future__ import annotations

import re
import sqlite3
import time
from pathlib import Path

import pytest

from pulumi_account.emulator import Emulator, StoreError
from tests.emulator.support import (
    KEYS,
    Start,
    client_of,
    requests_in,
)
from tests.support.helpers import mode, umask


def test_a_file_keeps_the_state(tmp_path: Path) -> None:
    """A file keeps keys, ids, balance and usage over a restart; a new balance replaces the old one."""
    db = tmp_path / "account.db"
    with (
        Emulator(db=db, balance="1.10") as emulator,
        client_of(emulator) as client,
    ):
        plaintext = client.post(KEYS, json={"name": "x"}).json()["key"]
        client.delete(f"{KEYS}/{emulator.add('y')[0]}")
        emulator.add_usage(1)
        before = emulator.keys()
    with Emulator(db=db) as emulator, client_of(emulator) as client:
        assert emulator.keys() == before
        assert emulator.key_of(plaintext) == 1
        assert emulator.balance == "1.10"
        assert requests_in(client, 1) == 1
        assert client.post(KEYS, json={"name": "z"}).json()["id"] == 3
    with Emulator(db=db, balance="0.00") as emulator:
        assert emulator.balance == "0.00"


def modes(folder: Path) -> dict[str, int]:
    """The mode of each file in a folder."""
    return {path.name: mode(path) for path in folder.iterdir()}


@pytest.mark.parametrize("mask", [0, 0o022, 0o777])
def test_a_file_is_private(mask: int, tmp_path: Path) -> None:
    """Its mode is 0600, whatever the umask is, and so is that of SQLite's files next to it."""
    with umask(mask), Emulator(db=tmp_path / "a.db") as emulator:
        emulator.add("x")
        found = modes(tmp_path)
    assert found == dict.fromkeys(("a.db", "a.db-wal", "a.db-shm"), 0o600)


def test_a_file_that_others_can_open_is_narrowed(tmp_path: Path) -> None:
    """The mode of an old database is corrected, and of all files that a killed server left next to it."""
    with Emulator(db=tmp_path / "a.db") as emulator:
        emulator.add("x")
        for path in tmp_path.iterdir():
            (tmp_path / f"killed.{path.name}").write_bytes(path.read_bytes())
            (tmp_path / f"killed.{path.name}").chmod(0o644)
    with Emulator(db=tmp_path / "killed.a.db") as emulator:
        assert [key["name"] for key in emulator.keys()] == ["x"]
        assert {mode for name, mode in modes(tmp_path).items() if name.startswith("killed")} == {0o600}


def test_memory_forgets(emulator: Emulator) -> None:
    """Without a file a restart begins with an empty account and the initial balance."""
    emulator.add("x")
    emulator.balance = 3
    emulator.stop()
    emulator.start()
    assert emulator.keys() == []
    assert emulator.balance == "125.50"


def test_other_programs_databases_are_left_alone(tmp_path: Path) -> None:
    """A database of another program, and a file that is not a database, are refused and not changed."""
    foreign, text = tmp_path / "foreign.db", tmp_path / "text.db"
    db = sqlite3.connect(foreign)
    db.execute("CREATE TABLE precious (id INTEGER)")
    db.commit()
    db.close()
    text.write_text("no database" * 100)
    for path in (foreign, text, tmp_path):
        path.chmod(0o755)
        content = path.read_bytes() if path.is_file() else b""
        with pytest.raises(StoreError, match=re.escape(str(path))):
            Emulator(db=path).start()
        assert content == (path.read_bytes() if path.is_file() else b"")
        assert mode(path) == 0o755


def test_a_file_is_quick(start: Start, tmp_path: Path) -> None:
    """Writing a key does not wait for the disk, and TCP does not delay answers.

    With either, this many calls would far exceed the limit: Nagle's algorithm alone adds 40 ms to a call.
    """
    path = tmp_path / "keys.db"
    _, client = start(db=path)
    began = time.monotonic()
    for _ in range(250):
        client.post(KEYS, json={"name": "x"})
    assert time.monotonic() - began < 8
    assert path.with_name("keys.db-wal").stat().st_size > 0
