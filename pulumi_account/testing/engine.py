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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, TextIO
from urllib.parse import quote, quote_plus

import grpc
from pulumi.runtime.proto import engine_pb2_grpc, resource_pb2_grpc

from pulumi_account.common.files import narrow, private_folder
from pulumi_account.testing._exit import SHOWN
from pulumi_account.testing.deploy import PARALLEL, STACK, Deployment, Step, counted
from pulumi_account.testing.display import Display
from pulumi_account.testing.monitor import EngineService, Monitor
from pulumi_account.testing.project import check_endpoints, check_name, load_config, load_project
from pulumi_account.testing.provider import OPTIONS, Launch, Provider, finish
from pulumi_account.testing.secrets import Vault, passphrase
from pulumi_account.testing.state import Snapshot, locked
from pulumi_account.testing.values import Properties, Secret, plain, secret_texts, visible

_TELLING = 3  # characters of a secret, at least, that is looked for in messages
_GRACE = 2.0  # seconds for a program to end by itself when the run has stopped
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Diagnostic:
    """A message: severity is ``info``, ``warning`` or ``error``; the URN is empty when it is the stack's."""

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
        check_name("stack", stack)
        self._stack = stack
        self._local = self._project.root / ".local"
        self._state = Path(state) if state else self._local / f"{stack}.json"
        self._config, self._secrets, self._env, self._python = config, secrets, env, python
        self._diff, self._echo = diff, echo

    def preview(self, *, replace: Sequence[str] = ()) -> Result:
        """Show what `up` would do.

        :param replace: URNs of resources to replace though nothing of them has changed.
        """
        return self._run("preview", replace)

    def up(self, *, replace: Sequence[str] = ()) -> Result:
        """Make the stack what the program declares.

        :param replace: URNs of resources to replace though nothing of them has changed.
        """
        return self._run("up", replace)

    def refresh(self) -> Result:
        """Make the state what the providers say of the resources."""
        return self._run("refresh")

    def destroy(self) -> Result:
        """Delete all resources of the stack."""
        return self._run("destroy")

    def taint(self, urn: str) -> None:
        """Have the next `up` replace a resource, as ``pulumi state taint`` does.

        :raises StateError: the state has no such resource.
        """
        self._edit(lambda snapshot: snapshot.taint(urn))

    def rename(self, urn: str, name: str) -> None:
        """Give a resource in the state another name, as ``pulumi state rename`` does.

        :raises StateError: the state has no such resource, or has one of that name.
        """
        self._edit(lambda snapshot: snapshot.give_name(urn, name))

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

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if self._local in self._state.resolve().parents:  # the folder is ours, wherever else a state may lie
            private_folder(self._local)
            narrow(self._local)
        with locked(self._state):
            yield

    def _edit(self, change: Callable[[Snapshot], None]) -> None:
        with self._locked():
            change(self._snapshot(read_only=False))

    def _run(self, kind: str, replace: Sequence[str] = ()) -> Result:
        config = load_config(self._project, self._stack, self._config, self._secrets)
        check_endpoints(self._environment(), config)
        with self._locked(), _terminable():
            return _Run(self, kind, config, replace).go()


