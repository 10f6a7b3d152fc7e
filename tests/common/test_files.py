"""Files and folders that only their owner can open."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pulumi_account.common.files import narrow, private, private_folder
from tests.support.helpers import mode, umask

MASKS = [0, 0o022, 0o077, 0o777]


@pytest.mark.parametrize("mask", MASKS)
def test_a_file_is_private_from_the_first_moment(mask: int, tmp_path: Path) -> None:
    """Its mode is 0600 before a byte is written, whatever the umask is."""
    with umask(mask), open(tmp_path / "f", "w", opener=private) as file:
        assert mode(tmp_path / "f") == 0o600
        file.write("x")
    assert (tmp_path / "f").read_text() == "x"


def test_no_window_is_left(tmp_path: Path) -> None:
    """A new file has its mode at once, before the second call that an odd umask makes necessary."""
    found: list[int] = []

    def look(event: str, args: tuple[object, ...]) -> None:
        if event == "os.chmod" and str(args[0]).startswith(str(tmp_path)):
            found.append(mode(Path(str(args[0]))))

    sys.addaudithook(look)
    with umask(0):
        os.close(private(str(tmp_path / "f"), os.O_CREAT | os.O_WRONLY))
        private_folder(tmp_path / "a" / "b")
    assert found == [0o600, 0o700, 0o700]


def test_a_file_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    """The mode of an existing file is its owner's choice."""
    (tmp_path / "f").write_text("long before")
    (tmp_path / "f").chmod(0o644)
    with open(tmp_path / "f", "w", opener=private) as file:
        file.write("x")
    assert ((tmp_path / "f").read_text(), mode(tmp_path / "f")) == ("x", 0o644)


def test_what_is_no_file_is_only_written_to() -> None:
    """A device keeps its mode."""
    before = mode(Path(os.devnull))
    with open(os.devnull, "w", opener=private) as file:
        file.write("x")
    assert mode(Path(os.devnull)) == before


@pytest.mark.parametrize("mask", MASKS)
def test_folders_are_private(mask: int, tmp_path: Path) -> None:
    """New folders, including parents, have mode 0700; existing ones keep their modes."""
    tmp_path.chmod(0o755)
    with umask(mask):
        private_folder(tmp_path / "a" / "b")
        private_folder(tmp_path / "a" / "b")
    assert [mode(tmp_path / name) for name in (".", "a", "a/b")] == [0o755, 0o700, 0o700]


@pytest.mark.parametrize(
    ("before", "after"), [(0o777, 0o700), (0o755, 0o700), (0o600, 0o600), (0o540, 0o500)]
)
def test_what_is_ours_is_narrowed(
    before: int, after: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Other users lose their access, the owner keeps it, and nothing is logged."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(before)
    narrow(tmp_path / "a")
    assert mode(tmp_path / "a") == after
    assert caplog.messages == []


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no folder whose mode nobody can change")
def test_what_cannot_be_narrowed_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """A warning says so in one line, and nothing fails."""
    narrow(Path("/proc/self/task"))
    assert caplog.messages == ["/proc/self/task is open to other users, and its mode cannot be changed"]
