"""`docs/deleting.md`: what the page says is so."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.support.pages import Page
from tests.support.projects import Project, ended_with
from tests.support.projects import project as project  # a fixture

pytestmark = pytest.mark.timeout(400)

PAGE = Page("docs/deleting.md")
PROGRAM = dict(PAGE.files("python"))["guarded.py"]


def test_the_error_of_a_rotation(project: Project) -> None:
    """The page's program rotates and ends with the page's line; the next run after the use deletes the old key."""
    project.write(PROGRAM, name="keys")
    assert project.run("up", **{"keys:turn": "1"}).ok
    today = project.emulator.clock.now().date()
    for days, requests, cost in ((4, 1200, "3.5"), (2, 34, "0.25")):
        project.emulator.add_usage(1, requests=requests, cost=cost, day=today - timedelta(days=days))
    (line,) = ended_with(project.run("up", **{"keys:turn": "2"}))
    shown = " ".join(PAGE.shown("error of a key in use").split())
    assert re.sub(r"-[0-9a-f]{7}", "", shown) in re.sub(r"-[0-9a-f]{7}", "", line)
    assert len(project.emulator.keys()) == 2
    project.emulator.clock.advance(timedelta(days=7))
    assert project.run("up", **{"keys:turn": "2"}).ok
    assert [key["id"] for key in project.emulator.keys()] == [2]


def test_a_lower_guard_lets_the_key_go(project: Project) -> None:
    """A deployed change of the guard counts for the next deletion."""
    project.write(PROGRAM, name="keys")
    assert project.run("up", **{"keys:turn": "1"}).ok
    project.emulator.add_usage(1)
    project.write(PROGRAM.replace('delete_guard="7d", ', ""), name="keys")
    assert project.run("up", **{"keys:turn": "1"}).ok
    assert project.run("destroy", **{"keys:turn": "1"}).ok
    assert project.emulator.keys() == []
