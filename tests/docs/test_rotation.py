"""`docs/rotation.md`: what the page says of the real CLI is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pulumi_account.emulator import Emulator
from tests.support.canaries import OTHER_PROVISIONING_KEY
from tests.support.cli import CliEngine
from tests.support.pages import PLAIN, Page, engine_of, rotated
from tests.support.projects import Project
from tests.support.projects import project as project  # a fixture

pytestmark = pytest.mark.timeout(400)

PAGE = Page("docs/rotation.md")
PROGRAMS = dict(PAGE.files("python"))
SERVICE = "urn:pulumi:local::keys::pulumi-python:dynamic/account:ApiKey::service"


# --- keys of other stacks


def test_a_consumer_has_the_deleted_key_until_it_is_deployed(tmp_path: Path, account: Emulator) -> None:
    """A rotation in another stack changes nothing of it, and its preview shows the new id."""
    keys, consumer = two_stacks(tmp_path, account, PROGRAMS["triggered.py"])
    keys.configure({"month": "1"}, {})
    assert keys.up().ok
    assert consumer.up().ok
    assert consumer.outputs() == {"key": "[secret]", "key_id": 1}
    keys.configure({"month": "2"}, {})
    assert keys.up().changes["replace"] == 1
    assert consumer.refresh().ok
    assert account.key_of(used_by(consumer)) is None
    text = consumer.preview().text
    assert "~ key_id: 1 => 2" in text
    assert consumer.up().ok
    assert account.key_of(used_by(consumer)) == 2


def test_a_rotating_key_leaves_no_gap(tmp_path: Path, account: Emulator) -> None:
    """Between the rotation and its own deployment, a consumer in another stack has a working key."""
    program = PROGRAMS["rotating.py"].replace("every=", 'rotate_now=pulumi.Config().require("turn"), every=')
    keys, consumer = two_stacks(tmp_path, account, program)
    keys.configure({"turn": "1"}, {})
    assert keys.up().ok
    assert consumer.up().ok
    keys.configure({"turn": "2"}, {})
    assert "[diff: ~decided_at,generation,name,reason,rotate_now]" in keys.preview().text
    assert keys.up().changes == {"same": 1, "update": 1}
    assert account.key_of(used_by(consumer)) == 1
    text = consumer.preview().text
    assert "~ key_id: 1 => 2" in text
    assert consumer.up().ok
    assert account.key_of(used_by(consumer)) == 2


def two_stacks(tmp_path: Path, account: Emulator, program: str) -> tuple[CliEngine, CliEngine]:
    """The stack with the keys, and the page's consumer, in one backend."""
    keys = engine_of(tmp_path / "keys", account, program, PLAIN)
    consumer = PROGRAMS["consumer.py"].replace("keys/dev", "keys/local")
    return keys, engine_of(tmp_path / "consumer", account, consumer, PLAIN.replace("keys", "consumer"))


def used_by(consumer: CliEngine) -> str:
    """The plaintext that a consumer has."""
    return str(consumer.outputs(show_secrets=True)["key"])


def test_a_rotation_may_leave_the_old_key(tmp_path: Path, account: Emulator) -> None:
    """With `retain_on_delete` it lives on, and the stack does not know it."""
    program = """
import pulumi, pulumi_account as account
account.ApiKey("service", rotation_triggers={"turn": pulumi.Config().require("turn")},
               opts=pulumi.ResourceOptions(retain_on_delete=True))
"""
    engine = engine_of(tmp_path / "keys", account, program, PLAIN)
    for turn in "12":
        engine.configure({"turn": turn}, {})
        assert engine.up().ok
    assert [key["id"] for key in account.keys()] == [1, 2]
    ids = [resource.get("id") for resource in engine.export()["deployment"]["resources"]]
    assert "2" in ids
    assert "1" not in ids


# --- protected keys

PROTECTED = """
import pulumi, pulumi_account as account
key = account.ApiKey("service", rotation_triggers={"turn": pulumi.Config().require("turn")},
                     opts=pulumi.ResourceOptions(protect=True))
pulumi.export("key_id", key.key_id)
"""


