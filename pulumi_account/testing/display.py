"""What the user sees of a run: a line for each event or, on demand, every property; then outputs and a summary."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, TextIO

from pulumi_account.testing.state import Resource, entry
from pulumi_account.testing.values import UNKNOWN, Value, masked, path_text, plain, same

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi_account.testing.deploy import Step

_HEADS = {"preview": "Previewing update", "up": "Updating", "refresh": "Refreshing", "destroy": "Destroying"}
_SIGNS = {"create": "+ ", "update": "~ ", "delete": "- ", "replace": "+-", "refresh": "~ ", "read": "> "}
_SIGNS |= {
    "create-replacement": "++",
    "delete-replaced": "--",
    "read-replacement": ">>",
    "discard": "< ",
}
_SIGNS |= {"discard-replaced": "<<"}
_WORDS = {  # preview, under way, done, failed
    "create": ("create", "creating", "created"),
    "update": ("update", "updating", "updated"),
    "delete": ("delete", "deleting", "deleted"),
    "replace": ("replace", "replacing", "replaced"),
    "create-replacement": ("create replacement", "creating replacement", "created replacement"),
    "delete-replaced": ("delete original", "deleting original", "deleted original"),
    "read": ("read", "reading", "read"),
    "read-replacement": ("read for replacement", "reading for replacement", "read for replacement"),
    "discard": ("discard", "discarding", "discarded"),
    "discard-replaced": ("discard original", "discarding original", "discarded original"),
    "refresh": ("refreshing", "refreshing", "refresh"),
}
_PARTS = (
    "create-replacement",
    "delete-replaced",
    "read-replacement",
    "discard-replaced",
    "remove-pending-replace",
)


class Display:
    """The text of a run, line by line, also to `echo` as they come; one thread at a time may write."""

    def __init__(self, kind: str, stack: str, project: str, diff: bool, echo: TextIO | None) -> None:
        self.preview = kind == "preview"
        self._diff, self._echo = diff, echo
        self._root = f"urn:pulumi:{stack}::{project}::pulumi:pulumi:Stack::{project}-{stack}"
        self._lines: list[str] = []
        self._steps: list[dict[str, Any]] = []
        self._messages: defaultdict[str, list[str]] = defaultdict(list)
        self._failed: set[str] = set()
        self._parents: dict[str, str] = {}
        self._drawn: set[str] = set()
        self._changes: dict[str, str] = {}
        self._line(f"{_HEADS[kind]} ({stack}):")

    def text(self) -> str:
        """All lines so far."""
        return "".join(f"{line}\n" for line in self._lines)

    def _line(self, text: str) -> None:
        self._lines.append(text)
        if self._echo:
            print(text, file=self._echo, flush=True)

    # Events

    def note(self, text: str) -> None:
        """Show something that is no resource's."""
        self._line(text)

    def diagnostic(self, severity: str, urn: str, message: str) -> None:
        """Show the first line of a message at once; the whole comes at the end."""
        urn = urn or self._root
        text = message if severity == "info" else f"{severity}: {message}"
        self._messages[urn].append(text)
        self._failed |= {urn} if severity == "error" else set()
        self._line(text if self._diff else _row("", urn, "", text.partition("\n")[0]))

    def starting(self, step: Step) -> None:
        """Show what is about to be done."""
        self._parents[step.resource.urn] = step.resource.parent
        if not self._shown(step):
            return
        if self.preview:
            self._steps.append(_digest(step))
        if self._diff:
            self._properties(step)
        elif step.op not in ("same", "remove-pending-replace"):
            word = _WORDS[step.op][0] if self.preview else f"{_WORDS[step.op][1]} (0s)"
            self._line(_row(step.op, step.resource.urn, word, self._change(step)))

    def finished(self, step: Step, seconds: float) -> None:
        """Show what is done."""
        op = step.result if step.op == "refresh" else step.op
        if self.preview or self._diff or not self._shown(step):
            return
        if op == "same":
            self._line(_row("", step.resource.urn, "", self._change(step)))
        elif op in _WORDS:
            self._line(_row(op, step.resource.urn, f"{_WORDS[op][2]} ({seconds:.2f}s)", self._change(step)))

    def _change(self, step: Step) -> str:
        # What a replacement changes is still shown when the original is deleted.
        text = _short(step) or self._changes.get(step.resource.urn, "")
        self._changes[step.resource.urn] = text
        return text

    def failed(self, step: Step) -> None:
        """Show that it has failed."""
        if step.op in _WORDS and not self._diff:
            self._line(_row(step.op, step.resource.urn, f"**{_WORDS[step.op][1]} failed**"))

    def _shown(self, step: Step) -> bool:
        if step.resource.is_provider and step.resource.name == "default":
            return False
        if step.op == "same" and step.old and step.old.protect == step.resource.protect:
            return (self._diff or self.preview) and step.resource.urn == self._root
        return not (step.op in _PARTS and (self._diff or self.preview)) or self._line_only(step)

    def _line_only(self, step: Step) -> bool:
        return not self._diff and step.op != "remove-pending-replace"

    # The end

    def close(self, changes: Mapping[str, int], stack: Step | None, seconds: float) -> None:
        """Show the diagnostics in full, the outputs and the summary."""
        if not self._diff:
            self._line(_row("", self._root, "**failed**" if self._root in self._failed else ""))
            self._diagnostics()
        if stack and (lines := list(self._outputs(stack))):
            self._line("    --outputs:--" if self._diff else "Outputs:")
            for line in lines:
                self._line(line)
            if not self._diff:
                self._line("")
        self._summary(changes)
        if not self.preview:
            self._line(f"\nDuration: {math.ceil(seconds)}s")

    def _diagnostics(self) -> None:
        for number, (urn, messages) in enumerate(self._messages.items()):
            if not number:
                self._line("Diagnostics:")
            kind, name = _type_and_name(urn)
            self._line(f"  {kind} ({name}):")
            for line in "\n".join(message.rstrip() for message in messages).splitlines():
                self._line(f"    {line}".rstrip())
            self._line("")

    def _outputs(self, stack: Step) -> Any:
        new = masked(stack.resource.outputs)
        if stack.old is None or stack.op == "create":
            return _object(new, 1, "  ")
        old = masked(stack.old.outputs)
        if self.preview:
            # What is not known yet is no change to show.
            old = {key: value for key, value in old.items() if new.get(key) != UNKNOWN}
            new = {
                key: value
                for key, value in new.items()
                if value != UNKNOWN or key not in masked(stack.old.outputs)
            }
        return _differences(old, new, 1, keep_same=not self.preview)

    def _summary(self, changes: Mapping[str, int]) -> None:
        self._line("Resources:")
        counts = {op: changes[op] for op in ("create", "update", "delete", "replace") if changes.get(op)}
        for op, count in counts.items():
            self._line(f"    {_SIGNS[op]}{count} {'to ' + op if self.preview else _WORDS[op][2]}")
        total = sum(counts.values())
        pieces = [f"{total} changes"] if len(counts) > 1 else []
        pieces += [f"{changes['same']} unchanged"] if changes.get("same") else []
        if pieces:
            self._line(f"    {'. '.join(pieces)}")
        if self._failed:
            self._line(f"    {len(self._failed)} errored")

    def digest(
        self, config: Mapping[str, Any], diagnostics: list[dict[str, str]], more: dict[str, Any]
    ) -> dict[str, Any]:
        """The run as ``pulumi preview --json`` prints it."""
        shown = {key: masked(value) for key, value in sorted(config.items())}
        whole = {"config": shown, "steps": self._steps, "diagnostics": diagnostics, **more}
        return {key: value for key, value in whole.items() if value or key == "changeSummary"}

    # Properties

    def _properties(self, step: Step) -> None:
        resource = step.resource
        self._drawn.add(resource.urn)
        depth, parent = 0, resource.parent
        while parent:
            depth, parent = depth + (parent in self._drawn), self._parents.get(parent, "")
        pad = "    " * depth
        lock = " 🔒" if resource.protect else " 🔓" if step.old and step.old.protect else ""
        self._line(f"{pad}{_SIGNS.get(step.op, '  ')}{resource.type}: ({step.op}){lock}")
        if step.old and step.old.id:
            self._line(f"{pad}    [id={step.old.id}]")
        self._line(f"{pad}    [urn={resource.urn}]")
        if resource.provider and "::default::" not in resource.provider:
            self._line(f"{pad}    [provider={resource.provider}]")
        if step.op != "same":
            for line in _details(step, depth + 1):
                self._line(line)


