"""One long story of a stack, run once on each engine; each test states one fact about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from pulumi_account.emulator import Emulator
from pulumi_account.testing import Result
from tests.support.canaries import OTHER_PROVISIONING_KEY, PROVISIONING_KEY, assert_clean
from tests.support.cli import require_cli
from tests.support.projects import ENGINES, Project

# a story is a dozen runs of the CLI
pytestmark = pytest.mark.timeout(400)

READS = {"get_balance", "get_key", "list_keys", "get_activity"}

STORY = """
    import os
    import pulumi, pulumi_account as account
    from pulumi import ResourceOptions

    step = int(pulumi.Config().require("step"))

    class Team(pulumi.ComponentResource):
        def __init__(self, name):
            super().__init__("account:index:Team", name, {})

    eu = account.Provider("eu", endpoint=os.environ["EU_ENDPOINT"],
                          provisioning_key=pulumi.Config().require_secret("euProvisioningKey"))
    team = Team("search")
    production = account.ApiKey("production", name="production", credit_limit=500 if step == 1 else 800,
                                expires_at="2099-01-01T00:00:00+01:00")
    rotating = account.ApiKey("rotating", name="rotating", credit_limit=10,
                              rotation_triggers={"quarter": str(step)}, opts=ResourceOptions(parent=team))
    account.ApiKey("auto", credit_limit=0, opts=ResourceOptions(provider=eu))
    account.ApiKey("unchanged", name="unchanged")
    account.ApiKey("dependent", name=rotating.key.apply(lambda key: f"dependent-{len(key)}"), credit_limit=1)
    if step == 1:
        account.ApiKey("removed", name="removed", credit_limit=20)
    else:
        account.ApiKey("added", name="added", is_enabled=False)

    pulumi.export("production_key", production.key)
    pulumi.export("production_id", production.key_id)
    pulumi.export("rotating_key", rotating.key)
    pulumi.export("balance", account.get_balance_output().balance.apply(str))
    pulumi.export("names", account.get_api_keys_output().keys.apply(lambda keys: sorted(k.name for k in keys)))
"""


@dataclass
class Chapter:
    """One command: its result, the calls it made, and the keys and the state that it left."""

    result: Result
    calls: list[str | None]
    keys: dict[str, dict[str, Any]]
    state: dict[str, Any]

    @property
    def ops(self) -> dict[str, str]:
        """What was done to each resource that something was done to."""
        kinds = {"replace", "create", "update", "delete"}
        return {
            step.urn.split("::")[-1]: step.op
            for step in self.result.steps
            if step.op in kinds and "ApiKey" in step.urn
        }

    def resource(self, name: str) -> dict[str, Any]:
        """A resource of the state."""
        found: dict[str, Any] = next(
            r for r in self.state["deployment"]["resources"] if r["urn"].endswith(f"::{name}")
        )
        return found


Story = dict[str, Chapter]


@pytest.fixture(params=ENGINES, scope="module")
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The story on one engine."""
    if request.param == "cli":
        require_cli()
    return tell(request.param, tmp_path_factory)


_told: dict[str, Story] = {}


