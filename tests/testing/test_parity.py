"""The same programs on LocalEngine and on the real CLI: what the one does, the other does."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from pulumi_account.testing import LocalEngine, ProjectError
from tests.support.cli import CliEngine, require_cli
from tests.support.programs.workbench import Workbench

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import MakeEngine

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """An empty project."""
    return Workbench(tmp_path)


def _ops(result: Any) -> dict[str, str]:
    return {step.urn.rpartition("::")[2]: step.op for step in result.steps if step.op != "same"}


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
    assert _ops(before) == expected
    assert [step.replace_reasons for step in before.steps if step.op == "replace"] == [("kind",)]
    after = run.up()
    assert _ops(after) == expected
    assert Counter(bench.calls("create", "update", "delete")) == Counter(
        ["create child", "update kept", "update user", "create extra2", "delete extra1", "delete child"]
    )
    assert run.preview().changes == {"same": 8}

    ids = list(bench.made())
    bench.change(next(id_ for id_ in ids if id_.startswith("kept")), size=9.0)
    bench.remove(next(id_ for id_ in ids if id_.startswith("extra2")))
    assert run.refresh().changes == {"same": 6, "update": 1, "delete": 1}
    assert _ops(run.preview()) == {"kept": "update", "extra2": "create"}

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
    assert _ops(result) == {
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


RECORDER = """
import grpc, os
from google.protobuf.json_format import MessageToJson
serve = grpc.server
class Recorder(grpc.ServerInterceptor):
    def intercept_service(self, continuation, details):
        handler = continuation(details)
        def read(request, context):
            with open(os.environ["READS"], "a") as file:
                file.write(MessageToJson(request, indent=None) + "\\n")
            return handler.unary_unary(request, context)
        if not details.method.endswith("/Read"):
            return handler
        return grpc.unary_unary_rpc_method_handler(read, handler.request_deserializer, handler.response_serializer)
grpc.server = lambda *args, **options: serve(*args, interceptors=[Recorder()], **options)
"""


@pytest.fixture
def reads(bench: Workbench, tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    """What was sent to the provider's process as Read since last asked for."""
    (tmp_path / "sitecustomize.py").write_text(RECORDER)
    file = tmp_path / "reads"
    bench.env |= {"PYTHONPATH": f"{bench.env['PYTHONPATH']}{os.pathsep}{tmp_path}", "READS": str(file)}

    def taken() -> list[dict[str, Any]]:
        lines = file.read_text().splitlines()
        file.unlink()
        return [json.loads(line) for line in lines]

    return taken


def test_a_refresh_sends_inputs_and_outputs(
    engine: MakeEngine, bench: Workbench, reads: Callable[[], list[dict[str, Any]]]
) -> None:
    """A refresh passes both as the state has them, of what was looked up too."""
    run = engine(bench.project, env=bench.env, python=sys.executable)
    bench.write('a = Thing("a", size=4)\nThing("found", opts=ResourceOptions(id=a.id))')
    assert run.up().ok
    things = [item for item in run.export()["deployment"]["resources"] if "Thing" in item["type"]]
    reads()
    assert run.refresh().ok
    sent = [(read["properties"], read["inputs"]) for read in reads()]
    assert len(sent) == 2
    assert all((thing["outputs"], thing["inputs"]) in sent for thing in things)


def test_a_look_up_sends_inputs_alone(
    engine: MakeEngine, bench: Workbench, reads: Callable[[], list[dict[str, Any]]]
) -> None:
    """To look a resource up passes what the program gives and no state; older engines pass it as the state, too."""
    run = engine(bench.project, env=bench.env, python=sys.executable)
    (bench.things / "x.json").write_text('{"label": "found", "token": "t"}')
    bench.write('Thing("found", opts=ResourceOptions(id="x"))')
    assert run.up().ok
    (sent,) = reads()
    assert sent["inputs"].keys() == {"label", "__provider"}
    older = [sent["inputs"]] if isinstance(run, CliEngine) else []
    assert sent.get("properties") in [None, *older]


def test_a_resource_can_be_looked_up(engine: MakeEngine, bench: Workbench) -> None:
    """A resource given by id is read, also in a preview, kept as external, and dropped without a delete."""
    run = engine(bench.project, env=bench.env)
    bench.write('Thing("a", size=4)')
    assert run.up().ok
    (made,) = bench.made()
    bench.write(f"""
    Thing("a", size=4)
    found = Thing("found", opts=ResourceOptions(id="{made}"))
    pulumi.export("token", found.token)
    """)
    bench.calls()
    assert run.preview().ok
    assert bench.calls("read") == ["read found"]
    assert run.up().outputs == {"token": f"token-of-{made}"}
    external = [item for item in run.export()["deployment"]["resources"] if item.get("external")]
    assert [item["id"] for item in external] == [made]
    bench.write('Thing("a", size=4)')
    bench.calls()
    assert run.up().ok
    assert bench.calls("delete") == []


