"""LocalEngine: runs an unmodified Pulumi program with no Pulumi CLI, for trying and testing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TextIO

import grpc
from pulumi.runtime.proto import engine_pb2_grpc, resource_pb2_grpc

from .deploy import PARALLEL, STACK, Deployment, Step, counted
from .display import Display
from .monitor import EngineService, Monitor
from .project import check_endpoints, load_config, load_project
from .provider import OPTIONS, Launch, Provider, finish
from .secrets import Vault, passphrase
from .state import Snapshot, jsonable, locked
from .values import Secret, masked, plain

_GRACE = 2.0  # seconds for a program to end by itself when the run has stopped
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Diagnostic:
    """A message to the user: severity is ``info``, ``warning`` or ``error``; the URN is empty when it is the stack's."""

    severity: str
    urn: str
    message: str


@dataclass(frozen=True)
class StepResult:
    """What was done, or in a preview would be done, to one resource; secrets are masked."""

    op: str
    urn: str
    old: Mapping[str, Any] | None
    new: Mapping[str, Any] | None
    diff: tuple[str, ...] = ()
    replace_reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """How a run went; `text` is all that was displayed, `json` the digest that ``preview --json`` prints."""

    ok: bool
    changes: Mapping[str, int]
    steps: tuple[StepResult, ...]
    outputs: Mapping[str, Any]
    diagnostics: tuple[Diagnostic, ...]
    text: str
    json: Mapping[str, Any]


class LocalEngine:
    """Previews, updates, refreshes and destroys one stack of a project, with no Pulumi CLI.

    It is for trying and testing: it sets ``ACCOUNT_LOOPBACK_ONLY=1`` for the program and all provider processes,
    so that no key is ever made but by an endpoint on this machine, and refuses to start with any other endpoint.
    Configuration keys without a namespace get the project's. The state file (default: ``.local/<stack>.json`` in
    the project) holds secrets encrypted under ``PULUMI_CONFIG_PASSPHRASE`` and can be read by ``pulumi stack import``.
    """

    def __init__(
        self,
        project: Path,
        *,
        state: Path | None = None,
        stack: str = "local",
        config: Mapping[str, str] = _NOTHING,
        secrets: Mapping[str, str] = _NOTHING,
        env: Mapping[str, str] = _NOTHING,
        python: str = sys.executable,
        diff: bool = False,
        echo: TextIO | None = None,
    ) -> None:
        self._project = load_project(Path(project))
        self._stack = stack
        self._state = Path(state) if state else self._project.root / ".local" / f"{stack}.json"
        self._config, self._secrets, self._env, self._python = config, secrets, env, python
        self._diff, self._echo = diff, echo

    def preview(self) -> Result:
        """Show what `up` would do."""
        return self._run("preview")

    def up(self) -> Result:
        """Make the stack what the program declares."""
        return self._run("up")

    def refresh(self) -> Result:
        """Make the state what the providers say of the resources."""
        return self._run("refresh")

    def destroy(self) -> Result:
        """Delete all resources of the stack."""
        return self._run("destroy")

    def outputs(self, *, show_secrets: bool = False) -> dict[str, Any]:
        """The stack's outputs, the secret ones as ``[secret]`` unless asked for."""
        return _outputs(self._snapshot(read_only=True), show_secrets)

    def export(self, *, show_secrets: bool = False) -> dict[str, Any]:
        """The stack's state, as ``pulumi stack export`` prints it."""
        return self._snapshot(read_only=True).export(show_secrets=show_secrets)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self._env}

    def _snapshot(self, *, read_only: bool) -> Snapshot:
        env = self._environment()
        return Snapshot(self._state, lambda salt: Vault(passphrase(env), salt), read_only=read_only)

    def _run(self, kind: str) -> Result:
        config = load_config(self._project, self._stack, self._config, self._secrets)
        check_endpoints(self._environment(), {key: plain(value) for key, value in config.items()})
        with locked(self._state), _terminable():
            snapshot = self._snapshot(read_only=kind == "preview")
            return _Run(self, kind, snapshot, config).go()


def _outputs(snapshot: Snapshot, show_secrets: bool) -> dict[str, Any]:
    outputs = next((r.outputs for r in snapshot.resources() if r.type == STACK), {})
    return {
        key: jsonable(plain(value) if show_secrets else masked(value), None) for key, value in outputs.items()
    }


