"""What the README shows of the command line is what the commands print."""

from __future__ import annotations

import pytest

from tests.cli.test_app import COMMANDS as ALL
from tests.cli_reference import BEGIN, COMMANDS, END, transcript
from tests.reference import README

TEXT = README.read_text(encoding="utf-8")


def test_the_readme_is_up_to_date() -> None:
    """The transcript is written by `make reference`."""
    assert TEXT.partition(BEGIN)[2].partition(END)[0].strip() == transcript()


@pytest.mark.parametrize("path", [path for path, command in ALL.items() if not hasattr(command, "commands")])
def test_every_command_is_named(path: tuple[str, ...]) -> None:
    """The README leaves no command out."""
    named = " ".join(("pulumi-account", *path))
    assert (
        f"{named}`" in TEXT or f"{named} " in TEXT or any(command.startswith(named) for command in COMMANDS)
    )
