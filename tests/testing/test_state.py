"""State files: who may read them, what edits them, and what previews leave alone."""

from __future__ import annotations

import os
import stat

import pytest

from pulumi_account.testing import StateError
from pulumi_account.testing.state import locked
from tests.support.helpers import mode, umask
from tests.support.programs.workbench import Workbench
from tests.testing.conftest import SECRETS, engine_for, state_file


def test_a_state_file_is_private_and_keeps_ciphertexts(bench: Workbench) -> None:
    """Mode 0600; what has not changed is not encrypted anew; only the lock remains next to it."""
    bench.write('Thing("s", secret=config.require_secret("pw"), size=int(config.get("n") or 1))')
    assert engine_for(bench, secrets=SECRETS).up().ok
    first = state_file(bench).read_text().count("ciphertext"), _ciphertexts(bench)
    assert stat.S_IMODE(state_file(bench).stat().st_mode) == 0o600
    assert engine_for(bench, secrets=SECRETS, config={"n": "2"}).up().changes == {"same": 1, "update": 1}
    assert (state_file(bench).read_text().count("ciphertext"), _ciphertexts(bench)) == first
    assert sorted(os.listdir(state_file(bench).parent)) == ["local.json", "local.json.lock"]


@pytest.mark.parametrize("mask", [0, 0o022])
def test_all_that_is_written_is_private(bench: Workbench, mask: int) -> None:
    """The folder has mode 0700, each file in it 0600, the lock included, whatever the umask is."""
    bench.write('Thing("s")')
    with umask(mask):
        assert engine_for(bench).up().ok
    assert mode(bench.project / ".local") == 0o700
    assert {mode(file) for file in (bench.project / ".local").iterdir()} == {0o600}


def test_what_was_open_to_others_is_narrowed(bench: Workbench) -> None:
    """A folder, a state and a lock of earlier times."""
    local = bench.project / ".local"
    bench.write("")
    assert engine_for(bench).preview().ok
    for path, wide in [(local, 0o755), (local / "local.json.lock", 0o644)]:
        path.chmod(wide)
    assert engine_for(bench).preview().ok
    assert (mode(local), mode(local / "local.json.lock")) == (0o700, 0o600)


def test_a_folder_of_the_users_is_left_as_it_is(bench: Workbench) -> None:
    """The state may lie anywhere: folders that are made for it are private, the user's own are not changed."""
    bench.write("")
    (bench.project / "mine").mkdir()
    (bench.project / "mine").chmod(0o755)
    state = bench.project / "mine" / "a" / "b" / "s.json"
    with umask(0):
        assert engine_for(bench, state=state).up().ok
    assert [mode(path) for path in (state, state.parent, state.parent.parent)] == [0o600, 0o700, 0o700]
    assert mode(bench.project / "mine") == 0o755


def _ciphertexts(bench: Workbench) -> set[str]:
    text = state_file(bench).read_text()
    return {part.split('"')[2] for part in text.split('"ciphertext')[1:]}


_URN = "urn:pulumi:local::proj::pulumi-python:dynamic/account:Thing::"


def test_the_state_is_edited_by_urn(bench: Workbench) -> None:
    """What is not there, or would be there twice, is an error of one line that names it."""
    bench.write('Thing("a", kind="1", fail="delete"); Thing("b")')
    engine = engine_for(bench)
    assert engine.up().ok
    for edit, arguments, told in (
        (engine.taint, ["nope"], f"no resource with the URN {_URN}nope"),
        (engine.rename, ["nope", "x"], f"no resource with the URN {_URN}nope"),
        (engine.rename, ["a", "b"], f"a resource {_URN}b already"),
    ):
        before = state_file(bench).read_text()
        with pytest.raises(StateError, match=told) as caught:
            edit(_URN + arguments[0], *arguments[1:])
        assert "\n" not in str(caught.value)
        assert state_file(bench).read_text() == before


def test_of_two_resources_of_a_urn_the_living_one_is_tainted(bench: Workbench) -> None:
    """What waits for its deletion is no more; which of the two to rename cannot be known."""
    bench.write('Thing("a", kind="1", fail="delete")')
    engine = engine_for(bench)
    assert engine.up().ok
    bench.write('Thing("a", kind="2")')
    assert not engine.up().ok
    engine.taint(_URN + "a")
    things = [item for item in engine.export()["deployment"]["resources"] if item["urn"] == _URN + "a"]
    assert sorted((item.get("delete", False), item.get("taint", False)) for item in things) == [
        (False, True),
        (True, False),
    ]
    with pytest.raises(StateError, match=f"more than one resource with the URN {_URN}a"):
        engine.rename(_URN + "a", "b")


def test_the_state_is_not_edited_during_a_run(bench: Workbench) -> None:
    """Whoever holds the file keeps it."""
    bench.write('Thing("a")')
    engine = engine_for(bench)
    assert engine.up().ok
    with locked(state_file(bench)), pytest.raises(StateError, match="another run holds"):
        engine.taint(_URN + "a")


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{", "is not a state file"), ('{"version": 4, "deployment": {}}', "version 4; only 3")],
)
def test_a_file_that_is_no_state_is_refused(bench: Workbench, text: str, reason: str) -> None:
    """And it is left as it is."""
    file = bench.project / "s.json"
    file.write_text(text)
    with pytest.raises(StateError, match=reason):
        engine_for(bench, state=file).outputs()
    assert file.read_text() == text


def test_a_second_run_is_told_of_the_first(bench: Workbench) -> None:
    """Two runs never share a state file."""
    bench.write("")
    with locked(state_file(bench)), pytest.raises(StateError, match="another run holds"):
        engine_for(bench).preview()
    assert engine_for(bench).preview().ok


def test_a_preview_leaves_the_state_alone(bench: Workbench) -> None:
    """Not a byte of the file changes, and none is made."""
    bench.write('Thing("a", kind=config.get("k") or "1", before=True)')
    assert engine_for(bench).preview().ok
    assert not state_file(bench).exists()
    assert engine_for(bench).up().ok
    before = state_file(bench).read_bytes()
    assert engine_for(bench, config={"k": "2"}).preview().changes == {"same": 1, "replace": 1}
    assert state_file(bench).read_bytes() == before