def _outputs(snapshot: Snapshot, show_secrets: bool) -> dict[str, Any]:
    outputs = next((r.outputs for r in snapshot.resources() if r.type == STACK), {})
    return {key: visible(plain(value) if show_secrets else value) for key, value in outputs.items()}


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
        self, engine: LocalEngine, kind: str, config: Mapping[str, str | Secret], replace: Sequence[str]
    ) -> None:
        self._kind, self._config, self._replace = kind, config, replace
        self._project, self._stack = engine._project, engine._stack
        self._launch = Launch(
            engine._python, str(self._project.folder), self._program_env(engine._environment())
        )
        self._load = partial(engine._snapshot, read_only=kind == "preview")
        self._display = Display(kind, engine._stack, self._project.name, engine._diff, engine._echo)
        self._changes: Counter[str] = Counter()
        self._starts: dict[str, float] = {}
        self._steps: list[StepResult] = []
        self._hidden: set[str] = set()
        self._longest_first: list[str] = []
        self._served = False
        for text in secret_texts(dict(config)):
            self._hide(_shapes(text))
        self._diagnostics: list[Diagnostic] = []
        self._printed: set[str] = set()
        self._lock = threading.Lock()

    def _deploy(self) -> Deployment:
        self._snapshot = self._load()
        self._deployment = Deployment(
            (self._project.name, self._stack),
            self._snapshot,
            partial(Provider, self._launch, self._print),
            self,
            preview=self._kind == "preview",
            config=dict(self._config),
            replace=self._replace,
        )
        self._warn_of_interrupted()
        return self._deployment

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

    @property
    def _noun(self) -> str:
        return "preview" if self._kind == "preview" else "update"

    # The report

    def diagnostic(self, severity: str, urn: str, message: str) -> None:
        """Keep and show a message."""
        with self._lock:
            message = self._without_secrets(message)
            self._diagnostics.append(Diagnostic(severity, urn, message))
            self._display.diagnostic(severity, urn, message)

    def _print(self, line: str) -> None:
        """Show a line that a provider's process has printed."""
        self._printed.add(self._without_secrets(line))
        self.diagnostic("info", "", line)

    def _logged(self, severity: str, urn: str, message: str) -> None:
        # A program that is told to stop says so: that is no error of its own.
        if not (severity == "error" and self._deployment.stopped.is_set()):
            self.diagnostic(severity, urn, message)

    def hide(self, *bags: Properties) -> None:
        """Keep what is secret in these out of all messages; what is short would hide half of every text."""
        for bag in bags:
            self._hide(secret_texts(bag))

    def _hide(self, texts: Iterable[str]) -> None:
        self._hidden |= {text for text in texts if len(text) >= _TELLING}

    def _without_secrets(self, message: str) -> str:
        if len(self._longest_first) != len(self._hidden):
            self._longest_first = sorted(self._hidden, key=len, reverse=True)
        for text in self._longest_first:
            message = message.replace(text, "[secret]")
        return message

    def starting(self, step: Step) -> None:
        """Show that a step begins."""
        with self._lock:
            self._starts[step.resource.urn] = time.monotonic()
            self._display.starting(step)

    def finished(self, step: Step) -> None:
        """Count and show a step."""
        op = counted(step)
        with self._lock:
            if op:
                self._changes[op] += 1
                self._steps.append(_step_result(op, step))
            self._display.finished(step, time.monotonic() - self._starts[step.resource.urn])

    def failed(self, step: Step) -> None:
        """Show that a step has failed."""
        with self._lock:
            self._display.failed(step)

    # The run

    def go(self) -> Result:
        """Do it all, and leave no process behind."""
        began = time.monotonic()
        with ExitStack() as last:
            start = self._open_program(last) if self._kind in ("preview", "up") else None
            deployment = self._deploy()
            last.callback(deployment.stop_providers)
            try:
                if start:
                    if deployment.can_replace():
                        start()
                elif self._kind == "refresh":
                    deployment.refresh()
                else:
                    deployment.delete_unseen()
            except KeyboardInterrupt:
                self._interrupt(deployment)
                self.diagnostic("error", "", f"{self._noun} canceled")
                self._close(began)
                raise
        return self._close(began)

    def _interrupt(self, deployment: Deployment) -> None:
        self._note(
            "^C received; cancelling. If you would like to terminate immediately, press ^C again.\n"
            "Note that terminating immediately may lead to orphaned resources and other inconsistencies."
        )
        try:
            deployment.interrupt()
        except KeyboardInterrupt:
            deployment.terminated = True
            self._note("^C received; terminating")
            raise

    def _note(self, text: str) -> None:
        with self._lock:
            self._display.note(text)

    def _warn_of_interrupted(self) -> None:
        found = self._snapshot.interrupted
        if found and self._kind != "preview":
            lines = "".join(f"\n  * {op['resource']['urn']}, interrupted while {op['type']}" for op in found)
            self.diagnostic(
                "warning",
                "",
                f"Attempting to deploy or update resources with {len(found)} pending operations from previous "
                f"deployment.{lines}\nThese resources are in an unknown state because the engine was interrupted: "
                "look for what was being created, for nothing else knows of it.",
            )
            self._snapshot.forget_interrupted()

    def _open_program(self, last: ExitStack) -> Callable[[], None]:
        # The program's process starts first, and finds the port open: it has much to import
        # while the state is being decrypted here.
        server = grpc.server(ThreadPoolExecutor(PARALLEL * 4 + 8), options=OPTIONS)
        address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        self._launch = replace(self._launch, engine=address)
        process = self._start_program(address)
        last.callback(server.stop, None)
        for stream, to in ((process.stdout, "stdout"), (process.stderr, "stderr")):
            passing = threading.Thread(target=self._pass_on, args=(stream, to), daemon=True)
            passing.start()
            last.callback(passing.join, _GRACE)  # what the program has started may hold the stream
        last.callback(self._end_program, process)
        return lambda: self._serve(server, process)

    def _end_program(self, process: subprocess.Popen[bytes]) -> None:
        # One that was never served has nothing to clean up, and would only tell of its interruption.
        finish(process, signal.SIGINT if self._served else signal.SIGTERM)

    def _serve(self, server: grpc.Server, process: subprocess.Popen[bytes]) -> None:
        deployment, self._served = self._deployment, True
        monitor = Monitor(deployment)
        resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server)
        engine_pb2_grpc.add_EngineServicer_to_server(EngineService(self._logged), server)
        server.start()
        threading.Thread(target=_wake_at_end, args=(process, deployment.wake), daemon=True).start()
        try:
            deployment.wake.wait()
            if monitor.complete and not deployment.stopped.is_set():
                deployment.delete_unseen()
        finally:
            monitor.released.set()
        self._judge(process)

    def _judge(self, process: subprocess.Popen[bytes]) -> None:
        stopped = self._deployment.stopped.is_set()
        try:
            status = process.wait(_GRACE if stopped else None)
        except subprocess.TimeoutExpired:
            return
        if status and not stopped:
            self._deployment.errored = True
            if status != SHOWN:
                message = f"an unhandled error occurred: program exited with non-zero exit code: {status}"
                self.diagnostic("error", "", message)

    def _start_program(self, address: str) -> subprocess.Popen[bytes]:
        settings = {
            "program": str(self._project.program),
            "project": self._project.name,
            "stack": self._stack,
            "organization": "organization",
            "monitor": address,
            "engine": address,
            "parallel": PARALLEL,
            "dry_run": self._kind == "preview",
            "root_directory": str(self._project.root),
        }
        return self._launch.start(
            "-m", f"{__package__}._program", json.dumps(settings), output=subprocess.PIPE
        )

    def _pass_on(self, stream: IO[bytes], to: str) -> None:
        """Print what the program prints, line by line, without what the configuration or the state holds as secrets."""
        with stream:
            for line in stream:
                text = self._without_secrets(line.decode(errors="replace"))
                with suppress(OSError, ValueError):  # nobody reads it: the program must not wait for that
                    _write(getattr(sys, to), text)

    def _close(self, began: float) -> Result:
        if self._deployment.step_failed:
            self.diagnostic("error", "", f"{self._noun} failed")
        step = self._deployment.finish()
        seconds = time.monotonic() - began
        self._display.close(self._changes, step, seconds)
        return Result(
            ok=not self._deployment.errored,
            changes=MappingProxyType(dict(self._changes)),
            steps=tuple(self._steps),
            outputs=_outputs(self._snapshot, show_secrets=False),
            diagnostics=tuple(self._diagnostics),
            text=self._display.text(),
            json=self._digest(seconds),
        )

    def _digest(self, seconds: float) -> dict[str, Any]:
        messages = [
            {"urn": d.urn, "message": f"{d.severity}: {d.message}", "severity": d.severity}
            if d.message not in self._printed
            else {"message": f"{d.message}\n\n", "severity": "info#err"}
            for d in self._diagnostics
        ]
        more = {"duration": int(seconds * 1e9), "changeSummary": dict(sorted(self._changes.items()))}
        return self._display.digest(self._config, messages, more)


def _write(out: TextIO, text: str) -> None:
    encoding = out.encoding or "utf-8"
    out.write(text.encode(encoding, "backslashreplace").decode(encoding))
    out.flush()


def _shapes(secret: str) -> set[str]:
    """How a secret shows in a message: whole, trimmed or line by line, and as Python, JSON and URLs write that."""
    parts = {secret, secret.strip(), *(line.strip() for line in secret.splitlines())}
    writers: list[Callable[[str], str]] = [
        str,
        lambda text: repr(text)[1:-1],
        lambda text: json.dumps(text)[1:-1],
        lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
        partial(quote, errors="replace"),
        partial(quote_plus, errors="replace"),
    ]
    return {write(part) for part in parts for write in writers}


def _wake_at_end(process: subprocess.Popen[bytes], wake: threading.Event) -> None:
    process.wait()
    wake.set()


def _step_result(op: str, step: Step) -> StepResult:
    old, new = (None if r is None else visible(r.inputs) for r in (step.old, step.new))
    return StepResult(op, step.resource.urn, old, new, tuple(step.changed), tuple(step.keys))
