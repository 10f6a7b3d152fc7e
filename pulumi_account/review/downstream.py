"""Which resources really change because a key does, and which ones Pulumi merely shows as changed.

The update of a dynamic resource makes all its outputs unknown in a preview, so whatever uses them shows as changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pulumi_account.review.changes import KeyChange
from pulumi_account.stacks.previews import Preview, Step
from pulumi_account.stacks.resources import ROOT_TYPE, Urn

__all__ = ["Consumer", "Downstream", "downstream"]

_COUNTED = ("create", "update", "delete", "replace", "import", "discard", "other")


@dataclass(frozen=True)
class Consumer:
    """A resource that uses keys. All texts may have any characters."""

    resource: Urn
    op: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Downstream:
    """Resources that are no keys: those that keys change, those that only seem to change, and the rest."""

    changed: tuple[Consumer, ...] = ()
    unchanged: tuple[Consumer, ...] = ()
    rest: tuple[Consumer, ...] = ()


def downstream(preview: Preview, changes: Iterable[KeyChange]) -> Downstream:
    """Sort the steps.

    A resource only seems to change if each changed input is not known yet, and comes from keys that stay the same keys,
    or from other resources that only seem to change, and from nothing else that changes.
    """
    keys = {change.urn: change for change in changes}
    quiet = {urn for urn, change in keys.items() if not change.has_new_plaintext}
    steps = [s for s in preview.steps if not s.is_key and s.op in _COUNTED and s.resource.type != ROOT_TYPE]
    loud = {*keys, *(step.urn for step in steps)} - quiet
    found: dict[str, list[Consumer]] = {"changed": [], "unchanged": [], "rest": []}
    for step in steps:
        used = sorted(keys[urn].facts.title for urn in step.sources if urn in keys)
        kind = "changed" if used else "rest"
        if _only_seems_to_change(step, quiet, loud):
            kind = "unchanged"
            quiet.add(step.urn)
            loud.discard(step.urn)
        found[kind].append(Consumer(step.resource, step.op, tuple(used)))
    return Downstream(*(tuple(sorted(some, key=_order)) for some in found.values()))


def _only_seems_to_change(step: Step, quiet: set[str], loud: set[str]) -> bool:
    return (
        step.op in ("update", "replace")
        and bool(step.changed)
        and all(c.unknown and c.sources & quiet and not c.sources & loud for c in step.changed)
    )


def _order(consumer: Consumer) -> tuple[str, str, str]:
    return consumer.resource.name, consumer.resource.type, consumer.op
