"""What previews do to keys, in the reviewer's terms: created, rotated, revoked, changed, deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
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
from pulumi_account.stacks.resources import KeyState, Urn

__all__ = ["COUNTED", "SHOWN_LABELS", "Detail", "KeyChange", "Kind", "key_changes", "limit_text"]

#: labels whose values a review shows; of others it shows only how many change
SHOWN_LABELS = ("owner", "team", "environment")
#: details whose new text is a number and a verb: how many of them change
COUNTED = ("other labels", "expired retired keys")


class Kind(str, Enum):
    """What happens to a key, in the order of a headline."""

    CREATED = "created"
    ADOPTED = "adopted"
    CHANGED = "changed"
    ROTATED = "rotated"
    REPLACED = "replaced"
    REVOKED = "revoked"
    DELETED = "deleted"
    KEPT = "no longer managed"
    FORGOTTEN = "no longer read"


#: properties of which a review shows only that they change
_WITHOUT_VALUES = ("rotation_triggers", "rotate_now", "revoke", "delete_guard", "anchor", "provider")
#: the names under which a review shows the other properties
_SHOWN = {
    "credit_limit": "limit",
    "is_enabled": "state",
    "expires_at": "expires",
    "expires_in": "expires",
    "every": "rotates every",
    "overlap": "overlap",
    "name": "name",
}
_HIDDEN = ("not shown", "unknown")


#: the kinds after which the resource has another plaintext
NEW_PLAINTEXT = (Kind.CREATED, Kind.ADOPTED, Kind.ROTATED, Kind.REPLACED, Kind.REVOKED, Kind.DELETED)

_KINDS = {
    "create": Kind.CREATED,
    "import": Kind.ADOPTED,
    "import-replacement": Kind.REPLACED,
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
    """A change of one key. ``old`` or ``new`` is None if there is none.

    :ivar names: the properties that change.
    :ivar marked: whether the old key is deleted after its replacement exists.
    """

    kind: Kind
    urn: str
    old: KeyState | None
    new: KeyState | None
    details: tuple[Detail, ...]
    names: frozenset[str] = frozenset()
    marked: bool = False

    @property
    def facts(self) -> KeyFacts:
        """The key after the change or, if it is deleted, before."""
        state = self.new or self.old
        assert state
        return state.facts

    @property
    def keeps_old(self) -> bool:
        """Whether the old key stays on the server, although its resource does not have it any more."""
        is_retained = self.kind is Kind.REPLACED and self.old and self.old.retained
        return self.kind is Kind.KEPT or bool(is_retained)

    def sets(self, *names: str) -> bool:
        """Whether it gives the key another value of one of these properties, known or not."""
        return self.kind in (Kind.CREATED, Kind.ADOPTED) or not self.names.isdisjoint(names)

    @property
    def has_new_plaintext(self) -> bool:
        """Whether consumers need another plaintext, or lose theirs."""
        return self.kind in NEW_PLAINTEXT


def key_changes(preview: Preview, pending: Mapping[str, KeyState] | None = None) -> list[KeyChange]:
    """The changes of keys, in the order of their names.

    :param pending: the replaced keys that the run deletes, although the preview may not show it.
    """
    steps = [step for step in preview.steps if step.is_key]
    shown = {step.urn for step in steps}
    left = {urn: state for urn, state in (pending or {}).items() if urn not in shown}
    steps += [Step("delete", urn, Urn("", "", ""), old=state) for urn, state in left.items()]
    adopted = {
        (step.new.provider, step.new.adopts)
        for step in steps
        if step.new and step.new.adopts and step.op in ("create", "replace")
    }
    changes = [_change(kind, step) for step in steps if (kind := _kind(step, adopted)) is not None]
    return sorted(changes, key=lambda change: (change.facts.title, change.urn))


def _kind(step: Step, adopted: Collection[tuple[str | None, str | None]]) -> Kind | None:
    """The kind of a change.

    :param adopted: the keys that the run adopts, by provider and id. It does not delete them.
    """
    old, new, kind = step.old, step.new, _KINDS.get(step.op)
    if kind is Kind.REPLACED and old and old.external:  # the key that was read stays
        kind = Kind.CREATED
    if old is None or kind in (Kind.CREATED, Kind.FORGOTTEN):
        return Kind.ADOPTED if kind is Kind.CREATED and new and new.adopts else kind
    if new is None or new.external:
        is_deleted = kind in (Kind.DELETED, Kind.REPLACED)
        is_adopted = (old.provider, old.id) in adopted and not old.facts.rotates  # its retired keys go
        if is_deleted and not (old.retained or is_adopted):
            return Kind.DELETED
        return Kind.KEPT if is_deleted or (step.op == "read" and not old.external) else None
    if kind is Kind.REPLACED and new.adopts and new.adopts == old.id:
        return Kind.ADOPTED
    if step.op == "same" and old.facts.protect != new.facts.protect:
        return Kind.CHANGED
    return _kind_of_update(step, old, new) if kind is Kind.CHANGED and new.facts.rotates else kind


def _kind_of_update(step: Step, old: KeyState, new: KeyState) -> Kind:
    unknown = new.generation is None and old.generation is not None
    if old.generation == new.generation and not unknown:
        return Kind.CHANGED
    revoked = new.reason == "revoke changed" or (unknown and "revoke" in step.changed_names)
    return Kind.REVOKED if revoked else Kind.ROTATED


def _change(kind: Kind, step: Step) -> KeyChange:
    new = None if kind in (Kind.DELETED, Kind.KEPT, Kind.FORGOTTEN) else step.new
    is_made = kind in (Kind.CREATED, Kind.ADOPTED) and step.old and step.old.external
    old = None if is_made else step.old
    details = tuple(_details(kind, old, new, step.changed_names))
    return KeyChange(kind, step.urn, old, new, details, step.changed_names, step.marked)


def _details(
    kind: Kind, old: KeyState | None, new: KeyState | None, names: Collection[str]
) -> Iterator[Detail]:
    if kind is Kind.FORGOTTEN:
        return
    if new is None:
        yield from _without_defaults(_shown(old) if old else {}, ("limit", *SHOWN_LABELS))
    elif old is None or kind in (Kind.CREATED, Kind.ADOPTED):
        yield from _without_defaults(_shown(new), tuple(_shown(new)))
    else:
        yield from _differences(kind, old, new, names)


def _differences(kind: Kind, old: KeyState, new: KeyState, names: Collection[str]) -> Iterator[Detail]:
    before, after = _shown(old), _shown(new)
    if kind is Kind.CHANGED:
        before["name"], after["name"] = old.facts.name or "not shown", new.facts.name or "not shown"
    for what in {**before, **after}:
        if before.get(what) != after.get(what):
            yield Detail(what, before.get(what, "unknown"), after.get(what, "unknown"))
    hidden = {what for name, what in _SHOWN.items() if name in names and before.get(what) in _HIDDEN}
    without_values = [*sorted(hidden), *(name for name in _WITHOUT_VALUES if name in names)]
    yield from (Detail(what, "", "changed") for what in without_values if before.get(what) == after.get(what))
    if "labels" in names and old.facts.labels is new.facts.labels is UNKNOWN:
        yield Detail("labels", "", "changed")
    if (count := _other_labels(old.facts, new.facts)) > 0:
        yield Detail("other labels", "", f"{count} changed")
    if new.reason and new.reason not in ("revoke changed", "rotate_now changed") and kind is Kind.ROTATED:
        yield Detail("reason", "", new.reason)


def _without_defaults(shown: Mapping[str, str], names: tuple[str, ...]) -> Iterator[Detail]:
    defaults = {("state", "enabled"), ("resource", "not protected"), *product(SHOWN_LABELS, ["none"])}
    yield from (
        Detail(name, "", shown[name])
        for name in names
        if name in shown and (name, shown[name]) not in defaults
    )


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
        if isinstance(facts.expires, timedelta):
            shown["expires"] += " after its creation"
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
