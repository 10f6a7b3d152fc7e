"""What previews do to keys, in the reviewer's terms: created, rotated, revoked, changed, deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from itertools import product

from pulumi_account.common.durations import format_duration
from pulumi_account.common.instants import format_instant
from pulumi_account.common.money import usd
from pulumi_account.policy.facts import UNKNOWN, Expiry, KeyFacts, Unknown
from pulumi_account.stacks.previews import Preview, Step
from pulumi_account.stacks.resources import KeyState

__all__ = ["Detail", "KeyChange", "Kind", "key_changes", "limit_text"]

#: labels whose values a review shows; of others it shows only how many change
SHOWN_LABELS = ("owner", "team", "environment")


class Kind(str, Enum):
    """What happens to a key, in the order of a headline."""

    CREATED = "created"
    ADOPTED = "adopted"
    CHANGED = "changed"
    ROTATED = "rotated"
    REPLACED = "replaced"
    REVOKED = "revoked"
    DELETED = "deleted"
    FORGOTTEN = "no longer read"


#: properties of which a review shows only that they change
_WITHOUT_VALUES = ("rotation_triggers", "rotate_now", "revoke", "delete_guard", "anchor")


#: the kinds after which the resource has another plaintext
NEW_PLAINTEXT = (Kind.CREATED, Kind.ADOPTED, Kind.ROTATED, Kind.REPLACED, Kind.REVOKED, Kind.DELETED)

_KINDS = {
    "create": Kind.CREATED,
    "import": Kind.ADOPTED,
    "import-replacement": Kind.ADOPTED,
    "delete": Kind.DELETED,
    "replace": Kind.REPLACED,
    "create-replacement": Kind.REPLACED,
    "update": Kind.CHANGED,
    "discard": Kind.FORGOTTEN,
}


@dataclass(frozen=True)
class Detail:
    """One changed value as people read it; ``old`` is empty for a new key. The texts may have any characters."""

    what: str
    old: str
    new: str


@dataclass(frozen=True)
class KeyChange:
    """A change of one key. ``old`` or ``new`` is None if there is none."""

    kind: Kind
    urn: str
    old: KeyState | None
    new: KeyState | None
    details: tuple[Detail, ...]

    @property
    def facts(self) -> KeyFacts:
        """The key after the change or, if it is deleted, before."""
        state = self.new or self.old
        assert state
        return state.facts

    @property
    def has_new_plaintext(self) -> bool:
        """Whether consumers need another plaintext, or lose theirs."""
        return self.kind in NEW_PLAINTEXT


def key_changes(preview: Preview) -> list[KeyChange]:
    """The changes of keys, in the order of their names."""
    logical = {step.urn for step in preview.steps if step.op == "replace"}
    changes = [
        _change(kind, step)
        for step in preview.steps
        if step.is_key
        and (kind := _kind(step)) is not None
        and not (step.op == "create-replacement" and step.urn in logical)
    ]
    return sorted(changes, key=lambda change: (change.facts.title, change.urn))


def _kind(step: Step) -> Kind | None:
    kind = _KINDS.get(step.op)
    if kind is Kind.CREATED and step.new and step.new.adopts:
        return Kind.ADOPTED
    if kind is not Kind.CHANGED or step.old is None or step.new is None or not step.new.facts.rotates:
        return kind
    unknown = step.new.generation is None and step.old.generation is not None
    if step.old.generation == step.new.generation and not unknown:
        return kind
    revoked = step.new.reason == "revoke changed" or (unknown and "revoke" in step.changed_names)
    return Kind.REVOKED if revoked else Kind.ROTATED


def _change(kind: Kind, step: Step) -> KeyChange:
    return KeyChange(kind, step.urn, step.old, step.new, tuple(_details(kind, step)))


def _details(kind: Kind, step: Step) -> Iterator[Detail]:
    old, new = step.old, step.new
    if kind is Kind.DELETED and old:
        yield from _without_defaults(_shown(old), ("limit", *SHOWN_LABELS))
    if new is None or kind is Kind.FORGOTTEN:
        return
    if old is None or kind in (Kind.CREATED, Kind.ADOPTED):
        yield from _without_defaults(_shown(new), tuple(_shown(new)))
        return
    before, after = _shown(old), _shown(new)
    if kind is Kind.CHANGED:
        before["name"], after["name"] = old.facts.name or "not shown", new.facts.name or "not shown"
    for what in {**before, **after}:
        if before.get(what) != after.get(what):
            yield Detail(what, before.get(what, "unknown"), after.get(what, "unknown"))
    yield from (Detail(name, "", "changed") for name in _WITHOUT_VALUES if name in step.changed_names)
    if (count := _other_labels(old.facts, new.facts)) > 0:
        yield Detail("other labels", "", f"{count} changed")
    if new.reason and new.reason not in ("revoke changed", "rotate_now changed") and kind is Kind.ROTATED:
        yield Detail("reason", "", new.reason)


def _without_defaults(shown: Mapping[str, str], names: tuple[str, ...]) -> Iterator[Detail]:
    defaults = {("state", "enabled"), ("resource", "not protected"), *product(SHOWN_LABELS, ["none"])}
    yield from (Detail(name, "", shown[name]) for name in names if (name, shown[name]) not in defaults)


def _other_labels(old: KeyFacts, new: KeyFacts) -> int:
    if isinstance(old.labels, Unknown) or isinstance(new.labels, Unknown):
        return 0
    names = {*old.labels, *new.labels} - {*SHOWN_LABELS}
    return sum(old.labels.get(name) != new.labels.get(name) for name in names)


def _shown(state: KeyState) -> dict[str, str]:
    """The values of a key that its reviewer reads."""
    facts = state.facts
    labels = {name: facts.label(name) for name in SHOWN_LABELS}
    shown = {"limit": limit_text(facts.credit_limit)}
    if facts.rotates:
        shown["rotates every"] = "unknown" if facts.every is None else _text(facts.every)
        shown["overlap"] = "unknown" if state.overlap is None else _text(state.overlap)
        shown["generation"] = "unknown" if state.generation is None else str(state.generation)
    else:
        shown["expires"] = "never" if facts.expires is None else _text(facts.expires)
    shown |= {
        name: "none" if value is None else "not shown" if isinstance(value, Unknown) else value
        for name, value in labels.items()
    }
    shown["state"] = {True: "enabled", False: "disabled", UNKNOWN: "unknown"}[facts.is_enabled]
    shown["resource"] = "protected" if facts.protect else "not protected"
    return shown | ({} if state.adopts is None else {"adopts key": state.adopts})


def limit_text(limit: Decimal | Unknown | None) -> str:
    """A limit as people read it."""
    return "none" if limit is None else "not shown" if isinstance(limit, Unknown) else f"{usd(limit)} USD"


def _text(value: Expiry) -> str:
    """A duration, or an instant: the day alone if the instant is its beginning."""
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, datetime):
        return format_instant(value.replace(microsecond=0)).removesuffix("T00:00:00Z")
    return "unknown"
