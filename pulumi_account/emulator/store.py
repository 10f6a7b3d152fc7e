"""The SQLite database: keys, usage and balance."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import threading
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from pulumi_account.emulator.credentials import digest, new_plaintext

__all__ = ["MEMORY", "Store", "StoreError", "StoredKey", "Usage"]

MEMORY = ":memory:"

_log = logging.getLogger(__name__)

_BALANCE = "100.00"

_APPLICATION_ID = 0x6B657973  # "keys": marks our databases, so that no other one is ever changed

_SCHEMA = """
CREATE TABLE IF NOT EXISTS api_key (
  id INTEGER PRIMARY KEY AUTOINCREMENT,  -- AUTOINCREMENT: the id of a deleted key is never used again
  name TEXT NOT NULL,
  created_at TEXT NOT NULL,
  expires_at TEXT,
  expires_at_sent TEXT,
  is_enabled INTEGER NOT NULL,
  credit_limit TEXT,                     -- decimal text, because SQLite rounds numbers
  key_hash TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS usage (
  date TEXT NOT NULL,
  key_id INTEGER NOT NULL,
  key_name TEXT NOT NULL,
  model TEXT NOT NULL,
  requests INTEGER NOT NULL,
  cost TEXT NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class StoreError(Exception):
    """The database cannot be used; the message is one line and names the file."""


@dataclass(frozen=True)
class StoredKey:
    """A key as stored, without its hash."""

    id: int
    name: str
    created_at: datetime
    expires_at: datetime | None
    expires_at_sent: str | None
    is_enabled: bool
    credit_limit: Decimal | None

    def as_dict(self) -> dict[str, Any]:
        """The fields under the API's names; instants are aware, money is `Decimal`."""
        fields = dict(vars(self))
        del fields["expires_at_sent"]
        return fields


class Usage(NamedTuple):
    """What one key used of one model on one day."""

    date: date
    key_id: int
    key_name: str
    model: str
    requests: int
    cost: Decimal
    input_tokens: int
    output_tokens: int


class Store:
    """The account's keys, usage and balance. Safe to use from any thread.

    One connection and one lock suffice: every statement is short, and a database in memory has one connection only.

    :param path: a file, or `":memory:"`.
    :param must_exist: whether a missing or empty database is an error.
    :raises StoreError: the database cannot be used.
    """

    def __init__(self, path: str | os.PathLike[str] = MEMORY, *, must_exist: bool = False) -> None:
        self._lock = threading.Lock()
        self._db = _open(os.fspath(path), create=not must_exist)

    def close(self) -> None:
        """Close the database. Call nothing else afterwards."""
        with self._lock:
            self._db.close()

    def insert(self, fields: dict[str, Any]) -> tuple[int, str]:
        """Add a key; returns its id and its plaintext, which is not stored."""
        plaintext = new_plaintext()
        columns = {**_columns(fields), "key_hash": digest(plaintext)}
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT INTO api_key ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - our own names
        with self._lock:
            key_id = self._db.execute(sql, tuple(columns.values())).lastrowid
        return int(key_id or 0), plaintext

    def key(self, key_id: int) -> StoredKey | None:
        """The key with this id."""
        rows = self._rows("SELECT * FROM api_key WHERE id = ?", key_id)
        return _stored_key(rows[0]) if rows else None

    def all_keys(self) -> list[StoredKey]:
        """All keys in the order of their ids, including expired ones."""
        return [_stored_key(row) for row in self._rows("SELECT * FROM api_key ORDER BY id")]

    def update(self, key_id: int, fields: dict[str, Any]) -> StoredKey | None:
        """Set these fields of a key; returns None if the key does not exist."""
        columns = _columns(fields)
        if columns:
            assignments = ", ".join(f"{column} = ?" for column in columns)
            sql = f"UPDATE api_key SET {assignments} WHERE id = ?"  # noqa: S608 - our own names
            self._rows(sql, *columns.values(), key_id)
        return self.key(key_id)

    def delete(self, key_id: int) -> bool:
        """Delete a key; returns whether it existed."""
        with self._lock:
            return self._db.execute("DELETE FROM api_key WHERE id = ?", (key_id,)).rowcount > 0

    def id_of_hash(self, key_hash: str) -> int | None:
        """The id of the key with this hash."""
        rows = self._rows("SELECT id FROM api_key WHERE key_hash = ?", key_hash)
        return int(rows[0]["id"]) if rows else None

    @property
    def balance(self) -> str:
        """The balance in USD, with all digits as it was set; 100.00 if it was never set."""
        rows = self._rows("SELECT value FROM setting WHERE name = 'balance'")
        return str(rows[0]["value"]) if rows else _BALANCE

    @balance.setter
    def balance(self, value: str) -> None:
        self._rows("INSERT OR REPLACE INTO setting VALUES ('balance', ?)", value)

    def add_usage(self, usage: Usage) -> None:
        """Add a row of usage, which stays when its key is deleted."""
        row = usage._replace(date=usage.date.isoformat(), cost=format(usage.cost, "f"))  # type: ignore[arg-type]
        self._rows("INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *row)

    def usage_since(self, first: date) -> list[Usage]:
        """The usage from this day on, in the order in which it was added."""
        rows = self._rows("SELECT * FROM usage WHERE date >= ? ORDER BY rowid", first.isoformat())
        return [
            Usage(*row)._replace(date=date.fromisoformat(row["date"]), cost=Decimal(row["cost"]))
            for row in rows
        ]

    def _rows(self, sql: str, *parameters: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, parameters).fetchall()


def _open(path: str, *, create: bool) -> sqlite3.Connection:
    mode = "rwc" if create else "rw"
    target = path if path == MEMORY else f"{Path(path).absolute().as_uri()}?mode={mode}"
    if create and path != MEMORY:
        # SQLite would apply the umask to the mode of the file
        with suppress(OSError):  # the file exists, or SQLite reports what is wrong
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            os.chmod(path, 0o600)  # the umask may have removed the owner's rights, too
    try:
        db = sqlite3.connect(target, uri=True, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise StoreError(f"cannot open the database {path}: {error}") from error
    try:
        _prepare(db, path, create=create)
    except (sqlite3.Error, StoreError) as error:
        db.close()
        raise StoreError(f"cannot use the database {path}: {error}") from error
    return db


def _narrow(path: str) -> None:
    """Remove the rights of all but the owner from the database and SQLite's files next to it.

    New files get the mode of the database from SQLite.
    """
    for file in (path, f"{path}-wal", f"{path}-shm", f"{path}-journal"):
        mode = stat.S_IMODE(os.stat(file).st_mode) if os.path.exists(file) else 0
        if mode & 0o077:
            try:
                os.chmod(file, mode & 0o700)
            except OSError:
                _log.warning("other users can open %s, and its mode cannot be changed", file)


def _prepare(db: sqlite3.Connection, path: str, *, create: bool) -> None:
    db.row_factory = sqlite3.Row
    if _one(db, "PRAGMA application_id") != _APPLICATION_ID:
        if not create or _one(db, "SELECT count(*) FROM sqlite_master"):
            raise StoreError("it is not a database of the emulator")
        db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    if create:
        _narrow(path)
    # WAL with NORMAL: a new key needs no fsync, and readers of the file never block the server.
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    if create:
        db.executescript(_SCHEMA)


def _one(db: sqlite3.Connection, sql: str) -> int:
    with closing(db.execute(sql)) as cursor:
        return int(cursor.fetchone()[0])


def _columns(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a key as SQLite values; an `Expiry` is stored as an instant and as text."""
    columns = dict(fields)
    if "created_at" in fields:
        columns["created_at"] = fields["created_at"].isoformat()
    if fields.get("credit_limit") is not None:
        columns["credit_limit"] = format(fields["credit_limit"], "f")
    if "expires_at" in fields:
        expiry = fields["expires_at"]
        columns["expires_at"] = None if expiry is None else expiry.instant.isoformat()
        columns["expires_at_sent"] = None if expiry is None else expiry.sent
    return columns


def _stored_key(row: sqlite3.Row) -> StoredKey:
    expires_at, credit_limit = row["expires_at"], row["credit_limit"]
    return StoredKey(
        id=row["id"],
        name=row["name"],
        created_at=datetime.fromisoformat(row["created_at"]),
        expires_at=None if expires_at is None else datetime.fromisoformat(expires_at),
        expires_at_sent=row["expires_at_sent"],
        is_enabled=bool(row["is_enabled"]),
        credit_limit=None if credit_limit is None else Decimal(credit_limit),
    )
