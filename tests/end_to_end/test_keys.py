"""Keys in whole programs, on both engines: LocalEngine and the real CLI."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_account.emulator import Answer, Emulator, Fault
from tests.support.canaries import OTHER_PROVISIONING_KEY, PLAINTEXT, PROVISIONING_KEY, assert_clean
from tests.support.cli import CliEngine, require_cli
from tests.support.projects import Project, ended_with

pytestmark = pytest.mark.timeout(400)


def test_wrong_values_are_told_in_the_preview(project: Project) -> None:
    """The preview reports each invalid value in one line, and makes no call."""
    project.write("""
        import pulumi_account as account
        from datetime import datetime
        account.ApiKey("bad", name="", credit_limit=float("nan"), expires_at=datetime(2099, 1, 1),
                       is_enabled="yes", rotation_triggers={"a": 1}, adopt_key="ng-canary")
    """)
    lines = [line.partition(" has a problem: ")[2] for line in ended_with(project.run("preview"))]
    assert sorted(line.split()[0] for line in lines) == [
        "adopt_key", "credit_limit", "expires_at", "is_enabled", "name", "rotation_triggers",
    ]  # fmt: skip
    assert list(project.emulator.calls) == []


def test_get_reads_without_managing(project: Project) -> None:
    """`ApiKey.get` reads a key, and `destroy` leaves it alone."""
    key_id, _ = project.emulator.add("theirs", credit_limit="12.5")
    project.write(f'''
        import pulumi, pulumi_account as account
        key = account.ApiKey.get("k", "{key_id}")
        pulumi.export("limit", key.credit_limit)
        pulumi.export("plaintext", key.key)
    ''')
    result = project.run("up")
    assert result.ok
    assert result.outputs["limit"] == 12.5
    assert result.outputs.get("plaintext") is None
    assert project.run("destroy").ok
    assert project.emulator.key(key_id) is not None


def test_get_of_a_missing_key_is_one_line(project: Project) -> None:
    """`ApiKey.get` of an id that the account does not have is an error, in one line."""
    project.write('import pulumi_account as account; account.ApiKey.get("k", "999")')
    (line,) = ended_with(project.run("up"))
    assert line.endswith("pulumi_account.exceptions.NotFoundError: the account has no key 999")


ADOPTION = """
    import pulumi, pulumi_account as account
    key = account.ApiKey("{resource}", name="mine"{arguments}, opts=pulumi.ResourceOptions(protect=False))
    pulumi.export("key", key.key)
