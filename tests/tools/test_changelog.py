"""A release's notes are the changelog's section."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tools.changelog import CHANGELOG, section

TEXT = """# Changelog

What users see.

## Unreleased

- New.

## [1.2.0] - 2030-01-02

### Added

- A command.

## 1.1.0

## 1.0.0

- First.
"""


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("Unreleased", "- New.\n"),
        ("1.2.0", "### Added\n\n- A command.\n"),
        ("1.0.0", "- First.\n"),
    ],
)
def test_a_section_ends_at_the_next_version(version: str, expected: str) -> None:
    """The section has its own subheadings, and nothing of the next version."""
    assert section(TEXT, version) == expected


@pytest.mark.parametrize("version", ["1.2", "1x2.0", "2.0.0", "1.1.0", ""])
def test_a_version_without_changes_is_an_error(version: str) -> None:
    """A version that is missing, or whose section is empty, gives no notes; neither does a part of a version."""
    with pytest.raises(LookupError, match=f"CHANGELOG.md says nothing about {version}"):
        section(TEXT, version)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, as the release workflow runs it."""
    return subprocess.run(
        [sys.executable, "-m", "tools.changelog", *arguments],
        cwd=CHANGELOG.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_prints_the_section() -> None:
    """`python -m tools.changelog Unreleased` prints what this changelog says."""
    done = command("Unreleased")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == section(CHANGELOG.read_text(encoding="utf-8"), "Unreleased")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["9.9.9"], "CHANGELOG.md says nothing about 9.9.9\n"),
        ([], "usage: python -m tools.changelog VERSION\n"),
    ],
)
def test_the_command_fails_in_one_line(arguments: list[str], error: str) -> None:
    """A version that is missing stops the release, and so does none."""
    done = command(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", error)
