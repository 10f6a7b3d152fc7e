"""One preview, update, refresh or destroy, from the first line of its display to its result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import partial

from pulumi_account.testing.deployment import Deployment
from pulumi_account.testing.execution import Execution
from pulumi_account.testing.program import Program
from pulumi_account.testing.project import Project
from pulumi_account.testing.provider import Launch, Provider, Providers
from pulumi_account.testing.report import Report, Result
from pulumi_account.testing.state import Snapshot
from pulumi_account.testing.values import Secret


class Run:
    """One command on one stack; it leaves no process behind.

    :param kind: ``preview``, ``up``, ``refresh`` or ``destroy``.
    :param config: the stack's configuration.
    :param launch: how to start the program and provider processes.
    :param load: reads the state.
    """

    def __init__(
        self,
        kind: str,
        project: Project,
        stack: str,
        config: Mapping[str, str | Secret],
        launch: Launch,
        load: Callable[[], Snapshot],
        report: Report,
    ) -> None:
        self._kind, self._project, self._stack, self._config = kind, project, stack, config
        self._launch, self._load, self._report = launch, load, report
        self._noun = "preview" if kind == "preview" else "update"

    def go(self, replace: Iterable[str]) -> Result:
        """Run the command.

        :param replace: the URNs of resources to replace though they have not changed.
        """
        preview, launch, program = self._kind == "preview", self._launch, None
        with ExitStack() as last:
            if self._kind in ("preview", "up"):  # first of all: it imports while the state is decrypted here
                program = Program(self._project, self._stack, launch, self._report, last, preview=preview)
                launch = program.launch
            snapshot = self._load()
            providers = Providers(partial(Provider, launch, self._report.printed), snapshot.base)
            deployment = Deployment(
                (self._project.name, self._stack),
                snapshot,
                providers,
                self._report,
                preview=preview,
                config=dict(self._config),
                replace=replace,
            )
            if not preview:
                self._warn_of_interrupted(snapshot)
            last.callback(providers.stop)
            try:
                self._do(deployment, program)
            except KeyboardInterrupt:
                self._interrupt(deployment.execution)
                self._report.diagnostic("error", "", f"{self._noun} canceled")
                self._close(deployment, snapshot)
                raise
        return self._close(deployment, snapshot)

    def _do(self, deployment: Deployment, program: Program | None) -> None:
        if self._kind == "refresh":
            deployment.refresh()
        elif program is None:
            deployment.delete_unseen()
        elif deployment.can_replace():
            program.serve(deployment)

    def _warn_of_interrupted(self, snapshot: Snapshot) -> None:
        found = snapshot.interrupted
        if found:
            lines = "".join(f"\n  * {op['resource']['urn']}, interrupted while {op['type']}" for op in found)
            self._report.diagnostic(
                "warning",
                "",
                f"Attempting to deploy or update resources with {len(found)} pending operations from previous "
                f"deployment.{lines}\nThese resources are in an unknown state because the engine was interrupted: "
                "look for what was being created, for nothing else knows of it.",
            )
            snapshot.forget_interrupted()

    def _interrupt(self, execution: Execution) -> None:
        self._report.note(
            "^C received; cancelling. If you would like to terminate immediately, press ^C again.\n"
            "Note that terminating immediately may lead to orphaned resources and other inconsistencies."
        )
        try:
            execution.interrupt()
        except KeyboardInterrupt:
            execution.terminated = True
            self._report.note("^C received; terminating")
            raise

    def _close(self, deployment: Deployment, snapshot: Snapshot) -> Result:
        if deployment.execution.step_failed:
            self._report.diagnostic("error", "", f"{self._noun} failed")
        stack = deployment.finish()
        outputs = snapshot.stack_outputs(show_secrets=False)
        return self._report.close(stack, outputs, ok=not deployment.execution.errored)
