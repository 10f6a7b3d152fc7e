"""Programs that adopt keys, on both engines: no key that a resource holds is deleted, and previews are complete."""

from __future__ import annotations

import pytest

from pulumi_account.testing import Result
from tests.support.projects import Project, ended_with

pytestmark = pytest.mark.timeout(400)

URN = "urn:pulumi:local::story::pulumi-python:dynamic/account:ApiKey::{}"
FAILING = 'account.ApiKey("failing", name="failing", adopt_key_id=999, opts=pulumi.ResourceOptions(depends_on=[{}]))'


@pytest.fixture
def project(project: Project) -> Project:
    """A project whose account has a key that is in use."""
    project.emulator.add("live")
    return project


def up(project: Project, *lines: str) -> Result:
    """Deploy these lines."""
    project.write("\n".join(["import pulumi, pulumi_account as account", *lines]))
    return project.run("up")


def adopting(resource: str, options: str = "") -> str:
    """A resource that adopts the key in use."""
    return (
        f'{resource} = account.ApiKey("{resource}", name="live", adopt_key_id=1, '
        f"opts=pulumi.ResourceOptions({options}))"
    )


def ids(project: Project) -> list[int]:
    """The keys of the account."""
    return [key["id"] for key in project.emulator.keys()]


# --- forced replacements


@pytest.mark.parametrize("first", [True, False])
def test_a_changed_trigger_is_refused(project: Project, first: bool) -> None:
    """The preview and the deployment fail, and the key lives; with the old trigger, nothing changes."""
    options = f"delete_before_replace={first}, replacement_trigger="
    assert up(project, adopting("k", options + "'a'")).ok
    project.write("import pulumi, pulumi_account as account\n" + adopting("k", options + "'b'"))
    for command in ("preview", "up"):
        (line,) = ended_with(project.run(command))
        assert "first remove adopt_key_id from it" in line
    assert ids(project) == [1]
    assert up(project, adopting("k", options + "'a'")).changes == {"same": 2}


def test_a_tainted_resource_is_not_deleted_first(project: Project) -> None:
    """The deployment fails, and the key lives."""
    program = adopting("k", "delete_before_replace=True")
    assert up(project, program).ok
    project.engine().taint(URN.format("k"))
    (line,) = ended_with(up(project, program))
    assert "key 1 is not deleted" in line
    assert "`pulumi state untaint`" in line
    assert ids(project) == [1]


def test_a_targeted_resource_is_not_deleted_first(project: Project) -> None:
    """``up --replace`` does not delete it either."""
    assert up(project, adopting("k", "delete_before_replace=True")).ok
    (line,) = ended_with(project.engine().up(replace=[URN.format("k")]))
    assert "key 1 is not deleted" in line
    assert ids(project) == [1]
    assert project.run("up").changes == {"same": 2}


def test_a_tainted_resource_adopts_its_key_again(project: Project) -> None:
    """If the new resource comes first, it has the key when the old one is deleted."""
    assert up(project, adopting("k")).ok
    project.engine().taint(URN.format("k"))
    assert project.run("up").changes == {"replace": 1, "same": 1}
    assert ids(project) == [1]
    assert up(project, 'account.ApiKey("k", name="live")').ok
    assert project.run("up").changes == {"same": 2}
    assert ids(project) == [1]


def test_a_key_that_was_adopted_is_replaced_when_it_is_asked_for(project: Project) -> None:
    """Once the arguments are removed, a forced replacement replaces the key."""
    assert up(project, adopting("k")).ok
    assert up(project, 'account.ApiKey("k", name="live")').ok
    project.engine().taint(URN.format("k"))
    assert project.run("up").changes == {"replace": 1, "same": 1}
    assert ids(project) == [2]


# --- failed runs


def test_a_failed_rename_loses_no_key(project: Project) -> None:
    """A run fails before it deletes the old resource; after the arguments are removed, the new one keeps the key."""
    assert up(project, adopting("old")).ok
    assert not up(project, adopting("new"), FAILING.format("new")).ok
    result = up(project, 'account.ApiKey("new", name="live")')
    assert result.changes == {"update": 1, "delete": 1, "same": 1}
    assert any("key 1 is kept" in line.message for line in result.diagnostics)
    assert ids(project) == [1]
    assert project.run("up").changes == {"same": 2}
    assert project.run("destroy").ok
    assert ids(project) == []


def test_a_pending_deletion_loses_no_key(project: Project) -> None:
    """A failed replacement leaves a deletion behind, but the key, which was adopted again since, lives."""
    assert up(project, adopting("k")).ok
    rotated = 'k = account.ApiKey("k", name="rotated", rotation_triggers={"quarter": "2"})'
    assert not up(project, rotated, FAILING.format("k")).ok
    assert ids(project) == [1, 2]
    assert not up(project, adopting("k"), FAILING.format("k")).ok
    assert up(project, 'account.ApiKey("k", name="live")').ok
    assert ids(project) == [1]
    assert project.run("up").changes == {"same": 2}


# --- previews


def test_a_preview_says_what_an_adoption_changes(project: Project) -> None:
    """It prints a line for each property, including undeclared defaults, and writes nothing."""
    project.emulator.edit(1, is_enabled=False, credit_limit=3)
    before = project.emulator.keys()
    project.write(
        'import pulumi_account as account\naccount.ApiKey("chk", name="chk", adopt_key_id=1, credit_limit=7)'
    )
    result = project.run("preview")
    assert result.ok
    for line in (
        "adopt_key_id 1: name 'live' => 'chk'",
        "adopt_key_id 1: credit_limit 3 => 7",
        "adopt_key_id 1: is_enabled false => true",
    ):
        assert line in result.text
    assert "expires_at" not in result.text
    assert project.emulator.keys() == before
    assert project.emulator.calls.operations == ["get_key"]


def test_a_preview_of_an_adoption_asks_for_the_key(project: Project) -> None:
    """An id that the account does not have fails in the preview."""
    project.write('import pulumi_account as account\naccount.ApiKey("k", name="k", adopt_key_id=999)')
    (line,) = ended_with(project.run("preview"))
    assert line.endswith("has a problem: adopt_key_id 999: the account has no such key")


# --- several instances


def test_a_key_that_another_instance_adopts_lives(project: Project) -> None:
    """A second instance of the same account is another process, which learns what the first one adopted."""
    twin = (
        f'twin = account.Provider("twin", endpoint="{project.emulator.url}", '
        'provisioning_key=pulumi.Config("account").require_secret("provisioningKey"))'
    )
    assert up(project, 'account.ApiKey("old", name="mine")').ok
    (_, mine) = ids(project)
    moved = (
        f'account.ApiKey("new", name="mine", adopt_key_id={mine}, opts=pulumi.ResourceOptions(provider=twin))'
    )
    assert up(project, twin, moved).ok
    assert ids(project) == [1, mine]
    assert project.run("up").changes == {"same": 3}
