"""Labels from the names of keys, by regular expressions.

A regular expression can take years on a name that was made for it, and Python cannot interrupt one in a thread. So a
process of its own matches them, and ends after some seconds.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from collections.abc import Sequence
from typing import NamedTuple

from pulumi_account.exceptions import ConfigurationError
from pulumi_account.spend.attribution import Labels
from pulumi_account.spend.usage import KeySpending

__all__ = ["Pattern", "PatternLabels"]

#: the API has no longer names; no longer ones are matched
_LONGEST_NAME = 255
_MATCHER = """
import json, re, sys, warnings
warnings.simplefilter("ignore")
patterns, names = json.load(sys.stdin)
patterns = [(label, re.compile(pattern)) for label, pattern in patterns]
found = [[(label, match[label]) for label, p in patterns if (match := p.search(name))] for name in names]
json.dump(found, sys.stdout)
"""


class Pattern(NamedTuple):
    """A regular expression whose group with the label's name finds the label's value in a name."""

    label: str
    pattern: str

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Parse ``team=^(?P<team>[a-z]+)-``.

        :raises ValueError: the text is not such a pattern; the message says why.
        """
        label, equals, pattern = text.partition("=")
        if not (label and equals):
            raise ValueError("must be a label, = and a regular expression, such as team=^(?P<team>[a-z]+)-")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                groups = re.compile(pattern).groupindex
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"has an invalid regular expression: {error}") from None
        if label not in groups:
            raise ValueError(f"has no group (?P<{label}>...)")
        return cls(label, pattern)


class PatternLabels:
    """The labels that patterns find in names; of several patterns for a label, the first that matches counts."""

    def __init__(self, patterns: Sequence[Pattern], *, seconds: float = 5) -> None:
        self._patterns, self._seconds = patterns, seconds
        self._known: dict[str, Labels] = {}

    def __call__(self, rows: Sequence[KeySpending]) -> list[Labels]:
        """The labels of each row.

        :raises ConfigurationError: the patterns took too long for new names, which then have no labels.
        """
        names = {row.name for row in rows if len(row.name) <= _LONGEST_NAME}
        if unknown := sorted(names - self._known.keys()):
            known = {name: labels for name, labels in self._known.items() if name in names}
            self._known = known | {name: {} for name in unknown}  # if it takes too long, do not try again
            self._known |= zip(unknown, self._matched(unknown), strict=True)
        return [self._known.get(row.name, {}) for row in rows]

    def _matched(self, names: Sequence[str]) -> list[Labels]:
        command = [sys.executable, "-I", "-c", _MATCHER]
        question = json.dumps([self._patterns, names])
        try:
            done = subprocess.run(  # noqa: S603 - the arguments are constants
                command, input=question, capture_output=True, text=True, check=True, timeout=self._seconds
            )
        except subprocess.TimeoutExpired:
            problem = f"took more than {self._seconds:g} seconds: make them simpler"
        except (OSError, subprocess.CalledProcessError):
            problem = "could not be matched"
        else:
            return [
                {label: value for label, value in reversed(found) if value}
                for found in json.loads(done.stdout)
            ]
        raise ConfigurationError(f"the patterns of --group {problem}")
