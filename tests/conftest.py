"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from pulumi_account.testing import LocalEngine

from .cli import CliEngine, require_cli

Engine: TypeAlias = Any  # LocalEngine or CliEngine: what they share is the point
MakeEngine: TypeAlias = Callable[..., Engine]


@pytest.fixture(params=["local", "cli"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> MakeEngine:
    """Makes an engine for a project, with LocalEngine's arguments; the test runs on LocalEngine and on the real CLI."""
    if request.param == "local":
        return LocalEngine
    require_cli()
    return lambda project, **options: CliEngine(project, tmp_path / "cli", **options)
