"""Rotating keys in whole programs, on both engines."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from pulumi_account.emulator import Answer, Emulator, Fault
from pulumi_account.testing import Result
from tests.support.canaries import PROVISIONING_KEY
from tests.support.cli import require_cli
from tests.support.projects import Project, ended_with

pytestmark = pytest.mark.timeout(400)

BATCH = 'name="batch", every="30d", overlap="2d"'
#: every output of `k`, alone and as an input of others
CONSUMERS = """
OUTPUTS = ["key", "key_id", "name", "generation", "reason", "rotated_at", "next_rotation_at", "created_at", "every",
           "overlap", "anchor", "rotate_now", "revoke", "name_prefix", "credit_limit", "is_enabled", "labels",
           "delete_guard", "retired"]
for output in OUTPUTS:
    pulumi.export(output, getattr(k, output))
    account.ApiKey(f"with-{output}", name=getattr(k, output).apply(lambda value: f"its {value}"))
"""


def run(project: Project, command: str, arguments: str = BATCH, *more: str) -> Result:
    """Run a command with a rotating key of these arguments."""
    declaration = f'k = account.RotatingApiKey("k", {arguments})\npulumi.export("key", k.key)'
    project.write("\n".join(["import pulumi, pulumi_account as account", declaration, *more]))
    return project.run(command)


def up(project: Project, arguments: str = BATCH, *more: str) -> Result:
    """Deploy it."""
    result = run(project, "up", arguments, *more)
    assert result.ok, result.text
    return result


def outputs(project: Project) -> dict[str, Any]:
    """The stack's outputs, with secrets."""
    found: dict[str, Any] = project.engine().outputs(show_secrets=True)
    return found


def names(project: Project) -> list[str]:
    """The names of the account's keys."""
    return sorted(key["name"] for key in project.emulator.keys())


def test_the_preview_of_a_creation_knows_the_first_name(project: Project) -> None:
    """Generation and name, but not the anchor, which is the deployment; nothing is sent."""
    result = run(project, "preview", BATCH, 'pulumi.export("name", k.name)\npulumi.export("at", k.anchor)')
    assert result.ok, result.text
    assert result.changes == {"create": 2}
    assert re.search(r'name *: "batch-0"', result.text)
    assert list(project.emulator.calls) == []


@pytest.mark.parametrize(
    "arguments",
    ['every="36h"', f'{BATCH}, labels={{"team": "search"}}, credit_limit=5, delete_guard="168h"'],
    ids=["auto", "full"],
)
def test_an_unchanged_program_previews_empty(project: Project, arguments: str) -> None:
    """The preview is empty whatever the outputs are used for, before and after a refresh."""
    up(project, arguments, CONSUMERS)
    for command in ("preview", "refresh", "preview", "up"):
        project.emulator.calls.clear()
        result = project.run(command)
        assert result.ok, result.text
        assert result.changes.keys() == {"same"}, result.text
        assert command == "refresh" or list(project.emulator.calls) == []


def test_outputs_have_their_types(project: Project) -> None:
    """The program sees integers, and a retired key as an object."""
    check = """
def look(values):
    assert [type(value) for value in values] == [int, int], values
def look_back(retired):
    assert [(type(one.key_id), one.name) for one in retired] == [(int, "batch-0")] * len(retired), retired
pulumi.Output.all(k.key_id, k.generation).apply(look)
k.retired.apply(look_back)
"""
    up(project, BATCH, check)
    up(project, f'{BATCH}, rotate_now="1"', check)
    up(project, f'{BATCH}, rotate_now="1"', check)


def test_a_rotation_leaves_a_consumer_in_another_stack_a_working_key(project: Project) -> None:
    """It has read the key before, and reads the new one at its next deployment; both work until then."""
    up(project)
    read_before = outputs(project)["key"]
    up(project, f'{BATCH}, rotate_now="1"')
    read_after = outputs(project)["key"]
    ids = [project.emulator.key_of(plaintext) for plaintext in (read_before, read_after)]
    assert ids == [1, 2]
    old, new = project.emulator.keys()
    assert (
        old["expires_at"] - project.emulator.clock.now() > 1.9 * (old["expires_at"] - old["created_at"]) / 2
    )
    assert new["expires_at"] is None
    assert names(project) == ["batch-0", "batch-1"]


def test_a_schedule_rotates_and_cleans_up(project: Project) -> None:
    """With a period of seconds: the next run rotates, a later one deletes what has expired, and the key works."""
    arguments = 'name="batch", every="3s", overlap="1s"'
    up(project, arguments)
    for _ in range(2):
        time.sleep(3.1)
        up(project, arguments)
        assert project.emulator.key_of(outputs(project)["key"]) == project.emulator.keys()[-1]["id"]
    assert "batch-0" not in names(project)
    assert len(names(project)) == 2