def _details(step: Step, depth: int) -> Any:
    old, new = step.old, step.new
    if old and new:
        # A replacement has been made by now, or at least been given the inputs for outputs.
        attribute = "outputs" if new.outputs and not step.detailed else "inputs"
        return _differences(
            masked(getattr(old, attribute)), masked(getattr(new, attribute)), depth, step.changed
        )
    properties = new.outputs or new.inputs if new else old.inputs if old else {}
    return _object(masked(properties), depth, "  ")


def _type_and_name(urn: str) -> tuple[str, str]:
    _, _, kind, name = urn.split("::", 3)
    return kind.split("$")[-1], name


def _row(op: str, urn: str, word: str, info: str = "") -> str:
    kind, name = _type_and_name(urn)
    return f" {_SIGNS.get(op, '  ')} {kind} {name} {word} {info}".rstrip()


def _short(step: Step) -> str:
    """The changed fields, after the row."""
    old, new = step.old, step.new
    if not (old and new):
        return ""
    before, after = ({}, {}) if step.op == "same" else (masked(old.inputs), masked(new.inputs))
    keys = sorted(key for key in {**before, **after} if not key.startswith("__"))
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for key in keys:
        if (not step.changed or key in step.changed) and not same(before.get(key), after.get(key)):
            groups["+" if before.get(key) is None else "-" if after.get(key) is None else "~"].append(key)
    if not step.changed:
        marks = [
            name for name in ("taint", "provider", "protect") if getattr(old, name) != getattr(new, name)
        ]
        # the CLI sorts a taint by its color
        groups["~"] = sorted([*groups["~"], *marks], key=lambda name: (name != "taint", name))
    text = "".join(sign + ",".join(groups[sign]) for sign in "+-~" if groups[sign])
    return f"[diff: {text}]" if text else ""


