"""Whole programs on both engines: LocalEngine and the real CLI, against the emulator.

One story is run once for each engine, and the tests state facts about it; what the engines tell is compared.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pulumi_account.emulator import Emulator
from pulumi_account.testing import LocalEngine, Result
from tests.conftest import MakeEngine, warm_python
from tests.support.canaries import OTHER_PROVISIONING_KEY, PLAINTEXT, PROVISIONING_KEY, assert_clean
from tests.support.cli import CliEngine, require_cli

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

ENGINES = ["local", "cli"]


@dataclass
class Bench:
    """A project, the accounts it talks to, and an engine to run it."""

    kind: str
    folder: Path
    emulator: Emulator
    options: dict[str, Any] = field(default_factory=dict)
    _cli: CliEngine | None = None
    _configured: dict[str, str] = field(default_factory=dict)

    def write(self, program: str, name: str = "story") -> None:
        """Make this the program."""
        (self.folder / "Pulumi.yaml").write_text(f"name: {name}\nruntime: python\n")
        (self.folder / "__main__.py").write_text(textwrap.dedent(program))

    def engine(self, **config: str) -> LocalEngine | CliEngine:
        """The engine, with this configuration."""
        env = {
            "ACCOUNT_ENDPOINT": self.emulator.url,
            "ACCOUNT_RETRY_DEADLINE": "0",
            **self.options.get("env", {}),
        }
        secrets = {"account:provisioningKey": PROVISIONING_KEY} if not self.options.get("alone") else {}
        secrets |= self.options.get("secrets", {})
        if self.kind == "local":
            state = self.folder / "state.json"
            return LocalEngine(
                self.folder, state=state, env=env, secrets=secrets, config=config, python=warm_python()
            )
        if self._cli is None:
            self._cli = CliEngine(self.folder, self.folder / "cli", env=env, secrets=secrets, config=config)
        elif config != self._configured:
            self._cli.configure(config, {})
        self._configured = config
        return self._cli

    def run(self, command: str, **config: str) -> Result:
        """Run a command; nothing that it tells may hold a credential."""
        result: Result = getattr(self.engine(**config), command)()
        assert_clean(result.text, result.steps, result.outputs, result.diagnostics)
        return result

    def files(self) -> str:
        """All that lies in the project's folder, but for the program itself and the accounts."""
        found = [path for path in self.folder.rglob("*") if path.is_file() and path.suffix != ".py"]
        return "\n".join(path.read_text(errors="replace") for path in found)


