"""Pulumi projects in temporary folders, and the engines that run them: LocalEngine and the real CLI."""

from __future__ import annotations

import atexit
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from pulumi_account.emulator import Emulator
from pulumi_account.testing import LocalEngine, Result
from tests.support.canaries import PROVISIONING_KEY, assert_clean
from tests.support.cli import CliEngine, require_cli
from tests.support.warm import WarmPython

__all__ = [
    "ENGINES",
    "Engine",
    "Project",
    "ended_with",
    "engine_for",
    "own_errors",
    "project",
    "project_files",
    "warm_python",
    "write_project",
]

Engine: TypeAlias = LocalEngine | CliEngine

ENGINES = ["local", "cli"]
#: what engines add to an error of ours
_GENERAL = (
    "preview failed",
    "update failed",
    "refresh failed",
    "an unhandled error",
    "resource monitor shut down",
)


@lru_cache
def warm_python() -> str:
    """A Python that starts quickly, for as long as the tests run."""
    warm = WarmPython()
    atexit.register(warm.__exit__, None, None, None)
    return warm.__enter__()


def write_project(folder: Path, program: str = "", name: str = "story") -> Path:
    """Write ``Pulumi.yaml`` and the program into a folder, which is made if it does not exist; returns the program."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Pulumi.yaml").write_text(f"name: {name}\nruntime: python\n")
    path = folder / "__main__.py"
    path.write_text(textwrap.dedent(program))
    return path


def project_files(folder: Path) -> str:
    """The contents of all files in a project's folder, except programs."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".py"]
    return "\n".join(path.read_text(errors="replace") for path in found)


def engine_for(kind: str, folder: Path, *, python: str | None = None, **options: Any) -> Engine:
    """An engine for the project in a folder, which also holds its state.

    :param kind: one of `ENGINES`.
    :param python: runs programs and providers; by default a warm one on LocalEngine, and this one on the CLI.
    :param options: other arguments of the engine.
    """
    if kind == "local":
        return LocalEngine(folder, state=folder / "state.json", python=python or warm_python(), **options)
    return CliEngine(folder, folder / "cli", python=python or sys.executable, **options)


def own_errors(result: Result) -> list[str]:
    """The error lines of a run, without those that the engine adds in general."""
    errors = [d.message.strip() for d in result.diagnostics if d.severity == "error"]
    return [line for line in errors if not line.startswith(_GENERAL)]


def ended_with(result: Result) -> list[str]:
    """The error lines of a failed run, without those that the engine adds in general."""
    assert not result.ok
    return own_errors(result)


@dataclass
class Project:
    """A project, the account that it uses, and an engine of a kind.

    ``options`` may hold ``env`` and ``secrets`` for the engine, and ``alone``: then the stack's configuration has no
    provisioning key of its own.
    """

    kind: str
    folder: Path
    emulator: Emulator
    options: dict[str, Any] = field(default_factory=dict)
    _cli: CliEngine | None = None
    _configured: dict[str, str] = field(default_factory=dict)

    def write(self, program: str, name: str = "story") -> None:
        """Make this the program."""
        write_project(self.folder, program, name)

    def engine(self, **config: str) -> Engine:
        """The engine, with this configuration."""
        if self._cli is None:
            env = {
                "ACCOUNT_ENDPOINT": self.emulator.url,
                "ACCOUNT_RETRY_DEADLINE": "0",
                **self.options.get("env", {}),
            }
            secrets = {} if self.options.get("alone") else {"account:provisioningKey": PROVISIONING_KEY}
            secrets |= self.options.get("secrets", {})
            engine = engine_for(self.kind, self.folder, env=env, secrets=secrets, config=config)
            if isinstance(engine, LocalEngine):
                return engine
            self._cli = engine
        elif config != self._configured:
            self._cli.configure(config, {})
        self._configured = config
        return self._cli

    def run(self, command: str, **config: str) -> Result:
        """Run a command; its result must not contain a credential."""
        result: Result = getattr(self.engine(**config), command)()
        assert_clean(result.text, result.steps, result.outputs, result.diagnostics)
        return result

    def files(self) -> str:
        """The contents of all files in the project's folder, except the program."""
        return project_files(self.folder)


@pytest.fixture(params=ENGINES)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    """An empty project and an empty account, on either engine."""
    if request.param == "cli":
        require_cli()
    with Emulator(provisioning_key=PROVISIONING_KEY, balance="125.50") as emulator:
        yield Project(request.param, tmp_path, emulator)
