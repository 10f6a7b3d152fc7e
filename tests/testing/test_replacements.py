"""Replacements that no diff asks for, and what replacements leave behind: on LocalEngine as on the real CLI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.programs.workbench import Workbench

if TYPE_CHECKING:
    from tests.conftest import MakeEngine

pytestmark = pytest.mark.timeout(240)

URN = "urn:pulumi:local::proj::pulumi-python:dynamic/account:Thing::"


def _calls(bench: Workbench) -> list[str]:
    """The calls since last asked for, in order; a check that is given what was there before is a recheck."""
    lines = bench.lines()
    bench.calls()
    names = {("check", True): "recheck"}
    return [
        f"{names.get((line['method'], bool(line['olds'])), line['method'])} {line['label']}" for line in lines
    ]


def _things(run: Any) -> list[dict[str, Any]]:
    return [item for item in run.export()["deployment"]["resources"] if item["type"].endswith("Thing")]


def _marks(run: Any) -> list[tuple[str, str]]:
    """The things in the state, each with what it is marked with."""
    names = ("delete", "pendingReplacement", "taint")
    return sorted(
        (item["urn"].rpartition("::")[2], " ".join(name for name in names if item.get(name)))
        for item in _things(run)
    )


FORCED = (
    'Thing("a", size=1, opts=ResourceOptions(replacement_trigger="%s", delete_before_replace=%s, protect=%s))'
)
FORCES = ["trigger", "taint", "replace"]


@pytest.mark.parametrize("first", ["create", "delete"])
@pytest.mark.parametrize("how", FORCES)
def test_a_replacement_can_be_forced(engine: MakeEngine, bench: Workbench, how: str, first: str) -> None:
    """No diff is asked for; only a trigger's first check is given what was there before."""
    run = engine(bench.project, env=bench.env)
    before = first == "delete"
    bench.write(FORCED % (1, before, False))
    assert run.up().ok
    bench.calls()
    bench.write(FORCED % (2 if how == "trigger" else 1, before, False))
    if how == "taint":
        run.taint(URN + "a")
    options = {"replace": [URN + "a"]} if how == "replace" else {}
    checks = ["recheck a", "check a"] if how == "trigger" else ["check a"]

    shown = run.preview(**options)
    assert shown.changes == {"same": 1, "replace": 1}
    assert [step.replace_reasons for step in shown.steps if step.op == "replace"] == [
        () if how == "trigger" else ("id",)
    ]
    rows = [line for line in shown.text.splitlines() if line.startswith(" +")]
    assert {"[diff: ~taint]" in row for row in rows} == {how == "taint"}
    assert _calls(bench) == checks

    assert run.up(**options).changes == {"same": 1, "replace": 1}
    assert _calls(bench) == checks + (["delete a", "create a"] if before else ["create a", "delete a"])
    assert _marks(run) == [("a", "")]
    assert run.preview().changes == {"same": 2}


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("how", FORCES)
def test_what_is_protected_is_not_forced(
    engine: MakeEngine, bench: Workbench, how: str, before: bool
) -> None:
    """Nothing is created or deleted; a preview shows the replacement, as an error."""
    run = engine(bench.project, env=bench.env)
    bench.write(FORCED % (1, before, True))
    assert run.up().ok
    bench.calls()
    bench.write(FORCED % (2 if how == "trigger" else 1, before, True))
    if how == "taint":
        run.taint(URN + "a")
    options = {"replace": [URN + "a"]} if how == "replace" else {}
    shown = run.preview(**options)
    assert (shown.ok, shown.changes) == (False, {"same": 1, "replace": 1})
    assert "preview failed" in [item.message for item in shown.diagnostics]
    refused = run.up(**options)
    assert not refused.ok
    assert any("unable to replace resource" in item.message for item in refused.diagnostics)
    assert {call.split()[0] for call in _calls(bench)} <= {"check", "recheck"}
    assert _marks(run) == [("a", "taint" if how == "taint" else "")]


def test_a_row_says_what_changes(engine: MakeEngine, bench: Workbench) -> None:
    """Also that of the deleted original, and that of a resource of which just the protection changes."""
    run = engine(bench.project, env=bench.env)
    bench.write('Thing("a", kind="1"); Thing("b")')
    assert run.up().ok
    bench.write('Thing("a", kind="2"); Thing("b", opts=ResourceOptions(protect=True))')
    rows = [line for line in run.up().text.splitlines() if "Thing a" in line or "Thing b" in line]
    assert len({row.split(":Thing")[0] for row in rows}) == 4
    assert {row.partition("[diff: ")[2] for row in rows if "Thing a" in row} == {"~kind]"}
    assert "~protect]" in {row.partition("[diff: ")[2] for row in rows if "Thing b" in row}


