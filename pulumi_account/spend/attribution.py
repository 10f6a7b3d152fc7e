"""Who spent what: the usage of keys, grouped by a label. The groups add up to the account's total.

A *source* knows labels of keys, for example from exports of stacks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from pulumi_account.common.money import exact_sum
from pulumi_account.spend.usage import KeySpending, Usage, grouped, total

__all__ = [
    "LABELS",
    "UNASSIGNED",
    "Group",
    "LabelSource",
    "Labels",
    "attributed",
    "keyless_usage",
    "label_text",
    "usage_by_label",
]

#: the labels that commands know by a word of their own
LABELS = ("team", "environment", "owner")
#: stands for the keys without the label, and for usage that the API counts under no key
UNASSIGNED = "unassigned"
#: this value of a label, and those that `label_text` makes from it
_LIKE_UNASSIGNED = re.compile(UNASSIGNED + r"( \(label\))*")

Labels: TypeAlias = "Mapping[str, str]"
LabelSource: TypeAlias = "Callable[[Sequence[KeySpending]], Sequence[Labels]]"


@dataclass(frozen=True)
class Group(Usage):
    """The use of all keys that have the same value of a label; ``keys`` is their number."""

    keys: int = 0


def attributed(rows: Sequence[KeySpending], sources: Sequence[LabelSource]) -> list[Labels]:
    """The labels of each row. Each label comes from the first source that has it; an empty value counts as missing."""
    found: list[dict[str, str]] = [{} for _ in rows]
    for source in reversed(sources):
        for labels, more in zip(found, source(rows), strict=True):
            labels.update((label, value) for label, value in more.items() if value)
    return [*found]


def usage_by_label(
    label: str, rows: Sequence[KeySpending], labels: Sequence[Labels], whole: Usage
) -> list[Group]:
    """The groups by a label, the most expensive first and the unassigned one last. Their sum is the whole.

    :param rows: the keys with usage, each once.
    :param labels: the labels of each row.
    :param whole: the account's total. What it has beyond the keys is unassigned, even if that is negative.
    """
    members = grouped(zip(rows, labels, strict=True), lambda pair: pair[1].get(label))
    unassigned = [row for row, _ in members.pop(None, [])]
    groups = [
        Group(label_text(value), *total(row for row, _ in pairs).numbers, keys=len(pairs))
        for value, pairs in members.items()
        if value is not None
    ]
    groups.sort(key=lambda group: (-group.cost, -group.requests, group.name))
    rest = [keyless] if any((keyless := keyless_usage(rows, whole)).numbers) else []
    if unassigned or rest:
        groups.append(Group(UNASSIGNED, *total([*unassigned, *rest]).numbers, keys=len(unassigned)))
    return groups


def keyless_usage(rows: Iterable[Usage], whole: Usage) -> Usage:
    """What the API counts in the account's total, but under no key; negative if it counts more under keys."""
    part = total(rows)
    return Usage(
        "",
        whole.requests - part.requests,
        exact_sum([whole.cost, part.cost.copy_negate()]) or Decimal(0),
        whole.input_tokens - part.input_tokens,
        whole.output_tokens - part.output_tokens,
    )


def label_text(value: str | None) -> str:
    """The value of a label as a group's name, which differs from `UNASSIGNED` and from that of every other value."""
    if value is None:
        return UNASSIGNED
    return f"{value} (label)" if _LIKE_UNASSIGNED.fullmatch(value) else value