def test_a_resource_can_change_hands(engine: MakeEngine, bench: Workbench) -> None:
    """What becomes a look-up of another id is deleted; what was a look-up and becomes the stack's own is created."""
    run = engine(bench.project, env=bench.env)
    bench.write('Thing("a"); Thing("b")')
    assert run.up().ok
    other = next(id_ for id_ in bench.made() if id_.startswith("b"))
    bench.calls()
    bench.write(f'Thing("a", opts=ResourceOptions(id="{other}")); Thing("b")')
    assert _ops(run.up()) == {"a": "replace"}
    assert bench.calls("create", "delete") == ["delete a"]
    bench.write('Thing("a"); Thing("b")')
    assert _ops(run.up()) == {"a": "replace"}
    assert bench.calls("create", "delete") == ["create a"]


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
    assert _ops(before) == {"p": "create", "eu": "update", "a": "update", "b": "create"}
    assert ["not known during preview" in item.message for item in before.diagnostics] == [True]
    assert bench.calls() == ["check p"]
    assert _ops(run.up()) == {"p": "create", "eu": "update", "b": "create"}
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
    assert _ops(shown) == {"a": "replace"}
    refused = run.up()
    assert [text.splitlines()[0][:26] for _, text in _said(refused)] == ["unable to replace resource"]
    bench.write(program % (1, 2))
    refused = run.up()
    assert [urn for urn, text in _said(refused) if "as part of replacing" in text] == ["b"]
    assert bench.calls("create", "delete") == []


def test_one_failing_read_does_not_keep_others_from_a_refresh(engine: MakeEngine, bench: Workbench) -> None:
    """What could be read is taken up, references to what is gone are dropped, the run fails."""
    run = engine(bench.project, env=bench.env)
    bench.write("""
    a = Thing("a")
    Thing("b", tags={"t": a.token}, opts=ResourceOptions(parent=a))
    Thing("c", size=1)
    Thing("d", fail="read")
    """)
    assert run.up().ok
    for id_ in bench.made():
        if id_.startswith("a"):
            bench.remove(id_)
        if id_.startswith("c"):
            bench.change(id_, size=9.0)
    result = run.refresh()
    assert not result.ok
    assert result.changes == {"same": 2, "update": 1, "delete": 1}
    left = {item["urn"].rpartition("::")[2]: item for item in run.export()["deployment"]["resources"]}
    assert sorted(left) == ["b", "c", "d", "default", "proj-local"]
    assert (left["b"].get("parent"), left["b"].get("dependencies")) == (None, None)
    assert left["c"]["inputs"]["size"] == 9


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


COVERED = """
a = Thing("a", size=%s, kind="%s", secret="hunter22", tags={"x": "hunter23"}, covers="%s",
    opts=ResourceOptions(additional_secret_outputs=%s))
pulumi.export("token", a.token)
pulumi.export("size", a.size)
"""
ALL = "check,create,update,read"


def _uncovered(run: Any, *texts: str) -> list[str]:
    """Which of these the state has in clear."""
    state = json.dumps(run.export())
    return [text for text in texts if text in state]


def test_a_provider_covers_what_it_answers(engine: MakeEngine, bench: Workbench) -> None:
    """In inputs and outputs, through create, update, refresh and replacement; and is given plain values only."""
    run = engine(bench.project, env=bench.env)
    secrets = ("hunter22", "hunter23", "token-of")
    bench.write(COVERED % (1, 1, ALL, "None"))
    seen = [run.preview()]
    for size, kind in ((1, 1), (2, 1), (2, 2)):
        bench.write(COVERED % (size, kind, ALL, "None"))
        seen += [run.up(), run.preview()]
        assert seen[-2].outputs == {"token": "[secret]", "size": size}
        assert seen[-1].changes == {"same": 2}
        assert _uncovered(run, *secrets) == []
    seen += [run.refresh(), run.up()]
    assert seen[-1].changes == {"same": 2}
    assert _uncovered(run, *secrets) == []
    assert run.outputs(show_secrets=True)["token"].startswith("token-of-a-")
    assert [text for text in secrets for result in seen if text in result.text] == []
    assert run.destroy().ok
    assert all(line["plain"] for line in bench.lines())
    assert {line["method"] for line in bench.lines()} == {
        *("check", "diff", "create", "update", "read", "delete")
    }


