"""A review as sections of lines, for every renderer. A `Name` is untrusted text, which the renderer escapes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from pulumi_account.common.money import usd
from pulumi_account.common.text import count, several
from pulumi_account.policy.rules import Finding
from pulumi_account.review.account import use_text
from pulumi_account.review.changes import COUNTED, SHOWN_LABELS, Detail, KeyChange
from pulumi_account.review.downstream import Consumer
from pulumi_account.review.exposure import Exposure
from pulumi_account.review.review import Review

__all__ = ["Line", "Name", "Section", "headline", "sections"]


@dataclass(frozen=True)
class Name:
    """A text that may have any characters; ``most`` columns of it are shown."""

    text: str
    most: int = 80


Line = tuple["str | Name", ...]
#: lines of one rule, and names of keys without a limit, before the others are only counted
_MOST_OF_RULE, _MOST_NAMES = 10, 5


@dataclass(frozen=True)
class Section:
    """A heading and its lines; ``folded`` hides them at first."""

    title: str
    lines: list[Line]
    folded: bool = False
    #: how many lines a comment shows unfolded
    opened: int = 20


def headline(review: Review) -> str:
    """What happens, in one line: ``2 keys created, 1 rotated · exposure 540.00 → 820.00 USD (+280.00), …``."""
    counts = [
        f"{count(number) if place else several(number, 'key')} {kind.value}"
        for place, (kind, number) in enumerate(review.counts.items())
    ]
    return f"{', '.join(counts) or 'no key changes'} · {_exposure(review.exposure)}{_balance(review)}"


def sections(review: Review) -> list[Section]:
    """The sections of a review that have lines, in the order in which a reviewer needs them."""
    several = len(review.stacks) > 1
    found = [
        Section("Needs attention", list(_attention(review, several)), opened=100),
        Section("Keys", [_change(review, change, several) for change in review.changes]),
        Section("Changes with these keys", [_consumer(one, several) for one in review.downstream.changed]),
        Section(
            "Shown as changed by Pulumi, but the key stays the same",
            [_consumer(one, several) for one in review.downstream.unchanged],
        ),
        Section("What this review covers", list(_unknown(review)), folded=True),
        Section("Other resources", [_consumer(one, several) for one in review.downstream.rest], folded=True),
    ]
    return [section for section in found if section.lines]


def _exposure(exposure: Exposure) -> str:
    before, after, unlimited = exposure.before, exposure.after, len(exposure.unlimited)
    more = f" and {several(unlimited, 'key')} without a limit" if unlimited else ""
    if before == after:
        return f"exposure {usd(after)} USD{more}"
    sign = "+" if after > before else ""
    return f"exposure {usd(before)} → {usd(after)} USD ({sign}{usd(after - before)}){more}"


def _balance(review: Review) -> str:
    balance: Decimal | None = review.account.balance
    return "" if balance is None else f", balance {usd(balance)} USD"


def _attention(review: Review, several: bool) -> Iterator[Line]:
    """The findings of rules that fail the review come first."""
    found = [finding for finding in review.findings if finding.checked]
    for rule in review.failed:
        if not any(finding.rule == rule for finding in found):
            yield (f"⛔ could not be checked, but must be · {rule}",)
    for fails in (True, False):
        chosen = [finding for finding in found if (finding.rule in review.failed) == fails]
        yield from _findings("⛔ " if fails else "⚠️ ", chosen, several)
    unknown = dict.fromkeys(finding.rule for finding in review.findings if not finding.checked)
    if unknown:
        commas = (part for rule in unknown for part in (", ", Name(rule)))
        yield ("❔ not checked, or not in full: ", *list(commas)[1:])


def _findings(sign: str, findings: Iterable[Finding], several: bool) -> Iterator[Line]:
    """A line for all findings of a rule with the same text, and a limited number of one rule."""
    groups: dict[str, dict[tuple[str, str], list[str]]] = {}
    for one in findings:
        subjects = groups.setdefault(one.rule, {}).setdefault((one.text, one.stack if several else ""), [])
        subjects += [one.subject] if one.subject else []
    for rule, lines in groups.items():
        for (text, stack), subjects in list(lines.items())[:_MOST_OF_RULE]:
            where: Line = (" in ", Name(stack)) if stack else ()
            names = (*_names("", subjects), *where, ": ") if subjects else ()
            each = "each " if len(subjects) > 1 and not text.startswith("the ") else ""
            yield (sign, *names, _prose(f"{each}{text}"), f" · {rule}")
        if len(lines) > _MOST_OF_RULE:
            rest = sum(len(subjects) for subjects in list(lines.values())[_MOST_OF_RULE:])
            yield (f"{sign}and {count(rest)} more · {rule}",)


def _prose(text: str) -> str | Name:
    """A sentence. If it has a user's pattern or an error in it, it may have any characters."""
    is_plain = all(c.isalnum() or c in " .,:;+-%→()\N{MINUS SIGN}" for c in text)
    return text if is_plain else Name(text, 400)


