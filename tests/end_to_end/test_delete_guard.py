"""`delete_guard` in whole programs, on both engines."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pulumi_account.emulator import Answer, Fault
from tests.support.projects import Project, ended_with

pytestmark = pytest.mark.timeout(400)

DAY = timedelta(days=1)
PROGRAM = """
    import pulumi, pulumi_account as account
    k = account.ApiKey("k", name="k", delete_guard="7d", rotation_triggers={"turn": "{turn}"})
    other = account.ApiKey("other", name="other", credit_limit={limit})
    pulumi.export("key_id", k.key_id)
"""


def deployed(project: Project) -> None:
    """A guarded key, which is used today, and another key."""
    rotate(project, "1")
    assert project.run("up").ok
    (key_id,) = (key["id"] for key in project.emulator.keys() if key["name"] == "k")
    project.emulator.add_usage(key_id, requests=3, cost="0.5")


def rotate(project: Project, turn: str, limit: int = 1) -> None:
    """The program with another trigger."""
    project.write(PROGRAM.replace("{turn}", turn).replace("{limit}", str(limit)))


def test_a_rotation_lets_the_old_key_live_until_it_is_unused(project: Project) -> None:
    """The run fails at the deletion, with the new key in place; a later one deletes the old key."""
    deployed(project)
    ids = {key["name"]: key["id"] for key in project.emulator.keys()}
    rotate(project, "2", limit=2)
    (line,) = ended_with(project.run("up"))
    assert (
        f"KeyInUseError: key {ids['k']} ('k') is not deleted: its delete_guard is 7d, but it served " in line
    )
    limits = {key["id"]: key["credit_limit"] for key in project.emulator.keys()}
    assert len(limits) == 3
    assert limits[ids["other"]] == 2
    (again,) = ended_with(project.run("up"))
    assert again == line
    project.emulator.clock.advance(9 * DAY)
    result = project.run("up")
    assert result.ok, result.text
    assert ids["k"] not in [key["id"] for key in project.emulator.keys()]
    assert len(project.emulator.keys()) == 2
    assert project.run("preview").changes == {"same": 3}


def test_destroy_keeps_a_key_in_use(project: Project) -> None:
    """Other keys are deleted; the guarded one goes once the environment says so."""
    project.write("import pulumi_account as account\naccount.ApiKey('k', name='k', delete_guard='7d')")
    assert project.run("up").ok
    project.emulator.add_usage(1)
    (line,) = ended_with(project.run("destroy"))
    assert "set ACCOUNT_DELETE_GUARD=none in the environment for one run" in line
    assert [key["id"] for key in project.emulator.keys()] == [1]
    unguarded = Project(
        project.kind, project.folder, project.emulator, {"env": {"ACCOUNT_DELETE_GUARD": "none"}}
    )
    assert unguarded.run("destroy").ok
    assert project.emulator.keys() == []


def test_an_unused_key_is_deleted(project: Project) -> None:
    """A deployment that removes guarded keys reads the activity once."""
    keys = "".join(f"account.ApiKey('{n}', name='{n}', delete_guard='7d')\n" for n in range(5))
    project.write(f"import pulumi_account as account\n{keys}")
    assert project.run("up").ok
    project.emulator.calls.clear()
    project.write("")
    assert project.run("up").ok
    assert project.emulator.keys() == []
    assert project.emulator.calls.operations.count("get_activity") == 1


def test_a_use_that_is_not_known_keeps_the_key(project: Project) -> None:
    """If the activity cannot be read, the run fails, and the next one deletes the key."""
    project.write("import pulumi_account as account\naccount.ApiKey('k', name='k', delete_guard='7d')")
    assert project.run("up").ok
    project.write("")
    project.emulator.faults.add(Fault(Answer(503), operation="get_activity"))
    (line,) = ended_with(project.run("up"))
    assert "but its use is not known (GET /v1/account/activity?days=8: " in line
    assert project.run("up").ok
    assert project.emulator.keys() == []


def test_another_value_of_the_variable_fails_the_preview(project: Project) -> None:
    """A misspelled `none` neither keeps nor deletes a key: the preview says what is admitted."""
    project.options["env"] = {"ACCOUNT_DELETE_GUARD": "off"}
    project.write("import pulumi_account as account\naccount.ApiKey('k', name='k', delete_guard='7d')")
    assert "ACCOUNT_DELETE_GUARD must be none or not set, not 'off'" in project.run("preview").text
    assert list(project.emulator.calls) == []
