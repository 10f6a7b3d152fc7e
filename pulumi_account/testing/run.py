"""One preview, update, refresh or destroy, from the first line of its display to its result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from pulumi_account.testing.deployment import Deployment
from pulumi_account.testing.execution import Execution
from pulumi_account.testing.program import Program
from pulumi_account.testing.project import Project
from pulumi_account.testing.provider import Launch, Provider, Providers
from pulumi_account.testing.report import Report, Result
from pulumi_account.testing.state import Snapshot
from pulumi_account.testing.values import Secret


@dataclass(frozen=True)
class Run:
    """One command on one stack; it leaves no process behind."""

    kind: str  # preview, up, refresh or destroy
    project: Project
    stack: str
    config: Mapping[str, str | Secret]
    launch: Launch
    load: Callable[[], Snapshot]
    report: Report

    @property
    def _noun(self) -> str:
        return "preview" if self.kind == "preview" else "update"

    def go(self, replace: Iterable[str]) -> Result:
        """Run the command.

        :param replace: the URNs of resources to replace though they have not changed.
        """
        preview, launch, program = self.kind == "preview", self.launch, None
        with ExitStack() as last:
            if self.kind in ("preview", "up"):  # first of all: it imports while the state is decrypted here
                program = Program(self.project, self.stack, launch, self.report, last, preview=preview)
                launch = program.launch
            snapshot = self.load()
            providers = Providers(partial(Provider, launch, self.report.printed), snapshot.base)
            stack, config = (self.project.name, self.stack), dict(self.config)
            deployment = Deployment(
                stack, snapshot, providers, self.report, preview=preview, config=config, replace=replace
            )
            if not preview:
                self._warn_of_interrupted(snapshot)
            last.callback(providers.stop)
            try:
                self._do(deployment, program)
            except KeyboardInterrupt:
                self._interrupt(deployment.execution)
                self.report.diagnostic("error", "", f"{self._noun} canceled")
                self._close(deployment, snapshot)
                raise
        return self._close(deployment, snapshot)

    def _do(self, deployment: Deployment, program: Program | None) -> None:
        if self.kind == "refresh":
            deployment.refresh()
        elif program is None:
            deployment.delete_unseen()
        elif deployment.can_replace():
            program.serve(deployment)

    def _warn_of_interrupted(self, snapshot: Snapshot) -> None:
        if found := snapshot.interrupted:
            lines = "".join(f"\n  * {op['resource']['urn']}, interrupted while {op['type']}" for op in found)
            message = (
                f"Attempting to deploy or update resources with {len(found)} pending operations from previous "
                f"deployment.{lines}\nThese resources are in an unknown state because the engine was interrupted: "
                "look for those that were being created, because no state records them."
            )
            self.report.diagnostic("warning", "", message)
            snapshot.forget_interrupted()

    def _interrupt(self, execution: Execution) -> None:
        self.report.note(
            "^C received; cancelling. If you would like to terminate immediately, press ^C again.\n"
            "Note that terminating immediately may lead to orphaned resources and other inconsistencies."
        )
        try:
            execution.interrupt()
        except KeyboardInterrupt:
            execution.terminated = True
            self.report.note("^C received; terminating")
            raise

    def _close(self, deployment: Deployment, snapshot: Snapshot) -> Result:
        if deployment.execution.step_failed:
            self.report.diagnostic("error", "", f"{self._noun} failed")
        stack = deployment.finish()
        outputs = snapshot.stack_outputs(show_secrets=False)
        return self.report.close(stack, outputs, ok=not deployment.execution.errored)
