"""The same programs on LocalEngine and on the real CLI: what the one does, the other does."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from pulumi_account.testing import LocalEngine
from tests.support.cli import CliEngine, require_cli
from tests.support.programs.workbench import Workbench
from tests.testing.conftest import operations

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeEngine

pytestmark = pytest.mark.timeout(240)


def _said(result: Any) -> list[tuple[str, str]]:
    found = [
        (item.urn.rpartition("::")[2], item.message)
        for item in result.diagnostics
        if item.severity == "error"
    ]
    return sorted(found)


LIFE = """
eu = pulumi.ProviderResource("pulumi-python", "eu", {"account:region": "eu", "account:token": Output.secret("t")})
team = Group("team")
kept = Thing("kept", size=%(n)s, opts=ResourceOptions(protect=%(protect)s))
child = Thing("child", kind="k%(n)s", opts=ResourceOptions(parent=team, additional_secret_outputs=["token"]))
far = Thing("far", secret=config.require_secret("pw"), opts=ResourceOptions(provider=eu))
user = Thing("user", tags={"t": child.token}, opts=ResourceOptions(depends_on=[far]))
Thing("extra%(n)s")
team.register_outputs({"child": child.id})
pulumi.export("token", child.token)
pulumi.export("region", far.region)
pulumi.export("n", %(n)s)
"""


def test_a_stack_lives_and_dies(engine: MakeEngine, bench: Workbench) -> None:
    """Preview, create, change, notice drift, refuse to delete what is protected, then delete all."""
    run = engine(bench.project, secrets={"pw": "hunter22"}, env=bench.env)
    bench.write(LIFE % {"n": 1, "protect": True})
    assert run.preview().changes == {"create": 8}
    assert bench.calls("create") == []
    first = run.up()
    assert first.ok
    assert first.changes == {"create": 8}
    assert first.outputs == {"token": "[secret]", "region": "eu", "n": 1}
    assert sorted(bench.calls("create")) == [
        f"create {x}" for x in ("child", "extra1", "far", "kept", "user")
    ]

    bench.write(LIFE % {"n": 2, "protect": True})
    expected = {
        "kept": "update",
        "child": "replace",
        "user": "update",
        "extra2": "create",
        "extra1": "delete",
    }
    before = run.preview()
    assert operations(before) == expected
    assert [step.replace_reasons for step in before.steps if step.op == "replace"] == [("kind",)]
    after = run.up()
    assert operations(after) == expected
    assert Counter(bench.calls("create", "update", "delete")) == Counter(
        ["create child", "update kept", "update user", "create extra2", "delete extra1", "delete child"]
    )
    assert run.preview().changes == {"same": 8}

    ids = list(bench.made())
    bench.change(next(id_ for id_ in ids if id_.startswith("kept")), size=9.0)
    bench.remove(next(id_ for id_ in ids if id_.startswith("extra2")))
    assert run.refresh().changes == {"same": 6, "update": 1, "delete": 1}
    assert operations(run.preview()) == {"kept": "update", "extra2": "create"}

    refused = run.destroy()
    assert not refused.ok
    assert refused.changes == {"delete": 5}
    assert [line for _, line in _said(refused) if "cannot be deleted" in line]
    bench.write(LIFE % {"n": 2, "protect": False})
    assert run.up().ok
    assert run.destroy().changes == {"delete": 8}
    assert bench.made() == {}
    assert run.export()["deployment"].get("resources", []) == []


OPTIONS = """
base = Thing("base", kind="%(n)s", before=True)
falls = Thing("falls", kind=base.token)
stays = Thing("stays", tags={"t": base.token}, opts=ResourceOptions(depends_on=[base]))
Thing("deaf", size=%(n)s, tags={"a": "%(n)s", "b": "%(n)s"}, opts=ResourceOptions(ignore_changes=["size", "tags.b"]))
Thing("touchy", size=%(n)s, shy=True, opts=ResourceOptions(replace_on_changes=["size"]))
Thing("forced", kind="%(n)s", opts=ResourceOptions(delete_before_replace=True))
if %(n)s == 1:
    Thing("kept", opts=ResourceOptions(retain_on_delete=True))
    group = Group("group")
    Thing("old", opts=ResourceOptions(parent=group))
    Thing("moved")
