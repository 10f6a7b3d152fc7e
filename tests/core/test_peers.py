"""How the provider processes of one run share which keys they have."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from pulumi_account.core.peers import Peers

Make = Callable[..., Peers]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes processes of a run."""
    with ExitStack() as last:
        yield lambda run="1", folder=tmp_path / "peers": last.enter_context(closing(Peers(run, folder)))


def test_others_are_heard(make: Make) -> None:
    """A process knows what others of its run have shared, and what they share later."""
    one, other = make(), make()
    one.tell("5@2026", "a")
    assert other.holders("5@2026") == {"a"}
    one.tell("5@2026", "b")
    assert other.holders("5@2026") == {"a", "b"}


def test_what_is_taken_back_is_gone(make: Make) -> None:
    """A resource that leaves a key has it no longer."""
    one, other = make(), make()
    one.tell("5@2026", "a")
    one.tell("5@2026", "a", has=False)
    assert other.holders("5@2026") == set()


def test_other_keys_do_not_count(make: Make) -> None:
    """A key of the same id in another account was made at another instant."""
    one, other = make(), make()
    one.tell("5@2026", "a")
    assert other.holders("5@2025") == other.holders("15@2026") == set()


def test_nobody_hears_itself(make: Make) -> None:
    """A process does not mistake its own keys for another's."""
    one = make()
    one.tell("5@2026", "a")
    assert one.holders("5@2026") == set()


def test_other_runs_do_not_count(make: Make) -> None:
    """Two stacks may be deployed at the same time."""
    make("1").tell("5@2026", "a")
    assert make("2").holders("5@2026") == set()


def test_the_dead_do_not_count(make: Make) -> None:
    """A file whose process has ended is ignored, and the next process removes it."""
    one, other = make(), make()
    one.tell("5@2026", "a")
    one.close()
    assert other.holders("5@2026") == set()


def test_files_of_the_dead_are_removed(make: Make, tmp_path: Path) -> None:
    """Nothing piles up in the folder for temporary files."""
    one, other = make(), make()
    one.tell("5@2026", "a")
    one.close()
    other.tell("6@2026", "b")
    assert len(list((tmp_path / "peers").glob("1-*"))) == 1


def test_nobody_else_can_read(make: Make, tmp_path: Path) -> None:
    """The folder and the files are this user's own."""
    make().tell("5@2026", "a")
    assert (tmp_path / "peers").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "peers").iterdir())


@pytest.mark.parametrize("mode", [0o777, 0o500])
def test_a_folder_that_cannot_be_used_does_no_harm(make: Make, tmp_path: Path, mode: int) -> None:
    """Where others can write, or this process cannot, it shares nothing."""
    if mode == 0o500 and os.getuid() == 0:
        pytest.skip("root can write everywhere")
    folder = tmp_path / "peers"
    folder.mkdir(mode=0o700)
    folder.chmod(mode)
    one, other = make(), make()
    one.tell("5@2026", "a")
    with one.alone():
        assert other.holders("5@2026") == set()


def test_a_folder_that_cannot_be_used_is_told_once(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The user learns that the processes cannot hear each other, and what to do."""
    (tmp_path / "peers").mkdir()
    (tmp_path / "peers").chmod(0o777)
    one = make()
    for key in ("5@2026", "6@2026"):
        one.tell(key, "a")
    (record,) = caplog.records
    assert "peers does not belong to this user: the providers of this run cannot share" in record.message


def test_what_lies_about_is_no_news(make: Make, tmp_path: Path) -> None:
    """A folder with the name of a file, and lines of another kind, break nothing."""
    one, other = make(), make()
    one.tell("5@2026", "a")
    (tmp_path / "peers" / "1-folder").mkdir()
    assert other.holders("5@2026") in (set(), {"a"})


def test_looking_and_telling_are_one_step(make: Make) -> None:
    """What is shared while a process is alone comes from that process, even if it shares for the first time."""
    one, other = make(), make()
    with one.alone():
        one.tell("5@2026", "a")
    assert other.holders("5@2026") == {"a"}
