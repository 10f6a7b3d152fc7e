"""`adopt`: what it writes, what it leaves out, and what it reports."""

from __future__ import annotations

import ast
import json
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from pulumi_account.common.instants import utc_now
from pulumi_account.core.properties import API_KEY_TYPE
from pulumi_account.core.reservations import RESERVATION_PREFIX
from pulumi_account.emulator import Answer, Emulator, Fault
from tests.support.canaries import PLAINTEXT, assert_clean
from tests.support.helpers import mode, umask
from tests.support.shell import Done, Shell, run

FIELDS = ["id", "name", "resource", "credit_limit", "expires_at", "marks"]


def entries(folder: Path) -> list[dict[str, Any]]:
    """The resources in the import file, which is removed, as a user removes it."""
    file = folder / "import.json"
    found: list[dict[str, Any]] = json.loads(file.read_text())["resources"]
    file.unlink()
    return found


def secrets_in(path: Path, content: object, permissions: int = 0o600) -> Path:
    """A file of plaintexts."""
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    path.chmod(permissions)
    return path


def failed(done: Done, line: str, folder: Path) -> None:
    """Assert that a command failed with this line, and wrote nothing."""
    assert (done.status, done.out, done.err) == (1, "", f"error: {line}\n")
    assert not folder.exists()


# --- what it writes


