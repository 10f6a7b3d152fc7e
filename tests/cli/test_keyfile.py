"""The commands for key files."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_account.emulator import Emulator
from pulumi_account.keyfile.shape import schema_text
from tests.support.shell import Shell

KEYS = """version: 1
environments: {production: {}, staging: {}}
teams:
  search:
    owner: search@example.com
    keys:
      indexer: {credit_limit: 12.50, delete_guard: 7d, environments: [production]}
      batch: {rotate: {every: 30d, anchor: 2027-01-01T00:00:00Z}, credit_limit: null}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a valid and an invalid file."""
    monkeypatch.chdir(tmp_path)
    Path("keys.yaml").write_text(KEYS)
    Path("wrong.yaml").write_text(KEYS.replace("version: 1", "version: 2").replace("7d", "7y"))


def test_check_counts_the_keys(shell: Shell, emulator: Emulator) -> None:
    """Of each environment, and makes no call."""
    done = shell("keyfile", "check", "keys.yaml")
    assert (done.status, done.lines) == (0, ["production: 2 keys", "staging: 1 key"])
    assert list(emulator.calls) == []


@pytest.mark.parametrize("command", ["check", "show"])
def test_failures_end_with_status_3(shell: Shell, command: str) -> None:
    """Each is a line with its place."""
    done = shell("keyfile", command, "wrong.yaml")
    assert (done.status, done.out) == (3, "")
    assert [line.partition(" ")[0] for line in done.err.splitlines()] == [
        "wrong.yaml:1:10:",
        "wrong.yaml:7:52:",
    ]


def test_a_missing_file_is_a_failure(shell: Shell) -> None:
    """One line names it."""
    done = shell("keyfile", "check", "missing.yaml")
    assert (done.status, done.err) == (1, "error: missing.yaml: No such file or directory\n")


def test_show_prints_values_with_their_places(shell: Shell) -> None:
    """A row for each value that the file sets."""
    rows = shell("keyfile", "show", "keys.yaml", "--environment", "production", "--json").json
    assert [(row["key"], row["property"], row["value"], row["place"]) for row in rows[:3]] == [
        ("indexer", "name", "search-indexer-production", "keys.yaml:7:7"),
        ("indexer", "credit_limit", "12.5", "keys.yaml:7:31"),
        ("indexer", "delete_guard", "7d", "keys.yaml:7:52"),
    ]
    assert ("rotate", "every 30d, anchor 2027-01-01T00:00:00Z") in [(r["property"], r["value"]) for r in rows]
    assert {row["environment"] for row in rows} == {"production"}


def test_show_is_a_table(shell: Shell) -> None:
    """A value that is set aside is none."""
    done = shell("keyfile", "show", "keys.yaml")
    assert done.lines[0].split() == ["TEAM", "KEY", "ENVIRONMENT", "PROPERTY", "VALUE", "FROM"]
    assert ["search", "batch", "staging", "credit_limit", "none", "keys.yaml:8:81"] in [
        line.split() for line in done.lines
    ]


def test_show_knows_the_environments(shell: Shell) -> None:
    """Another one is an error that names them."""
    done = shell("keyfile", "show", "keys.yaml", "--environment", "prod")
    assert (done.status, done.err) == (
        1, "error: the file has no environment prod: it has production, staging\n",
    )  # fmt: skip


def test_schema_is_printed(shell: Shell) -> None:
    """Exactly as editors read it."""
    assert shell("keyfile", "schema").out == schema_text()
