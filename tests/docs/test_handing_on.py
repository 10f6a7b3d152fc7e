"""`docs/handing-on.md`: what a preview shows of consumers."""

from __future__ import annotations

from tests.support.pages import Page
from tests.support.projects import Project, project  # noqa: F401

PAGE = Page("docs/handing-on.md")
((_, PROGRAM),) = PAGE.files("python")


def test_a_changed_limit_shows_what_uses_the_key(project: Project) -> None:  # noqa: F811
    """The consumer of the key is shown as changed, that of the generation is not; the deployment changes neither."""
    project.write(PROGRAM, name="keys")
    assert project.run("up", **{"keys:limit": "50"}).ok
    preview = project.run("preview", **{"keys:limit": "80"})
    shown = {step.urn.rsplit("::", 1)[1]: step.op for step in preview.steps}
    expected = dict(line.split(": ") for line in PAGE.shown("changes").splitlines())
    assert {name: shown.get(name, "same") for name in expected} == expected
    assert project.run("up", **{"keys:limit": "80"}).changes == {"same": 3, "update": 1}