def test_a_failed_expiry_is_mended_by_the_next_run(project: Project) -> None:
    """No input changes; a warning says what the update does, in the preview and the deployment."""
    up(project)
    project.emulator.faults.add(Fault(Answer(403), operation="update_key", skip=1))
    first = up(project, f'{BATCH}, rotate_now="1"')
    assert "key 1 is replaced, but never expires yet; the next run tries again: " in first.text
    line = "retired key 1 ('batch-0') has been replaced, but never expires yet: the update sets its expiry"
    preview = project.run("preview")
    assert preview.changes == {"update": 1, "same": 1}
    assert line in preview.text
    assert project.run("up").changes == {"update": 1, "same": 1}
    assert project.emulator.keys()[0]["expires_at"] is not None
    assert project.run("preview").changes == {"same": 2}


def test_revoke_deletes_older_keys(project: Project) -> None:
    """Those in use as well."""
    guarded = f'{BATCH}, delete_guard="7d"'
    up(project, guarded)
    project.emulator.add_usage(1)
    up(project, f'{guarded}, rotate_now="1"')
    up(project, f'{guarded}, rotate_now="1", revoke="leak"')
    assert names(project) == ["batch-2"]
    assert project.emulator.key_of(outputs(project)["key"]) == 3


def test_a_key_deleted_elsewhere_is_made_anew(project: Project) -> None:
    """The refresh keeps the resource, and the next deployment makes a new key."""
    up(project)
    project.emulator.remove(1)
    refreshed = project.run("refresh")
    assert refreshed.ok, refreshed.text
    assert "key 1 was deleted elsewhere: the next `pulumi up` makes a new one" in refreshed.text
    assert project.run("preview").changes == {"update": 1, "same": 1}
    assert project.run("up").ok
    assert names(project) == ["batch-1"]
    assert project.emulator.key_of(outputs(project)["key"]) == 2
    assert project.run("preview").changes == {"same": 2}


def test_destroy_keeps_keys_in_use(project: Project) -> None:
    """Neither the current one nor the retired one is deleted while one of them is in use."""
    guarded = f'{BATCH}, delete_guard="7d"'
    up(project, guarded)
    up(project, f'{guarded}, rotate_now="1"')
    project.emulator.add_usage(1)
    (line,) = ended_with(project.run("destroy"))
    assert "KeyInUseError: key 1 ('batch-0') is not deleted" in line
    assert names(project) == ["batch-0", "batch-1"]


def test_destroy_deletes_all_keys(project: Project) -> None:
    """The current one and the retired ones."""
    up(project)
    up(project, f'{BATCH}, rotate_now="1"')
    assert project.run("destroy").ok
    assert names(project) == []


def test_wrong_arguments_are_reported_at_once(project: Project) -> None:
    """The preview reports all, in the engine's words."""
    lines = ended_with(run(project, "preview", 'every="x", overlap="y", credit_limit=-1'))
    assert len(lines) == 3
    assert list(project.emulator.calls) == []


def _shown(text: str) -> list[str]:
    """The lines about the rotating key, without what differs from run to run."""
    instants = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "INSTANT", text)
    found = [re.sub(r"\s+", " ", line).strip() for line in instants.splitlines()]
    # the CLI also prints what the stack is doing
    return [line for line in found if line and not re.search("Stack|Duration|^@", line)]


def test_previews_are_the_same_on_both_engines(tmp_path: Path) -> None:
    """A creation, a rotation, a changed schedule, and an update without a changed input show the same lines."""
    require_cli()
    shown: dict[str, list[list[str]]] = {}
    for kind in ("local", "cli"):
        with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
            project = Project(kind, tmp_path / kind, emulator)
            found = [_shown(run(project, "preview").text)]
            up(project)
            found.append(_shown(run(project, "preview", f'{BATCH}, rotate_now="1"').text))
            emulator.faults.add(Fault(Answer(403), operation="update_key", skip=1))
            up(project, f'{BATCH}, rotate_now="1"')
            found.append(_shown(project.run("preview").text))
            up(project, f'{BATCH}, rotate_now="1"')
            found.append(_shown(run(project, "preview", BATCH.replace("30d", "60d")).text))
            shown[kind] = found
    assert shown["local"] == shown["cli"]
    assert any("[diff: +rotate_now~decided_at,generation,name,reason]" in line for line in shown["cli"][1])
