"""`metrics`: its labels of keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_account.emulator import Emulator
from tests.support.shell import Shell


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--stack", "-"], "--stack - cannot be read again: give a file"),
        (["--label", "customer"], "--label needs --stack"),
    ],
)
def test_wrong_usage(arguments: list[str], problem: str, shell: Shell, emulator: Emulator) -> None:
    """Status 2, and a line that says what is wrong."""
    done = shell("metrics", *arguments)
    assert (done.status, done.out, emulator.calls.operations) == (2, "", [])
    assert problem in " ".join(done.err.replace("\u2502", " ").split())


def test_a_broken_file(shell: Shell, emulator: Emulator, tmp_path: Path) -> None:
    """A file that is broken at the start ends the command with one line."""
    (tmp_path / "s").write_text("{}")
    done = shell("metrics", "--stack", str(tmp_path / "s"))
    assert (done.status, done.err) == (1, f"error: {tmp_path / 's'}: not what `pulumi stack export` prints\n")


def test_labels_that_prometheus_cannot_tell_apart(shell: Shell, tmp_path: Path) -> None:
    """One line names them."""
    done = shell("metrics", "--group", "team=(?P<team>.)", "--label", "a-b", "--label", "a_b")
    assert (done.status, done.err) == (
        1,
        "error: two of the labels a-b, a_b have the same name in Prometheus\n",
    )