@pytest.mark.parametrize(
    ("covers", "run_of", "covered"),
    [
        ("", "up", False),
        (ALL, "up", False),
        (ALL, "refresh", True),
        ("", "refresh", False),
    ],
)
def test_what_is_in_clear_stays_so_until_it_is_answered_anew(
    engine: MakeEngine, bench: Workbench, covers: str, run_of: str, covered: bool
) -> None:
    """An unchanged resource keeps its outputs as they are; a refresh takes what the provider answers."""
    run = engine(bench.project, env=bench.env)
    bench.write(COVERED % (1, 1, "", "None"))
    assert run.up().ok
    assert _uncovered(run, "token-of") == ["token-of"]
    (made,) = bench.made()
    bench.change(made, covers=covers)
    bench.write(COVERED % (1, 1, covers, "None"))
    result = run.refresh() if run_of == "refresh" else run.up()
    assert result.ok
    (thing,) = [r for r in run.export()["deployment"]["resources"] if r["type"].endswith("Thing")]
    assert ("token-of" not in json.dumps(thing)) == covered


def test_the_option_covers_an_unchanged_resource(engine: MakeEngine, bench: Workbench) -> None:
    """What is in clear is covered when the option comes, and uncovered by an update without it, not before."""
    run = engine(bench.project, env=bench.env)
    bench.write(COVERED % (1, 1, "", "None"))
    assert run.up().ok
    bench.write(COVERED % (1, 1, "", "['token']"))
    assert run.up().changes == {"same": 2}
    assert _uncovered(run, "token-of") == []
    bench.write(COVERED % (1, 1, "", "None"))
    assert run.up().changes == {"same": 2}
    assert run.refresh().changes == {"same": 2}
    assert _uncovered(run, "token-of") == []
    bench.write(COVERED % (2, 1, "", "None"))
    assert run.up().ok
    assert _uncovered(run, "token-of") == ["token-of"]


def test_a_covered_input_covers_the_output_of_its_name(engine: MakeEngine, bench: Workbench) -> None:
    """Also of an unchanged resource, whose inputs are those of the last check."""
    run = engine(bench.project, env=bench.env)
    bench.write('Thing("a", secret="hunter22")')
    assert run.up().ok
    assert _uncovered(run, "hunter22") == ["hunter22"]
    bench.write('Thing("a", secret="hunter22", covers="check")')
    assert run.up().changes == {"same": 2}
    assert _uncovered(run, "hunter22") == []


def test_a_look_up_can_be_covered(engine: MakeEngine, bench: Workbench) -> None:
    """The program gets a secret."""
    run = engine(bench.project, env=bench.env)
    bench.write('Thing("a", covers="create,read")')
    assert run.up().ok
    (made,) = bench.made()
    bench.write(f"""
    Thing("a", covers="create,read")
    found = Thing("found", opts=ResourceOptions(id="{made}"))
    pulumi.export("token", found.token)
    """)
    assert run.up().outputs == {"token": "[secret]"}
    assert _uncovered(run, "token-of") == []


@pytest.mark.parametrize("name", ["a", "..", "A.b_c-1", "x" * 100])
def test_names_of_stacks(bench: Workbench, engine: MakeEngine, name: str) -> None:
    """Letters, digits, hyphens, underscores and periods, up to a hundred."""
    bench.write("")
    assert engine(bench.project, stack=name, env=bench.env).preview().ok


@pytest.mark.parametrize("name", ["", "../../x", "../x", "a b", "a\n", "a\\\\b", "é", "x" * 101])
def test_what_is_no_name_of_a_stack(bench: Workbench, engine: MakeEngine, tmp_path: Path, name: str) -> None:
    """Is refused, and nothing is written for it."""
    bench.write("")
    with pytest.raises((ProjectError, AssertionError)):
        engine(bench.project, stack=name, env=bench.env).preview()
    assert {path.name for path in tmp_path.iterdir()} <= {"project", "things", "cli"}
    assert {path.name for path in bench.project.iterdir()} <= {"Pulumi.yaml", "__main__.py"}


@pytest.mark.parametrize("name", ["../x", "a b", "x" * 101])
def test_what_is_no_name_of_a_project(bench: Workbench, engine: MakeEngine, name: str) -> None:
    """Is refused likewise."""
    bench.write("")
    (bench.project / "Pulumi.yaml").write_text(f"name: {name}\nruntime: python\n")
    with pytest.raises((ProjectError, AssertionError)):
        engine(bench.project, env=bench.env).preview()


@pytest.mark.parametrize(
    "failure", ["raise ValueError(pw)", "sys.exit(f'it is {pw}')", "print(pw); raise ValueError"]
)
def test_a_failing_programs_words_tell_no_secret(
    bench: Workbench, engine: MakeEngine, failure: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither in the display nor beside it."""
    bench.write(f"import sys\npw = config.require('pw')\n{failure}")
    result = engine(bench.project, secrets={"pw": "hunter22"}, env=bench.env).up()
    shown = result.text + "".join(capfd.readouterr())
    assert not result.ok
    assert "hunter22" not in shown
    assert "[secret]" in shown
