"""Exporters of emulated accounts, and their answers."""

from __future__ import annotations

import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from pulumi_account.api.client import AccountClient
from pulumi_account.emulator import Emulator
from pulumi_account.metrics.exporter import Exporter
from tests.support.canaries import PROVISIONING_KEY
from tests.support.helpers import account, activity_json, key_json

__all__ = ["Scrape", "exporting", "of_answers", "settled"]


class Scrape:
    """What an exporter answers."""

    def __init__(self, exporter: Exporter) -> None:
        with urllib.request.urlopen(exporter.url, timeout=20) as answer:
            self.text = answer.read().decode()
        self._families = {family.name: family for family in text_string_to_metric_families(self.text)}

    def __call__(self, name: str, **labels: str) -> float:
        """The value of the one series with these labels."""
        (value,) = [s.value for s in self._samples(name) if labels.items() <= s.labels.items()]
        return float(value)

    def labels(self, name: str, label: str) -> list[str]:
        """The values of a label."""
        return [sample.labels[label] for sample in self._samples(name)]

    def has(self, name: str) -> bool:
        """Whether there is a series of that name."""
        return bool(self._samples(name))

    @property
    def names(self) -> set[str]:
        """The names of all series."""
        return {sample.name for family in self._families.values() for sample in family.samples}

    def _samples(self, name: str) -> list[Any]:
        full = f"pulumi_account_{name}"
        samples = [sample for family in self._families.values() for sample in family.samples]
        return [sample for sample in samples if sample.name == full]


def settled(exporter: Exporter) -> Scrape:
    """Its answer after every read has been done once."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        scrape = Scrape(exporter)
        failed = Counter(dict.fromkeys(("balance", "keys", "activity"), 0.0))
        for source in failed:
            failed[source] = sum(
                s.value for s in scrape._samples("scrape_errors_total") if s.labels["source"] == source
            )
        if all(scrape("up", source=source) or failed[source] for source in failed):
            return Scrape(exporter)  # anew, as an answer may have come in the middle of the last one
        time.sleep(0.02)
    raise AssertionError("the account was not asked")


@contextmanager
def exporting(emulator: Emulator, **options: Any) -> Iterator[Exporter]:
    """An exporter of an emulated account, whose calls are not retried."""
    with (
        AccountClient(emulator.url, PROVISIONING_KEY, retry_deadline=0) as client,
        Exporter(client, **options) as exporter,
    ):
        yield exporter


def of_answers(headers: dict[str, str] | None = None, **changes: Any) -> AccountClient:
    """A client of an API with these answers."""
    answers = {
        "balance": {"balance": "1"},
        "activity": activity_json(),
        "keys": {"keys": [key_json()]},
        **changes,
    }
    return account(
        lambda request: httpx.Response(
            200, headers=headers, json=answers[request.url.path.rpartition("/")[2]]
        )
    )