else:
    group = Group("crowd", opts=ResourceOptions(aliases=[Alias(name="group")]))
    Thing("old", opts=ResourceOptions(parent=group))
    urn = "urn:pulumi:local::proj::pulumi-python:dynamic/account:Thing::moved"
    Thing("moved", opts=ResourceOptions(parent=group, aliases=[urn]))
"""


def test_options_mean_the_same(engine: MakeEngine, bench: Workbench) -> None:
    """Order and kind of replacement, what is ignored, kept, or known under another name."""
    run = engine(bench.project, env=bench.env)
    bench.write(OPTIONS % {"n": 1})
    assert run.up().changes == {"create": 11}
    bench.calls()
    bench.write(OPTIONS % {"n": 2})
    result = run.up()
    assert result.changes == {"same": 4, "update": 2, "replace": 4, "delete": 1}
    assert operations(result) == {
        "base": "replace",
        "falls": "replace",
        "stays": "update",
        "deaf": "update",
        "touchy": "replace",
        "forced": "replace",
        "kept": "delete",
    }
    calls = bench.calls("create", "update", "delete")
    order = [call for call in calls if call.split()[1] in ("base", "falls")]
    assert order == ["delete falls", "delete base", "create base", "create falls"]
    assert [call for call in calls if "touchy" in call] == ["create touchy", "delete touchy"]
    assert [call for call in calls if "forced" in call] == ["delete forced", "create forced"]
    assert "delete kept" not in calls
    deaf = next(item for id_, item in bench.made().items() if id_.startswith("deaf"))
    assert (deaf["size"], deaf["tags"]) == (1.0, {"a": "2", "b": "1"})
    assert run.preview().changes == {"same": 10}


def test_wrong_inputs_are_all_reported(engine: MakeEngine, bench: Workbench) -> None:
    """Each failure of a check is an error of its own, in the engine's words; nothing is made."""
    bench.write("""
    Thing("bad", size="wrong", kind="wrong", reject="the whole is bad")
    """)
    result = engine(bench.project, env=bench.env).up()
    assert not result.ok
    title = "pulumi-python:dynamic/account:Thing resource 'bad'"
    assert _said(result) == [
        ("bad", f"{title} has a problem: the whole is bad"),
        ("bad", f"{title}: property kind value {{wrong}} has a problem: kind must not be wrong"),
        ("bad", f"{title}: property size value {{wrong}} has a problem: size must not be wrong"),
    ]
    assert bench.made() == {}


def test_what_fails_is_not_recorded(engine: MakeEngine, bench: Workbench) -> None:
    """A failed create leaves nothing, a failed update the old state, a failed delete the resource."""
    run = engine(bench.project, env=bench.env)
    bench.write("""
    a = Thing("a", size=1, fail="create,update")
    Thing("after", opts=ResourceOptions(depends_on=[a]))
    """)
    failed = run.up()
    assert not failed.ok
    assert [text.splitlines()[-1] for _, text in _said(failed)] == [
        "update failed",
        "ValueError: create of a has failed",
    ]
    assert {item["type"] for item in run.export()["deployment"]["resources"]} == {
        "pulumi:pulumi:Stack",
        "pulumi:providers:pulumi-python",
    }
    bench.write('Thing("a", size=1, fail="update"); Thing("d", fail="delete")')
    assert run.up().ok
    bench.write('Thing("a", size=2, fail="update")')
    assert not run.up().ok
    bench.write('Thing("a", size=1, fail="update")')
    last = run.up()
    assert not last.ok
    assert [text.splitlines()[-1] for _, text in _said(last)] == [
        "update failed",
        "ValueError: delete of d has failed",
    ]
    names = {item["urn"].rpartition("::")[2] for item in run.export()["deployment"]["resources"]}
    assert names == {"proj-local", "default", "a", "d"}


def test_an_original_that_could_not_be_deleted_is_deleted_later(engine: MakeEngine, bench: Workbench) -> None:
    """A replacement's original stays in the state, marked, until a later update gets rid of it."""
    run = engine(bench.project, env=bench.env)
    bench.write('Thing("a", kind="1", fail="delete")')
    assert run.up().ok
    bench.write('Thing("a", kind="2")')
    assert not run.up().ok
    marks = [
        item.get("delete", False)
        for item in run.export()["deployment"]["resources"]
        if item["type"][-5:] == "Thing"
    ]
    assert sorted(marks) == [False, True]
    bench.calls()
    assert not run.up().ok
    assert bench.calls("delete") == ["delete a"]