@pytest.mark.parametrize("command", ["preview", "up"])
def test_a_protected_key_is_not_rotated(project: Project, command: str) -> None:
    """The line is the page's, and the account is as before; without the protection, one deployment rotates."""
    project.write(PROTECTED, name="keys")
    assert project.run("up", turn="1").ok
    before = project.emulator.keys()
    result = project.run(command, turn="2")
    assert not result.ok
    shown = re.findall(r"```text\nerror: (unable .*\n.*)\n```", PAGE.text)[0].replace(":dev::", ":local::")
    assert " ".join(shown.split()) in " ".join(result.text.split())
    assert project.emulator.keys() == before
    project.write(PROTECTED.replace("True", "False"), name="keys")
    assert project.run("up", turn="2").changes["replace"] == 1
    assert len(project.emulator.keys()) == 1


def test_a_key_unprotected_in_the_state_is_rotated(tmp_path: Path, account: Emulator) -> None:
    """The program still protects it, so the new key is protected."""
    engine = engine_of(tmp_path / "keys", account, PROTECTED, PLAIN)
    engine.configure({"turn": "1"}, {})
    assert engine.up().ok
    engine.configure({"turn": "2"}, {})
    engine.unprotect(SERVICE)
    assert engine.up().changes["replace"] == 1
    assert [key["id"] for key in account.keys()] == [2]
    assert engine.preview().changes == {"same": 2}
    assert not engine.destroy().ok


# --- a rotated provisioning key

OWN = "import pulumi_account as account\naccount.ApiKey('service')\n"
EXPLICIT = """
import os, pulumi, pulumi_account as account
eu = account.Provider("eu", endpoint=os.environ["ACCOUNT_ENDPOINT"],
                      provisioning_key=pulumi.Config("account").require_secret("provisioningKey"))
account.ApiKey("service", opts=pulumi.ResourceOptions(provider=eu))
"""


@pytest.mark.parametrize("program", [OWN, EXPLICIT], ids=["own", "explicit"])
def test_a_deployment_stores_the_new_provisioning_key(tmp_path: Path, program: str) -> None:
    """A refresh fails before a deployment that changes no key, and succeeds after it."""
    with rotated(tmp_path, program) as (engine, _):
        refused = engine.refresh()
        assert not refused.ok
        assert "status 401" in refused.text
        assert engine.preview().ok
        assert engine.up().ok
        refreshed = engine.refresh()
        assert refreshed.ok, refreshed.text


@pytest.mark.parametrize("program", [OWN, EXPLICIT], ids=["own", "explicit"])
def test_run_program_reads_the_new_provisioning_key(tmp_path: Path, program: str) -> None:
    """A refresh with it stores the key, too."""
    with rotated(tmp_path, program) as (engine, _):
        assert engine.refresh("--run-program").ok
        assert engine.refresh().ok


@pytest.mark.parametrize("program", [OWN, EXPLICIT], ids=["own", "explicit"])
def test_run_program_destroys(tmp_path: Path, program: str) -> None:
    """A destruction fails without it, and the key stays; with it the key is deleted."""
    with rotated(tmp_path, program) as (engine, account):
        assert not engine.destroy().ok
        assert len(account.keys()) == 1
        assert engine.destroy("--run-program").ok
        assert account.keys() == []


@pytest.mark.parametrize(("program", "reached"), [(OWN, True), (EXPLICIT, False)], ids=["own", "explicit"])
def test_the_environments_provisioning_key(tmp_path: Path, program: str, reached: bool) -> None:
    """It wins for the stack's own provider, and is not stored; it does not reach an explicit one."""
    with rotated(tmp_path, program) as (engine, account):
        env = {"ACCOUNT_ENDPOINT": account.url, "ACCOUNT_PROVISIONING_KEY": OTHER_PROVISIONING_KEY}
        assert CliEngine(tmp_path / "keys", tmp_path / "cli", env=env).refresh().ok == reached
        assert not engine.refresh().ok
