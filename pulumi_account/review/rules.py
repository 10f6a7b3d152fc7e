"""The rules about what a change does, and the names of all rules of a review.

Rules about declared keys are in `policy.rules`; they hold in a policy pack and a program, too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from pulumi_account.common.instants import format_instant
from pulumi_account.common.money import usd
from pulumi_account.common.text import count, several
from pulumi_account.policy import rules as policy
from pulumi_account.policy.facts import KeyFacts, Unknown
from pulumi_account.policy.rules import Finding
from pulumi_account.review.account import AccountFacts, use_text
from pulumi_account.review.changes import KeyChange, Kind, limit_text
from pulumi_account.review.exposure import Exposure
from pulumi_account.stacks.previews import Preview

__all__ = ["DESCRIPTIONS", "NAMES", "Situation", "Thresholds", "check"]

#: the kinds of changes after which consumers use the same key
_SAME_KEY = (Kind.CHANGED, Kind.ADOPTED)
_REFERENCE = "pulumi:pulumi:StackReference"


@dataclass(frozen=True)
class Thresholds:
    """When a rule about a change finds something.

    :ivar max_removed: the share of all keys that one change may delete; a single key is always allowed.
    :ivar raised: how many times as high a limit may become.
    :ivar soon: how far ahead an expiry must lie.
    """

    max_removed: Decimal = Decimal("0.25")
    raised: Decimal = Decimal(2)
    soon: timedelta = timedelta(days=30)
    policy: policy.Settings = field(default_factory=policy.Settings)


@dataclass(frozen=True)
class Situation:
    """What the rules see.

    :ivar existing: the number of keys before the changes; None if it is not known.
    :ivar keys: the keys of the stacks after the changes.
    :ivar complete: whether these are all; else they are those that change.
    """

    previews: Sequence[Preview]
    changes: Sequence[KeyChange]
    account: AccountFacts
    exposure: Exposure
    existing: int | None
    keys: Sequence[KeyFacts]
    thresholds: Thresholds
    complete: bool


@dataclass(frozen=True)
class _Rule:
    description: str
    find: Callable[[Situation], Iterator[Finding]]


def check(situation: Situation) -> list[Finding]:
    """What all rules find, in the order of `NAMES`."""
    found = [finding for rule in _RULES.values() for finding in rule.find(situation)]
    settings, now = situation.thresholds.policy, situation.account.now
    gone = (Kind.DELETED, Kind.KEPT, Kind.FORGOTTEN)
    touched = [change.facts for change in situation.changes if change.kind not in gone]
    single = [rule.name for rule in policy.RULES if rule.name != "over-budget"]
    found += policy.check(touched, settings, now, single)
    found += policy.check(situation.keys, settings, now, ["over-budget"])
    if settings.budgets and not situation.complete:
        found.append(_unchecked("over-budget", "the limits of the keys that stay are not known"))
    order = {name: number for number, name in enumerate(NAMES)}
    return sorted(found, key=lambda one: order[one.rule])


def _delete_in_use(situation: Situation) -> Iterator[Finding]:
    unknown = 0
    verbs = {Kind.DELETED: "deleted", Kind.REVOKED: "revoked", Kind.REPLACED: "replaced at once"}
    gaps = {change.urn for change, _ in _gaps(situation)}
    for change in situation.changes:
        # consumers of a replaced key in the same stack get the new one first
        if change.old and (change.kind is Kind.DELETED or (change.kind in verbs and change.urn in gaps)):
            use = situation.account.use(change.old)
            unknown += use is None
            if use is not None and use.is_used:
                text = f"is {verbs[change.kind]}, but in use: {use_text(use, situation.account)}"
                yield _of(change, "delete-in-use", text, change.old.facts.title)
    yield from _unknown("delete-in-use", unknown, "the use of {} is not known")


def _disable_in_use(situation: Situation) -> Iterator[Finding]:
    unknown = undecided = 0
    for change in situation.changes:
        old, new = change.old, change.new
        if change.kind not in (*_SAME_KEY, Kind.ROTATED) or new is None or new.facts.is_enabled is True:
            continue
        if not change.sets("is_enabled") or (old and old.facts.is_enabled is False):
            continue
        use = situation.account.use(old) if old else None
        unknown += use is None
        if use is not None and use.is_used and new.facts.is_enabled is False:
            text = f"is disabled, but in use: {use_text(use, situation.account)}"
            yield _of(change, "disable-in-use", text, (old or new).facts.title)
        elif use is not None and use.is_used:
            undecided += 1
    yield from _unknown("disable-in-use", unknown, "the use of {} is not known")
    yield from _unknown("disable-in-use", undecided, "the new state of {} in use is not known")


def _limit_below_spent(situation: Situation) -> Iterator[Finding]:
    unknown = undecided = 0
    for change in situation.changes:
        _, after = _limits(change)
        if change.kind not in _SAME_KEY or not _may_fall(change):
            continue
        use = situation.account.use(change.old, retired=False) if change.old else None
        unknown += use is None
        if use is not None and isinstance(after, Decimal) and after < use.cost:
            text = f"the limit {usd(after)} USD is below what the key has spent: {use_text(use, situation.account)}"
            yield _of(change, "limit-below-spent", text)
        undecided += isinstance(after, Unknown) and use is not None and use.is_used
    yield from _unknown("limit-below-spent", unknown, "what {} spent is not known")
    yield from _unknown("limit-below-spent", undecided, "the new limit of {} in use is not known")


def _may_fall(change: KeyChange) -> bool:
    before, after = _limits(change)
    if isinstance(after, Unknown):
        return change.sets("credit_limit")
    return after is not None and not (isinstance(before, Decimal) and after >= before)


def _limit_raised(situation: Situation) -> Iterator[Finding]:
    unknown = 0
    for change in situation.changes:
        before, after = _limits(change)
        if change.new is None or (before is None and (change.old or change.kind is not Kind.ADOPTED)):
            continue
        factor = situation.thresholds.raised
        if before is None or isinstance(before, Unknown) or isinstance(after, Unknown):
            unknown += change.sets("credit_limit")
        elif after is None:
            yield _of(change, "limit-raised", f"the limit of {limit_text(before)} is removed")
        elif after > max(before * factor, before):
            text = f"the limit rises {limit_text(before)} → {limit_text(after)}"
            yield _of(change, "limit-raised", f"{text}, more than {factor.normalize():f} times as high")
    yield from _unknown("limit-raised", unknown, "the changed limit of {} is not known")


def _limits(change: KeyChange) -> tuple[Decimal | Unknown | None, Decimal | Unknown | None]:
    return tuple(state.facts.credit_limit if state else None for state in (change.old, change.new))  # type: ignore[return-value]


def _expires_soon(situation: Situation) -> Iterator[Finding]:
    now, unknown, unknown_use = situation.account.now, 0, 0
    for change in situation.changes:
        expires = change.new.facts.expires_at(now) if change.new else None
        if not isinstance(expires, datetime):
            unknown += isinstance(expires, Unknown) and change.sets("expires_at", "expires_in")
            continue
        shortened = _may_shorten(change, expires, now)
        use = situation.account.use(change.old) if shortened and change.old else None
        if use and use.is_used:
            text = f"expires earlier, {_day(expires)}, but is in use: {use_text(use, situation.account)}"
            yield _of(change, "expires-soon", text)
        elif expires - now <= situation.thresholds.soon:
            yield _of(change, "expires-soon", f"expires {_day(expires)}")
        elif shortened:
            unknown_use += use is None
    yield from _unknown("expires-soon", unknown, "the expiry of {} is not known")
    yield from _unknown("expires-soon", unknown_use, "the use of {} that may expire earlier is not known")


def _may_shorten(change: KeyChange, expires: datetime, now: datetime) -> bool:
    """Whether consumers have the same key, and it expires earlier than before. What it was may not be known."""
    before = change.old.facts.expires_at(now) if change.old else None
    is_earlier = before is None or (isinstance(before, datetime) and expires < before)
    return change.kind in _SAME_KEY and is_earlier


def _protection_removed(situation: Situation) -> Iterator[Finding]:
    for change in situation.changes:
        if not (change.old and change.old.facts.protect):
            continue
        if change.new is None:
            yield _of(change, "protection-removed", "the protected resource is removed")
        elif not change.new.facts.protect:
            yield _of(change, "protection-removed", "the resource is no longer protected")


def _mass_removal(situation: Situation) -> Iterator[Finding]:
    removed = sum(change.kind is Kind.DELETED for change in situation.changes)
    if removed < 2:
        return
    if situation.existing is None:
        yield _unchecked("mass-removal", f"{removed} keys are deleted, of an unknown number")
    elif removed > situation.existing * situation.thresholds.max_removed:
        share = (situation.thresholds.max_removed * 100).normalize()
        text = f"{count(removed)} of {count(situation.existing)} keys are deleted; at most {share:f}% are allowed"
        yield Finding("mass-removal", "", text)


def _exposure_over_balance(situation: Situation) -> Iterator[Finding]:
    exposure, balance = situation.exposure, situation.account.balance
    if balance is None:
        yield _unchecked("exposure-over-balance", "the balance is not known")
    elif exposure.after > max(balance, exposure.before):
        text = f"the keys may spend {usd(exposure.after)} USD; the balance is {usd(balance)} USD"
        yield Finding("exposure-over-balance", "", text)
    if exposure.elsewhere and exposure.elsewhere.after > exposure.elsewhere.before:
        yield _unchecked("exposure-over-balance", "the balance of another account is not known")


def _gap_in_rotation(situation: Situation) -> Iterator[Finding]:
    for change, found in _gaps(situation):
        text = "the old key stops working at once, and consumers elsewhere may still have it"
        yield _of(change, "gap-in-rotation", f"{text}: {found}")


def _gaps(situation: Situation) -> Iterator[tuple[KeyChange, str]]:
    """The keys that are replaced or revoked while a consumer may still have the old plaintext, and why it may."""
    read = _read_stacks(situation.previews)
    previews = {preview.stack: preview for preview in situation.previews}
    used = {
        urn
        for preview in situation.previews
        for step in preview.steps
        if step.op not in ("delete", "same")
        for urn in step.sources
    }
    for change in situation.changes:
        if change.kind not in (Kind.REPLACED, Kind.REVOKED) or change.keeps_old:
            continue
        stack = change.facts.stack
        is_deleted_first = change.kind is Kind.REPLACED and not change.marked
        reasons = {
            "it is deleted before the new one exists": is_deleted_first,
            "this stack has no consumer of it": change.urn not in used,
            "this stack has secret outputs": previews[stack].secret_outputs,
            "another of these stacks reads this one": stack in read,
        }
        if any(reasons.values()):
            yield change, " and ".join(reason for reason, holds in reasons.items() if holds)


def _read_stacks(previews: Sequence[Preview]) -> set[str]:
    """The stacks that others read: the name of a stack reference ends in ``PROJECT/STACK``."""
    return {
        "/".join(urn.rpartition("::")[2].split("/")[-2:])
        for preview in previews
        for step in preview.steps
        for urn in ({step.urn} if step.resource.type == _REFERENCE else step.sources)
        if f"{_REFERENCE}::" in urn
    }


def _day(instant: datetime) -> str:
    return format_instant(instant.replace(microsecond=0)).removesuffix("T00:00:00Z")


def _unknown(rule: str, number: int, text: str) -> Iterator[Finding]:
    """What a rule could not check for a number of keys, which the text has in place of its braces."""
    if number:
        yield _unchecked(rule, text.format(several(number, "key")))


def _of(change: KeyChange, rule: str, text: str, subject: str | None = None) -> Finding:
    return Finding(rule, subject or change.facts.title, text, change.facts.stack)


def _unchecked(rule: str, text: str) -> Finding:
    return Finding(rule, "", text, checked=False)


_RULES: Mapping[str, _Rule] = {
    "delete-in-use": _Rule("a key in use is deleted, revoked, or replaced at once", _delete_in_use),
    "disable-in-use": _Rule("a key in use is disabled", _disable_in_use),
    "limit-below-spent": _Rule("a limit falls below what the key has spent", _limit_below_spent),
    "gap-in-rotation": _Rule(
        "a key is replaced or revoked at once, and consumers may be elsewhere", _gap_in_rotation
    ),
    "protection-removed": _Rule(
        "a protected resource is deleted, or no longer protected", _protection_removed
    ),
    "mass-removal": _Rule("more than a share of all keys is deleted", _mass_removal),
    "exposure-over-balance": _Rule("the exposure rises above the balance", _exposure_over_balance),
    "limit-raised": _Rule(
        "a limit rises to more than FACTOR times, by default 2, or is removed", _limit_raised
    ),
    "expires-soon": _Rule("a key expires within 30 days, or earlier than before while in use", _expires_soon),
}
#: every rule, in the order in which a reviewer needs what it finds
NAMES: Collection[str] = (
    *("delete-in-use", "disable-in-use", "limit-below-spent", "protection-removed"),
    *("no-limit", "exposure-over-balance", "over-budget", "mass-removal"),
    *("expires-soon", "gap-in-rotation", "limit-raised", "no-expiry", "no-owner", "unprotected"),
    *("limit-too-high", "expires-too-late", "bad-name"),
)
_DESCRIPTIONS = {
    **{name: rule.description for name, rule in _RULES.items()},
    **{rule.name: rule.description for rule in policy.RULES},
}
#: one line about each rule
DESCRIPTIONS: Mapping[str, str] = {name: _DESCRIPTIONS[name] for name in NAMES}
