"""Previews of whole programs, on both engines, show the changes and nothing else."""

from __future__ import annotations

import pytest

from pulumi_account.testing import Result
from tests.support.canaries import PLAINTEXT
from tests.support.projects import Project

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def project(project: Project) -> Project:
    """A project whose account has a key."""
    project.emulator.add("live")
    return project


HEAD = "import pulumi, pulumi_account as account\nfrom pulumi import ResourceOptions\n"
#: every output of `k`, alone and as an input of others
CONSUMERS = """
OUTPUTS = ["name", "name_prefix", "credit_limit", "is_enabled", "expires_at", "rotation_triggers", "adopt_key_id",
           "key", "key_id", "created_at", "id", "expires_in", "labels", "delete_guard"]
for output in OUTPUTS:
    pulumi.export(output, getattr(k, output))
    account.ApiKey(f"with-{output}", name=getattr(k, output).apply(lambda value: f"its {value}"),
                   rotation_triggers={"of": "1"})
account.ApiKey("like", name="like", credit_limit=k.credit_limit, expires_at=k.expires_at)
"""


def run(project: Project, command: str, *lines: str) -> Result:
    """Run these lines."""
    project.write("\n".join([HEAD, *lines]))
    return project.run(command)


def assert_empty(result: Result) -> None:
    """Nothing changes: no resource, no output of the stack."""
    assert result.ok, result.text
    assert result.changes.keys() == {"same"}, result.text
    assert "unknown" not in result.text
    assert "utputs:" not in result.text


@pytest.mark.parametrize(
    "declaration",
    [
        'k = account.ApiKey("k")',
        'k = account.ApiKey("k", name="k", credit_limit=1)',
        'k = account.ApiKey("k", name="k", adopt_key_id=1)',
        'k = account.ApiKey("k", name="k", rotation_triggers={})',
        f'k = account.ApiKey("k", name="k", adopt_key_id=1, adopt_key="{PLAINTEXT}")',
        'k = account.ApiKey("k", expires_in="P90D", labels={"team": "search"}, delete_guard="168h")',
        'k = account.ApiKey.get("k", "1")',
        'k = account.ApiKey("k", name="k", opts=ResourceOptions(ignore_changes=["credit_limit"]))',
        "pulumi.runtime.register_stack_transform(lambda args: pulumi.ResourceTransformResult("
        '{**args.props, "credit_limit": None}, args.opts))\nk = account.ApiKey("k", name="k", credit_limit=1)',
    ],
    ids=[
        "auto",
        "exact",
        "adopted",
        "no triggers",
        "adopted with its plaintext",
        "expiring",
        "read",
        "ignored",
        "transformed",
    ],
)
def test_an_unchanged_program_previews_empty(project: Project, declaration: str) -> None:
    """The preview is empty whatever the outputs are used for, before and after a refresh: None is known to be None."""
    assert run(project, "up", declaration, CONSUMERS).ok
    assert_empty(project.run("preview"))
    assert project.run("refresh").ok
    assert_empty(project.run("preview"))
    assert project.run("up").changes.keys() == {"same"}


def test_an_ignored_change_is_known(project: Project) -> None:
    """A value that was set outside Pulumi, and that the program ignores, is known in a preview."""
    declaration = 'k = account.ApiKey("k", opts=ResourceOptions(ignore_changes=["credit_limit"]))'
    assert run(project, "up", declaration, CONSUMERS).ok
    key_id = next(key["id"] for key in project.emulator.keys() if key["name"].startswith("k-"))
    project.emulator.edit(key_id, credit_limit=7)
    assert project.run("refresh").ok
    result = project.run("preview")
    assert "7" in result.text
    assert "unknown" not in result.text
    assert project.run("up").ok
    assert_empty(project.run("preview"))


def test_a_transforms_value_is_known(project: Project) -> None:
    """A value that a transform adds is known."""
    transform = (
        "pulumi.runtime.register_stack_transform(lambda args: pulumi.ResourceTransformResult("
        '{**args.props, "credit_limit": 5}, args.opts))'
    )
    text = run(project, "preview", transform, 'k = account.ApiKey("k")', CONSUMERS).text
    assert "credit_limit: 5" in text
    assert "credit_limit: [unknown]" not in text


