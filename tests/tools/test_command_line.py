"""What the pages show of the command line is what the commands print."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.test_app import COMMANDS as ALL
from tools.command_line import HELP, PAGE, TRANSCRIPTS, helps, transcript
from tools.sections import content


@pytest.mark.parametrize("page", TRANSCRIPTS, ids=lambda page: page.stem)
def test_the_transcript_is_up_to_date(page: Path) -> None:
    """The transcript is written by `make reference`."""
    assert content(page, "transcript") == transcript(TRANSCRIPTS[page])


@pytest.mark.skipif(
    os.environ.get("PULUMI_ACCOUNT_LOWEST") == "1", reason="older versions lay help out differently"
)
@pytest.mark.parametrize("page", HELP, ids=lambda page: page.stem)
def test_the_help_is_up_to_date(page: Path) -> None:
    """The help of each command is written by `make reference`."""
    assert content(page, "help") == helps(HELP[page])


def test_every_command_has_a_place() -> None:
    """The pages leave no command out, and show each once."""
    shown = [command for commands in HELP.values() for command in commands]
    assert sorted(shown) == sorted(map(" ".join, ALL))


@pytest.mark.parametrize("path", [path for path, command in ALL.items() if not hasattr(command, "commands")])
def test_every_command_is_named(path: tuple[str, ...]) -> None:
    """The first page names every command."""
    assert f"`{' '.join(path)}`" in PAGE.read_text(encoding="utf-8")