def test_an_instance_may_depend_on_a_resource(engine: MakeEngine, bench: Workbench) -> None:
    """With a configuration that is not known yet, a preview makes no calls and says so; the update then works."""
    run = engine(bench.project, env=bench.env)
    bench.write("""
    eu = pulumi.ProviderResource("pulumi-python", "eu", {"account:region": "eu"})
    a = Thing("a", opts=ResourceOptions(provider=eu))
    """)
    assert run.up().ok
    bench.calls()
    bench.write("""
    p = Thing("p")
    eu = pulumi.ProviderResource("pulumi-python", "eu", {"account:region": p.token})
    a = Thing("a", opts=ResourceOptions(provider=eu))
    b = Thing("b", opts=ResourceOptions(provider=eu))
    """)
    before = run.preview()
    assert operations(before) == {"p": "create", "eu": "update", "a": "update", "b": "create"}
    assert ["not known during preview" in item.message for item in before.diagnostics] == [True]
    assert bench.calls() == ["check p"]
    assert operations(run.up()) == {"p": "create", "eu": "update", "b": "create"}
    assert run.preview().changes == {"same": 5}


def test_what_is_protected_is_not_replaced(engine: MakeEngine, bench: Workbench) -> None:
    """Neither itself nor with what it depends on; a preview shows it all the same."""
    run = engine(bench.project, env=bench.env)
    program = """
    a = Thing("a", kind="%s", opts=ResourceOptions(protect=True))
    b = Thing("b", kind="%s", before=True, opts=ResourceOptions(depends_on=[a]))
    c = Thing("c", kind=b.token, opts=ResourceOptions(protect=True))
    """
    bench.write(program % (1, 1))
    assert run.up().ok
    bench.calls()
    bench.write(program % (2, 1))
    shown = run.preview()
    assert not shown.ok
    assert operations(shown) == {"a": "replace"}
    refused = run.up()
    assert [text.splitlines()[0][:26] for _, text in _said(refused)] == ["unable to replace resource"]
    bench.write(program % (1, 2))
    refused = run.up()
    assert [urn for urn, text in _said(refused) if "as part of replacing" in text] == ["b"]
    assert bench.calls("create", "delete") == []


@pytest.mark.parametrize(
    ("program", "last"),
    [
        ('raise pulumi.RunError("no way")', "no way"),
        ("def f():\n    raise KeyError('boom')\nf()", "KeyError: 'boom'"),
        ("Thing('a').token.apply(lambda t: 1 / 0)", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_program_that_fails_says_why(engine: MakeEngine, bench: Workbench, program: str, last: str) -> None:
    """A RunError is its message, any other exception the user's own part of the traceback."""
    (bench.project / "__main__.py").write_text(f"import pulumi\nfrom things import Thing\n{program}\n")
    result = engine(bench.project, env=bench.env).up()
    assert not result.ok
    told = [text for _, text in _said(result)]
    message = next(text for text in told if "non-zero exit code" not in text)
    assert ("no way" in told) == (len(told) == 2)
    assert message.splitlines()[-1] == last
    assert "site-packages/pulumi/dynamic" not in message


def test_the_cli_takes_over_a_local_state(tmp_path: Path, bench: Workbench) -> None:
    """A stack that LocalEngine has made is imported by the real CLI, which then has nothing to change."""
    require_cli()
    options: dict[str, Any] = {
        "secrets": {"pw": "hunter22"},
        "env": {**bench.env, "PULUMI_CONFIG_PASSPHRASE": "p"},
    }
    bench.write(LIFE % {"n": 1, "protect": True})
    local = LocalEngine(bench.project, **options)
    assert local.up().ok
    state = local.export()
    cli = CliEngine(bench.project, tmp_path / "cli", **options)
    cli.import_state(state)
    assert cli.preview().changes == {"same": 8}
    assert cli.refresh().changes == {"same": 8}
    assert cli.outputs(show_secrets=True) == local.outputs(show_secrets=True)
