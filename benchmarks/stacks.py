"""One stack on either engine: each command is a fresh process, as a user starts it."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.account import PROVISIONING_KEY
from benchmarks.program import resource_name
from pulumi_account.testing import LocalEngine
from pulumi_account.testing.secrets import Vault
from pulumi_account.testing.state import Snapshot
from tests.support import ROOT
from tests.support.environment import pulumi_environment, python_path
from tests.support.projects import write_project

PASSPHRASE = "benchmark"  # noqa: S105 - of stacks that live for minutes
LIMIT, OTHER_LIMIT = 10, 20

_COMMANDS = {"create": "up", "update": "up"}
_KEYS = "pulumi-python:dynamic/"

State = dict[str, Any]


class EngineError(Exception):
    """A command that must succeed has failed; the message ends with its output."""


class Stack(ABC):
    """A project with one program, its state, and its account."""

    def __init__(self, folder: Path, variant: str, size: int, endpoint: str) -> None:
        write_project(folder, "from benchmarks.program import declare\n\ndeclare()\n", "benchmark")
        self.folder = folder
        self.env = {
            **os.environ,
            "PATH": python_path(),
            "PYTHONPATH": str(ROOT),
            "ACCOUNT_ENDPOINT": endpoint,
            "ACCOUNT_PROVISIONING_KEY": PROVISIONING_KEY,
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "BENCH_VARIANT": variant,
            "BENCH_SIZE": str(size),
            "BENCH_LIMIT": str(LIMIT),
        }

    def run(self, operation: str, *, may_fail: bool = False) -> tuple[float, float]:
        """Run an operation; returns its seconds, and those of CPU time."""
        if operation == "update":
            self.env["BENCH_LIMIT"] = str(OTHER_LIMIT)
        command = self.command(_COMMANDS.get(operation, operation))
        began, cpu = time.perf_counter(), _cpu()
        self.call(command, may_fail=may_fail)
        return round(time.perf_counter() - began, 4), round(_cpu() - cpu, 4)

    def call(self, command: list[str], *, text: str | None = None, may_fail: bool = False) -> str:
        """Run a process in the project; its standard output."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.env, input=text, capture_output=True, text=True, check=False
        )
        if done.returncode and not (may_fail and "Traceback" not in done.stderr):
            raise EngineError(f"{' '.join(command)}: {(done.stdout + done.stderr)[-2000:]}")
        return done.stdout

    @abstractmethod
    def command(self, command: str) -> list[str]:
        """The engine's command line for the measured operation alone: no preview before an update."""

    @abstractmethod
    def export(self) -> State:
        """The state, with its secrets in plain text."""

    @abstractmethod
    def load(self, state: State) -> None:
        """Import a state, and encrypt its secrets."""


def _cpu() -> float:
    """Seconds of CPU time that ended processes have used."""
    used = os.times()
    return used.children_user + used.children_system


class LocalStack(Stack):
    """On LocalEngine."""

    @property
    def _state(self) -> Path:
        return self.folder / "state.json"

    def command(self, command: str) -> list[str]:
        """The module, as users run it."""
        return [sys.executable, "-m", "pulumi_account.testing", command, "--state", str(self._state)]

    def export(self) -> State:
        """From the state file."""
        return LocalEngine(self.folder, state=self._state, env=self.env).export(show_secrets=True)

    def load(self, state: State) -> None:
        """Write the state file, once as it is and once encrypted."""
        self._state.write_text(json.dumps(state))
        Snapshot(self._state, lambda salt: Vault(PASSPHRASE, salt)).save()


class CliStack(Stack):
    """On the real CLI, with a backend in the folder."""

    def __init__(self, folder: Path, variant: str, size: int, endpoint: str) -> None:
        super().__init__(folder, variant, size, endpoint)
        self.env |= {"PULUMI_PYTHON_CMD": sys.executable, **pulumi_environment(folder, PASSPHRASE)}
        self.call(["pulumi", "stack", "init", "bench", "--non-interactive"])

    def command(self, command: str) -> list[str]:
        """`pulumi preview` and so on."""
        go_on = [] if command == "preview" else ["--yes", "--skip-preview"]
        return ["pulumi", command, *go_on, "--non-interactive", "--color", "never"]

    def export(self) -> State:
        """`pulumi stack export`."""
        state: State = json.loads(self.call(["pulumi", "stack", "export", "--show-secrets"]))
        return state

    def load(self, state: State) -> None:
        """`pulumi stack import`."""
        self.call(["pulumi", "stack", "import"], text=json.dumps(state))


ENGINES: dict[str, type[Stack]] = {"local": LocalStack, "cli": CliStack}


def keys_in(state: State) -> list[State]:
    """The keys among a state's resources."""
    return [r for r in state["deployment"].get("resources") or [] if r["type"].startswith(_KEYS)]


def names_of_clones(state: State, size: int) -> list[str]:
    """The names that the API would have for this number of keys like the state's first one."""
    name: str = keys_in(state)[0]["outputs"]["name"]
    return [name.replace(resource_name(0), resource_name(number)) for number in range(size)]


def cloned(state: State, keys: Sequence[State]) -> State:
    """The state with these keys of the API in place of its own, each a copy of the first."""
    template = json.dumps(keys_in(state)[0])
    resources = [r for r in state["deployment"]["resources"] if not r["type"].startswith(_KEYS)]
    for number, key in enumerate(keys):
        clone = json.loads(template.replace(resource_name(0), resource_name(number)))
        created_at = key["created_at"].isoformat().replace("+00:00", "Z")
        clone["id"] = str(key["id"])
        clone["outputs"] |= {"key_id": key["id"], "created_at": created_at}
        clone["outputs"]["key"]["plaintext"] = json.dumps(f"ng-{secrets.token_hex(24)}")
        resources.append(clone)
    return {**state, "deployment": {**state["deployment"], "resources": resources}}