def _digest(step: Step) -> dict[str, Any]:
    def state(resource: Resource | None) -> dict[str, Any] | None:
        return None if resource is None else entry(resource, lambda _: "[secret]")

    detailed = step.detailed and {
        path_text(path): {"kind": kind, "inputDiff": True} for kind, path in step.detailed
    }
    whole = {
        "op": step.op,
        "urn": step.resource.urn,
        "provider": step.resource.provider,
        "oldState": state(step.old),
        "newState": state(step.new),
        "diffReasons": step.changed,
        "replaceReasons": step.keys,
    }
    return {**{key: value for key, value in whole.items() if value}, "detailedDiff": detailed or None}


def shown(value: Value) -> str:
    """A value that is not a list or an object, as it is displayed."""
    if isinstance(value, str) and value in ("[secret]", UNKNOWN):
        return "[unknown]" if value == UNKNOWN else value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "<null>" if value is None else json.dumps(plain(value), ensure_ascii=False)


def _value(value: Value, depth: int, sign: str) -> list[str]:
    """The lines of a value, of which the first follows its title."""
    pad = "    " * depth
    if not value or not isinstance(value, (dict, list)):
        return [json.dumps(value) if value in ({}, []) else shown(value)]
    if isinstance(value, dict):
        return ["{", *_object(value, depth + 1, sign), f"{pad}}}"]
    items = [
        line
        for i, item in enumerate(value)
        for line in _titled(f"    [{i}]: ", item, depth + 1, sign, left=1)
    ]
    return ["[", *items, f"{pad}]"]


def _titled(title: str, value: Value, depth: int, sign: str, *, left: int = 0) -> list[str]:
    first, *rest = _value(value, depth, sign)
    return [f"{_pad(depth - left, sign)}{title}{first}", *rest]


def _pad(depth: int, sign: str) -> str:
    return ("    " * depth)[:-2] + sign


def _object(properties: Mapping[str, Value], depth: int, sign: str) -> list[str]:
    width = max(map(len, properties), default=0)
    shown_keys = [key for key in sorted(properties) if not key.startswith("__")]
    return [line for key in shown_keys for line in _titled(f"{key:{width}}: ", properties[key], depth, sign)]


def _differences(old: Any, new: Any, depth: int, only: Any = (), *, keep_same: bool = True) -> list[str]:
    keys = [
        key
        for key in sorted({**old, **new})
        if not key.startswith("__") and (not only or key in only or keep_same)
    ]
    keys = [key for key in keys if not same(old.get(key), new.get(key)) or (keep_same and not only)]
    width = max(map(len, keys), default=0)
    return [
        line for key in keys for line in _difference(f"{key:{width}}: ", old.get(key), new.get(key), depth)
    ]


def _difference(title: str, old: Value, new: Value, depth: int, *, left: int = 0) -> list[str]:
    """The lines of a change; in a list, titles stand one step to the left."""
    if same(old, new):
        return _titled(title, new, depth, "  ", left=left) if new not in ("", [], {}) else []
    head, pad = _pad(depth - left, "~ ") + title, "    " * depth
    if isinstance(old, dict) and isinstance(new, dict):
        return [f"{head}{{", *_differences(old, new, depth + 1), f"{pad}}}"]
    if isinstance(old, list) and isinstance(new, list):
        both = zip_longest(old, new)
        items = [
            line for i, pair in enumerate(both) for line in _difference(f"[{i}]: ", *pair, depth + 2, left=1)
        ]
        return [f"{head}[", *items, f"{pad}]"]
    if any(value is None or isinstance(value, (dict, list)) for value in (old, new)):
        gone = _titled(title, old, depth, "- ", left=left) if old is not None else []
        return gone + (_titled(title, new, depth, "+ ", left=left) if new is not None else [])
    return [f"{head}{shown(old)} => {shown(new)}"]
