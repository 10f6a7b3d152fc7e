"""`docs/keys.md`: what the page says is so."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_account.emulator import Emulator
from tests.support.pages import PLAIN, Page, engine_of
from tests.support.projects import Project
from tests.support.projects import project as project  # a fixture

pytestmark = pytest.mark.timeout(400)

PAGE = Page("docs/keys.md")
PROGRAMS = dict(PAGE.files("python"))


def test_the_cli_quotes_a_date(tmp_path: Path, account: Emulator) -> None:
    """`pulumi config set` writes the page's line, and a key takes it."""
    program = """
import pulumi, pulumi_account as account
account.ApiKey("service", expires_at=pulumi.Config().require("expires"))
"""
    engine = engine_of(tmp_path / "keys", account, program, PLAIN)
    engine.configure({"expires": "2040-01-01T00:00:00Z"}, {})
    ((_, shown),) = PAGE.files("yaml")
    assert shown.partition("config:\n")[2] in (tmp_path / "keys" / "Pulumi.local.yaml").read_text()
    assert engine.preview().ok


def test_the_preview_of_an_adoption(project: Project) -> None:
    """It prints the page's lines for the page's program."""
    project.emulator.add("legacy", expires_at="2033-01-01T00:00:00Z")
    program = PROGRAMS["adopting.py"].replace("42", "1").replace('config.require_secret("legacyKey")', "None")
    project.write(program)
    printed = project.run("preview").text
    for line in PAGE.shown("preview of an adoption").splitlines():
        assert line.replace("42", "1") in printed