def tell(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Run the story, once for each engine."""
    if kind not in _told:
        account, eu = (
            Emulator(provisioning_key=PROVISIONING_KEY, balance="125.50"),
            Emulator(provisioning_key=OTHER_PROVISIONING_KEY),
        )
        with account, eu:
            _told[kind] = _tell(Project(kind, tmp_path_factory.mktemp(kind), account), eu)
    return _told[kind]


def _tell(project: Project, eu: Emulator) -> Story:
    project.options = {
        "env": {"EU_ENDPOINT": eu.url},
        "secrets": {"euProvisioningKey": OTHER_PROVISIONING_KEY},
    }
    project.write(STORY)
    story: Story = {}

    def chapter(title: str, command: str, step: int) -> None:
        project.emulator.calls.clear()
        eu.calls.clear()
        result = project.run(command, step=str(step))
        calls = [*project.emulator.calls.operations, *eu.calls.operations]
        keys = {key["name"]: key for emulator in (project.emulator, eu) for key in emulator.keys()}
        story[title] = Chapter(result, calls, keys, project.engine(step=str(step)).export())

    chapter("first preview", "preview", 1)
    chapter("first up", "up", 1)
    plaintexts = project.engine(step="1").outputs(show_secrets=True)
    story["first up"].keys["production"]["unlocked by"] = project.emulator.key_of(
        plaintexts["production_key"]
    )
    story["first up"].keys["rotating"]["unlocked by"] = project.emulator.key_of(plaintexts["rotating_key"])
    chapter("second up", "up", 1)
    chapter("refresh", "refresh", 1)
    chapter("preview after refresh", "preview", 1)
    chapter("preview of changes", "preview", 2)
    chapter("up of changes", "up", 2)
    plaintexts = project.engine(step="2").outputs(show_secrets=True)
    story["up of changes"].keys["rotating"]["unlocked by"] = project.emulator.key_of(
        plaintexts["rotating_key"]
    )
    project.emulator.edit(
        story["up of changes"].keys["production"]["id"], credit_limit=None, is_enabled=False
    )
    project.emulator.remove(story["up of changes"].keys["unchanged"]["id"])
    chapter("refresh of drift", "refresh", 2)
    chapter("preview of drift", "preview", 2)
    chapter("up after drift", "up", 2)
    chapter("last preview", "preview", 2)
    files = project.files()
    chapter("destroy", "destroy", 2)
    assert_clean(files, project.files())
    return story


def test_every_run_succeeds(story: Story) -> None:
    """No command of the story fails, and none reports an error."""
    assert [title for title, chapter in story.items() if not chapter.result.ok] == []
    assert [
        d for chapter in story.values() for d in chapter.result.diagnostics if d.severity == "error"
    ] == []


def test_previews_write_nothing(story: Story) -> None:
    """Preview makes no call that writes, for any change."""
    previews = [chapter for title, chapter in story.items() if "preview" in title]
    assert {call for chapter in previews for call in chapter.calls} <= READS


def test_first_preview_shows_what_is_made(story: Story) -> None:
    """Six keys, a component, an explicit provider and the stack are to be created."""
    assert story["first preview"].result.changes == {"create": 9}


def test_keys_are_as_declared(story: Story) -> None:
    """The accounts hold what the program declares."""
    keys = story["first up"].keys
    assert {name: key["credit_limit"] for name, key in keys.items() if not name.startswith("auto-")} == {
        "production": 500, "rotating": 10, "unchanged": None, "dependent-46": 1, "removed": 20,
    }  # fmt: skip
    assert keys["production"]["expires_at"].isoformat() == "2098-12-31T23:00:00+00:00"


def test_plaintexts_unlock_their_keys(story: Story) -> None:
    """The plaintext in the stack's outputs is that of the key."""
    keys = story["first up"].keys
    assert keys["production"]["unlocked by"] == keys["production"]["id"]


def test_explicit_provider_makes_its_keys_elsewhere(story: Story) -> None:
    """A key of an explicit provider is in the other account, auto-named and with its limit of 0."""
    (auto,) = [key for name, key in story["first up"].keys.items() if name.startswith("auto-")]
    assert auto["id"] == 1
    assert auto["credit_limit"] == 0


def test_second_up_changes_nothing(story: Story) -> None:
    """A second `up` changes nothing, and makes only the calls of the program's own functions."""
    assert story["second up"].result.changes == {"same": 9}
    assert sorted(call or "" for call in story["second up"].calls) == ["get_balance", "list_keys"]


def test_refresh_finds_no_drift(story: Story) -> None:
    """A refresh of an untouched account changes nothing, and the next preview is empty."""
    assert story["refresh"].result.changes == {"same": 9}
    assert story["preview after refresh"].result.changes == {"same": 9}


def test_refresh_lists_instead_of_reading_each(story: Story) -> None:
    """Five keys of one account are three GETs and one LIST; the other account's one key is one GET."""
    assert sorted(call or "" for call in story["refresh"].calls) == ["get_key"] * 4 + ["list_keys"]


CHANGES = {"production": "update", "rotating": "replace", "added": "create", "removed": "delete"}


def test_preview_shows_the_changes(story: Story) -> None:
    """A preview shows each change; a key whose name depends on a rotated one may change."""
    assert story["preview of changes"].ops == {**CHANGES, "dependent": "update"}


def test_up_makes_the_changes(story: Story) -> None:
    """The deployment makes exactly the changes that the preview showed; the dependent key turns out unchanged."""
    assert story["up of changes"].ops == CHANGES


def test_changed_fields_are_named(story: Story) -> None:
    """The engine names the changed fields, and those that cause a replacement."""
    steps = {step.urn.split("::")[-1]: step for step in story["up of changes"].result.steps}
    assert steps["production"].diff == ("credit_limit",)
    assert steps["rotating"].replace_reasons == ("rotation_triggers",)


def test_rotation_makes_before_it_deletes(story: Story) -> None:
    """The old key lives until the new one exists."""
    calls = story["up of changes"].calls
    assert max(i for i, call in enumerate(calls) if call == "create_key") < calls.index("delete_key")


def test_rotation_gives_a_new_plaintext(story: Story) -> None:
    """After a rotation the output is the new key's plaintext."""
    before, after = story["first up"].keys["rotating"], story["up of changes"].keys["rotating"]
    assert after["unlocked by"] == after["id"] != before["id"]


def test_plaintext_is_encrypted_in_state(story: Story) -> None:
    """After create, update, replacement and refresh, `key` is a secret in the state."""
    for title in ("first up", "up of changes", "refresh", "up after drift"):
        for resource in story[title].state["deployment"]["resources"]:
            if resource["type"].endswith("ApiKey"):
                assert "ciphertext" in resource["outputs"]["key"]
                assert resource["additionalSecretOutputs"] == ["key"]


def test_a_secret_name_stays_secret(story: Story) -> None:
    """A name that derives from a plaintext is a secret in the state, after a refresh too."""
    for title in ("first up", "refresh"):
        dependent = story[title].resource("dependent")
        assert "ciphertext" in dependent["inputs"]["name"]
        assert "ciphertext" in dependent["outputs"]["name"]


def test_state_holds_no_hint_of_the_preview(story: Story) -> None:
    """The state's inputs are the declared ones, the provider and its instance, nothing else."""
    assert set(story["first up"].resource("auto")["inputs"]) == {
        "__instance_id", "__provider", "credit_limit", "is_enabled", "name", "name_prefix",
    }  # fmt: skip


def test_drift_shows_in_the_next_preview(story: Story) -> None:
    """Keys that were changed outside Pulumi will be updated, deleted ones created."""
    assert story["preview of drift"].ops == {"production": "update", "unchanged": "create"}


def test_up_puts_drift_right(story: Story) -> None:
    """After the next `up` the account is as declared again."""
    keys = story["up after drift"].keys
    assert (keys["production"]["credit_limit"], keys["production"]["is_enabled"]) == (800, True)
    assert "unchanged" in keys
    assert story["last preview"].result.changes == {"same": 9}


def test_destroy_deletes_every_key(story: Story) -> None:
    """After `destroy` both accounts are empty, and so is the stack."""
    assert story["destroy"].keys == {}
    assert story["destroy"].state["deployment"].get("resources", []) == []


def test_both_engines_tell_the_same_story(tmp_path_factory: pytest.TempPathFactory) -> None:
    """LocalEngine reports the same counts, order and names as the real CLI."""
    require_cli()
    local, cli = (tell(kind, tmp_path_factory) for kind in ENGINES)
    for title, chapter in local.items():
        assert (title, chapter.result.changes) == (title, cli[title].result.changes)
        assert (title, chapter.ops) == (title, cli[title].ops)
        # a key that is gone costs one call more when it is read after the list
        count = set if title == "refresh of drift" else sorted
        assert (title, count(map(str, chapter.calls))) == (title, count(map(str, cli[title].calls)))
