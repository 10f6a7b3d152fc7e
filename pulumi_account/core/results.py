"""What the steps of a key's life return to a front end: plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Checked", "Created", "Diff", "ReadKey"]


@dataclass(frozen=True)
class Checked:
    """The normalized inputs, or one sentence for each broken rule; a sentence names its property."""

    inputs: dict[str, Any]
    failures: Sequence[str] = ()


@dataclass(frozen=True)
class Diff:
    """The names of the inputs that change; the key is replaced because of those in ``replaces``.

    ``moved``: the key is replaced because its provider has changed and uses another account.
    ``silent``: the resource needs an update even if no input changes.
    """

    changed: list[str] = field(default_factory=list)
    replaces: list[str] = field(default_factory=list)
    moved: bool = False
    silent: bool = False


@dataclass(frozen=True)
class Created:
    """The id of a key that was made or adopted, and its outputs; those named in `PLAINTEXTS` are secrets."""

    id: str
    outputs: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class ReadKey:
    """The current key: its outputs, and the inputs that would declare it."""

    outputs: dict[str, Any] = field(repr=False)
    inputs: dict[str, Any] = field(repr=False)
