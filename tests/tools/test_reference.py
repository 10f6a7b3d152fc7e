"""The reference is that of the docstrings."""

from __future__ import annotations

import re

import pytest

import pulumi_account
from pulumi_account import emulator, testing
from tools.reference import FOLDER, pages
from tools.sections import content

PAGES = pages()
TEXT = "\n".join(PAGES.values())


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_up_to_date(name: str) -> None:
    """Each page is written by `make reference`."""
    assert content(FOLDER / f"{name}.md", "reference") == PAGES[name]


@pytest.mark.parametrize("name", pulumi_account.__all__)
def test_every_public_name_is_described(name: str) -> None:
    """The reference leaves no public name of the package out."""
    assert re.search(rf"\b{name}\b", TEXT)


@pytest.mark.parametrize("name", ["AccountMocks", "LocalEngine", "Result"])
def test_the_testing_classes_are_described(name: str) -> None:
    """The reference has the classes that users' tests make or get."""
    assert name in testing.__all__
    assert f"## `{name}`\n" in TEXT


@pytest.mark.parametrize("name", ["Emulator", "Fault", "Answer", "Drop", "Hang", "HalfBody", "Drip", "Edit"])
def test_the_emulator_is_described(name: str) -> None:
    """The reference has the emulator and every fault."""
    assert name in emulator.__all__
    assert f"## `{name}`\n" in TEXT


def test_no_path_of_this_machine() -> None:
    """A default such as the running Python is shown as a program writes it."""
    assert "python=sys.executable" in TEXT
    assert "<function" not in TEXT