@contextmanager
def _terminable() -> Iterator[None]:
    # A termination must end like an interrupt: what runs is waited for, processes are stopped.
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Run:
    """One preview, update, refresh or destroy; also the report that it makes."""

    def __init__(
        self, engine: LocalEngine, kind: str, snapshot: Snapshot, config: Mapping[str, str | Secret]
    ) -> None:
        self._kind, self._snapshot, self._config = kind, snapshot, config
        self._project, self._stack = engine._project, engine._stack
        self._launch = Launch(
            engine._python, str(self._project.program), self._program_env(engine._environment())
        )
        self._display = Display(kind, engine._stack, self._project.name, engine._diff, engine._echo)
        self._changes: Counter[str] = Counter()
        self._steps: list[StepResult] = []
        self._diagnostics: list[Diagnostic] = []
        self._lock = threading.Lock()
        self._deployment = Deployment(
            (self._project.name, self._stack),
            snapshot,
            lambda inputs: Provider(self._launch, inputs),
            self,
            preview=kind == "preview",
            config=dict(config),
        )

    def _program_env(self, env: dict[str, str]) -> dict[str, str]:
        return {
            **env,
            "ACCOUNT_LOOPBACK_ONLY": "1",
            "PULUMI_PROJECT": self._project.name,
            "PULUMI_STACK": self._stack,
            "PULUMI_CONFIG": json.dumps({key: plain(value) for key, value in self._config.items()}),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(
                [k for k, v in self._config.items() if isinstance(v, Secret)]
            ),
        }

    # The report

    def diagnostic(self, severity: str, urn: str, message: str) -> None:
        """Keep and show a message."""
        with self._lock:
            self._diagnostics.append(Diagnostic(severity, urn, message))
            self._display.diagnostic(severity, urn, message)

    def _logged(self, severity: str, urn: str, message: str) -> None:
        # A program that is told to stop says so: that is no error of its own.
        if not (severity == "error" and self._deployment.stopped.is_set()):
            self.diagnostic(severity, urn, message)

    def starting(self, step: Step) -> None:
        """Show that a step begins."""
        with self._lock:
            self._display.starting(step)

    def finished(self, step: Step) -> None:
        """Count and show a step."""
        op = counted(step)
        with self._lock:
            if op:
                self._changes[op] += 1
                self._steps.append(_step_result(op, step))
            self._display.finished(step)

    def failed(self, step: Step) -> None:
        """Show that a step has failed."""
        with self._lock:
            self._display.failed(step)

    # The run

    def go(self) -> Result:
        """Do it all, and leave no process behind."""
        began = time.monotonic()
        self._warn_of_interrupted()
        try:
            self._act()
        except KeyboardInterrupt:
            self._deployment.interrupt()
            self.diagnostic("error", "", f"{self._display.noun} canceled")
            self._close(began)
            raise
        finally:
            self._deployment.stop_providers()
        return self._close(began)

    def _act(self) -> None:
        if self._kind == "refresh":
            self._deployment.refresh()
        elif self._kind == "destroy":
            self._deployment.delete_unseen()
        else:
            self._run_program()

    def _warn_of_interrupted(self) -> None:
        if self._snapshot.interrupted and self._kind != "preview":
            urns = "".join(f"\n  * {op['resource']['urn']}" for op in self._snapshot.interrupted)
            self.diagnostic("warning", "", f"a previous run was interrupted while it created:{urns}")

    def _run_program(self) -> None:
        monitor = Monitor(self._deployment)
        server = grpc.server(ThreadPoolExecutor(PARALLEL * 4 + 8), options=OPTIONS)
        resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server)
        engine_pb2_grpc.add_EngineServicer_to_server(EngineService(self._logged), server)
        address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        process = self._start_program(address)
        wake = self._deployment.wake
        try:
            threading.Thread(target=lambda: (process.wait(), wake.set()), daemon=True).start()
            wake.wait()
            if monitor.complete and not self._deployment.stopped.is_set():
                self._deployment.delete_unseen()
            monitor.released.set()
            self._judge(process)
        finally:
            monitor.released.set()
            finish(process)
            server.stop(None)

    def _judge(self, process: subprocess.Popen[bytes]) -> None:
        stopped = self._deployment.stopped.is_set()
        try:
            status = process.wait(_GRACE if stopped else None)
        except subprocess.TimeoutExpired:
            return
        if status and not stopped:
            self._deployment.errored = True

    def _start_program(self, address: str) -> subprocess.Popen[bytes]:
        settings = {
            "program": str(self._project.program.resolve()),
            "project": self._project.name,
            "stack": self._stack,
            "organization": "organization",
            "monitor": address,
            "engine": address,
            "parallel": PARALLEL,
            "dry_run": self._kind == "preview",
            "root_directory": str(self._project.root),
        }
        return self._launch.start("-m", f"{__package__}._program", json.dumps(settings))

    def _close(self, began: float) -> Result:
        step = self._deployment.finish()
        outputs = _outputs(self._snapshot, show_secrets=False)
        self._display.close(self._changes, step, time.monotonic() - began)
        ok = not self._deployment.errored and all(item.severity != "error" for item in self._diagnostics)
        digest = self._display.digest(self._config, self._changes, time.monotonic() - began)
        changes = MappingProxyType(dict(self._changes))
        diagnostics = tuple(self._diagnostics)
        return Result(ok, changes, tuple(self._steps), outputs, diagnostics, self._display.text(), digest)


def _step_result(op: str, step: Step) -> StepResult:
    old, new = (r and jsonable(masked(r.inputs), None) for r in (step.old, step.new))
    return StepResult(op, step.resource.urn, old, new, tuple(step.changed), tuple(step.keys))
