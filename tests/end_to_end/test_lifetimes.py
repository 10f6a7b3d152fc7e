"""`expires_in` and labels in whole programs, on both engines."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from pulumi_account.common.instants import utc_now
from tests.support.projects import Project, ended_with

pytestmark = pytest.mark.timeout(400)

DAY = timedelta(days=1)
PROGRAM = """
    import pulumi, pulumi_account as account
    from datetime import timedelta
    k = account.ApiKey("k", {arguments})
    pulumi.export("expires_at", k.expires_at)
    user = account.ApiKey("user", name=pulumi.Output.concat("until ", k.expires_at))
"""


def run(project: Project, command: str, arguments: str) -> Any:
    """Run a command with a key of these arguments, and one whose name has its expiry."""
    project.write(PROGRAM.format(arguments=arguments))
    return project.run(command)


def key(project: Project) -> dict[str, Any]:
    """The key."""
    return next(key for key in project.emulator.keys() if not key["name"].startswith("until "))


def lifetime(project: Project) -> timedelta:
    """From its creation to its expiry."""
    found = key(project)
    life: timedelta = found["expires_at"] - found["created_at"]
    return life


@pytest.mark.parametrize("arguments", ['name="k", expires_in="90d"', "expires_in=timedelta(days=90)"])
def test_a_duration_is_kept(project: Project, arguments: str) -> None:
    """The key lives that long; a later run, with the same duration in another notation, changes nothing."""
    result = run(project, "up", arguments)
    assert result.ok, result.text
    assert abs(lifetime(project) - 90 * DAY) < timedelta(minutes=1)
    before = key(project)
    project.emulator.clock.advance(timedelta(seconds=90))
    other = arguments.replace('"90d"', '"P90D"').replace("timedelta(days=90)", '"2160h"')
    assert run(project, "up", other).changes == {"same": 3}
    assert project.run("refresh").changes == {"same": 3}
    assert key(project) == before


@pytest.mark.parametrize("declared", ['"90d"', 'pulumi.Output.from_input("90d")'], ids=["plain", "output"])
def test_the_preview_of_a_creation_does_not_know_the_expiry(project: Project, declared: str) -> None:
    """`expires_at` is unknown, not None: no consumer takes the key for one that never expires."""
    result = run(project, "preview", f'name="k", expires_in={declared}')
    assert result.ok, result.text
    assert "expires_at: [unknown]" in " ".join(result.text.split()).replace(" :", ":")
    assert "until None" not in result.text


@pytest.mark.parametrize("change", ['expires_in="60d"', 'expires_in="90d", rotation_triggers={"q": "1"}'])
def test_the_preview_of_a_change_does_not_know_the_expiry(project: Project, change: str) -> None:
    """A changed duration and a replacement make `expires_at` unknown."""
    assert run(project, "up", 'name="k", expires_in="90d"').ok
    result = run(project, "preview", f'name="k", {change}')
    assert result.changes.get("same") == 1, result.text  # the stack: what uses the expiry may change, too
    assert run(project, "up", f'name="k", {change}').ok
    assert lifetime(project) == (60 * DAY if "60d" in change else 90 * DAY)


def test_every_kind_of_expiry_follows_another(project: Project) -> None:
    """A duration, an instant and none follow each other in updates."""
    project.write("import pulumi_account as account; account.ApiKey('k', name='k')")
    assert project.run("up").ok
    first = key(project)["id"]
    for arguments in ('expires_in="90d"', 'expires_at="2099-01-01T00:00:00Z"', 'expires_in="30d"', ""):
        project.write(f"import pulumi_account as account; account.ApiKey('k', name='k', {arguments})")
        assert project.run("preview").changes == {"same": 1, "update": 1}
        assert project.run("up").changes == {"same": 1, "update": 1}
        assert project.run("refresh").changes == {"same": 2}
        assert project.run("preview").changes == {"same": 2}
    assert (key(project)["id"], key(project)["expires_at"]) == (first, None)


@pytest.mark.parametrize("expires_at", [None, "2098-01-01T00:00:00Z"])
def test_drift_is_shown_and_mended(project: Project, expires_at: str | None) -> None:
    """A refresh records an expiry that was set elsewhere, and the next deployment restores the declared one."""
    project.write("import pulumi_account as account; account.ApiKey('k', name='k', expires_in='90d')")
    assert project.run("up").ok
    project.emulator.edit(key(project)["id"], expires_at=expires_at)
    assert project.run("refresh").changes == {"same": 1, "update": 1}
    result = project.run("preview")
    assert result.changes == {"same": 1, "update": 1}
    (step,) = (step for step in result.steps if step.op == "update")
    assert "expires_in" in step.diff
    assert project.run("up").ok
    assert lifetime(project) == 90 * DAY
    assert project.run("preview").changes == {"same": 2}


def test_a_duration_that_has_passed_fails_the_preview(project: Project) -> None:
    """The preview of a shorter duration reports that it ended, before any call."""
    project.write("import pulumi_account as account; account.ApiKey('k', name='k', expires_in='90d')")
    assert project.run("up").ok
    while utc_now() <= key(project)["created_at"] + timedelta(seconds=1):
        time.sleep(0.1)
    project.write("import pulumi_account as account; account.ApiKey('k', name='k', expires_in='1s')")
    project.emulator.calls.clear()
    (line,) = ended_with(project.run("preview"))
    assert "InvalidInputError: expires_in 1s counts from the creation of key 1 at " in line
    assert list(project.emulator.calls) == []


def test_an_ignored_duration_stays(project: Project) -> None:
    """With `ignore_changes`, neither a changed duration nor an expiry that was set elsewhere is a change."""
    program = (
        "import pulumi, pulumi_account as account\n"
        "account.ApiKey('k', name='k', expires_in='{}', opts=pulumi.ResourceOptions(ignore_changes=['expires_in']))"
    )
    project.write(program.format("90d"))
    assert project.run("up").ok
    project.write(program.format("30d"))
    assert project.run("up").changes == {"same": 2}
    project.emulator.edit(key(project)["id"], expires_at="2098-01-01T00:00:00Z")
    assert project.run("refresh").ok
    assert project.run("up").changes == {"same": 2}
    assert key(project)["expires_at"].year == 2098


def test_labels_are_an_update_without_a_call(project: Project) -> None:
    """Labels change in the state alone; a secret one stays secret, and one that is not known yet is an update."""
    program = """
        import pulumi, pulumi_account as account
        first = account.ApiKey("first", name="first")
        k = account.ApiKey("k", name="k", labels={labels})
        pulumi.export("labels", k.labels)
    """
    project.write(program.replace("{labels}", '{"team": "search"}'))
    assert project.run("up").ok
    project.write(program.replace("{labels}", '{"team": "ads", "first": first.name}'))
    project.emulator.calls.clear()
    assert project.run("preview").changes == {"same": 2, "update": 1}
    result = project.run("up")
    assert result.changes == {"same": 2, "update": 1}
    assert result.outputs["labels"] == {"team": "ads", "first": "first"}
    assert list(project.emulator.calls) == []
    project.write(program.replace("{labels}", 'pulumi.Output.secret({"team": "hidden-team"})'))
    assert project.run("up").outputs["labels"] == "[secret]"
    assert "hidden-team" not in project.files()
