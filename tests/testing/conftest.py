"""Fixtures and helpers for LocalEngine's tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pulumi_account.testing import LocalEngine
from tests.conftest import warm_python
from tests.support.programs.workbench import Workbench

SECRETS = {"pw": "hunter22", "account:token": "conf-token"}


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """An empty project."""
    return Workbench(tmp_path)


def engine_for(bench: Workbench, **options: Any) -> LocalEngine:
    """LocalEngine for the project, with a Python that starts quickly."""
    return LocalEngine(bench.project, **{"env": bench.env, "python": warm_python(), **options})


def command(bench: Workbench, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run LocalEngine's command line in the project's folder."""
    return subprocess.run(
        [sys.executable, "-m", "pulumi_account.testing", *args],
        env={**os.environ, **bench.env, **env},
        capture_output=True,
        text=True,
        check=False,
        cwd=bench.project,
    )


def state_file(bench: Workbench) -> Path:
    """The default state file of the project."""
    return bench.project / ".local" / "local.json"


def errors(result: Any) -> list[str]:
    """The messages of a result's errors."""
    return [item.message for item in result.diagnostics if item.severity == "error"]


def operations(result: Any) -> dict[str, str]:
    """What a run did to each resource that it changed, by name."""
    return {step.urn.rpartition("::")[2]: step.op for step in result.steps if step.op != "same"}
