"""Rotations that are killed at each of their calls: a consumer's key works, and the next `up` settles all."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import timedelta
from itertools import product
from typing import Any, NamedTuple

import pytest

from pulumi_account.common.instants import utc_now
from pulumi_account.core.reservations import RESERVATION_PREFIX
from pulumi_account.testing import Result
from tests.faults.kill_cases import ENGINE, INTERRUPT, PROVIDER, ROTATIONS
from tests.faults.killing import Stage, Story, deployed, run_and_kill, stored_account
from tests.faults.matrix import EVERY_FAULT
from tests.support.canaries import assert_clean
from tests.support.cli import require_cli
from tests.support.projects import project_files

pytestmark = pytest.mark.timeout(300)

#: the call after which both keys have changed: the only one on the CLI, unless the environment asks for more
_LAST = "rotate: PATCH of the old key, after"


def stories() -> list[Story]:
    """Each call, each kill, each engine."""
    every = [Story(*one) for one in product(["local", "cli"], ROTATIONS, [PROVIDER, ENGINE, INTERRUPT])]
    quick = [one for one in every if _is_quick(one)]
    return every if EVERY_FAULT else quick


def _is_quick(story: Story) -> bool:
    if story.title == _LAST:
        return story.kill == ENGINE or (story.kill, story.engine) == (PROVIDER, "local")
    return "PATCH" in story.title and (story.kill, story.engine) == (PROVIDER, "local")


class Killed(NamedTuple):
    """A rotation that was killed, and the two runs that followed."""

    story: Story
    old: int
    consumers: int | None
    after_kill: Mapping[int, Any]
    next: Result
    outputs: dict[str, Any]
    current: int | None
    after_up: Mapping[int, Any]
    further: Result
    calls: list[str | None]
    text: str


@pytest.fixture(scope="module", params=stories(), ids=", ".join)
def killed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """Kill a rotation, and run the program twice more."""
    story: Story = request.param
    if story.engine == "cli":
        require_cli()
    folder = tmp_path_factory.mktemp("killed") / "stage"
    shutil.copytree(deployed(story, tmp_path_factory), folder)
    with stored_account(folder) as emulator:
        stage = Stage(story.engine, folder, emulator)
        (old,) = stage.account()
        plaintext = stage.engine.outputs(show_secrets=True)["one"]
        stage.write(story.case.after)
        run_and_kill(story, stage, {key["name"]: id_ for id_, key in stage.account().items()})
        after_kill, consumers = stage.account(), emulator.key_of(plaintext)
        if story.kill == ENGINE:
            stage.engine.unlock()
        second = stage.engine.up()
        resources = stage.engine.export(show_secrets=True)["deployment"]["resources"]
        (outputs,) = (one["outputs"] for one in resources if one["type"].endswith(":RotatingApiKey"))
        current = emulator.key_of(stage.engine.outputs(show_secrets=True)["one"])
        after_up = stage.account()
        emulator.calls.clear()
        further = stage.engine.up()
        text = f"{second} {further} {project_files(folder)}"
        return Killed(
            story, old, consumers, after_kill, second, outputs, current, after_up, further,
            emulator.calls.operations, text,
        )  # fmt: skip


def test_the_key_that_consumers_have_read_works(killed: Killed) -> None:
    """Right after the kill and after the next run, for the overlap."""
    assert killed.consumers == killed.old
    for account in (killed.after_kill, killed.after_up):
        key = account[killed.old]
        assert key["is_enabled"]
        assert key["expires_at"] is None or key["expires_at"] > utc_now() + timedelta(hours=47)


def test_the_next_up_rotates(killed: Killed) -> None:
    """The state has a new key, which its plaintext opens, and the old one expires."""
    assert killed.next.ok, killed.next.text
    assert killed.current == killed.outputs["key_id"] != killed.old
    assert [entry["key_id"] for entry in killed.outputs["retired"]] == [killed.old]
    assert killed.after_up[killed.old]["expires_at"] is not None
    assert killed.after_up[killed.outputs["key_id"]]["expires_at"] is None


def test_what_is_left_is_one_key_at_most(killed: Killed) -> None:
    """A reservation, or a key as declared whose plaintext is lost."""
    known = {killed.old, killed.outputs["key_id"]}
    left = [key for id_, key in killed.after_up.items() if id_ not in known]
    assert len(left) <= 1
    assert all(key["name"].startswith((RESERVATION_PREFIX, "key-one-1")) for key in left)


def test_a_further_up_changes_nothing(killed: Killed) -> None:
    """It makes no call."""
    assert killed.further.ok
    assert killed.further.changes == {"same": 2}
    assert killed.calls == []


def test_nothing_leaks(killed: Killed) -> None:
    """No output and no file contains a credential."""
    assert_clean(killed.text)
