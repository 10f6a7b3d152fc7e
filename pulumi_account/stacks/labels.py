"""Labels of keys, from exports of stacks and from the names that a resource gives to its keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from pulumi_account.core.naming import SUFFIX_DIGITS, is_auto_name
from pulumi_account.spend.attribution import Labels
from pulumi_account.spend.usage import KeySpending
from pulumi_account.stacks.exports import StackKey

__all__ = ["NameLabels", "StackLabels", "agreed"]

#: an auto-name of a rotating key; the numbers of generations are below 10**12
_AUTO_GENERATION = re.compile(r".*?(?P<number>[0-9]{1,12})-[0-9a-f]{7}", re.DOTALL)


class NameLabels:
    """Labels by name: of keys, of auto-named ones that were replaced, and of generations."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], list[Labels]] = {}

    def add(self, labels: Labels, **texts: str | None) -> None:
        """Add the labels of one resource.

        :param texts: what its keys' names consist of; None is ignored. ``name``: the whole name. ``prefix``: what
            precedes seven hex digits. ``base``: what precedes a hyphen and a number. ``stem``: what precedes a number,
            a hyphen and seven hex digits.
        """
        for kind, text in texts.items():
            if text is not None:
                self._known.setdefault((kind, text), []).append(labels)

    def __call__(self, rows: Sequence[KeySpending]) -> list[Labels]:
        """The labels of each row."""
        return [self.labels(row.name) for row in rows]

    def labels(self, name: str) -> Labels:
        """The labels of the resources that can have given this name; an exact name has precedence."""
        prefix, (base, _, generation) = name[:-SUFFIX_DIGITS], name.rpartition("-")
        candidates = [("name", name)]
        candidates += [("prefix", prefix)] if is_auto_name(name, prefix) else []
        candidates += [("base", base)] if generation.isascii() and generation.isdigit() else []
        if found := _AUTO_GENERATION.fullmatch(name):
            ends = range(found.start("number"), found.end("number"))  # a stem may end in digits, too
            candidates += [("stem", name[:end]) for end in ends]
        return next((agreed(known) for pair in candidates if (known := self._known.get(pair))), {})


class StackLabels:
    """Labels of keys in stacks: by id, and of keys that no stack has any more by name.

    If several resources have a key, those that will keep it have precedence over those that will delete it. A label on
    which equal ones disagree counts as missing.
    """

    def __init__(self, keys: Iterable[StackKey]) -> None:
        self._by_id: dict[str, list[StackKey]] = {}
        self._by_name = NameLabels()
        for key in keys:
            if key.managed:
                self._by_id.setdefault(key.id, []).append(key)
                self._by_name.add(
                    key.labels, name=key.name, prefix=key.name_prefix, base=key.base, stem=key.stem
                )

    def __call__(self, rows: Sequence[KeySpending]) -> list[Labels]:
        """The labels of each row."""
        return [self._labels(row) for row in rows]

    def _labels(self, row: KeySpending) -> Labels:
        same = [key for key in self._by_id.get(str(row.id), []) if _is(key, row)]
        if not same:
            return self._by_name.labels(row.name)
        return agreed(key.labels for key in [key for key in same if key.current] or same)


def agreed(known: Iterable[Labels]) -> Mapping[str, str]:
    """The labels on which all agree that have them."""
    values: dict[str, set[str]] = {}
    for labels in known:
        for label, value in labels.items():
            values.setdefault(label, set()).add(value)
    return {label: found.pop() for label, found in values.items() if len(found) == 1}


def _is(key: StackKey, row: KeySpending) -> bool:
    """Whether it is the row's key; a deleted key has no instant of creation, so its name must be the same."""
    return key.is_(row.key) if row.key else key.name in (None, row.name)
