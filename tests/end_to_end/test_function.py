"""Functions in whole programs, on both engines: LocalEngine and the real CLI."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pulumi import automation

import pulumi_account as account
from pulumi_account.emulator import Emulator
from pulumi_account.testing import Result
from tests.support.canaries import OTHER_PROVISIONING_KEY, PROVISIONING_KEY, assert_clean
from tests.support.cli import require_cli
from tests.support.environment import account_environment, pulumi_environment
from tests.support.projects import Project, ended_with

pytestmark = pytest.mark.timeout(300)

PROGRAM = """
    import os
    import pulumi, pulumi_account as account
    from pulumi import InvokeOptions, InvokeOutputOptions, ResourceOptions

    class Team(pulumi.ComponentResource):
        def __init__(self, name, opts=None):
            super().__init__("account:index:Team", name, {}, opts)
            self.key = account.ApiKey("k", name="k", opts=ResourceOptions(parent=self))

    eu = account.Provider("eu", endpoint=os.environ["EU_ENDPOINT"],
                          provisioning_key=pulumi.Config().require_secret("euProvisioningKey"))
    team = Team("search", ResourceOptions(provider=eu))
    opts = InvokeOptions(provider=eu)

    pulumi.export("stack", str(account.require_balance(50, warn_below="100.5").balance))
    pulumi.export("stack again", account.get_balance_output().balance.apply(str))
    pulumi.export("runway", account.runway_output(7).apply(str))
    pulumi.export("eu", str(account.get_balance(opts=opts).balance))
    pulumi.export("eu again", account.get_balance_output(opts=opts).balance.apply(str))
    pulumi.export("eu by parent", str(account.get_balance(opts=InvokeOptions(parent=team)).balance))
    pulumi.export("before", len(account.get_api_keys(opts=opts).keys))
    after = account.get_api_keys_output(opts=InvokeOutputOptions(provider=eu, depends_on=[team]))
    pulumi.export("after", after.keys.apply(len))
    pulumi.export("id by name", account.get_api_key_output(name=team.key.name, opts=opts).id)
    pulumi.export("id", team.key.key_id)
"""
WARNING = "the account's balance is 100.499999999999999999 USD, less than 100.5 USD: top it up soon"


@pytest.fixture
def poor(project: Project) -> Project:
    """A project whose account has a balance just below 50 USD."""
    project.emulator.balance = "49.999999"
    return project


def warned_of(result: Result) -> list[str]:
    """What a run warned of."""
    return [d.message.strip() for d in result.diagnostics if d.severity == "warning"]


def test_functions_in_a_program(project: Project) -> None:
    """Two accounts: each call is made once in a run, results are not secrets, and no credential is left in a file."""
    project.write(PROGRAM)
    project.emulator.balance = "100.499999999999999999"
    with Emulator(provisioning_key=OTHER_PROVISIONING_KEY, balance="-7") as eu:
        project.options = {
            "env": {"EU_ENDPOINT": eu.url},
            "secrets": {"euProvisioningKey": OTHER_PROVISIONING_KEY},
        }
        preview = project.run("preview")
        assert preview.ok, preview.text
        assert warned_of(preview) == [WARNING]
        assert sorted(map(str, project.emulator.calls.operations)) == ["get_activity", "get_balance"]
        # a key that does not exist yet cannot be read
        assert sorted(map(str, eu.calls.operations)) == ["get_balance", "list_keys"]

        project.emulator.calls.clear()
        eu.calls.clear()
        made = project.run("up")
        assert made.ok, made.text
        assert warned_of(made) == [WARNING]
        assert sorted(map(str, project.emulator.calls.operations)) == ["get_activity", "get_balance"]
        asked = [call for call in eu.calls.operations if call not in ("create_key", "update_key")]
        assert asked == ["get_balance", "list_keys", "list_keys"]

        key_id = eu.keys()[0]["id"]
        assert made.outputs["runway"].startswith("no end in sight")
        assert {name: value for name, value in made.outputs.items() if name != "runway"} == {
            "stack": "100.499999999999999999", "stack again": "100.499999999999999999",
            "eu": "-7", "eu again": "-7", "eu by parent": "-7",
            "before": 0, "after": 1, "id by name": key_id, "id": key_id,
        }  # fmt: skip
        assert_clean(project.files(), json.dumps(project.engine().export()))


SHORT = "the account's balance is 49.999999 USD, but at least 50 USD is needed: top it up, or require less"


@pytest.mark.parametrize("command", ["preview", "up"])
def test_too_little_stops_the_deployment(poor: Project, command: str) -> None:
    """A preview and a deployment end with one line, and make nothing that comes after it."""
    poor.write("""
        import pulumi_account as account
        account.require_balance(50, warn_below=60)
        account.ApiKey("k")
    """)
    result = poor.run(command)
    assert ended_with(result) == [SHORT]
    assert warned_of(result) == []
    assert poor.emulator.calls.operations == ["get_balance"]


def test_too_little_stops_what_needs_it(poor: Project) -> None:
    """A key with an input from the `_output` form is not made; the deployment fails with one line."""
    poor.write("""
        import pulumi, pulumi_account as account
        enough = account.require_balance_output(pulumi.Output.from_input(50))
        account.ApiKey("k", name="k", credit_limit=enough.apply(lambda _: 20))
    """)
    assert ended_with(poor.run("up")) == [SHORT]
    assert poor.emulator.keys() == []


def test_failed_function_is_one_line(project: Project) -> None:
    """A function that fails stops the program with one line and no traceback."""
    project.write("import pulumi_account as account; account.get_api_key(key_id=999)")
    (line,) = ended_with(project.run("preview"))
    assert line == "GET /v1/account/keys/999: There is no API key with this id. (status 404)"


def test_failed_output_function_is_one_line(project: Project) -> None:
    """A failed `_output` form stops it with one line too."""
    project.write("""
        import pulumi, pulumi_account as account
        pulumi.export("name", account.get_api_key_output(pulumi.Output.from_input(999)).name)
    """)
    (line,) = ended_with(project.run("preview"))
    assert line == "GET /v1/account/keys/999: There is no API key with this id. (status 404)"


def test_inline_programs_of_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the automation API, the next run of the same process calls the API again."""
    require_cli()
    told: list[str] = []

    def program() -> None:
        told.append(str(account.get_balance().balance))
        told.append(str(account.get_balance().balance))

    with Emulator(provisioning_key=PROVISIONING_KEY, balance="1") as emulator:
        environment = account_environment(emulator.url) | pulumi_environment(tmp_path)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        stack = automation.create_or_select_stack("dev", "inline", program)
        stack.preview()
        emulator.balance = "2"
        stack.preview()
    assert told == ["1", "1", "2", "2"]
    assert emulator.calls.operations == ["get_balance"] * 2
