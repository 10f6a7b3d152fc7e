"""Secret inputs and outputs, in the state and on the display: on LocalEngine as on the real CLI."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.programs.workbench import Workbench

if TYPE_CHECKING:
    from tests.conftest import MakeEngine

pytestmark = pytest.mark.timeout(240)


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


@pytest.mark.parametrize(
    "failure", ["raise ValueError(pw)", "sys.exit(f'it is {pw}')", "print(pw); raise ValueError"]
)
def test_a_failing_programs_words_tell_no_secret(
    bench: Workbench, engine: MakeEngine, failure: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither in the display nor in other output."""
    bench.write(f"import sys\npw = config.require('pw')\n{failure}")
    result = engine(bench.project, secrets={"pw": "hunter22"}, env=bench.env).up()
    shown = result.text + "".join(capfd.readouterr())
    assert not result.ok
    assert "hunter22" not in shown
    assert "[secret]" in shown
