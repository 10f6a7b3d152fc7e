"""Shows a run as the CLI does: a line for each event or, on request, every property; then outputs and a summary."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from pulumi_account.testing.planning import Step
from pulumi_account.testing.policies import Violation
from pulumi_account.testing.property_lines import output_lines, step_lines
from pulumi_account.testing.resources import type_and_name
from pulumi_account.testing.state import entry
from pulumi_account.testing.values import masked, path_text, same

_HEADS = {"preview": "Previewing update", "up": "Updating", "refresh": "Refreshing", "destroy": "Destroying"}


class _Op(NamedTuple):
    sign: str
    planned: str
    running: str
    done: str


_OPS = {
    "create": _Op("+ ", "create", "creating", "created"),
    "update": _Op("~ ", "update", "updating", "updated"),
    "delete": _Op("- ", "delete", "deleting", "deleted"),
    "replace": _Op("+-", "replace", "replacing", "replaced"),
    "create-replacement": _Op("++", "create replacement", "creating replacement", "created replacement"),
    "delete-replaced": _Op("--", "delete original", "deleting original", "deleted original"),
    "read": _Op("> ", "read", "reading", "read"),
    "read-replacement": _Op(">>", "read for replacement", "reading for replacement", "read for replacement"),
    "discard": _Op("< ", "discard", "discarding", "discarded"),
    "discard-replaced": _Op("<<", "discard original", "discarding original", "discarded original"),
    "refresh": _Op("~ ", "refreshing", "refreshing", "refresh"),
}
_NO_OP = _Op("  ", "", "", "")
_PARTS = ("create-replacement", "delete-replaced", "read-replacement", "discard-replaced")


class Display:
    """The text of a run, also written to `echo` line by line; only one thread at a time may call it."""

    def __init__(self, kind: str, stack: str, project: str, diff: bool, echo: TextIO | None) -> None:
        self._preview = kind == "preview"
        self._diff, self._echo = diff, echo
        self._root = f"urn:pulumi:{stack}::{project}::pulumi:pulumi:Stack::{project}-{stack}"
        self._lines: list[str] = []
        self._steps: list[dict[str, Any]] = []
        self._messages: defaultdict[str, list[str]] = defaultdict(list)
        self._failed: set[str] = set()
        self._parents: dict[str, str] = {}
        self._drawn: set[str] = set()
        self._changes: dict[str, str] = {}
        self.packs: dict[str, Path] = {}  # the folder of each policy pack
        self._violations: list[Violation] = []
        self.line(f"{_HEADS[kind]} ({stack}):")

    def text(self) -> str:
        """All lines so far."""
        return "".join(f"{line}\n" for line in self._lines)

    def line(self, text: str) -> None:
        """Show a line, or several."""
        self._lines.append(text)
        if self._echo:
            print(text, file=self._echo, flush=True)

    def diagnostic(self, severity: str, urn: str, message: str) -> None:
        """Show the first line of a message now; the whole message is shown at the end."""
        urn = urn or self._root
        text = message if severity == "info" else f"{severity}: {message}"
        self._messages[urn].append(text)
        self._failed |= {urn} if severity == "error" else set()
        self.line(text if self._diff else _row("", urn, "", text.partition("\n")[0]))

    def violation(self, found: Violation) -> None:
        """Show what breaks a policy: at the end or, beside properties, now."""
        self._violations.append(found)
        if self._diff:
            self.line(f"    {found.pack} {_violation(found)}{found.message}")

    def starting(self, step: Step) -> None:
        """Show that a step begins."""
        self._parents[step.resource.urn] = step.resource.parent
        if not self._shown(step):
            return
        if self._preview and step.op not in _PARTS:
            self._steps.append(_digest(step))
        if self._diff:
            self._properties(step)
        elif step.op != "same":
            op = _OPS[step.op]
            word = op.planned if self._preview else f"{op.running} (0s)"
            self.line(_row(step.op, step.resource.urn, word, self._change(step)))

    def finished(self, step: Step, seconds: float) -> None:
        """Show that a step is done."""
        op = step.result if step.op == "refresh" else step.op
        if self._preview or self._diff or not self._shown(step):
            return
        if op == "same":
            self.line(_row("", step.resource.urn, "", self._change(step)))
        elif op in _OPS:
            self.line(_row(op, step.resource.urn, f"{_OPS[op].done} ({seconds:.2f}s)", self._change(step)))

    def _change(self, step: Step) -> str:
        # The row of a deleted original still shows what its replacement changes.
        text = _short(step) or self._changes.get(step.resource.urn, "")
        self._changes[step.resource.urn] = text
        return text

    def failed(self, step: Step) -> None:
        """Show that a step failed."""
        if step.op in _OPS and not self._diff:
            self.line(_row(step.op, step.resource.urn, f"**{_OPS[step.op].running} failed**"))

    def _shown(self, step: Step) -> bool:
        if step.resource.is_default_provider or step.op == "remove-pending-replace":
            return False
        if step.op == "same" and step.old and step.old.protect == step.resource.protect:
            return (self._diff or self._preview) and step.resource.urn == self._root
        return not (self._diff and step.op in _PARTS)

    def close(self, changes: Mapping[str, int], stack: Step | None, seconds: float) -> None:
        """Show the diagnostics in full, the outputs and the summary."""
        if not self._diff:
            self.line(_row("", self._root, "**failed**" if self._root in self._failed else ""))
            self._policies()
            self._diagnostics()
        if stack and (lines := output_lines(stack, preview=self._preview)):
            self.line("    --outputs:--" if self._diff else "Outputs:")
            for line in lines:
                self.line(line)
            if not self._diff:
                self.line("")
        if not self._diff and any(found.is_mandatory for found in self._violations):
            return
        self._summary(changes)
        if not self._preview:
            self.line(f"\nDuration: {math.ceil(seconds)}s")

    def _policies(self) -> None:
        if not self.packs:
            return
        self.line("Policies:")
        for name, folder in sorted(self.packs.items()):
            found = sorted((v for v in self._violations if v.pack == name), key=_rank)
            sign = "✅" if not found else "❌" if found[0].is_mandatory else "⚠️"
            lines = [f"    {sign} {name} (local: {folder})"]
            for violation in found:
                lines.append(f"        - {_violation(violation)}")
                lines += [f"          {line}" for line in violation.message.splitlines()]
            self.line("\n".join(lines))
        self.line("")

    def _diagnostics(self) -> None:
        if self._messages:
            self.line("Diagnostics:")
        for urn, messages in self._messages.items():
            kind, name = _short_type(urn)
            self.line(f"  {kind} ({name}):")
            for line in "\n".join(message.rstrip() for message in messages).splitlines():
                self.line(f"    {line}".rstrip())
            self.line("")

    def _summary(self, changes: Mapping[str, int]) -> None:
        self.line("Resources:")
        counts = {op: changes[op] for op in ("create", "update", "delete", "replace") if changes.get(op)}
        for op, count in counts.items():
            self.line(f"    {_OPS[op].sign}{count} {'to ' + op if self._preview else _OPS[op].done}")
        total = sum(counts.values())
        pieces = [f"{total} changes"] if len(counts) > 1 else []
        pieces += [f"{changes['same']} unchanged"] if changes.get("same") else []
        if pieces:
            self.line(f"    {'. '.join(pieces)}")
        if self._failed:
            self.line(f"    {len(self._failed)} errored")

    def digest(
        self, config: Mapping[str, Any], diagnostics: list[dict[str, str]], more: dict[str, Any]
    ) -> dict[str, Any]:
        """The run as ``pulumi preview --json`` prints it."""
        shown = {key: masked(value) for key, value in sorted(config.items())}
        whole = {"config": shown, "steps": self._steps, "diagnostics": diagnostics, **more}
        return {key: value for key, value in whole.items() if value or key == "changeSummary"}

    def _properties(self, step: Step) -> None:
        resource = step.resource
        self._drawn.add(resource.urn)
        depth, parent = 0, resource.parent
        while parent:
            depth, parent = depth + (parent in self._drawn), self._parents.get(parent, "")
        pad = "    " * depth
        lock = " 🔒" if resource.protect else " 🔓" if step.old and step.old.protect else ""
        self.line(f"{pad}{_OPS.get(step.op, _NO_OP).sign}{resource.type}: ({step.op}){lock}")
        if step.old and step.old.id:
            self.line(f"{pad}    [id={step.old.id}]")
        self.line(f"{pad}    [urn={resource.urn}]")
        if resource.provider and "::default::" not in resource.provider:
            self.line(f"{pad}    [provider={resource.provider}]")
        if step.op != "same":
            for line in step_lines(step, depth + 1):
                self.line(line)


def _short_type(urn: str) -> tuple[str, str]:
    kind, name = type_and_name(urn)
    return kind.split("$")[-1], name


def _rank(found: Violation) -> tuple[bool, str, str]:
    return not found.is_mandatory, found.policy, found.urn


def _violation(found: Violation) -> str:
    kind, name = _short_type(found.urn)
    return f"[{found.level}]  {found.policy}  ({kind}: {name})"


def _row(op: str, urn: str, word: str, info: str = "") -> str:
    kind, name = _short_type(urn)
    return f" {_OPS.get(op, _NO_OP).sign} {kind} {name} {word} {info}".rstrip()


def _short(step: Step) -> str:
    """The changed fields, at the end of the row."""
    old, new = step.old, step.new
    if not (old and new):
        return ""
    before, after = ({}, {}) if step.op == "same" else (masked(old.inputs), masked(new.inputs))
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for key in sorted(key for key in {**before, **after} if not key.startswith("__")):
        if (not step.changed or key in step.changed) and not same(before.get(key), after.get(key)):
            groups["+" if before.get(key) is None else "-" if after.get(key) is None else "~"].append(key)
    if not step.changed:
        marks = [name for name in ("provider", "protect") if getattr(old, name) != getattr(new, name)]
        # the CLI sorts a taint by its color
        groups["~"] = (["taint"] if old.taint != new.taint else []) + sorted([*groups["~"], *marks])
    text = "".join(sign + ",".join(groups[sign]) for sign in "+-~" if groups[sign])
    return f"[diff: {text}]" if text else ""


def _digest(step: Step) -> dict[str, Any]:
    old, new = (item and entry(item, lambda _: "[secret]") for item in (step.old, step.new))
    kinds = {path_text(path): {"kind": kind, "inputDiff": True} for kind, path in step.detailed or ()}
    whole = {
        "op": step.op,
        "urn": step.resource.urn,
        "provider": step.resource.provider,
        "oldState": old,
        "newState": new,
        "diffReasons": step.changed,
        "replaceReasons": step.keys,
    }
    return {**{key: value for key, value in whole.items() if value}, "detailedDiff": kinds or None}
