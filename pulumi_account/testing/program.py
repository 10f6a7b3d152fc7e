"""The program's process: starts it, serves its requests, passes on its output, and ends it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import IO

import grpc
from pulumi.runtime.proto import engine_pb2_grpc, resource_pb2_grpc

from pulumi_account.testing.deployment import Deployment
from pulumi_account.testing.language_host import SHOWN
from pulumi_account.testing.monitor import EngineService, Monitor
from pulumi_account.testing.project import Project
from pulumi_account.testing.provider import OPTIONS, PARALLEL, Launch, finish
from pulumi_account.testing.report import Report
from pulumi_account.testing.values import Secret, plain

_GRACE = 2.0  # seconds for a program to end on its own when the run has stopped


def environment(project: Project, stack: str, config: Mapping[str, str | Secret]) -> dict[str, str]:
    """The variables that the program and the provider processes get in addition to the user's."""
    return {
        "ACCOUNT_LOOPBACK_ONLY": "1",
        "PULUMI_PROJECT": project.name,
        "PULUMI_STACK": stack,
        "PULUMI_CONFIG": json.dumps({key: plain(value) for key, value in config.items()}),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps([k for k, v in config.items() if isinstance(v, Secret)]),
    }


class Program:
    """A program that has started to import, and finds the engine's port open although nothing is served there yet.

    :param last: ends the process and the server when it closes.
    :ivar launch: how to start provider processes, which also talk to the engine.
    """

    def __init__(
        self, project: Project, stack: str, launch: Launch, report: Report, last: ExitStack, *, preview: bool
    ) -> None:
        self._report = report
        self._served = False
        self._server = grpc.server(ThreadPoolExecutor(PARALLEL * 4 + 8), options=OPTIONS)
        address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self.launch = replace(launch, engine=address)
        settings = {
            "program": str(project.program),
            "project": project.name,
            "stack": stack,
            "organization": "organization",
            "monitor": address,
            "engine": address,
            "parallel": PARALLEL,
            "dry_run": preview,
            "root_directory": str(project.root),
        }
        host = ("-m", f"{__package__}.language_host", json.dumps(settings))
        self._process = self.launch.start(*host)
        last.callback(self._server.stop, None)
        for stream, to in ((self._process.stdout, "stdout"), (self._process.stderr, "stderr")):
            passing = threading.Thread(target=self._pass_on, args=(stream, to), daemon=True)
            passing.start()
            last.callback(passing.join, _GRACE)  # a process that the program started may hold the stream
        last.callback(self._end)

    def _pass_on(self, stream: IO[bytes], to: str) -> None:
        """Print what the program prints, line by line and without secrets."""
        with stream:
            for line in stream:
                text = self._report.redactor.redact(line.decode(errors="replace"))
                out = getattr(sys, to)
                encoding = out.encoding or "utf-8"
                with suppress(OSError, ValueError):  # if the reader is gone, the program must not wait for it
                    out.write(text.encode(encoding, "backslashreplace").decode(encoding))
                    out.flush()

    def _end(self) -> None:
        # A program that was never served has nothing to clean up, and would print that it was interrupted.
        finish(self._process, signal.SIGINT if self._served else signal.SIGTERM)

    def serve(self, deployment: Deployment) -> None:
        """Let the program register its resources, then delete what it no longer declares."""
        run, self._served = deployment.execution, True

        def log(severity: str, urn: str, message: str) -> None:
            # When the run stops, the program reports that its calls were aborted, which is not its own error.
            if not (severity == "error" and run.stopped.is_set()):
                self._report.diagnostic(severity, urn, message)

        def wake_at_end() -> None:
            self._process.wait()
            run.wake.set()

        monitor = Monitor(deployment)
        resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, self._server)
        engine_pb2_grpc.add_EngineServicer_to_server(EngineService(log), self._server)
        self._server.start()
        threading.Thread(target=wake_at_end, daemon=True).start()
        try:
            run.wake.wait()
            if monitor.complete and not run.stopped.is_set():
                deployment.delete_unseen()
                if not run.stopped.is_set():
                    deployment.check_stack()
        finally:
            monitor.released.set()
        self._judge(deployment)

    def _judge(self, deployment: Deployment) -> None:
        stopped = deployment.execution.stopped.is_set()
        try:
            status = self._process.wait(_GRACE if stopped else None)
        except subprocess.TimeoutExpired:
            return
        if status and not stopped:
            deployment.execution.errored = True
            if status != SHOWN:
                message = f"an unhandled error occurred: program exited with non-zero exit code: {status}"
                self._report.diagnostic("error", "", message)
