"""Options that say whose a key is: sources of labels, and the label that groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import typer

from pulumi_account.exceptions import InvalidInputError
from pulumi_account.spend.attribution import LABELS, LabelSource
from pulumi_account.spend.patterns import Pattern, PatternLabels
from pulumi_account.stacks.exports import read_export
from pulumi_account.stacks.labels import NameLabels, StackLabels

__all__ = ["SOURCES", "Files", "Groups", "LabelSources", "Stacks", "label_named"]

#: the options that say whose a key is
SOURCES = "--stack, --keys and --group"


def label_named(by: str) -> str | None:
    """The label that ``team``, ``environment``, ``owner`` or ``label:NAME`` means."""
    kind, _, name = by.partition(":")
    return by if by in LABELS else (name or None) if kind == "label" else None


def _pattern(text: str) -> str:
    """Check a pattern; it stays a text, because a list of options holds texts."""
    try:
        Pattern.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return text


Stacks = Annotated[
    list[str] | None,
    typer.Option(
        "--stack",
        metavar="EXPORT",
        help="Labels from the output of `pulumi stack export`; - is stdin. May be repeated.",
    ),
]
Files = Annotated[
    list[str] | None,
    typer.Option("--keys", metavar="FILE", help="Labels by names from a key file. May be repeated."),
]
Groups = Annotated[
    list[str] | None,
    typer.Option(
        "--group",
        metavar="LABEL=REGEX",
        parser=_pattern,
        help="Labels from names: the group (?P<LABEL>...) of a regular expression. May be repeated.",
    ),
]


@dataclass(frozen=True)
class LabelSources:
    """The sources of labels that a command names, in the order of their precedence."""

    stacks: Sequence[str]
    files: Sequence[str]
    patterns: Sequence[str]

    def require(self, what: str) -> None:
        """Refuse an option that groups by a label if there is no source.

        :param what: the option.
        """
        if not self:
            raise typer.BadParameter(f"{what} needs {SOURCES.replace('and', 'or')}, which say whose a key is")

    def __bool__(self) -> bool:
        return bool(self.stacks or self.files or self.patterns)

    def read(self) -> list[LabelSource]:
        """Read all files.

        :raises ExportError: a file is not an export of a stack.
        :raises InvalidInputError: a key file cannot be read, or breaks rules.
        """
        sources: list[LabelSource] = []
        if self.stacks:
            sources.append(StackLabels(key for name in self.stacks for key in read_export(name)))
        if self.files:
            sources.append(_file_labels(self.files))
        return [*sources, self._by_pattern] if self.patterns else sources

    @cached_property
    def _by_pattern(self) -> LabelSource:
        """Made once, because it remembers the names that it has matched."""
        return PatternLabels([Pattern.parse(text) for text in self.patterns])


def _file_labels(files: Sequence[str]) -> NameLabels:
    """The labels of the keys that key files declare, by their names."""
    from pulumi_account.keyfile import load

    names = NameLabels()
    for file in files:
        try:
            found = load(file)
        except OSError as error:
            raise InvalidInputError([f"{file}: {error.strerror or 'cannot be read'}"]) from None
        for key in found.keys:
            names.add(key.labels, **{"base" if key.rotate else "name": key.name})
    return names
