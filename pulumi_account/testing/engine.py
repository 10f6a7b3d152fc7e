"""LocalEngine: runs an unmodified Pulumi program without the Pulumi CLI, for experiments and tests."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TextIO

from pulumi_account.common.files import narrow, private_folder
from pulumi_account.common.signals import interrupted_by_signals
from pulumi_account.testing.deployment import Deployment
from pulumi_account.testing.display import Display
from pulumi_account.testing.execution import Execution
from pulumi_account.testing.importing import Import, read_import_file
from pulumi_account.testing.policies import PolicyPack
from pulumi_account.testing.program import Program, environment
from pulumi_account.testing.project import Project, check_endpoints, check_name, load_config, load_project
from pulumi_account.testing.provider import Launch, Provider, Providers
from pulumi_account.testing.report import Report, Result
from pulumi_account.testing.secrets import Vault, passphrase
from pulumi_account.testing.state import Snapshot, locked
from pulumi_account.testing.values import Secret

_NOTHING: Mapping[str, str] = MappingProxyType({})


class LocalEngine:
    """Previews, updates, refreshes and destroys one stack of a project, without the Pulumi CLI.

    It is for experiments and tests: it sets ``ACCOUNT_LOOPBACK_ONLY=1`` for the program and all provider processes,
    so that only an endpoint on this machine can make a key, and refuses to start with any other endpoint.
    Configuration keys without a namespace get the project's. The state file (default: ``.local/<stack>.json`` in
    the project) holds secrets encrypted under ``PULUMI_CONFIG_PASSPHRASE``, and ``pulumi stack import`` can read it.
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

    def preview(self, *, replace: Sequence[str] = (), policy_packs: Sequence[Path] = ()) -> Result:
        """Show what `up` would do.

        :param replace: the URNs of resources to replace though they have not changed.
        :param policy_packs: the folders of policy packs that the resources must comply with.
        """
        return self._run("preview", replace, policy_packs)

    def up(self, *, replace: Sequence[str] = (), policy_packs: Sequence[Path] = ()) -> Result:
        """Update the stack to match the program.

        :param replace: the URNs of resources to replace though they have not changed.
        :param policy_packs: the folders of policy packs that the resources must comply with.
        """
        return self._run("up", replace, policy_packs)

    def refresh(self) -> Result:
        """Update the state to match what the providers report about the resources."""
        return self._run("refresh")

    def destroy(self) -> Result:
        """Delete all resources of the stack."""
        return self._run("destroy")

    def taint(self, urn: str) -> None:
        """Mark a resource, so that the next `up` replaces it, as ``pulumi state taint`` does.

        :raises StateError: the state has no such resource.
        """
        self._edit(lambda snapshot: snapshot.taint(urn))

    def rename(self, urn: str, name: str) -> None:
        """Give a resource in the state another name, as ``pulumi state rename`` does.

        :raises StateError: the state has no such resource, or has one of that name.
        """
        self._edit(lambda snapshot: snapshot.give_name(urn, name))

    def import_resources(self, file: Path, *, protect: bool = True) -> int:
        """Put existing resources into the state, as ``pulumi import --file`` does; returns how many are new.

        Each entry of the file needs ``inputs`` and ``outputs``. No provider runs, and no API is called.

        :param file: the file that lists the resources.
        :param protect: mark the resources as protected from deletion, as the CLI does by default.
        :raises StateError: the file cannot be imported.
        """
        project, stack, found = self._project, self._stack, read_import_file(Path(file))
        config = load_config(project, stack, self._config, self._secrets)
        check_endpoints(self._environment(), config)
        with self._locked():
            snapshot = self._snapshot(read_only=False)
            run = Import((project.name, stack), dict(config), snapshot.base)
            number = run.add(found, protect=protect)
            snapshot.add(run.entries)
        return number

    def outputs(self, *, show_secrets: bool = False) -> dict[str, Any]:
        """The stack's outputs; secrets are ``[secret]`` unless requested."""
        return self._snapshot(read_only=True).stack_outputs(show_secrets=show_secrets)

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
        if self._local in self._state.resolve().parents:  # other folders that hold the state are the user's
            private_folder(self._local)
            narrow(self._local)
        with locked(self._state):
            yield

    def _edit(self, change: Callable[[Snapshot], None]) -> None:
        with self._locked():
            change(self._snapshot(read_only=False))

    def _run(self, kind: str, replace: Sequence[str] = (), policy_packs: Sequence[Path] = ()) -> Result:
        project, stack, env = self._project, self._stack, self._environment()
        config = load_config(project, stack, self._config, self._secrets)
        check_endpoints(env, config)
        launch = Launch(self._python, str(project.folder), {**env, **environment(project, stack, config)})
        load = partial(self._snapshot, read_only=kind == "preview")
        # SIGTERM ends a run as an interrupt does: running steps finish, and processes are stopped
        with self._locked(), interrupted_by_signals(signal.SIGTERM):
            report = Report(Display(kind, stack, project.name, self._diff, self._echo), config)
            packs = [Path(folder) for folder in policy_packs]
            return _Run(kind, project, stack, config, launch, load, report, packs).go(replace)


@dataclass(frozen=True)
class _Run:
    """One command on one stack; it leaves no process behind."""

    kind: str  # preview, up, refresh or destroy
    project: Project
    stack: str
    config: Mapping[str, str | Secret]
    launch: Launch
    load: Callable[[], Snapshot]
    report: Report
    packs: Sequence[Path]

    @property
    def _noun(self) -> str:
        return "preview" if self.kind == "preview" else "update"

    def go(self, replace: Iterable[str]) -> Result:
        """Run the command, and replace the resources with these URNs though they have not changed."""
        preview, launch, program = self.kind == "preview", self.launch, None
        with ExitStack() as last:
            if self.kind in ("preview", "up"):  # first of all: it imports while the state is decrypted here
                program = Program(self.project, self.stack, launch, self.report, last, preview=preview)
                launch = program.launch
            snapshot = self.load()
            providers = Providers(partial(Provider, launch, self.report.printed), snapshot.base)
            stack, config = (self.project.name, self.stack), dict(self.config)
            packs = [self._started(folder, launch, last) for folder in self.packs]
            deployment = Deployment(
                stack,
                snapshot,
                providers,
                self.report,
                preview=preview,
                config=config,
                replace=replace,
                packs=packs,
            )
            if not preview:
                self._warn_of_interrupted(snapshot)
            last.callback(providers.stop)
            try:
                if self.kind == "refresh":
                    deployment.refresh()
                elif program is None:
                    deployment.delete_unseen()
                elif deployment.can_replace():
                    program.serve(deployment)
            except KeyboardInterrupt:
                self._interrupt(deployment.execution)
                self.report.diagnostic("error", "", f"{self._noun} canceled")
                self._close(deployment, snapshot)
                raise
        return self._close(deployment, snapshot)

    def _started(self, folder: Path, launch: Launch, last: ExitStack) -> PolicyPack:
        """A policy pack, whose process ends with the run."""
        pack = PolicyPack(folder, launch, self.report.printed, preview=self.kind == "preview")
        last.callback(pack.stop)
        self.report.uses(pack)
        return pack

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
