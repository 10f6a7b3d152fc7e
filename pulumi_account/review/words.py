"""A review as sections of lines, for every renderer. A `Name` is text of strangers, which the renderer escapes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from pulumi_account.common.money import usd
from pulumi_account.common.text import count
from pulumi_account.policy.rules import Finding
from pulumi_account.review.account import use_text
from pulumi_account.review.changes import SHOWN_LABELS, Detail, KeyChange
from pulumi_account.review.downstream import Consumer
from pulumi_account.review.exposure import Exposure
from pulumi_account.review.review import Review

__all__ = ["Line", "Name", "Section", "headline", "sections"]


@dataclass(frozen=True)
class Name:
    """A text that may have any characters."""

    text: str


Line = tuple["str | Name", ...]
#: lines of one rule, and names of keys without a limit, before the others are only counted
_MOST_OF_RULE, _MOST_NAMES = 10, 5


@dataclass(frozen=True)
class Section:
    """A heading and its lines; ``folded`` hides them at first."""

    title: str
    lines: list[Line]
    folded: bool = False


def headline(review: Review) -> str:
    """What happens, in one line: ``2 keys created, 1 rotated · exposure 540.00 → 820.00 USD (+280.00), …``."""
    counts = [f"{count(number)} {kind.value}" for kind, number in review.counts.items()]
    if counts:
        number, _, rest = counts[0].partition(" ")
        counts[0] = f"{number} key{'' if number == '1' else 's'} {rest}"
    return f"{', '.join(counts) or 'no key changes'} · {_exposure(review.exposure)}{_balance(review)}"


def sections(review: Review) -> list[Section]:
    """The sections of a review that have lines, in the order in which a reviewer needs them."""
    several = len(review.stacks) > 1
    found = [
        Section("Needs attention", list(_attention(review, several))),
        Section("Keys", [_change(review, change, several) for change in review.changes]),
        Section("Changes with these keys", [_consumer(one, several) for one in review.downstream.changed]),
        Section(
            "Shown as changed by Pulumi, but the key stays the same",
            [_consumer(one, several) for one in review.downstream.unchanged],
        ),
        Section("Not checked", list(_unknown(review)), folded=True),
        Section("Other resources", [_consumer(one, several) for one in review.downstream.rest], folded=True),
    ]
    return [section for section in found if section.lines]


def _exposure(exposure: Exposure) -> str:
    before, after = exposure.before, exposure.after
    if before == after:
        return f"exposure {usd(after)} USD"
    return f"exposure {usd(before)} → {usd(after)} USD ({'+' if after > before else ''}{usd(after - before)})"


def _balance(review: Review) -> str:
    balance: Decimal | None = review.account.balance
    return "" if balance is None else f", balance {usd(balance)} USD"


def _attention(review: Review, several: bool) -> Iterator[Line]:
    for rule, group in groupby((one for one in review.findings if one.checked), key=lambda one: one.rule):
        findings = list(group)
        sign = "⛔" if rule in review.failed else "⚠️"
        for finding in findings[:_MOST_OF_RULE]:
            yield (f"{sign} ", *_finding(finding, several), f" · {rule}")
        if len(findings) > _MOST_OF_RULE:
            yield (f"{sign} and {count(len(findings) - _MOST_OF_RULE)} more · {rule}",)
    for rule in review.failed:
        if not any(one.checked for one in review.findings if one.rule == rule):
            yield (f"⛔ could not be checked, as it must be · {rule}",)


def _finding(finding: Finding, several: bool) -> Line:
    subject: Line = (Name(finding.subject), " ") if finding.subject else ()
    where: Line = (" in ", Name(finding.stack)) if several and finding.stack else ()
    # a pattern of a user may have any characters, too
    text: Line = tuple(
        part for word in finding.text.split("\n") for part in ((Name(word),) if _is_odd(word) else (word,))
    )
    return (*subject, *text, *where)


def _is_odd(text: str) -> bool:
    return not all(c.isalnum() or c in " .,:;+-−%→/()'" for c in text)


def _change(review: Review, change: KeyChange, several: bool) -> Line:
    where: Line = (" in ", Name(change.facts.stack)) if several else ()
    line: Line = (Name(change.facts.title), f" {change.kind.value}", *where)
    for number, detail in enumerate(change.details):
        line = (*line, ", " if number else ": ", *_detail(detail))
    use = review.account.use(change.old) if change.old else None
    used = () if use is None or not use.is_used else (f" · {use_text(use, review.account)}",)
    return (*line, *used)


def _detail(detail: Detail) -> Line:
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
    return (*line, *_names(" uses ", consumer.keys))


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
        yield (
            f"Without a limit, and not in the exposure: {count(len(exposure.unlimited))}",
            *_names(": ", exposure.unlimited),
        )
    if exposure.unknown:
        yield (f"Limits that are not known, and not in the exposure: {count(exposure.unknown)}",)
    for problem in review.account.problems:
        yield (Name(problem),)
    for rule, group in groupby((one for one in review.findings if not one.checked), key=lambda one: one.rule):
        findings = list(group)
        for finding in findings[:_MOST_OF_RULE]:
            yield (*_finding(finding, several=False), f" · {rule}")
        if len(findings) > _MOST_OF_RULE:
            yield (f"and {count(len(findings) - _MOST_OF_RULE)} more · {rule}",)
