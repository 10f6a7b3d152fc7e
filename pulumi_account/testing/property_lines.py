"""The lines that show properties, and what differs between old and new ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Any

from pulumi_account.testing.planning import Step
from pulumi_account.testing.values import UNKNOWN, Value, masked, plain, same


def step_lines(step: Step, depth: int) -> list[str]:
    """The properties of a step's resource, and what the step changes."""
    old, new = step.old, step.new
    if old and new:
        # A replacement has its outputs already or, in a preview, its inputs as outputs.
        attribute = "outputs" if new.outputs and not step.detailed else "inputs"
        before, after = masked(getattr(old, attribute)), masked(getattr(new, attribute))
        return _differences(before, after, depth, keep_same=not step.changed)
    properties = new.outputs or new.inputs if new else old.inputs if old else {}
    return _object(masked(properties), depth, "  ")


def output_lines(stack: Step, *, preview: bool) -> list[str]:
    """The stack's outputs, and what the run changes of them."""
    new = masked(stack.resource.outputs)
    if stack.old is None or stack.op == "create":
        return _object(new, 1, "  ")
    old = masked(stack.old.outputs)
    if preview:  # outputs that become unknown are not shown as changes
        unknown = {key for key in old if new.get(key) == UNKNOWN}
        old, new = ({key: bag[key] for key in bag if key not in unknown} for bag in (old, new))
    return _differences(old, new, 1, keep_same=not preview)


def _differences(old: Any, new: Any, depth: int, *, keep_same: bool = True) -> list[str]:
    keys = [key for key in _shown_keys({**old, **new}) if keep_same or not same(old.get(key), new.get(key))]
    width = max(map(len, keys), default=0)
    pairs = ((f"{key:{width}}: ", old.get(key), new.get(key)) for key in keys)
    return [line for pair in pairs for line in _difference(*pair, depth)]


def _shown_keys(properties: Iterable[str]) -> list[str]:
    return sorted(key for key in properties if not key.startswith("__"))


def _difference(title: str, old: Value, new: Value, depth: int, *, left: int = 0) -> list[str]:
    """The lines of a change.

    :param left: how many steps the title stands to the left: one in a list.
    """
    if same(old, new):
        return _titled(title, new, depth, "  ", left=left) if new not in ("", [], {}) else []
    head, pad = _pad(depth - left, "~ ") + title, "    " * depth
    if isinstance(old, dict) and isinstance(new, dict):
        return [f"{head}{{", *_differences(old, new, depth + 1), f"{pad}}}"]
    if isinstance(old, list) and isinstance(new, list):
        both = enumerate(zip_longest(old, new))
        items = [line for i, pair in both for line in _difference(f"[{i}]: ", *pair, depth + 2, left=1)]
        return [f"{head}[", *items, f"{pad}]"]
    if any(value is None or isinstance(value, (dict, list)) for value in (old, new)):
        gone = _titled(title, old, depth, "- ", left=left) if old is not None else []
        return gone + (_titled(title, new, depth, "+ ", left=left) if new is not None else [])
    return [f"{head}{_scalar(old)} => {_scalar(new)}"]


def _titled(title: str, value: Value, depth: int, sign: str, *, left: int = 0) -> list[str]:
    first, *rest = _value(value, depth, sign)
    return [f"{_pad(depth - left, sign)}{title}{first}", *rest]


def _pad(depth: int, sign: str) -> str:
    return ("    " * depth)[:-2] + sign


def _value(value: Value, depth: int, sign: str) -> list[str]:
    """The lines of a value, of which the first follows its title."""
    pad = "    " * depth
    if not value or not isinstance(value, (dict, list)):
        return [json.dumps(value) if value in ({}, []) else _scalar(value)]
    if isinstance(value, dict):
        return ["{", *_object(value, depth + 1, sign), f"{pad}}}"]
    titles = ((f"    [{i}]: ", item) for i, item in enumerate(value))
    items = [line for title, item in titles for line in _titled(title, item, depth + 1, sign, left=1)]
    return ["[", *items, f"{pad}]"]


def _object(properties: Mapping[str, Value], depth: int, sign: str) -> list[str]:
    width = max(map(len, properties), default=0)
    pairs = ((f"{key:{width}}: ", properties[key]) for key in _shown_keys(properties))
    return [line for title, value in pairs for line in _titled(title, value, depth, sign)]


def _scalar(value: Value) -> str:
    if isinstance(value, str) and value in ("[secret]", UNKNOWN):
        return "[unknown]" if value == UNKNOWN else value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "<null>" if value is None else json.dumps(plain(value), ensure_ascii=False)
