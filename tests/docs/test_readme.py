"""What the README shows is what is printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.pages import README
from tests.testing.test_tryout import Newcomer

pytestmark = pytest.mark.timeout(300)


def test_make_up_prints_it(tmp_path: Path) -> None:
    """The transcript is what `make up` ends with, but for random digits and the order of creation."""
    printed = Newcomer(tmp_path, with_cli=False).make("up")
    assert settled(README.shown("transcript: up")) <= settled(printed)


def test_make_preview_prints_it(tmp_path: Path) -> None:
    """The transcript is what `make preview` prints after the change that the page names, and names no other change."""
    newcomer = Newcomer(tmp_path, with_cli=False)
    newcomer.make("up")
    (program,) = newcomer.project.rglob("environments/__main__.py")
    before = program.read_text(encoding="utf-8")
    program.write_text(before.replace("credit_limit=50,", "credit_limit=80,"), encoding="utf-8")
    assert settled(README.shown("transcript: preview")) <= settled(newcomer.make("preview"))


def settled(text: str) -> set[str]:
    """The lines, without what differs from run to run."""
    lines = [re.sub(r"-[0-9a-f]{7}\b", "-*", line) for line in text.splitlines()]
    return {re.sub(r"^\d+ +", "", line).rstrip() for line in lines}