@pytest.fixture(params=ENGINES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """An empty project and account."""
    if request.param == "cli":
        require_cli()
    with Emulator(provisioning_key=PROVISIONING_KEY, balance="125.50") as emulator:
        yield Bench(request.param, tmp_path, emulator)


# --- the story


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
    """The story, told by one engine."""
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
            _told[kind] = _tell(Bench(kind, tmp_path_factory.mktemp(kind), account), eu)
    return _told[kind]


def _tell(bench: Bench, eu: Emulator) -> Story:
    bench.options = {
        "env": {"EU_ENDPOINT": eu.url},
        "secrets": {"euProvisioningKey": OTHER_PROVISIONING_KEY},
    }
    bench.write(STORY)
    story: Story = {}

    def chapter(title: str, command: str, step: int) -> None:
        bench.emulator.calls.clear()
        eu.calls.clear()
        result = bench.run(command, step=str(step))
        calls = [*bench.emulator.calls.operations, *eu.calls.operations]
        keys = {key["name"]: key for emulator in (bench.emulator, eu) for key in emulator.keys()}
        story[title] = Chapter(result, calls, keys, bench.engine(step=str(step)).export())

    chapter("first preview", "preview", 1)
    chapter("first up", "up", 1)
    plaintexts = bench.engine(step="1").outputs(show_secrets=True)
    story["first up"].keys["production"]["unlocked by"] = bench.emulator.key_of(plaintexts["production_key"])
    story["first up"].keys["rotating"]["unlocked by"] = bench.emulator.key_of(plaintexts["rotating_key"])
    chapter("second up", "up", 1)
    chapter("refresh", "refresh", 1)
    chapter("preview after refresh", "preview", 1)
    chapter("preview of changes", "preview", 2)
    chapter("up of changes", "up", 2)
    plaintexts = bench.engine(step="2").outputs(show_secrets=True)
    story["up of changes"].keys["rotating"]["unlocked by"] = bench.emulator.key_of(plaintexts["rotating_key"])
    bench.emulator.edit(story["up of changes"].keys["production"]["id"], credit_limit=None, is_enabled=False)
    bench.emulator.remove(story["up of changes"].keys["unchanged"]["id"])
    chapter("refresh of drift", "refresh", 2)
    chapter("preview of drift", "preview", 2)
    chapter("up after drift", "up", 2)
    chapter("last preview", "preview", 2)
    files = bench.files()
    chapter("destroy", "destroy", 2)
    assert_clean(files, bench.files())
    return story


def test_every_run_succeeds(story: Story) -> None:
    """No command of the story fails, and none has anything to complain of."""
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
    """A second `up` changes nothing, and asks nothing about keys but what the program asks itself."""
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
    """The deployment makes just the changes that the preview showed; what depends turns out the same."""
    assert story["up of changes"].ops == CHANGES


def test_changed_fields_are_named(story: Story) -> None:
    """The engine names the changed fields, and what makes it replace."""
    steps = {step.urn.split("::")[-1]: step for step in story["up of changes"].result.steps}
    assert steps["production"].diff == ("credit_limit",)
    assert steps["rotating"].replace_reasons == ("rotation_triggers",)


def test_rotation_makes_before_it_deletes(story: Story) -> None:
    """The old key lives until the new one is in place."""
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
    """What was changed behind Pulumi's back is to be put right, what was deleted is to be made again."""
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
    """LocalEngine counts, orders and names what the real CLI does."""
    require_cli()
    local, cli = (tell(kind, tmp_path_factory) for kind in ENGINES)
    for title, chapter in local.items():
        assert (title, chapter.result.changes) == (title, cli[title].result.changes)
        assert (title, chapter.ops) == (title, cli[title].ops)
        # a key that is gone costs one call more when it is read after the list
        count = set if title == "refresh of drift" else sorted
        assert (title, count(map(str, chapter.calls))) == (title, count(map(str, cli[title].calls)))


# --- single facts


def ended_with(result: Result) -> list[str]:
    """The error lines of a run that failed, without what the engine adds in general."""
    assert not result.ok
    general = ("preview failed", "update failed", "an unhandled error", "resource monitor shut down")
    errors = [d.message.strip() for d in result.diagnostics if d.severity == "error"]
    return [line for line in errors if not line.startswith(general)]


def test_wrong_values_are_told_in_the_preview(bench: Bench) -> None:
    """One line for each wrong value, already in preview, and no call."""
    bench.write("""
        import pulumi_account as account
        from datetime import datetime
        account.ApiKey("bad", name="", credit_limit=float("nan"), expires_at=datetime(2099, 1, 1),
                       is_enabled="yes", rotation_triggers={"a": 1}, adopt_key="ng-canary")
    """)
    lines = [line.partition(" has a problem: ")[2] for line in ended_with(bench.run("preview"))]
    assert sorted(line.split()[0] for line in lines) == [
        "adopt_key", "credit_limit", "expires_at", "is_enabled", "name", "rotation_triggers",
    ]  # fmt: skip
    assert list(bench.emulator.calls) == []


def test_missing_provisioning_key_is_one_line(bench: Bench) -> None:
    """Without a provisioning key the preview says in one line where it is looked for."""
    bench.write('import pulumi_account as account; account.ApiKey("k")')
    bench.options = {"env": {"ACCOUNT_PROVISIONING_KEY": ""}, "secrets": {"account:provisioningKey": " "}}
    (line,) = ended_with(bench.run("preview"))
    assert "\n" not in line
    assert "account:provisioningKey" in line
    assert "ACCOUNT_PROVISIONING_KEY" in line


@pytest.mark.parametrize(
    "program", ['account.ApiKey("k")', "account.get_balance()"], ids=["resource", "function"]
)
def test_certificates_of_no_use_are_one_line(bench: Bench, program: str) -> None:
    """Certificates that cannot be read end the preview with one line that names the variable and the path."""
    bench.write(f"import pulumi_account as account; {program}")
    bench.options = {"env": {"ACCOUNT_ENDPOINT": "https://127.0.0.1:1", "SSL_CERT_FILE": "/nowhere.pem"}}
    (line,) = ended_with(bench.run("preview"))
    assert "\n" not in line
    assert "SSL_CERT_FILE is /nowhere.pem, which cannot be read (No such file or directory)" in line
    assert "defect" not in line


def test_an_old_sdk_is_one_line(engine: MakeEngine, tmp_path: Path) -> None:
    """An SDK that is too old ends the program with one line, which says what to do."""
    (tmp_path / "Pulumi.yaml").write_text("name: old\nruntime: python\n")
    program = "import pulumi\npulumi._version._VERSION = '3.267.0'\nfrom pulumi_account import ApiKey"
    (tmp_path / "__main__.py").write_text(program)
    result = engine(tmp_path, python=sys.executable).preview()
    assert [item.message for item in result.diagnostics if item.severity == "error"] == [
        "pulumi 3.267.0 is installed, but pulumi_account needs 3.268 or newer: pip install -U pulumi",
        "an unhandled error occurred: program exited with non-zero exit code: 1",
    ]


def test_failed_function_is_one_line(bench: Bench) -> None:
    """A function that fails stops the program with one line and no traceback."""
    bench.write("import pulumi_account as account; account.get_api_key(key_id=999)")
    (line,) = ended_with(bench.run("preview"))
    assert line == "GET /v1/account/keys/999: There is no API key with this id. (status 404)"


def test_failed_output_function_is_one_line(bench: Bench) -> None:
    """The same of an `_output` form."""
    bench.write("""
        import pulumi, pulumi_account as account
        pulumi.export("name", account.get_api_key_output(pulumi.Output.from_input(999)).name)
    """)
    (line,) = ended_with(bench.run("preview"))
    assert line == "GET /v1/account/keys/999: There is no API key with this id. (status 404)"


def test_get_reads_without_managing(bench: Bench) -> None:
    """`ApiKey.get` reads a key, and `destroy` leaves it alone."""
    key_id, _ = bench.emulator.add("theirs", credit_limit="12.5")
    bench.write(f'''
        import pulumi, pulumi_account as account
        key = account.ApiKey.get("k", "{key_id}")
        pulumi.export("limit", key.credit_limit)
        pulumi.export("plaintext", key.key)
    ''')
    result = bench.run("up")
    assert result.ok
    assert result.outputs["limit"] == 12.5
    assert result.outputs.get("plaintext") is None
    assert bench.run("destroy").ok
    assert bench.emulator.key(key_id) is not None


def test_get_of_a_missing_key_is_one_line(bench: Bench) -> None:
    """`ApiKey.get` of an id that the account does not have is an error, in one line."""
    bench.write('import pulumi_account as account; account.ApiKey.get("k", "999")')
    (line,) = ended_with(bench.run("up"))
    assert line.endswith("pulumi_account.exceptions.NotFoundError: the account has no key 999")


ADOPTION = """
    import pulumi, pulumi_account as account
    key = account.ApiKey("{resource}", name="mine"{arguments}, opts=pulumi.ResourceOptions(protect=False))
    pulumi.export("key", key.key)
"""


def test_adopted_key_is_kept_and_managed(bench: Bench) -> None:
    """An adopted key is changed to what is declared; its arguments can go afterwards; its plaintext stays."""
    key_id, _ = bench.emulator.add("legacy", credit_limit=3)
    bench.write(ADOPTION.format(resource="k", arguments=f", adopt_key_id={key_id}, adopt_key='{PLAINTEXT}'"))
    assert bench.run("up").changes["create"] == 2
    assert bench.run("up").changes == {"same": 2}
    assert bench.run("refresh").changes == {"same": 2}
    bench.write(ADOPTION.format(resource="k", arguments=""))
    assert bench.run("up").changes == {"update": 1, "same": 1}
    assert bench.engine().outputs(show_secrets=True)["key"] == PLAINTEXT
    assert [(key["id"], key["name"], key["credit_limit"]) for key in bench.emulator.keys()] == [
        (key_id, "mine", None)
    ]
    assert_clean(bench.files())


def test_adopted_key_survives_a_rename_of_its_resource(bench: Bench) -> None:
    """A resource renamed without an alias adopts the key, which the old resource's deletion then spares."""
    key_id, _ = bench.emulator.add("legacy")
    bench.write(ADOPTION.format(resource="old", arguments=f", adopt_key_id={key_id}"))
    assert bench.run("up").ok
    bench.write(ADOPTION.format(resource="new", arguments=f", adopt_key_id={key_id}"))
    assert bench.run("up").ok
    assert [key["id"] for key in bench.emulator.keys()] == [key_id]
    assert bench.run("up").changes == {"same": 2}


def test_another_id_replaces(bench: Bench) -> None:
    """Naming another id adopts that key and deletes the one the resource had."""
    bench.write(ADOPTION.format(resource="k", arguments=""))
    assert bench.run("up").ok
    key_id, _ = bench.emulator.add("legacy")
    bench.write(ADOPTION.format(resource="k", arguments=f", adopt_key_id={key_id}"))
    assert bench.run("preview").changes == {"replace": 1, "same": 1}
    assert bench.run("up").changes == {"replace": 1, "same": 1}
    assert [key["id"] for key in bench.emulator.keys()] == [key_id]


def test_a_key_given_another_provider_is_replaced(bench: Bench) -> None:
    """A key that is given another provider is made in that account, and deleted in the one it was in."""
    program = """
        import os, pulumi, pulumi_account as account
        eu = account.Provider("eu", endpoint=os.environ["EU_ENDPOINT"], provisioning_key="prov-canary-other-77aa")
        account.ApiKey("k", name="n"{opts})
    """
    with Emulator(provisioning_key=OTHER_PROVISIONING_KEY) as eu:
        bench.options = {"env": {"EU_ENDPOINT": eu.url}}
        bench.write(program.format(opts=""))
        assert bench.run("up").ok
        bench.write(program.format(opts=", opts=pulumi.ResourceOptions(provider=eu)"))
        assert bench.run("preview").changes["replace"] == 1
        assert bench.run("up").changes["replace"] == 1
        assert bench.emulator.keys() == []
        assert [key["name"] for key in eu.keys()] == ["n"]
        assert set(bench.run("up").changes) == {"same"}
        assert bench.run("destroy").ok
        assert eu.keys() == []


def test_replace_on_changes_is_honoured(bench: Bench) -> None:
    """`replace_on_changes` makes a new key where an update would do."""
    program = """
        import pulumi, pulumi_account as account
        account.ApiKey("k", name="n", credit_limit={limit},
                       opts=pulumi.ResourceOptions(replace_on_changes=["credit_limit"]))
    """
    bench.write(program.format(limit=1))
    assert bench.run("up").ok
    bench.write(program.format(limit=2))
    assert bench.run("up").changes == {"replace": 1, "same": 1}
    assert [(key["id"], key["credit_limit"]) for key in bench.emulator.keys()] == [(2, 2)]


def test_ignore_changes_leaves_a_field_alone(bench: Bench) -> None:
    """`ignore_changes` keeps a limit that people change by hand, and an auto-name."""
    program = """
        import pulumi, pulumi_account as account
        account.ApiKey("k", credit_limit={limit}, opts=pulumi.ResourceOptions(
            ignore_changes=["credit_limit", "name"]))
    """
    bench.write(program.format(limit=1))
    assert bench.run("up").ok
    bench.write(program.format(limit=2))
    assert bench.run("up").changes == {"same": 2}


def test_protected_key_is_not_deleted(bench: Bench) -> None:
    """`destroy` of a protected key fails, and the key lives."""
    bench.write("""
        import pulumi, pulumi_account as account
        account.ApiKey("k", name="n", opts=pulumi.ResourceOptions(protect=True))
    """)
    assert bench.run("up").ok
    assert not bench.run("destroy").ok
    assert len(bench.emulator.keys()) == 1


def test_failed_creation_records_nothing(bench: Bench) -> None:
    """What fails to be made is in no state and in no account, and what else was declared is made."""
    from pulumi_account.emulator import Answer, Fault

    bench.write("""
        import pulumi_account as account
        account.ApiKey("k", name="n")
    """)
    bench.emulator.faults.add(Fault(Answer(402), operation="create_key"))
    (line,) = ended_with(bench.run("up"))
    assert line.startswith("pulumi_account.exceptions.InsufficientCreditsError: POST /v1/account/keys: ")
    assert bench.emulator.keys() == []
    assert bench.run("up").changes["create"] == 1


def test_local_state_imports_into_a_real_stack(tmp_path: Path) -> None:
    """The CLI imports LocalEngine's state, previews it empty, refreshes it and destroys the keys."""
    require_cli()
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
        local = Bench("local", tmp_path, emulator)
        local.write("""
            import pulumi, pulumi_account as account
            key = account.ApiKey("k", name="n", credit_limit=1.5, rotation_triggers={"q": "1"})
            account.ApiKey("auto", expires_at="2099-01-01T00:00:00Z")
            pulumi.export("key", key.key)
        """)
        assert local.run("up").ok
        plaintext = local.engine().outputs(show_secrets=True)["key"]
        cli = Bench("cli", tmp_path, emulator)
        real = cli.engine()
        assert isinstance(real, CliEngine)
        real.import_state(local.engine().export())
        assert real.preview().changes == {"same": 3}
        assert real.refresh().changes == {"same": 3}
        assert real.outputs(show_secrets=True)["key"] == plaintext
        assert real.destroy().ok
        assert emulator.keys() == []


UNMERGED = """
    import pulumi, pulumi_account as account
    options = pulumi.ResourceOptions(retain_on_delete=False)  # not merged, as people write it
    pulumi.runtime.{register}(lambda args: pulumi.{result}(args.props, options))
    step = pulumi.Config().require("step")
    made = account.ApiKey("made", name="made", credit_limit=int(step), rotation_triggers={{"every": step[0]}})
    adopted = account.ApiKey("adopted", name="adopted", credit_limit=int(step),
                             adopt_key_id={key_id}, adopt_key="{plaintext}")
    pulumi.export("made", made.key)
    pulumi.export("adopted", adopted.key)
"""


@pytest.mark.parametrize(
    ("register", "result"),
    [
        ("register_stack_transform", "ResourceTransformResult"),
        ("register_stack_transformation", "ResourceTransformationResult"),
    ],
)
def test_a_transform_uncovers_no_plaintext(bench: Bench, register: str, result: str) -> None:
    """It may drop all options: a creation, an update, a rotation, a refresh and an adoption stay covered."""
    key_id, _ = bench.emulator.add("legacy")
    program = UNMERGED.format(register=register, result=result, key_id=key_id, plaintext=PLAINTEXT)
    bench.write(program)
    for command, step in [("up", "10"), ("up", "11"), ("refresh", "11"), ("up", "20"), ("preview", "20")]:
        done = bench.run(command, step=step)
        assert done.ok, done.text
        plaintexts = bench.engine(step=step).outputs(show_secrets=True)
        assert bench.engine(step=step).outputs() == {"made": "[secret]", "adopted": "[secret]"}
        assert plaintexts["adopted"] == PLAINTEXT
        assert plaintexts["made"] not in bench.files() + done.text


def test_a_secret_prefix_is_one_line(bench: Bench) -> None:
    """A name that is made of a secret would be shown: the preview refuses it."""
    bench.write("""
        import pulumi, pulumi_account as account
        account.ApiKey("k", name_prefix=pulumi.Output.secret("customer-"))
    """)
    result = bench.run("preview")
    assert not result.ok
    assert "name_prefix must not be a secret" in result.text
    assert "customer-" not in result.text


# --- configuration


def test_a_date_without_quotes_in_the_stacks_file(bench: Bench) -> None:
    """YAML reads it, and Pulumi writes it in another way: the line says what to do."""
    bench.write("""
        import pulumi, pulumi_account as account
        account.ApiKey("k", expires_at=pulumi.Config().require("expires"))
    """)
    bench.engine()  # the CLI writes the stack's file
    file = bench.folder / "Pulumi.local.yaml"
    stored = file.read_text() if file.exists() else "config:\n"
    file.write_text(stored.replace("config:\n", "config:\n  story:expires: 2035-01-01T10:00:00+01:00\n"))
    (line,) = ended_with(bench.run("preview"))
    assert line.endswith(
        "expires_at '2035-01-01 10:00:00 +0100 +0100' is a date that YAML has read: quote it, as "
        '"2035-01-01T10:00:00+01:00"'
    )


def test_a_misspelt_configuration_is_named(bench: Bench) -> None:
    """The preview says which name is wrong, of a resource and of a function."""
    bench.write("import pulumi_account as account\naccount.ApiKey('k')")
    bench.options = {"secrets": {"account:provisioningkey": PROVISIONING_KEY}, "alone": True}
    wrong = "the configuration has account:provisioningkey, which has no effect: it must be account:provisioningKey"
    (line,) = ended_with(bench.run("preview"))
    assert line.endswith(wrong)
    bench.write("import pulumi_account as account\naccount.get_balance()")
    result = bench.run("preview")
    assert not result.ok
    assert wrong in result.text


@pytest.mark.parametrize("secret", [True, False])
def test_a_provisioning_key_in_plain_text_is_told(bench: Bench, secret: bool) -> None:
    """Once in a run, however many resources and functions use it."""
    bench.write("""
        import pulumi_account as account
        account.ApiKey("one")
        account.ApiKey("two")
        account.get_balance()
    """)
    key = {"account:provisioningKey": "plain-text-key"}
    bench.emulator.stop()
    bench.emulator = Emulator(provisioning_key="plain-text-key")
    with bench.emulator:
        bench.options = {"secrets": key if secret else {}, "alone": True}
        result = bench.run("preview", **({} if secret else key))
    assert result.ok, result.text
    told = [line for line in result.diagnostics if "is in plain text in the stack's file" in line.message]
    assert len(told) == (not secret)
    assert all(line.severity == "warning" for line in told)
