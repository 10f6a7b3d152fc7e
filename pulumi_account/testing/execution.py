"""Carries out the steps of a run, sixteen at a time, and records each of them in the state."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from pulumi_account.testing.planning import Step
from pulumi_account.testing.provider import PARALLEL, Provider, ProviderError, Providers
from pulumi_account.testing.report import Report
from pulumi_account.testing.resources import PlanError, Resource, now
from pulumi_account.testing.state import Snapshot
from pulumi_account.testing.values import UNKNOWN, Secret, changes, same

_WATCHED = (
    *("urn", "type", "custom", "retain_on_delete", "provider", "parent", "protect"),
    *("inputs", "outputs", "replacement_trigger"),
)


class StoppedError(Exception):
    """The run stopped; the reason was already reported."""


class _ProtectedError(PlanError):
    """Fails a deletion, and lets the run go on."""


class Execution:
    """Does steps until the run stops; any thread may call it.

    :ivar stopped: set when no further step may begin.
    :ivar wake: set when the program has declared everything or has ended, and when the run stops.
    :ivar errored: whether the run failed; `step_failed`: in a step.
    :ivar terminated: whether the run ends without waiting for the steps that are running.
    :ivar done: the last step that deployed a resource, by URN.
    """

    def __init__(self, snapshot: Snapshot, providers: Providers, report: Report, *, preview: bool) -> None:
        self._snapshot, self._providers, self._report, self._preview = snapshot, providers, report, preview
        self._workers = threading.BoundedSemaphore(PARALLEL)
        self.stopped, self.wake = threading.Event(), threading.Event()
        self.errored = self.step_failed = self.terminated = False
        self.done: dict[str, Step] = {}
        self._appliers: dict[str, Callable[[Step], None]] = {
            "same": self._same,
            "create": self._create,
            "create-replacement": self._create,
            "update": self._update,
            "replace": lambda _: None,
            "read": self._read,
            "read-replacement": self._read,
            "refresh": self._refresh,
            "remove-pending-replace": lambda step: snapshot.end(step.resource, done=step.old),
        }

    def fail(self, urn: str, message: str) -> StoppedError:
        """Report an error and stop: running steps finish, no others begin."""
        self._report.diagnostic("error", urn, message)
        self.stop()
        return StoppedError()

    def stop(self) -> None:
        """Fail the run after an error that was reported."""
        self.errored = True
        self.stopped.set()
        self.wake.set()

    def interrupt(self) -> None:
        """Begin no further step, and wait for those that are running."""
        self.stopped.set()
        for _ in range(PARALLEL):
            self._workers.acquire()

    def side_by_side(self, steps: list[Step]) -> list[bool]:
        """Do independent steps; returns which of them succeeded."""

        def succeeds(step: Step) -> bool:
            try:
                self.run([step])
            except StoppedError:
                return False
            return True

        pool = ThreadPoolExecutor(PARALLEL)
        try:
            return list(pool.map(succeeds, steps))
        finally:  # does not wait: an interrupt is reported first, then the running steps are waited for
            pool.shutdown(wait=False, cancel_futures=True)

    def run(self, steps: Iterable[Step]) -> None:
        """Do steps one after the other.

        :raises StoppedError: one of them failed, or the run stopped meanwhile.
        """
        with self._workers:
            for step in steps:
                if self.stopped.is_set():
                    raise StoppedError
                self._do(step)

    def _do(self, step: Step) -> None:
        self._report.starting(step)
        try:
            self._appliers.get(step.op, self._delete)(step)
        except (ProviderError, PlanError) as error:
            self.errored = self.step_failed = True
            prefix = "Preview failed: " if self._preview else ""
            self._report.diagnostic("error", step.resource.urn, f"{prefix}{error}")
            self._report.failed(step)
            if not self.terminated:
                self._snapshot.end(step.resource)
            if step.op != "refresh" and not isinstance(error, _ProtectedError):
                self.stop()
            raise StoppedError from None
        self._report.redactor.add(step.resource.outputs)
        if step.new and step.op != "replace":
            self.done[step.new.urn] = step
        self._report.finished(step)

    def _same(self, step: Step) -> None:
        old, new = step.old, step.resource
        assert old
        new.id, new.outputs = old.id, old.outputs
        if new.is_provider:
            self._providers.keep(new, old)
        _mark_secrets(new)
        unchanged = all(same(getattr(old, name), getattr(new, name)) for name in _WATCHED)
        quiet = unchanged and sorted(old.dependencies) == sorted(new.dependencies)
        self._snapshot.end(new, new=new, done=old, quiet=quiet)

    def _create(self, step: Step) -> None:
        old, new = step.old, step.resource
        self._snapshot.begin(new, "creating")
        if new.is_provider:
            self._configure(new, UNKNOWN if self._preview else str(uuid.uuid4()))
        elif new.custom:
            provider = self._providers.get(new.provider)
            if not self._previewed(new, provider):
                new.id, new.outputs = provider.create(new.inputs)
                if not new.id:
                    raise ProviderError(f"plugin returned empty resource.ID from create '{new.urn}'")
        new.created = new.modified = now()
        _mark_secrets(new)
        if old and step.leaves:
            self._leave(old)
        self._snapshot.end(new, new=new, done=old if old and old.pending_replacement else None)

    def _previewed(self, new: Resource, provider: Provider) -> bool:
        """In a preview, use the inputs as the outputs; with an unknown configuration, nothing is known."""
        if self._preview:
            new.outputs = dict(new.inputs) if provider.known else {}
        return self._preview

    def _leave(self, old: Resource) -> None:
        old.delete = True
        self._snapshot.touch(old)

    def _configure(self, new: Resource, id_: str) -> None:
        new.id, new.outputs = id_, dict(new.inputs)
        self._providers.add(new.ref, new.inputs)

    def _update(self, step: Step) -> None:
        old, new = step.old, step.resource
        assert old
        new.id = old.id
        self._snapshot.begin(new, "updating")
        if new.is_provider:
            self._configure(new, old.id)
        elif new.custom:
            provider = self._providers.get(new.provider)
            if not self._previewed(new, provider):
                new.outputs = provider.update(old, new.inputs, new.ignore_changes)
        new.modified = now() if new.custom else new.modified
        _mark_secrets(new)
        self._snapshot.end(new, new=new, done=old)

    def _delete(self, step: Step) -> None:
        old = step.resource
        if step.op == "delete" and old.protect:
            raise _ProtectedError(
                f'resource "{old.urn}" cannot be deleted\nbecause it is protected. To unprotect the resource, either '
                "remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`, or use the "
                f"command:\n`pulumi state unprotect '{old.urn}'`"
            )
        self._snapshot.begin(old, "deleting")
        if not (self._preview or old.external or old.retain_on_delete or not old.custom or old.is_provider):
            self._providers.get(old.provider).delete(old)
        old.pending_replacement = step.stays
        self._snapshot.end(old, done=None if step.stays else old)

    def _read(self, step: Step) -> None:
        old, new = step.old, step.resource
        self._snapshot.begin(new, "reading")
        if new.id != UNKNOWN:
            # as newer engines do; older ones send the inputs as the state, too
            id_, new.outputs, _ = self._providers.get(new.provider).read(new.id, new.inputs, None)
            new.id = id_ or new.id
        if step.op == "read-replacement" and old:
            self._leave(old)
        if old and not (same(old.inputs, new.inputs) and same(old.outputs, new.outputs)):
            new.modified = now()
        _mark_secrets(new)
        self._snapshot.end(new, new=new, done=None if step.op == "read-replacement" else old)

    def _refresh(self, step: Step) -> None:
        old = step.resource
        step.result = "same"
        if not old.custom or old.is_provider or old.pending_replacement:
            return
        provider = self._providers.get(old.provider)
        id_, outputs, inputs = provider.read(old.id, old.inputs, old.outputs)
        if not id_:
            step.new, step.result = None, "delete"
            return
        inputs = old.inputs if inputs is None else inputs
        new = step.new = replace(old, id=id_, inputs=inputs, outputs=outputs, text="")
        if not (same(new.inputs, old.inputs) and same(new.outputs, old.outputs)):
            new.modified = now()
        _mark_secrets(new)
        if old.external:
            step.result = "update" if changes(old.outputs, new.outputs) else "same"
            return
        # the reverse of what the next update would do with an unchanged program
        diff = provider.diff(new, old.inputs, old.ignore_changes)
        if diff.some:
            turned = {"add": "delete", "delete": "add", "update": "update"}
            detailed = diff.detailed and [(turned[kind], path) for kind, path in diff.detailed]
            step.result, step.changed, step.detailed = "update", diff.changed, detailed


def _mark_secrets(new: Resource) -> None:
    leaked = [key for key, value in new.inputs.items() if isinstance(value, Secret)]
    for key in (*new.additional_secret_outputs, *leaked):
        if key in new.outputs and not isinstance(new.outputs[key], Secret):
            new.outputs = {**new.outputs, key: Secret(new.outputs[key])}
