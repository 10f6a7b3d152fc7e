"""What a run reports: messages, steps and counts, and the result that contains them all."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from pulumi_account.testing.display import Display
from pulumi_account.testing.planning import Step
from pulumi_account.testing.policies import PolicyPack, Violation
from pulumi_account.testing.secrets import Redactor
from pulumi_account.testing.values import visible


@dataclass(frozen=True)
class Diagnostic:
    """A message: severity is ``info``, ``warning`` or ``error``; the URN is empty for the stack."""

    severity: str
    urn: str
    message: str


@dataclass(frozen=True)
class StepResult:
    """What a run did, or a preview would do, to one resource; secrets are masked."""

    op: str
    urn: str
    old: Mapping[str, Any] | None
    new: Mapping[str, Any] | None
    diff: tuple[str, ...] = ()
    replace_reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """The result of a run; `text` is all that was displayed, `json` the digest that ``preview --json`` prints.

    `violations` are those of the policy packs.
    """

    ok: bool
    changes: Mapping[str, int]
    steps: tuple[StepResult, ...]
    outputs: Mapping[str, Any]
    diagnostics: tuple[Diagnostic, ...]
    text: str
    json: Mapping[str, Any]
    violations: tuple[Violation, ...] = ()


class Report:
    """Shows what happens, and keeps it for the result; any thread may report."""

    def __init__(self, display: Display, config: Mapping[str, Any]) -> None:
        self._display, self._config = display, config
        self.redactor = Redactor(config)
        self._changes: Counter[str] = Counter()
        self._starts: dict[str, float] = {}
        self._steps: list[StepResult] = []
        self._diagnostics: list[Diagnostic] = []
        self._violations: list[Violation] = []
        self._printed: set[str] = set()
        self._lock = threading.Lock()
        self._began = time.monotonic()

    def diagnostic(self, severity: str, urn: str, message: str) -> None:
        """Show a message about a resource or, without a URN, about the stack."""
        with self._lock:
            message = self.redactor.redact(message)
            self._diagnostics.append(Diagnostic(severity, urn, message))
            self._display.diagnostic(severity, urn, message)

    def printed(self, line: str) -> None:
        """Show a line that a provider's process printed."""
        self._printed.add(self.redactor.redact(line))
        self.diagnostic("info", "", line)

    def uses(self, pack: PolicyPack) -> None:
        """Show a policy pack at the end, with its violations."""
        self._display.packs[pack.name] = pack.folder

    def violation(self, found: Violation) -> None:
        """Keep what breaks a policy, and show it at the end."""
        with self._lock:
            found = replace(found, message=self.redactor.redact(found.message))
            self._violations.append(found)
            self._display.violation(found)

    def note(self, text: str) -> None:
        """Show a text that belongs to no resource, and do not keep it."""
        with self._lock:
            self._display.line(text)

    def starting(self, step: Step) -> None:
        """Show that a step begins."""
        with self._lock:
            self._starts[step.resource.urn] = time.monotonic()
            self._display.starting(step)

    def finished(self, step: Step) -> None:
        """Count and show a step."""
        op = step.counts_as
        with self._lock:
            if op:
                old, new = (None if item is None else visible(item.inputs) for item in (step.old, step.new))
                urn = step.resource.urn
                self._steps.append(StepResult(op, urn, old, new, tuple(step.changed), tuple(step.keys)))
                self._changes[op] += 1
            self._display.finished(step, time.monotonic() - self._starts[step.resource.urn])

    def failed(self, step: Step) -> None:
        """Show that a step failed."""
        with self._lock:
            self._display.failed(step)

    def close(self, stack: Step | None, outputs: Mapping[str, Any], *, ok: bool) -> Result:
        """Show the outputs and the summary; returns the result. Secrets are masked in the given outputs."""
        seconds = time.monotonic() - self._began
        self._display.close(self._changes, stack, seconds)
        messages = [
            {"urn": d.urn, "message": f"{d.severity}: {d.message}", "severity": d.severity}
            if d.message not in self._printed
            else {"message": f"{d.message}\n\n", "severity": "info#err"}
            for d in self._diagnostics
        ]
        more = {"duration": int(seconds * 1e9), "changeSummary": dict(sorted(self._changes.items()))}
        return Result(
            ok=ok,
            changes=MappingProxyType(dict(self._changes)),
            steps=tuple(self._steps),
            outputs=outputs,
            diagnostics=tuple(self._diagnostics),
            text=self._display.text(),
            json=self._display.digest(self._config, messages, more),
            violations=tuple(self._violations),
        )
