"""Names of stacks and projects: on LocalEngine as on the real CLI."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pulumi_account.testing import ProjectError
from tests.support.programs.workbench import Workbench

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeEngine

pytestmark = pytest.mark.timeout(240)


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
