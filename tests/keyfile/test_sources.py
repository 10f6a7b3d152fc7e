"""The files of a key file, and a dict in its place."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.exceptions import InvalidInputError
from pulumi_account.keyfile import load, load_dict
from pulumi_account.keyfile.sources import MAX_BYTES
from tests.keyfile.documents import HEAD, failures, loaded

SEARCH = "keys:\n  indexer: {}\n"
DOCUMENT: dict[str, Any] = {
    "version": 1,
    "environments": {"production": {}},
    "teams": {"search": {"keys": {"indexer": {}}}},
}


def test_a_team_can_have_a_file() -> None:
    """Its keys are in that file, with that file's places."""
    (key,) = loaded(f"{HEAD}  search: !include search.yaml\n", **{"search.yaml": SEARCH}).keys
    assert (key.team, key.key) == ("search", "indexer")
    assert str(key.places["labels.key"]).endswith("/search.yaml:2:3")


def test_teams_can_have_a_directory() -> None:
    """Each YAML file is a team of the file's name; other files do not matter."""
    text = HEAD.replace("teams:\n", "teams: !include teams/\n")
    found = loaded(
        text,
        **{"teams/b.yaml": SEARCH, "teams/a.yml": SEARCH, "teams/README.md": "- x", "teams/.c.yaml": "x"},
    )
    assert [key.team for key in found.keys] == ["a", "b"]


def test_failures_of_all_files_are_reported_at_once() -> None:
    """In the order of reading."""
    text = f"{HEAD}  a: !include a.yaml\n  b: !include b.yaml\nx: 1\n"
    assert [line.partition(" ")[0] for line in failures(text, **{"a.yaml": "x: 1", "b.yaml": "[1}"})] == [
        "keys.yaml:6:1:",
        "a.yaml:1:1:",
        "a.yaml:1:1:",
        "b.yaml:1:3:",
    ]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("../search.yaml", "must be a path below the file's directory, without .."),
        ("teams/../search.yaml", "must be a path below the file's directory, without .."),
        ("/etc/hostname", "must be a path below the file's directory, without .."),
        ("missing.yaml", "there is no such file"),
        ("'a\\0'", "there is no such file"),
        ('"a\\0"', "is not a path that can be opened"),
        ("teams", "must be a file"),
    ],
)
def test_what_cannot_be_included(path: str, reason: str) -> None:
    """The failure is at the include."""
    assert failures(f"{HEAD}  search: !include {path}\n", **{"teams/x.yaml": SEARCH}) == [
        f"keys.yaml:4:11: {reason}"
    ]


@pytest.mark.parametrize("target", ["outside/search.yaml", "outside"])
def test_links_do_not_lead_out(tmp_path: Path, target: str) -> None:
    """Neither a link to a file nor one to a directory."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "search.yaml").write_text(SEARCH)
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "link").symlink_to(tmp_path / target)
    path = "link" if target.endswith("yaml") else "link/search.yaml"
    (tmp_path / "inside" / "keys.yaml").write_text(f"{HEAD}  search: !include {path}\n")
    with pytest.raises(InvalidInputError, match="must not lead out of the file's directory through a link"):
        load(tmp_path / "inside" / "keys.yaml")


def test_links_inside_can_be_used(tmp_path: Path) -> None:
    """They may lead to another file of the directory."""
    (tmp_path / "search.yaml").write_text(SEARCH)
    (tmp_path / "link.yaml").symlink_to("search.yaml")
    (tmp_path / "keys.yaml").write_text(f"{HEAD}  search: !include link.yaml\n")
    assert len(load(tmp_path / "keys.yaml").keys) == 1


def test_a_loop_of_links_is_reported(tmp_path: Path) -> None:
    """It cannot be opened."""
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "keys.yaml").write_text(f"{HEAD}  search: !include loop.yaml\n")
    with pytest.raises(InvalidInputError, match=r"keys.yaml:4:11: (is not a path|there is no such file)"):
        load(tmp_path / "keys.yaml")


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    """Reading it would wait without end."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "keys.yaml").write_text(f"{HEAD}  search: !include pipe\n")
    with pytest.raises(InvalidInputError, match="must be a file"):
        load(tmp_path / "keys.yaml")


@pytest.mark.parametrize("where", ["owner: !include x", "labels: {a: !include x}", "keys: !include x"])
def test_only_teams_are_included(where: str) -> None:
    """Nothing else, and nothing by an included file."""
    reason = "only a team can be included, or all teams, and not by an included file"
    found = failures(f"{HEAD}  search: !include a.yaml\n", **{"a.yaml": f"{where}\n"})
    assert f"a.yaml:1:{where.index('!') + 1}: {reason}" in found