TRIGGERED = 's = Thing("s", size=%s)\nThing("a", opts=ResourceOptions(replacement_trigger=%s))'


@pytest.mark.parametrize(
    ("was", "now", "replaces"),
    [
        ("'x'", "'y'", True),
        ("'x'", "Output.secret('y')", True),
        ("''", "0", True),
        ("1", "True", True),
        ("{'a': 1}", "{'a': 2}", True),
        ("1", "1.0", False),
        ("'x'", "Output.secret('x')", False),
        ("None", "'x'", False),
        ("'x'", "None", False),
        ("Output.secret('x')", "Output.secret('y')", False),
        ("Output.secret('x')", "'y'", False),
        ("{'a': Output.secret(1)}", "{'a': None}", False),
    ],
)
def test_what_triggers(engine: MakeEngine, bench: Workbench, was: str, now: str, replaces: bool) -> None:
    """A trigger that changes; not one that comes or goes, nor a secret that the state has."""
    run = engine(bench.project, env=bench.env)
    bench.write(TRIGGERED % (1, was))
    assert run.up().ok
    bench.write(TRIGGERED % (1, now))
    assert run.up().changes == ({"same": 2, "replace": 1} if replaces else {"same": 3})
    (stored,) = [item.get("replacementTrigger") for item in _things(run) if item["urn"].endswith("::a")]
    assert (stored is None) == (now == "None")
    assert run.preview().changes == {"same": 3}


def test_a_secret_within_a_trigger_always_triggers(engine: MakeEngine, bench: Workbench) -> None:
    """The state's is compared before it is decrypted."""
    run = engine(bench.project, env=bench.env)
    bench.write(TRIGGERED % (1, "{'a': Output.secret(1)}"))
    assert run.up().ok
    assert run.up().changes == {"same": 2, "replace": 1}


def test_a_trigger_that_is_not_known_yet_triggers(engine: MakeEngine, bench: Workbench) -> None:
    """A preview shows a replacement; the update may find that nothing has changed."""
    run = engine(bench.project, env=bench.env)
    bench.write(TRIGGERED % (1, "s.token"))
    assert run.up().ok
    bench.write(TRIGGERED % (2, "s.token"))
    assert run.preview().changes == {"same": 1, "update": 1, "replace": 1}
    assert run.up().changes == {"same": 2, "update": 1}


def test_what_is_to_be_replaced_must_be_there(engine: MakeEngine, bench: Workbench) -> None:
    """A URN that the state does not have ends the run before the program runs."""
    run = engine(bench.project, env=bench.env)
    bench.write('open("ran", "w").close()')
    result = run.up(replace=[URN + "nope"])
    assert not result.ok
    hint = "Did you forget to escape $ in your shell?"
    assert [item.message for item in result.diagnostics] == [
        f"Target '{URN}nope' could not be found in the stack. {hint}"
    ]
    assert not (bench.project / "ran").exists()


def test_a_taint_outlives_a_failed_run(engine: MakeEngine, bench: Workbench) -> None:
    """It stays until the replacement is there, and on the original that could not be deleted."""
    run = engine(bench.project, env=bench.env)
    bench.write('Thing("a")')
    assert run.up().ok
    run.taint(URN + "a")
    bench.fail("create a")
    assert not run.up().ok
    assert _marks(run) == [("a", "taint")]
    bench.fail("delete a")
    assert not run.up().ok
    assert _marks(run) == [("a", ""), ("a", "delete taint")]
    bench.fail()
    assert run.up().changes == {"same": 2}
    assert _marks(run) == [("a", "")]


CHAIN = """
a = Thing("a", kind="%s")
b = Thing("b", kind="%s", opts=ResourceOptions(depends_on=[a]))
%s
"""


