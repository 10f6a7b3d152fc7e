"""The real Pulumi CLI behind LocalEngine's methods, so that the same test runs on both; the CLI is the reference."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pulumi_account.testing import Diagnostic, Result, StepResult
from tests.support.environment import pulumi_environment, python_path

_LOGICAL = ("same", "create", "update", "delete", "replace", "read", "discard")

NO_CLI = "no pulumi CLI on the PATH"


def require_cli() -> None:
    """Skip the test if there is no CLI on the PATH, or fail it if the CLI is required."""
    if shutil.which("pulumi") is None:
        if os.environ.get("PULUMI_ACCOUNT_REQUIRE_CLI") == "1":
            pytest.fail(NO_CLI)
        pytest.skip(NO_CLI)


class CliEngine:
    """One stack of a project in a backend of its own, in a folder, with no network."""

    def __init__(
        self,
        project: Path,
        home: Path,
        *,
        stack: str = "local",
        config: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        python: str = sys.executable,
    ) -> None:
        self._project, self._home, self._stack = project, home, stack
        self._env = {
            **os.environ,
            **pulumi_environment(home),
            "PATH": python_path(),
            "PULUMI_DEBUG_COMMANDS": "1",  # for --event-log
            "ACCOUNT_LOOPBACK_ONLY": "1",
            # by default, the Python that the PATH has
            **({} if python == sys.executable else {"PULUMI_PYTHON_CMD": python}),
            **(env or {}),
        }
        self._pulumi("stack", "select", "--create", stack)
        self.configure(config or {}, secrets or {})

    def configure(self, config: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        """Set configuration."""
        plain = [arg for key, value in config.items() for arg in ("--plaintext", f"{key}={value}")]
        hidden = [arg for key, value in secrets.items() for arg in ("--secret", f"{key}={value}")]
        if plain or hidden:
            self._pulumi("config", "set-all", *plain, *hidden)

    def _call(self, *args: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        command = ["pulumi", "--non-interactive", "--color", "never", *args]
        return subprocess.run(
            command, cwd=self._project, env=self._env, input=text, capture_output=True, text=True, check=False
        )

    def _pulumi(self, *args: str, text: str | None = None) -> str:
        done = self._call(*args, text=text)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def install(self) -> str:
        """``pulumi install`` without dependencies; returns its output."""
        return self._pulumi("install", "--no-dependencies")

    def preview(
        self, *options: str, replace: Sequence[str] = (), policy_packs: Sequence[Path] = ()
    ) -> Result:
        """``pulumi preview --replace --policy-pack``."""
        repeated = (*_each("--replace", replace), *_each("--policy-pack", policy_packs))
        return self._run("preview", *options, *repeated)

    def up(self, *options: str, replace: Sequence[str] = (), policy_packs: Sequence[Path] = ()) -> Result:
        """``pulumi up --replace --policy-pack``."""
        repeated = (*_each("--replace", replace), *_each("--policy-pack", policy_packs))
        return self._run("up", "--yes", "--skip-preview", *options, *repeated)

    def refresh(self, *options: str) -> Result:
        """``pulumi refresh``."""
        return self._run("refresh", "--yes", "--skip-preview", *options)

    def destroy(self, *options: str) -> Result:
        """``pulumi destroy``."""
        return self._run("destroy", "--yes", "--skip-preview", *options)

    def unprotect(self, urn: str) -> None:
        """``pulumi state unprotect``."""
        self._pulumi("state", "unprotect", "--yes", urn)

    def taint(self, urn: str) -> None:
        """``pulumi state taint``."""
        self._pulumi("state", "taint", "--yes", urn)

    def rename(self, urn: str, name: str) -> None:
        """``pulumi state rename``."""
        self._pulumi("state", "rename", "--yes", urn, name)

    def outputs(self, *, show_secrets: bool = False) -> dict[str, Any]:
        """``pulumi stack output``."""
        found: dict[str, Any] = json.loads(
            self._pulumi("stack", "output", "--json", *(["--show-secrets"] if show_secrets else []))
        )
        return found

    def export(self, *, show_secrets: bool = False) -> dict[str, Any]:
        """``pulumi stack export``."""
        found: dict[str, Any] = json.loads(
            self._pulumi("stack", "export", *(["--show-secrets"] if show_secrets else []))
        )
        return found

    def import_resources(self, file: Path, *, protect: bool = True) -> str:
        """``pulumi import --file``; returns its output."""
        options = ["--generate-code=false", f"--protect={json.dumps(protect)}", "--yes"]
        return self._pulumi("import", "--file", str(file), *options)

    def import_state(self, state: dict[str, Any]) -> None:
        """``pulumi stack import``."""
        self._pulumi("stack", "import", text=json.dumps(state))

    def _run(self, *args: str) -> Result:
        log = self._home / "events"
        log.unlink(missing_ok=True)
        done = self._call(*args, "--event-log", str(log))
        events = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        changes: dict[str, int] = {}
        steps: dict[str, StepResult] = {}
        diagnostics = []
        for event in events:
            if "summaryEvent" in event:
                changes = event["summaryEvent"]["resourceChanges"]
            if "resourcePreEvent" in event:
                _note(steps, event["resourcePreEvent"]["metadata"])
            if "resOutputsEvent" in event and args[0] == "refresh":
                _note(steps, event["resOutputsEvent"]["metadata"])
            if "diagnosticEvent" in event and event["diagnosticEvent"]["severity"] != "debug":
                item = event["diagnosticEvent"]
                severity = item["severity"].removesuffix("#err")
                diagnostics.append(
                    Diagnostic(severity, item.get("urn", ""), _uncolored(item["message"]).rstrip("\n"))
                )
        outputs = self.outputs() if args[0] != "preview" else {}
        text = done.stdout + done.stderr
        return Result(
            done.returncode == 0, changes, tuple(steps.values()), outputs, tuple(diagnostics), text, {}
        )


def _each(option: str, values: Sequence[object]) -> list[str]:
    return [word for value in values for word in (option, str(value))]


def _note(steps: dict[str, StepResult], metadata: dict[str, Any]) -> None:
    if metadata["urn"].endswith("pulumi:providers:pulumi-python::default") or metadata["op"] not in _LOGICAL:
        return
    old, new = ((metadata.get(side) or {}).get("inputs") for side in ("old", "new"))
    diff, keys = tuple(metadata.get("diffs") or ()), tuple(metadata.get("keys") or ())
    steps[metadata["urn"]] = StepResult(metadata["op"], metadata["urn"], old, new, diff, keys)


def _uncolored(text: str) -> str:
    while "<{%" in text:
        head, _, tail = text.partition("<{%")
        text = head + tail.partition("%}>")[2]
    return text
