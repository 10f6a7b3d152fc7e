"""`docs/key-files.md`: what the page says is so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.keyfile.documents import failures, loaded
from tests.support.pages import Page
from tests.support.projects import Project
from tests.support.projects import project as project  # a fixture

pytestmark = pytest.mark.timeout(400)

PAGE = Page("docs/key-files.md")
((_, KEYS),) = PAGE.files("yaml")
WRONG = """version: 1
environments:
  production:
    budget: 100
teams:
  search:
    keys:
      indexer: {credit_limits: 300, environments: [prod, production]}
"""


def test_the_program_makes_the_keys(project: Project) -> None:
    """The page's program deploys the page's file, and its next preview is empty."""
    ((_, program),) = PAGE.files("python")
    project.write(program)
    (project.folder / "keys.yaml").write_text(KEYS)
    made = project.run("up")
    assert made.ok, made.text
    assert list(made.outputs["keys"]) == ["search-reranker"]
    assert set(project.run("preview").changes) == {"same"}


def test_the_failures(project: Project) -> None:
    """The preview prints the page's lines."""
    project.write(dict(PAGE.files("python"))["__main__.py"].replace("pulumi.get_stack()", "'production'"))
    (project.folder / "keys.yaml").write_text(WRONG)
    printed = project.run("preview").text
    for line in PAGE.shown("failures").splitlines():
        assert line in printed
    assert failures(WRONG) == PAGE.shown("failures").splitlines()


def test_teams_and_keys_can_be_renamed() -> None:
    """The page's example of former names is valid."""
    teams = PAGE.text.partition("teams:\n  find:")[2].partition("```")[0]
    found = loaded(f"version: 1\nenvironments: {{production: {{}}}}\nteams:\n  find:{teams}").keys
    assert [key.previously for key in found] == [
        ("find/indexer", "search/crawler", "search/indexer"),
        ("search/mailer", "sales/mailer"),
    ]


def test_the_example_is_the_pages(tmp_path: Path) -> None:
    """The example has the same keys in production as the page."""
    from pulumi_account.keyfile import load

    example = load("examples/keyfile/keys.yaml").of("production")
    (tmp_path / "keys.yaml").write_text(KEYS)
    assert [(key.name, key.credit_limit) for key in load(tmp_path / "keys.yaml").of("production")] == [
        (key.name, key.credit_limit) for key in example
    ]