def test_an_update_keeps_what_it_does_not_change(project: Project) -> None:
    """The preview of a changed limit knows the key's id, name and missing values, so their consumers do not change."""
    used = 'account.ApiKey("user", name=k.name.apply("of {}".format), rotation_triggers={"id": k.key_id.apply(str)})'
    assert run(project, "up", 'k = account.ApiKey("k")', used).ok
    result = run(project, "preview", 'k = account.ApiKey("k", credit_limit=4)', used)
    assert result.changes == {"same": 2, "update": 1}
    assert "unknown" not in result.text


def test_an_adoption_knows_its_key(project: Project) -> None:
    """The preview knows the id, and that there is no plaintext."""
    lines = ['k = account.ApiKey("k", name="k", adopt_key_id=1)', "pulumi.export('id', k.key_id)"]
    result = run(project, "preview", *lines, "pulumi.export('key', k.key)")
    assert "unknown" not in result.text
    assert "1" in next(line for line in result.text.splitlines() if line.strip().startswith("id"))


def test_an_unknown_output_that_is_none_is_known_afterwards(project: Project) -> None:
    """What an Output declares is unknown as long as that is, and None once that is."""
    lines = [
        'first = account.ApiKey("first", name="first")',
        'k = account.ApiKey("k", name="k", expires_at=first.created_at.apply(lambda _: None))',
    ]
    result = run(project, "preview", *lines, "pulumi.export('expires_at', k.expires_at)")
    assert "expires_at: [unknown]" in " ".join(result.text.split()).replace(" :", ":")
    assert project.run("up").ok
    assert_empty(project.run("preview"))


def test_a_rotation_says_that_the_name_changes(project: Project) -> None:
    """An auto-named key gets another name, and the diff of its replacement says so."""
    assert run(project, "up", 'k = account.ApiKey("k")').ok
    result = run(project, "preview", 'k = account.ApiKey("k", rotation_triggers={"quarter": "2"})')
    (step,) = (step for step in result.steps if step.op == "replace")
    assert {"name", "rotation_triggers"} == set(step.diff)


@pytest.mark.parametrize("state", [False, True], ids=["alias", "state rename"])
def test_a_neutral_rename_leaves_the_key_alone(project: Project, state: bool) -> None:
    """A resource with another name is the same key of the same name; the next one is named anew."""
    assert run(project, "up", 'k = account.ApiKey("old")').ok
    (_, before) = project.emulator.keys()
    aliases = "aliases=[pulumi.Alias(name='old')]"
    if state:
        project.engine().rename("urn:pulumi:local::story::pulumi-python:dynamic/account:ApiKey::old", "new")
        aliases = ""
    renamed = f'k = account.ApiKey("new", opts=ResourceOptions({aliases}))'
    assert_empty(run(project, "preview", renamed))
    assert project.run("up").changes == {"same": 2}
    assert_empty(run(project, "preview", 'k = account.ApiKey("new")'))
    assert project.emulator.keys()[1] == before
    assert run(project, "up", 'k = account.ApiKey("new", rotation_triggers={"quarter": "2"})').ok
    assert project.emulator.keys()[1]["name"].startswith("new-")


def test_a_changed_prefix_keeps_the_digits(project: Project) -> None:
    """The preview knows the new name of a renamed key."""
    assert run(project, "up", 'k = account.ApiKey("k")').ok
    digits = project.emulator.keys()[1]["name"].removeprefix("k-")
    result = run(project, "preview", 'k = account.ApiKey("k", name_prefix="team-")')
    assert result.changes == {"same": 1, "update": 1}
    (step,) = (step for step in result.steps if step.op == "update")
    assert set(step.diff) == {"name", "name_prefix"}
    assert project.run("up").ok
    assert project.emulator.keys()[1]["name"] == f"team-{digits}"
