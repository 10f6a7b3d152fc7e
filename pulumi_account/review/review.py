"""A review: what previews do to keys, what that means, and which rules it breaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from pulumi_account.common.text import count
from pulumi_account.policy.facts import KeyFacts
from pulumi_account.policy.rules import Finding
from pulumi_account.review.account import AccountFacts
from pulumi_account.review.changes import Detail, KeyChange, Kind, key_changes
from pulumi_account.review.downstream import Downstream, downstream
from pulumi_account.review.exposure import Basis, Exposure, exposure
from pulumi_account.review.rules import Situation, Thresholds, check
from pulumi_account.spend.usage import grouped
from pulumi_account.stacks.exports import StackState
from pulumi_account.stacks.previews import Preview
from pulumi_account.stacks.resources import KeyState

__all__ = ["Options", "Review", "review"]


@dataclass(frozen=True)
class Options:
    """What a review is about, and when it fails.

    :ivar fail_on: the rules that fail the review if they find something.
    :ivar deny: the same, but also if they could not be checked.
    """

    thresholds: Thresholds = field(default_factory=Thresholds)
    fail_on: Collection[str] = ()
    deny: Collection[str] = ()
    commit: str | None = None


@dataclass(frozen=True)
class Review:
    """All that a reviewer gets. Names may have any characters: the renderers escape them."""

    stacks: tuple[str, ...]
    commit: str | None
    changes: tuple[KeyChange, ...]
    findings: tuple[Finding, ...]
    account: AccountFacts
    exposure: Exposure
    downstream: Downstream
    failed: tuple[str, ...]

    @property
    def counts(self) -> dict[Kind, int]:
        """How many keys there are of each kind of change."""
        found = Counter(change.kind for change in self.changes)
        return {kind: found[kind] for kind in Kind if found[kind]}


def review(
    previews: Sequence[Preview], states: Iterable[StackState], account: AccountFacts, options: Options
) -> Review:
    """Review the previews of one or several stacks.

    :param states: exports of stacks, which show the keys that do not change.
    :param account: what the account answered.
    """
    previews = sorted(previews, key=lambda preview: preview.stack)
    states = list(states)
    exported = {state.stack: state for state in states}
    before = _before(previews, states)
    account = account.with_accounts_of(before.values())
    changes = tuple(_changes(previews, exported, account))
    complete = all(preview.complete or preview.stack in exported for preview in previews)
    spending = exposure(before, changes, account, Basis.STACKS if complete else Basis.CHANGES)
    situation = Situation(
        previews,
        changes,
        account,
        spending,
        len(before) if complete else None if account.foreign or account.keys is None else len(account.keys),
        _after(before, changes),
        options.thresholds,
        complete,
    )
    findings = tuple(check(situation))
    matched = {finding.rule for finding in findings if finding.checked}
    failed = matched & {*options.fail_on, *options.deny}
    failed |= {finding.rule for finding in findings if not finding.checked} & {*options.deny}
    return Review(
        tuple(preview.stack for preview in previews),
        options.commit,
        changes,
        findings,
        account,
        spending,
        _downstream(previews, changes),
        tuple(sorted(failed)),
    )


def _changes(
    previews: Iterable[Preview], exported: Mapping[str, StackState], account: AccountFacts
) -> Iterator[KeyChange]:
    for preview in previews:
        pending = exported[preview.stack].pending if preview.stack in exported else {}
        for change in key_changes(preview, pending):
            if change.kind is Kind.ADOPTED and change.new and change.old is None:
                change = replace(change, old=account.adopted(change.new))
            expired = account.expired(change.old) if change.old and change.new else 0
            if expired and change.kind in (Kind.CHANGED, Kind.ROTATED):
                detail = Detail("expired retired keys", "", f"{count(expired)} deleted")
                change = replace(change, details=(*change.details, detail))
            yield change


def _before(previews: Iterable[Preview], states: Iterable[StackState]) -> dict[str, KeyState]:
    """The keys that stacks manage before the changes, by their URNs."""
    found: dict[str, KeyState] = {}
    for state in states:
        found |= {**state.keys, **state.pending}
    steps = [step for preview in previews for step in preview.steps]
    for step in steps:
        if step.was and step.was != step.urn:
            found.pop(step.was, None)
    for step in steps:
        if step.old and not step.old.external:
            found[step.urn] = step.old
        elif step.op == "create":  # a refresh has found that the key was deleted elsewhere
            found.pop(step.urn, None)
    return found


def _after(before: Mapping[str, KeyState], changes: Iterable[KeyChange]) -> list[KeyFacts]:
    after = {urn: state.facts for urn, state in before.items()}
    for change in changes:
        after.pop(change.urn, None)
        if change.new and not change.new.external:
            after[change.urn] = change.new.facts
    return list(after.values())


def _downstream(previews: Iterable[Preview], changes: Iterable[KeyChange]) -> Downstream:
    of_stack = grouped(changes, lambda change: change.facts.stack)
    parts = [downstream(preview, of_stack.get(preview.stack, [])) for preview in previews]
    names = ("changed", "unchanged", "rest")
    return Downstream(*(tuple(chain.from_iterable(getattr(part, name) for part in parts)) for name in names))