def test_a_directory_is_needed_for_all_teams() -> None:
    """A file cannot have the teams."""
    text = HEAD.replace("teams:\n", "teams: !include a.yaml\n")
    assert failures(text, **{"a.yaml": SEARCH}) == [
        "keys.yaml:3:8: the folder a.yaml is a file: name a folder that has a file for each team"
    ]


def test_a_missing_directory_is_named() -> None:
    """The failure says what to name instead."""
    assert failures(HEAD.replace("teams:\n", "teams: !include teems\n")) == [
        "keys.yaml:3:8: the folder teems does not exist: name a folder that has a file for each team"
    ]


def test_a_team_has_one_file() -> None:
    """Two endings are two files of one team."""
    text = HEAD.replace("teams:\n", "teams: !include t\n")
    assert failures(text, **{"t/a.yaml": SEARCH, "t/a.yml": SEARCH}) == [
        "keys.yaml:3:8: the team a has two files"
    ]


def test_files_are_bounded() -> None:
    """All together."""
    big = f"# {'x' * MAX_BYTES}\n"
    assert failures(f"{HEAD}  a: !include a.yaml\n", **{"a.yaml": big}) == [
        "keys.yaml:4:6: the files have more than 4,194,304 bytes"
    ]


def test_files_are_utf_8(tmp_path: Path) -> None:
    """The place of another byte is reported; a byte order mark is nothing."""
    (tmp_path / "keys.yaml").write_bytes(b"\xef\xbb\xbfversion: 1\nname: \xff\n")
    with pytest.raises(InvalidInputError, match=r"keys.yaml:2:7: is not UTF-8"):
        load(tmp_path / "keys.yaml")


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    """It is not a failure of the file."""
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "keys.yaml")


PATHS = st.lists(st.sampled_from(["..", ".", "a", "link", "outside", "", "x.yaml"]), max_size=6).map("/".join)


@given(PATHS)
def test_no_path_escapes(tmp_path_factory: pytest.TempPathFactory, path: str) -> None:
    """Whatever the path is, nothing outside of the file's directory is read."""
    folder = tmp_path_factory.getbasetemp() / "escapes"
    if not folder.exists():
        (folder / "in" / "a").mkdir(parents=True)
        (folder / "x.yaml").write_text("keys: {outside: {}}\n")
        (folder / "in" / "x.yaml").write_text(SEARCH)
        (folder / "in" / "a" / "x.yaml").write_text(SEARCH)
        (folder / "in" / "link").symlink_to("..")
        (folder / "in" / "a" / "link").symlink_to("../..")
    (folder / "in" / "keys.yaml").write_text(f"{HEAD}  t: !include '{path}'\n")
    with suppress(InvalidInputError):
        assert [key.key for key in load(folder / "in" / "keys.yaml").keys] == ["indexer"]


def test_a_dict_is_as_good_as_a_file() -> None:
    """It has the same keys."""
    text = f"{HEAD}  search: {{keys: {{indexer: {{}}}}}}\n"
    assert load_dict(DOCUMENT) == loaded(text)


def test_failures_of_a_dict_have_paths() -> None:
    """Instead of lines; an include is mere text."""
    document = {
        **DOCUMENT,
        "teams": {"search": {"keys": {"indexer": {"credit_limit": "x"}}}, "b": "!include"},
    }
    with pytest.raises(InvalidInputError) as caught:
        load_dict(document)
    assert caught.value.failures == (
        "teams.search.keys.indexer.credit_limit: credit_limit must be a number of USD, not text",
        "teams.b: an entry of teams must be a map, not text",
    )


def test_a_dict_may_hold_what_a_program_has() -> None:
    """Floats, instants, durations and tuples."""
    indexer = {
        "credit_limit": 0.1,
        "environments": ("production",),
        "expires_at": datetime(2099, 1, 1, tzinfo=timezone.utc),
        "delete_guard": timedelta(days=7),
    }
    (key,) = load_dict({**DOCUMENT, "teams": {"search": {"keys": {"indexer": indexer}}}}).keys
    assert (str(key.credit_limit), key.delete_guard) == ("0.1", timedelta(days=7))


@pytest.mark.parametrize(
    ("value", "failure"),
    [
        (object(), "name: must be a plain value, not one of type object"),
        ({1: 2}, "name: a name must be text, not a value of type int"),
        (float("nan"), "name: is not a finite number from 1e-300 to 1e300"),
    ],
)
def test_what_a_dict_may_not_hold(value: object, failure: str) -> None:
    """Each has its path."""
    with pytest.raises(InvalidInputError) as caught:
        load_dict({**DOCUMENT, "name": value})
    assert caught.value.failures[0] == failure


def test_a_dict_that_contains_itself_is_refused() -> None:
    """Its depth is bounded."""
    document = dict(DOCUMENT)
    document["teams"] = document
    with pytest.raises(InvalidInputError, match="has more than 32 levels, or 200,000 values"):
        load_dict(document)
