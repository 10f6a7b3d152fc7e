"""The labels of keys as labels of Prometheus."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from pulumi_account.exceptions import ConfigurationError
from pulumi_account.spend.attribution import LABELS, Labels, LabelSource, attributed, label_text
from pulumi_account.spend.usage import KeySpending

__all__ = ["KeyLabels"]

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_]")
_log = logging.getLogger(__name__)


class KeyLabels:
    """The names and values of the labels that ``pulumi_account_key_info`` has beside the key's own.

    :param more: further labels; each is named ``label_`` and its name, in which ``_`` stands for other characters.
    :raises ConfigurationError: two of them would have the same name.
    """

    def __init__(self, more: Sequence[str]) -> None:
        chosen = [label for label in dict.fromkeys(more) if label not in LABELS]
        self._labels = [*LABELS, *chosen]
        self.names = [*LABELS, *(f"label_{_NOT_IN_NAMES.sub('_', label)}" for label in chosen)]
        if len(set(self.names)) < len(self.names):
            raise ConfigurationError(
                f"two of the labels {', '.join(chosen)} have the same name in Prometheus"
            )

    def values(self, rows: Sequence[KeySpending], sources: Sequence[LabelSource]) -> list[list[str]]:
        """The values of the labels of each key, in the order of the names."""
        try:
            found: Sequence[Labels] = attributed(rows, sources)
        except ConfigurationError as error:
            _log.warning("cannot label the keys: %s", error)
            found = [{} for _ in rows]
        return [[label_text(labels.get(label)) for label in self._labels] for labels in found]