"""


def test_adopted_key_is_kept_and_managed(project: Project) -> None:
    """An adopted key becomes as declared; its arguments can be removed afterwards; its plaintext stays."""
    key_id, _ = project.emulator.add("legacy", credit_limit=3)
    project.write(
        ADOPTION.format(resource="k", arguments=f", adopt_key_id={key_id}, adopt_key='{PLAINTEXT}'")
    )
    assert project.run("up").changes["create"] == 2
    assert project.run("up").changes == {"same": 2}
    assert project.run("refresh").changes == {"same": 2}
    project.write(ADOPTION.format(resource="k", arguments=""))
    assert project.run("up").changes == {"update": 1, "same": 1}
    assert project.engine().outputs(show_secrets=True)["key"] == PLAINTEXT
    assert [(key["id"], key["name"], key["credit_limit"]) for key in project.emulator.keys()] == [
        (key_id, "mine", None)
    ]
    assert_clean(project.files())


def test_adopted_key_survives_a_rename_of_its_resource(project: Project) -> None:
    """A resource renamed without an alias adopts the key, which the deletion of the old resource then spares."""
    key_id, _ = project.emulator.add("legacy")
    project.write(ADOPTION.format(resource="old", arguments=f", adopt_key_id={key_id}"))
    assert project.run("up").ok
    project.write(ADOPTION.format(resource="new", arguments=f", adopt_key_id={key_id}"))
    assert project.run("up").ok
    assert [key["id"] for key in project.emulator.keys()] == [key_id]
    assert project.run("up").changes == {"same": 2}


def test_another_id_replaces(project: Project) -> None:
    """Naming another id adopts that key and deletes the one the resource had."""
    project.write(ADOPTION.format(resource="k", arguments=""))
    assert project.run("up").ok
    key_id, _ = project.emulator.add("legacy")
    project.write(ADOPTION.format(resource="k", arguments=f", adopt_key_id={key_id}"))
    assert project.run("preview").changes == {"replace": 1, "same": 1}
    assert project.run("up").changes == {"replace": 1, "same": 1}
    assert [key["id"] for key in project.emulator.keys()] == [key_id]


def test_a_key_given_another_provider_is_replaced(project: Project) -> None:
    """A key that is given another provider is made in that account, and deleted in the one it was in."""
    program = """
        import os, pulumi, pulumi_account as account
        eu = account.Provider("eu", endpoint=os.environ["EU_ENDPOINT"], provisioning_key="prov-canary-other-77aa")
        account.ApiKey("k", name="n"{opts})
    """
    with Emulator(provisioning_key=OTHER_PROVISIONING_KEY) as eu:
        project.options = {"env": {"EU_ENDPOINT": eu.url}}
        project.write(program.format(opts=""))
        assert project.run("up").ok
        project.write(program.format(opts=", opts=pulumi.ResourceOptions(provider=eu)"))
        assert project.run("preview").changes["replace"] == 1
        assert project.run("up").changes["replace"] == 1
        assert project.emulator.keys() == []
        assert [key["name"] for key in eu.keys()] == ["n"]
        assert set(project.run("up").changes) == {"same"}
        assert project.run("destroy").ok
        assert eu.keys() == []


def test_replace_on_changes_is_honored(project: Project) -> None:
    """`replace_on_changes` replaces a key instead of updating it."""
    program = """
        import pulumi, pulumi_account as account
        account.ApiKey("k", name="n", credit_limit={limit},
                       opts=pulumi.ResourceOptions(replace_on_changes=["credit_limit"]))
    """
    project.write(program.format(limit=1))
    assert project.run("up").ok
    project.write(program.format(limit=2))
    assert project.run("up").changes == {"replace": 1, "same": 1}
    assert [(key["id"], key["credit_limit"]) for key in project.emulator.keys()] == [(2, 2)]


def test_ignore_changes_leaves_a_field_alone(project: Project) -> None:
    """`ignore_changes` keeps a limit that people change by hand, and an auto-name."""
    program = """
        import pulumi, pulumi_account as account
        account.ApiKey("k", credit_limit={limit}, opts=pulumi.ResourceOptions(
            ignore_changes=["credit_limit", "name"]))
    """
    project.write(program.format(limit=1))
    assert project.run("up").ok
    project.write(program.format(limit=2))
    assert project.run("up").changes == {"same": 2}


def test_protected_key_is_not_deleted(project: Project) -> None:
    """`destroy` of a protected key fails, and the key lives."""
    project.write("""
        import pulumi, pulumi_account as account
        account.ApiKey("k", name="n", opts=pulumi.ResourceOptions(protect=True))
    """)
    assert project.run("up").ok
    assert not project.run("destroy").ok
    assert len(project.emulator.keys()) == 1


def test_failed_creation_records_nothing(project: Project) -> None:
    """A key whose creation failed is in neither state nor account; the next `up` makes it."""
    project.write("""
        import pulumi_account as account
        account.ApiKey("k", name="n")
    """)
    project.emulator.faults.add(Fault(Answer(402), operation="create_key"))
    (line,) = ended_with(project.run("up"))
    assert line.startswith("pulumi_account.exceptions.InsufficientCreditsError: POST /v1/account/keys: ")
    assert project.emulator.keys() == []
    assert project.run("up").changes["create"] == 1


def test_local_state_imports_into_a_real_stack(tmp_path: Path) -> None:
    """The CLI imports LocalEngine's state, previews it empty, refreshes it and destroys the keys."""
    require_cli()
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
        local = Project("local", tmp_path, emulator)
        local.write("""
            import pulumi, pulumi_account as account
            key = account.ApiKey("k", name="n", credit_limit=1.5, rotation_triggers={"q": "1"})
            account.ApiKey("auto", expires_at="2099-01-01T00:00:00Z")
            pulumi.export("key", key.key)
        """)
        assert local.run("up").ok
        plaintext = local.engine().outputs(show_secrets=True)["key"]
        cli = Project("cli", tmp_path, emulator)
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
def test_a_transform_uncovers_no_plaintext(project: Project, register: str, result: str) -> None:
    """A transform may drop all options: plaintexts stay secret when keys are made, changed, rotated and adopted."""
    key_id, _ = project.emulator.add("legacy")
    program = UNMERGED.format(register=register, result=result, key_id=key_id, plaintext=PLAINTEXT)
    project.write(program)
    for command, step in [("up", "10"), ("up", "11"), ("refresh", "11"), ("up", "20"), ("preview", "20")]:
        done = project.run(command, step=step)
        assert done.ok, done.text
        plaintexts = project.engine(step=step).outputs(show_secrets=True)
        assert project.engine(step=step).outputs() == {"made": "[secret]", "adopted": "[secret]"}
        assert plaintexts["adopted"] == PLAINTEXT
        assert plaintexts["made"] not in project.files() + done.text


def test_a_secret_prefix_is_one_line(project: Project) -> None:
    """A prefix that is a secret would be shown in names, so the preview refuses it."""
    project.write("""
        import pulumi, pulumi_account as account
        account.ApiKey("k", name_prefix=pulumi.Output.secret("customer-"))
    """)
    result = project.run("preview")
    assert not result.ok
    assert "name_prefix must not be a secret" in result.text
    assert "customer-" not in result.text