def _change(review: Review, change: KeyChange, several: bool) -> Line:
    where: Line = (" in ", Name(change.facts.stack)) if several else ()
    line: Line = (Name(change.facts.title), f" {change.kind.value}", *where)
    for number, detail in enumerate(change.details):
        line = (*line, ", " if number else ": ", *_detail(detail))
    use = review.account.use(change.old) if change.old else None
    used = () if use is None or not use.is_used else (f" · {use_text(use, review.account)}",)
    which = "old key" if change.new else "key"
    kept = (f" · the {which} stays on the account",) if change.keeps_old else ()
    return (*line, *kept, *used)


def _detail(detail: Detail) -> Line:
    if detail.what in COUNTED:
        number, _, verb = detail.new.partition(" ")
        return (f"{number} {detail.what.removesuffix('s') if number == '1' else detail.what} {verb}",)
    strange = detail.what in (*SHOWN_LABELS, "name")
    old, new = (
        Name(text) if strange and text not in ("none", "not shown") else text
        for text in (detail.old, detail.new)
    )
    return (f"{detail.what} ", new) if not detail.old else (f"{detail.what} ", old, " → ", new)


def _consumer(consumer: Consumer, several: bool) -> Line:
    where: Line = (" in ", Name(consumer.resource.stack)) if several else ()
    line: Line = (
        Name(consumer.resource.name),
        " (",
        Name(consumer.resource.type),
        f") {consumer.op}",
        *where,
    )
    return (*line, *_names(", uses ", consumer.keys))


def _names(before: str, names: Iterable[str]) -> Line:
    names = list(names)
    line: Line = ()
    for number, name in enumerate(names[:_MOST_NAMES]):
        line = (*line, ", " if number else before, Name(name))
    more = len(names) - _MOST_NAMES
    return (*line, f" and {count(more)} more") if more > 0 else line


def _unknown(review: Review) -> Iterator[Line]:
    exposure = review.exposure
    yield (f"The exposure covers {exposure.basis.value}.",)
    if exposure.unlimited:
        number = count(len(exposure.unlimited))
        yield (f"Without a limit, and not in the exposure: {number}", *_names(": ", exposure.unlimited))
    if exposure.unknown:
        yield (f"With a limit that is not known, and not in the exposure: {count(exposure.unknown)}",)
    if other := exposure.elsewhere:
        amounts = f"{usd(other.before)} → {usd(other.after)} USD"
        yield (
            f"The keys of other accounts are not in the exposure. Theirs is {amounts}",
            *_names(", and without a limit: ", other.unlimited),
        )
    unsure = [
        change.facts.title
        for change in review.changes
        if change.new and review.account.may_be_foreign(change.new)
    ]
    if unsure:
        text = "Of a Provider without other keys, so the account may be another one"
        yield (f"{text}: {count(len(unsure))}", *_names(": ", unsure))
    yield from ((_prose(problem),) for problem in review.account.problems)
    yield from _findings("not checked: ", [one for one in review.findings if not one.checked], several=False)
