"""Previews, which ``pulumi preview --json`` and LocalEngine write. Values of unknown properties are not kept."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pulumi_account.common.money import parse_json
from pulumi_account.common.text import elided, visible
from pulumi_account.exceptions import AccountError
from pulumi_account.stacks.resources import (
    KEY_TYPES,
    ROOT_TYPE,
    KeyState,
    Urn,
    is_hidden,
    key_state,
    object_of,
    objects_of,
    pending_urn,
    strings_of,
)

__all__ = ["OPERATIONS", "Preview", "PreviewError", "PropertyChange", "Step", "parse_preview", "read_preview"]

#: the operations of Pulumi's engine; any other is shown as "other"
OPERATIONS = frozenset(
    [
        *("same", "create", "update", "delete", "replace", "create-replacement", "delete-replaced"),
        *("read", "read-replacement", "refresh", "discard", "discard-replaced", "remove-pending-replace"),
        *("import", "import-replacement"),
    ]
)
_PARTS = ("create-replacement", "delete-replaced", "read-replacement", "import-replacement")
#: bytes; a preview of 20,000 steps has about 50 million
_LARGEST = 500_000_000


class PreviewError(AccountError):
    """A file is not a complete preview; the message names it."""


@dataclass(frozen=True)
class PropertyChange:
    """A changed input of a resource: the URNs that it comes from, and whether its new value is not known yet."""

    sources: frozenset[str]
    unknown: bool


@dataclass(frozen=True)
class Step:
    """What a preview does to one resource. ``old`` and ``new`` are set only for keys.

    A replacement is one step. ``was`` is the URN before the change: an alias may rename a resource. If ``marked`` is
    True, the old resource is deleted after its replacement exists.
    """

    op: str
    urn: str
    resource: Urn
    was: str | None = None
    marked: bool = False
    old: KeyState | None = None
    new: KeyState | None = None
    changed: tuple[PropertyChange, ...] = ()
    changed_names: frozenset[str] = frozenset()
    #: all resources that its inputs come from
    sources: frozenset[str] = frozenset()

    @property
    def is_key(self) -> bool:
        """Whether the resource is an ``ApiKey`` or ``RotatingApiKey``."""
        return self.resource.type in KEY_TYPES


@dataclass(frozen=True)
class Preview:
    """The preview of one stack.

    :ivar stack: ``PROJECT/STACK``.
    :ivar complete: whether the steps mention every resource of the stack, also the unchanged ones.
    :ivar unchanged: the number of resources that stay as they are.
    :ivar secret_outputs: whether the stack has secret outputs, which other stacks may use.
    """

    stack: str
    steps: tuple[Step, ...]
    complete: bool
    unchanged: int
    secret_outputs: bool


def read_preview(name: str) -> Preview:
    """Read a file that ``pulumi preview --json`` or LocalEngine wrote; ``-`` is stdin.

    :raises PreviewError: the file cannot be read, or is not a complete preview.
    """
    shown = "stdin" if name == "-" else name
    try:
        if name == "-":
            content = sys.stdin.buffer.read(_LARGEST + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(_LARGEST + 1)
        return parse_preview(content)
    except OSError as error:
        problem = error.strerror or "cannot be read"
    except ValueError as error:
        problem = str(error)
    raise PreviewError(f"{shown}: {problem}")


def parse_preview(content: bytes) -> Preview:
    """The preview in a text.

    :raises ValueError: the text is not a complete preview; the message quotes nothing of it.
    """
    try:
        return _preview(_document(content))
    except (ValueError, RecursionError) as error:
        problem = (
            str(error) if isinstance(error, _RefusalError) else "not what `pulumi preview --json` prints"
        )
    raise ValueError(problem)  # not in `except`: that error may hold the whole text


class _RefusalError(ValueError):
    """The message says what is wrong, and quotes nothing."""


def _document(content: bytes) -> dict[str, Any]:
    if not content.strip():
        raise _RefusalError("empty: did `pulumi preview --json` fail?")
    if len(content) > _LARGEST:
        raise _RefusalError(f"larger than {_LARGEST // 10**6} MB")
    if content.startswith(b'{"sequence"'):
        raise _RefusalError("a stream of events: unset PULUMI_ENABLE_STREAMING_JSON_PREVIEW")
    document = _json(content)
    if isinstance(document, dict) and "deployment" in document:
        raise _RefusalError("an export of a stack, not a preview: give it with --stack")
    if not isinstance(document, dict):
        raise _RefusalError("not what `pulumi preview --json` prints")
    if any(one.get("severity") == "error" for one in objects_of(document.get("diagnostics"))):
        raise _RefusalError(_failure(objects_of(document.get("steps"))))
    if not {"steps", "changeSummary"} & document.keys():
        raise _RefusalError("not what `pulumi preview --json` prints")
    return document


def _json(content: bytes) -> object:
    try:
        return parse_json(content)
    except ValueError as error:
        too_large = str(error).startswith("there are more")
        begins, ends = content.lstrip().startswith(b"{"), content.rstrip().endswith(b"}")
        problem = (
            str(error) if too_large else "not complete: the end is missing" if begins and not ends else None
        )
        raise _RefusalError(problem or "not what `pulumi preview --json` prints") from None


def _preview(document: Mapping[str, Any]) -> Preview:
    steps = tuple(_logical(list(_steps(objects_of(document.get("steps"))))))
    stacks = {step.resource.stack for step in steps}
    if len(stacks) > 1:
        raise _RefusalError("the steps belong to several stacks")
    counts = {name: n for name, n in object_of(document.get("changeSummary")).items() if isinstance(n, int)}
    seen = [step.op for step in steps]
    existing = sum(counts.get(name, 0) for name in ("same", "update", "delete", "replace"))
    complete = seen.count("same") >= counts.get("same", 0) or seen.count("refresh") >= existing > 0
    return Preview(
        next(iter(stacks), ""),
        steps,
        complete,
        counts.get("same", 0),
        any(map(_has_secret_outputs, objects_of(document.get("steps")))),
    )


def _failure(entries: list[dict[str, Any]]) -> str:
    """Why a preview failed: the engine refuses to delete and to replace a protected resource."""
    names = [
        elided(visible(Urn.parse(entry.get("urn")).name), 80)
        for entry in entries
        if entry.get("op") in ("delete", "replace")
        and object_of(entry.get("oldState")).get("protect") is True
    ]
    if not names:
        return (
            "the preview failed, so it does not show every change; `pulumi preview` without --json shows why"
        )
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"the preview failed, because it deletes or replaces protected resources: {', '.join(names[:5])}{more}"


def _logical(steps: list[Step]) -> Iterator[Step]:
    """The steps, without the parts of a replaced key. A key that an earlier replacement left behind is deleted."""
    replaced = {(step.urn, step.old and step.old.id) for step in steps if step.op == "replace"}
    for step in steps:
        if step.old and step.op in _PARTS and (step.urn, step.old.id) in replaced:
            continue
        if step.old and step.op == "delete-replaced":
            step = replace(step, op="delete", urn=pending_urn(step.urn, step.old), was=None)
        yield step


def _steps(entries: list[dict[str, Any]]) -> Iterator[Step]:
    for entry in entries:
        urn = entry.get("urn")
        resource = Urn.parse(urn)
        op = entry.get("op")
        old, new = object_of(entry.get("oldState")), object_of(entry.get("newState"))
        names = _changed_names(entry, object_of(old.get("inputs")), object_of(new.get("inputs")))
        is_key = resource.type in KEY_TYPES
        if is_key and not (old or new):
            raise ValueError("a step without a state")
        before = key_state(old, resource) if old and is_key else None
        after = key_state(new, resource, _created_at(before, op)) if new and is_key else None
        yield Step(
            op if isinstance(op, str) and op in OPERATIONS else "other",
            str(urn),
            resource,
            *(_text(old.get("urn")), old.get("delete") is True),
            before,
            after,
            tuple(_property_changes(names, new)) if old and new and not is_key else (),
            names,
            frozenset(source for sources in _sources(new or old).values() for source in sources),
        )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _created_at(before: KeyState | None, op: object) -> datetime | None:
    """When the key of a step's new state was created; None for a replacement."""
    return before.created_at if before and op in ("same", "update", "refresh") else None


def _changed_names(
    entry: Mapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]
) -> frozenset[str]:
    if not (entry.get("oldState") and entry.get("newState")) or entry.get("op") in ("same", "refresh"):
        return frozenset()
    differing = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    reasons = [name for field in ("diffReasons", "replaceReasons") for name in strings_of(entry.get(field))]
    return frozenset(name for name in {*differing, *reasons} if not name.startswith("__"))


def _property_changes(names: frozenset[str], new: Mapping[str, Any]) -> Iterator[PropertyChange]:
    sources, inputs = _sources(new), object_of(new.get("inputs"))
    for name in sorted(names):
        yield PropertyChange(sources.get(name, frozenset()), is_hidden(inputs.get(name)))


def _sources(state: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """The URNs that each input comes from."""
    found = object_of(state.get("propertyDependencies"))
    return {name: frozenset(strings_of(urns)) for name, urns in found.items()}


def _has_secret_outputs(entry: Mapping[str, Any]) -> bool:
    if Urn.parse(entry.get("urn")).type != ROOT_TYPE:
        return False
    states = (object_of(entry.get(name)) for name in ("oldState", "newState"))
    return any(is_hidden(state.get("outputs")) for state in states)
