"""One stack on either engine: each command is a fresh process, as a user starts it."""

from __future__ import annotations

import copy
import json
import os
import secrets
import shutil
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

ROOT = Path(__file__).parent.parent
PASSPHRASE = "benchmark"  # noqa: S105 - of stacks that live for minutes
LIMIT, OTHER_LIMIT = 10, 20

State = dict[str, Any]


class EngineError(Exception):
    """A command failed that had to succeed."""


class Stack(ABC):
    """A project with one program, its state, and the account that it talks to."""

    def __init__(self, folder: Path, variant: str, size: int, endpoint: str) -> None:
        folder.mkdir(parents=True)
        (folder / "Pulumi.yaml").write_text("name: benchmark\nruntime: python\n")
        (folder / "__main__.py").write_text("from benchmarks.program import declare\n\ndeclare()\n")
        self.folder = folder
        self.env = {
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            "PYTHONPATH": str(ROOT),
            "ACCOUNT_ENDPOINT": endpoint,
            "ACCOUNT_PROVISIONING_KEY": PROVISIONING_KEY,
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "BENCH_VARIANT": variant,
            "BENCH_SIZE": str(size),
            "BENCH_LIMIT": str(LIMIT),
        }

    def run(self, command: str, *, may_fail: bool = False) -> tuple[float, float]:
        """Run a command of the engine; the seconds it took, and those of the processor."""
        began, cpu = time.perf_counter(), _cpu()
        done = subprocess.run(
            self.command(command), cwd=self.folder, env=self.env, capture_output=True, text=True, check=False
        )
        spent = round(time.perf_counter() - began, 4), round(_cpu() - cpu, 4)
        if done.returncode and not may_fail:
            raise EngineError(f"{command} failed: {(done.stdout + done.stderr)[-2000:]}")
        return spent

    def resize(self, size: int) -> None:
        """Let the program declare so many keys."""
        self.env["BENCH_SIZE"] = str(size)

    def edit(self) -> None:
        """Change one field of every key in the program."""
        self.env["BENCH_LIMIT"] = str(OTHER_LIMIT)

    @abstractmethod
    def command(self, command: str) -> list[str]:
        """The engine's command line."""

    @abstractmethod
    def export(self) -> State:
        """The state, with its secrets in clear."""

    @abstractmethod
    def load(self, state: State) -> None:
        """Take a state, and encrypt its secrets."""


def _cpu() -> float:
    """Seconds of the processor that processes which have ended have used."""
    used = os.times()
    return used.children_user + used.children_system


class LocalStack(Stack):
    """On LocalEngine."""

    @property
    def _state(self) -> Path:
        return self.folder / "state.json"

    def command(self, command: str) -> list[str]:
        """Run the module, as users do."""
        return [sys.executable, "-m", "pulumi_account.testing", command, "--state", str(self._state)]

    def export(self) -> State:
        """Read the state file."""
        return LocalEngine(self.folder, state=self._state, env=self.env).export(show_secrets=True)

    def load(self, state: State) -> None:
        """Write the state file: once as it is, and once encrypted."""
        self._state.write_text(json.dumps(state))
        Snapshot(self._state, lambda salt: Vault(PASSPHRASE, salt)).save()


class CliStack(Stack):
    """On the real CLI, with a backend in the folder."""

    def __init__(self, folder: Path, variant: str, size: int, endpoint: str) -> None:
        super().__init__(folder, variant, size, endpoint)
        (folder / "backend").mkdir()
        self.env |= {
            "PULUMI_PYTHON_CMD": sys.executable,
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": (folder / "backend").as_uri(),
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
        }
        self._pulumi("stack", "select", "--create", "bench")

    def command(self, command: str) -> list[str]:
        """Only what is measured: no preview before an update."""
        go_on = [] if command == "preview" else ["--yes", "--skip-preview"]
        return ["pulumi", command, *go_on, "--non-interactive", "--color", "never"]

    def export(self) -> State:
        """`pulumi stack export`."""
        state: State = json.loads(self._pulumi("stack", "export", "--show-secrets"))
        return state

    def load(self, state: State) -> None:
        """`pulumi stack import`."""
        self._pulumi("stack", "import", text=json.dumps(state))

    def _pulumi(self, *args: str, text: str | None = None) -> str:
        done = subprocess.run(
            ["pulumi", "--non-interactive", *args],
            cwd=self.folder,
            env=self.env,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise EngineError(f"pulumi {' '.join(args)} failed: {done.stderr[-2000:]}")
        return done.stdout


ENGINES: dict[str, type[Stack]] = {"local": LocalStack, "cli": CliStack}


def engines() -> list[str]:
    """The engines there are on this machine."""
    return ["local", "cli"] if shutil.which("pulumi") else ["local"]


def keys_in(state: State) -> list[State]:
    """The keys among a state's resources."""
    resources = state["deployment"].get("resources", [])
    return [r for r in resources if r["type"].startswith("pulumi-python:dynamic/")]


def names_of_clones(state: State, size: int) -> list[str]:
    """What the API would call so many keys like the state's first one."""
    name: str = keys_in(state)[0]["outputs"]["name"]
    return [name.replace(resource_name(0), resource_name(number)) for number in range(size)]


def cloned(state: State, keys: Sequence[State]) -> State:
    """A state with these keys of the API, each a copy of the state's first one."""
    first = keys_in(state)[0]
    template = json.dumps(first)
    grown = copy.deepcopy(state)
    grown["deployment"]["resources"] = [
        r for r in state["deployment"]["resources"] if r["type"] != first["type"]
    ]
    for number, key in enumerate(keys):
        clone = json.loads(template.replace(resource_name(0), resource_name(number)))
        clone["id"] = str(key["id"])
        created_at = key["created_at"].isoformat().replace("+00:00", "Z")
        clone["outputs"] |= {"key_id": key["id"], "created_at": created_at}
        clone["outputs"]["key"]["plaintext"] = json.dumps(f"ng-{secrets.token_hex(24)}")
        grown["deployment"]["resources"].append(clone)
    return grown