def test_it_writes_a_program_and_an_import_file(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """It reads the account with two calls, and prints the keys, the files and the next step."""
    emulator.add("search", credit_limit="12.50")
    done = shell("adopt", "--out", str(tmp_path / "new folder"))
    assert emulator.calls.operations == ["list_keys", "get_activity"]
    assert done.lines[1].split() == ["1", "search", "search", "12.50", "never", "dormant"]
    assert done.lines[2:] == [
        f"wrote {tmp_path}/new folder/__main__.py, which declares 1 key, and {tmp_path}/new folder/import.json",
        "next, in the project that gets the program: "
        f"pulumi import --file '{tmp_path}/new folder/import.json' --protect=false --generate-code=false",
    ]
    assert 'account.ApiKey("search"' in (tmp_path / "new folder" / "__main__.py").read_text()
    assert [entry["id"] for entry in entries(tmp_path / "new folder")] == ["1"]


def test_json_and_csv(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """Programs get the fields of each key."""
    emulator.add("k", credit_limit="0.30", expires_at="2040-01-01T00:00:00Z")
    (row,) = shell("adopt", "--out", str(tmp_path / "a"), "--json").json
    assert list(row) == FIELDS
    assert list(row.values()) == [1, "k", "k", "0.30", "2040-01-01T00:00:00Z", "dormant"]
    done = shell("adopt", "--out", str(tmp_path / "b"), "--csv")
    assert done.csv == [",".join(FIELDS), "1,k,k,0.30,2040-01-01T00:00:00Z,dormant"]


@pytest.mark.parametrize("mask", [0, 0o022, 0o277])
def test_what_it_writes_is_private(shell: Shell, emulator: Emulator, tmp_path: Path, mask: int) -> None:
    """The files have mode 0600 and their new folders 0700, whatever the umask is."""
    emulator.add("k")
    with umask(mask):
        assert shell("adopt", "--out", str(tmp_path / "a" / "b")).status == 0
    assert {mode(path) for path in (tmp_path / "a" / "b").iterdir()} == {0o600}
    assert {mode(path) for path in (tmp_path / "a", tmp_path / "a" / "b")} == {0o700}


def test_ten_thousand_keys(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """The files are written in seconds, and Python can read the program."""
    for number in range(10_000):
        emulator.add(f"key {number % 6000}")
    begin = perf_counter()
    assert shell("adopt", "--out", str(tmp_path / "new")).status == 0
    assert perf_counter() - begin < 30
    assert len(ast.parse((tmp_path / "new" / "__main__.py").read_text()).body) == 10_002
    assert len({entry["name"] for entry in entries(tmp_path / "new")}) == 10_000


# --- what it leaves out


def test_a_prefix_selects_keys(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """Other keys are not in the files."""
    for name in ("search-1", "ads-1", "search-2"):
        emulator.add(name)
    assert shell("adopt", "--out", str(tmp_path / "new"), "--name-prefix", "search-").status == 0
    assert [entry["id"] for entry in entries(tmp_path / "new")] == ["1", "3"]


def test_keys_of_stacks_are_left_out(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """Several exports; a key that a stack only reads is not managed. Without an export, a line says so."""
    for name in ("a", "b", "c", "d"):
        emulator.add(name)
    for stack, key_id, external in [("one", 1, False), ("two", 2, False), ("three", 3, True)]:
        resource = {"type": API_KEY_TYPE, "id": str(key_id), "external": external}
        (tmp_path / stack).write_text(json.dumps({"deployment": {"resources": [resource]}}))
    stacks = [word for stack in ("one", "two", "three") for word in ("--stack", str(tmp_path / stack))]
    assert shell("adopt", "--out", str(tmp_path / "new"), *stacks).err == ""
    assert [entry["id"] for entry in entries(tmp_path / "new")] == ["3", "4"]
    done = shell("adopt", "--out", str(tmp_path / "all"))
    assert done.err == "note: without --stack, keys that stacks manage are not left out\n"


def test_reservations_are_left_out(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """A line counts them and names the command that finds them."""
    soon = utc_now() + timedelta(minutes=30)
    emulator.add(RESERVATION_PREFIX + "0f" * 16, credit_limit=0, expires_at=soon)
    done = shell("adopt", "--out", str(tmp_path / "new"))
    assert (done.status, done.out) == (0, "")
    assert done.err == ("note: 1 reservation is left out: see pulumi-account leftovers\nno keys to adopt\n")
    assert not (tmp_path / "new").exists()


def test_a_key_that_no_program_can_declare_is_left_out(
    shell: Shell, emulator: Emulator, tmp_path: Path
) -> None:
    """A line names it and says why."""
    body = (
        '{"keys": [{"id": 7, "name": "\\ud800", "created_at": "2026-01-01T00:00:00Z", "expires_at": null, '
        '"is_enabled": true, "credit_limit": null}]}'
    )
    emulator.faults.add(Fault(Answer(200, body=body.encode()), operation="list_keys"))
    done = shell("adopt", "--out", str(tmp_path / "new"))
    assert done.err == "warning: key 7 is left out: its name has lone surrogates\nno keys to adopt\n"


@pytest.mark.parametrize("managed", [False, True], ids=["empty", "all managed"])
def test_nothing_to_adopt(shell: Shell, emulator: Emulator, tmp_path: Path, managed: bool) -> None:
    """An account without unmanaged keys is no failure, and nothing is written."""
    export = tmp_path / "export"
    export.write_text(json.dumps({"deployment": {"resources": [{"type": API_KEY_TYPE, "id": "1"}]}}))
    if managed:
        emulator.add("k")
    done = shell("adopt", "--out", str(tmp_path / "new"), "--stack", str(export))
    assert (done.status, done.out, done.err) == (0, "", "no keys to adopt\n")
    assert not (tmp_path / "new").exists()


def test_a_key_file_admits_each_name_once(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """Keys of equal names are left out, and a line names them; it also names the program's line to add."""
    for name in ("twin", "twin", "k"):
        emulator.add(name)
    options = ["--format", "keyfile", "--environment", "ci"]
    done = shell("adopt", "--out", str(tmp_path / "new"), *options)
    warning = "warning: left out, as a key file admits each name once: 1, 2; --format python admits them"
    assert done.err.splitlines()[0] == warning
    assert 'add to the program: account.KeySet("keys", file="keys.yaml", environment="ci")' in done.lines
    assert [entry["name"] for entry in entries(tmp_path / "new")] == ["keys", "adopted-k"]
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"keys.yaml"}


@pytest.mark.parametrize("option", ["--team", "--environment"])
@pytest.mark.parametrize("name", ["", "-a", "a b", "a/b", "é", "a" * 101])
def test_names_of_a_key_file_are_checked(shell: Shell, tmp_path: Path, option: str, name: str) -> None:
    """What the key file would not admit is a wrong usage."""
    assert shell("adopt", "--out", str(tmp_path / "new"), "--format", "keyfile", option, name).status == 2


# --- marks


def test_marks(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """Expired, disabled, without a limit, dormant; the table and the program have them."""
    emulator.add("good", credit_limit=1)
    emulator.add("open")
    emulator.add("off", credit_limit=1, is_enabled=False)
    emulator.add("old", expires_at="2020-01-01T00:00:00Z", is_enabled=False)
    for key_id in (1, 2, 3):
        emulator.add_usage(key_id, "large", requests=1, cost="0.1")
    rows = shell("adopt", "--out", str(tmp_path / "new"), "--json").json
    marks = [None, "no limit", "disabled", "expired, disabled, no limit, dormant"]
    assert [row["marks"] for row in rows] == marks
    comments = [
        line
        for line in (tmp_path / "new" / "__main__.py").read_text().splitlines()
        if line.startswith("# key ")
    ]
    assert comments == [f"# key {n}" + (f": {mark}" if mark else "") for n, mark in enumerate(marks, 1)]


def test_without_the_activity_no_key_is_dormant(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """A refusal of the activity is a warning; the files are complete."""
    emulator.add("k")
    emulator.faults.add(Fault(Answer(403), operation="get_activity"))
    done = shell("adopt", "--out", str(tmp_path / "new"), "--json")
    assert done.json[0]["marks"] == "no limit"
    assert done.err.startswith("warning: no key is marked as dormant: ")
    assert len(entries(tmp_path / "new")) == 1


# --- plaintexts


def test_plaintexts_by_name_and_by_id(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """They are in the import file alone, and the command says to delete it."""
    for name in ("search", "twin", "twin", "other"):
        emulator.add(name)
    file = secrets_in(tmp_path / "keys.json", {"search": PLAINTEXT + "1", "3": PLAINTEXT + "3"})
    done = shell("adopt", "--out", str(tmp_path / "new"), "--plaintexts", str(file))
    file.unlink()
    assert done.lines[-1] == f"then delete {tmp_path / 'new' / 'import.json'}: it contains 2 plaintexts"
    assert_clean((tmp_path / "new" / "__main__.py").read_text())
    found = [entry["outputs"].get("key", {}).get("plaintext") for entry in entries(tmp_path / "new")]
    assert found == [json.dumps(PLAINTEXT + "1"), None, json.dumps(PLAINTEXT + "3"), None]


def test_plaintexts_of_other_keys_are_counted(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """They may be those of managed keys, so they are no failure; the line quotes none."""
    emulator.add("k")
    file = secrets_in(tmp_path / "keys.json", {PLAINTEXT: "reversed", "9": PLAINTEXT})
    done = shell("adopt", "--out", str(tmp_path / "new"), "--plaintexts", str(file))
    file.unlink()
    assert done.status == 0
    assert "warning: 2 plaintexts belong to no key that is adopted\n" in done.err


def test_one_plaintext_is_not_several(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """Counts of one are singular."""
    emulator.add("k")
    file = secrets_in(tmp_path / "keys.json", {"k": PLAINTEXT, "9": PLAINTEXT})
    done = shell("adopt", "--out", str(tmp_path / "new"), "--plaintexts", str(file))
    file.unlink()
    assert "warning: 1 plaintext belongs to no key that is adopted\n" in done.err
    assert done.lines[-1].endswith("import.json: it contains 1 plaintext")
    entries(tmp_path / "new")


@pytest.mark.parametrize("permissions", [0o640, 0o604, 0o660, 0o666])
def test_plaintexts_that_others_can_open_are_refused(
    shell: Shell, emulator: Emulator, tmp_path: Path, permissions: int
) -> None:
    """As SSH refuses a private key."""
    file = secrets_in(tmp_path / "keys.json", {"k": PLAINTEXT}, permissions)
    done = shell("adopt", "--out", str(tmp_path / "new"), "--plaintexts", str(file))
    file.unlink()
    failed(done, f"{file}: other users can open it: chmod 600 {file}", tmp_path / "new")
    assert emulator.calls.operations == []


@pytest.mark.parametrize(
    "content",
    ["", "[]", '"x"', "1", PLAINTEXT, "[" * 100_000, f'[["k", "{PLAINTEXT}"]]', '{"k": 1}', '{"k": ""}',
     f'{{"k": ["{PLAINTEXT}"]}}', f'{{"k": {{"a": "{PLAINTEXT}"}}}}', f'{{"k": "{PLAINTEXT}", "k": "b"}}',
     f'{{"{PLAINTEXT}": null}}', '"\\ud800"'],
)  # fmt: skip
def test_what_is_no_map_of_plaintexts_is_refused(
    shell: Shell, emulator: Emulator, tmp_path: Path, content: str
) -> None:
    """The error names the file and quotes nothing of it."""
    file = secrets_in(tmp_path / "keys.json", content)
    done = shell("adopt", "--out", str(tmp_path / "new"), "--plaintexts", str(file))
    file.unlink()
    line = f"{file}: must be a JSON object that maps each id or name to a plaintext, once"
    failed(done, line, tmp_path / "new")


@pytest.mark.parametrize(
    ("given", "which"),
    [({"twin": PLAINTEXT}, "2, 3"), ({"solo": PLAINTEXT, "1": "b"}, "1"), ({"2": PLAINTEXT}, "2, 4")],
    ids=["two keys of a name", "two entries of a key", "an id that is a name"],
)
def test_an_ambiguous_plaintext_is_refused(
    shell: Shell, emulator: Emulator, tmp_path: Path, given: dict[str, str], which: str
) -> None:
    """A wrong plaintext in a state would not be noticed."""
    for name in ("solo", "twin", "twin", "2"):
        emulator.add(name)
    file = secrets_in(tmp_path / "keys.json", given)
    done = shell("adopt", "--out", str(tmp_path / "new"), "--plaintexts", str(file))
    file.unlink()
    assert done.status == 1
    last = f"error: plaintexts: it is not clear which is that of key {which}: use ids, each once"
    assert done.err.splitlines()[-1] == last
    assert not (tmp_path / "new").exists()


# --- faults


@pytest.mark.parametrize("name", ["__main__.py", "import.json"])
@pytest.mark.parametrize("dangling", [False, True])
def test_nothing_is_overwritten(
    shell: Shell, emulator: Emulator, tmp_path: Path, name: str, dangling: bool
) -> None:
    """Neither a file nor a link; the account is not asked."""
    emulator.add("k")
    file = tmp_path / name
    file.symlink_to(tmp_path / "nowhere") if dangling else file.write_text("mine")
    done = shell("adopt", "--out", str(tmp_path))
    assert (done.status, done.err) == (1, f"error: {file} exists: choose another folder\n")
    assert list(tmp_path.iterdir()) == [file]
    assert emulator.calls.operations == []


def test_a_folder_that_cannot_be_made(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """One line names it."""
    emulator.add("k")
    (tmp_path / "file").write_text("mine")
    done = shell("adopt", "--out", str(tmp_path / "file"), "--json")
    assert done.status == 1
    assert done.err.splitlines()[-1] == f"error: {tmp_path / 'file' / 'import.json'}: Not a directory"


def test_a_failure_to_write_leaves_no_file(emulator: Emulator, tmp_path: Path) -> None:
    """No part of a plaintext stays on a disk that is full."""
    for name in "abcdefgh":
        emulator.add(name)
    command = f"ulimit -f 1; pulumi-account adopt --out {tmp_path / 'new'}"
    # under such a limit, Python would leave truncated bytecode behind
    done = run(emulator, "bash", "-c", command, PYTHONDONTWRITEBYTECODE="1")
    assert done.status == 1
    assert done.err.splitlines()[-1] == "error: the command: File too large"
    assert list((tmp_path / "new").iterdir()) == []


def test_an_export_that_is_none(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """The error is that of `keys unmanaged`."""
    (tmp_path / "export").write_text("[]")
    done = shell("adopt", "--out", str(tmp_path / "new"), "--stack", str(tmp_path / "export"))
    failed(done, f"{tmp_path / 'export'}: not what `pulumi stack export` prints", tmp_path / "new")


def test_a_refused_list_writes_nothing(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """As with every command, one line says why."""
    emulator.faults.add(Fault(Answer(401)))
    done = shell("adopt", "--out", str(tmp_path / "new"))
    assert done.status == 1
    assert done.err.startswith("error: ")
    assert not (tmp_path / "new").exists()