def test_what_replacements_left_goes_at_the_end(engine: MakeEngine, bench: Workbench) -> None:
    """After all registrations, side by side with the other deletions; never in a run that fails before."""
    run = engine(bench.project, env=bench.env)
    bench.write(CHAIN % (1, 1, ""))
    assert run.up().ok
    bench.fail("delete a")
    bench.write(CHAIN % (2, 1, ""))
    assert not run.up().ok
    bench.write(CHAIN % (3, 1, ""))
    assert not run.up().ok
    assert _marks(run) == [("a", ""), ("a", "delete"), ("a", "delete"), ("b", "")]
    bench.fail("create c")
    bench.calls()
    bench.write(CHAIN % (3, 1, 'Thing("c")'))
    assert not run.up().ok
    assert "delete a" not in _calls(bench)
    bench.fail()
    bench.write(CHAIN % (3, 2, ""))
    assert run.up().changes == {"same": 2, "replace": 1}
    calls = _calls(bench)
    assert calls[-4] == "create b"
    assert sorted(calls[-3:]) == ["delete a", "delete a", "delete b"]
    assert _marks(run) == [("a", ""), ("b", "")]


def test_what_replacements_left_is_refreshed_and_destroyed(engine: MakeEngine, bench: Workbench) -> None:
    """A refresh reads both resources of a URN; a destroy deletes both, and asks nothing before."""
    run = engine(bench.project, env=bench.env)
    bench.write(CHAIN % (1, 1, ""))
    assert run.up().ok
    bench.fail("delete a")
    bench.write(CHAIN % (2, 1, ""))
    assert not run.up().ok
    bench.fail()
    bench.calls()
    assert run.refresh().changes == {"same": 4}
    assert sorted(_calls(bench)) == ["diff a", "diff a", "diff b", "read a", "read a", "read b"]
    assert _marks(run) == [("a", ""), ("a", "delete"), ("b", "")]
    assert run.destroy().changes == {"delete": 3}
    assert _calls(bench) == ["delete b", "delete a", "delete a"]
    assert bench.made() == {}


def test_a_refresh_drops_what_is_gone_by_itself(engine: MakeEngine, bench: Workbench) -> None:
    """Of two resources of a URN, just the one that is gone leaves the state."""
    run = engine(bench.project, env=bench.env)
    bench.write(CHAIN % (1, 1, ""))
    assert run.up().ok
    (old,) = [item["id"] for item in _things(run) if item["urn"] == URN + "a"]
    bench.fail("delete a")
    bench.write(CHAIN % (2, 1, ""))
    assert not run.up().ok
    bench.remove(old)
    assert run.refresh().changes == {"same": 3, "delete": 1}
    assert _marks(run) == [("a", ""), ("b", "")]


FALLS = """
a = Thing("a", kind="%s", opts=ResourceOptions(delete_before_replace=%s))
Thing("b", kind=a.token)
"""


@pytest.mark.parametrize(
    ("program", "options", "expected"),
    [
        (
            FALLS % (2, True),
            {},
            "recheck a, diff a, check a, diff b, delete b, create a, check b, create b",
        ),
        (
            FALLS % (2, False),
            {},
            "recheck a, diff a, check a, create a, recheck b, diff b, check b, create b, delete b, delete a",
        ),
        (
            FALLS % (2, False),
            {"replace": [URN + "a"]},
            "check a, create a, recheck b, diff b, check b, create b, delete b, delete a",
        ),
        ("", {}, ""),
    ],
    ids=["delete first", "create first", "forced", "gone"],
)
def test_a_replacement_that_stopped_half_way_goes_on(
    engine: MakeEngine, bench: Workbench, program: str, options: dict[str, Any], expected: str
) -> None:
    """What was deleted and not made again is made, and may be deleted twice; what the program drops is forgotten."""
    run = engine(bench.project, env=bench.env)
    bench.write(FALLS % (1, True))
    assert run.up().ok
    bench.fail("create a")
    bench.write(FALLS % (2, True))
    bench.calls()
    assert not run.up().ok
    assert _calls(bench) == ["recheck a", "diff a", "check a", "diff b", "delete b", "delete a", "create a"]
    assert _marks(run) == [("a", "pendingReplacement"), ("b", "pendingReplacement")]
    assert run.refresh().changes == {"same": 3}
    assert _calls(bench) == []
    bench.fail()
    bench.write(program)
    assert run.up(**options).ok
    assert ", ".join(_calls(bench)) == expected
    assert _marks(run) == ([("a", ""), ("b", "")] if program else [])


def test_a_destroy_forgets_what_was_not_made_again(engine: MakeEngine, bench: Workbench) -> None:
    """It is deleted already."""
    run = engine(bench.project, env=bench.env)
    bench.write(FALLS % (1, True))
    assert run.up().ok
    bench.fail("create a")
    bench.write(FALLS % (2, True))
    assert not run.up().ok
    bench.calls()
    assert run.destroy().changes == {"delete": 1}
    assert _calls(bench) == []
