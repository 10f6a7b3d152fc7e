"""The labels of keys in Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pulumi_account.emulator import Emulator
from pulumi_account.exceptions import ConfigurationError
from pulumi_account.metrics.key_labels import KeyLabels
from pulumi_account.spend.attribution import Labels, LabelSource
from pulumi_account.spend.patterns import Pattern, PatternLabels
from pulumi_account.spend.usage import KeySpending
from tests.metrics.scrapes import exporting, settled
from tests.support.helpers import refusal


def of_names(labels: dict[str, Labels]) -> LabelSource:
    """A source that knows labels of keys by their names."""

    def source(rows: Sequence[KeySpending]) -> list[Labels]:
        return [labels.get(row.name, {}) for row in rows]

    return source


def test_keys_have_labels(emulator: Emulator) -> None:
    """Team, environment and owner always, and those that were chosen; what is missing is unassigned."""
    for name in ("a", "b"):
        emulator.add(name)
    source = of_names({"a": {"team": "ads", "owner": "me", "cost-center": "7", "other": "x"}})
    with exporting(emulator, labels=lambda: [source], more_labels=["cost-center", "team"]) as exporter:
        scrape = settled(exporter)
    first = {"team": "ads", "environment": "unassigned", "owner": "me", "label_cost_center": "7"}
    assert scrape("key_info", key_id="1", **first) == 1
    assert scrape("key_info", key_id="2", **dict.fromkeys(first, "unassigned")) == 1
    assert 'other="' not in scrape.text.replace("key_id", "")


def test_without_labels(emulator: Emulator) -> None:
    """Without a source, no label is added."""
    emulator.add("a")
    with exporting(emulator) as exporter:
        text = settled(exporter).text
    assert 'pulumi_account_key_info{key_id="1",key_name="a",state="active"} 1.0' in text
    assert 'source="labels"' not in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("unassigned", "unassigned (label)"),
        ("other", "other (name)"),
        ('"}\n\x1b\\', '"}[U+000A][U+001B]\\'),
        ("x" * 1000, "x" * 254 + "…"),
    ],
)
def test_values(value: str, shown: str, emulator: Emulator) -> None:
    """Any value is one label, and none is taken for unassigned or for the sum of other keys."""
    emulator.add("a")
    with exporting(emulator, labels=lambda: [of_names({"a": {"team": value}})]) as exporter:
        assert settled(exporter).labels("key_info", "team") == [shown]


def test_other_keys_have_no_labels_of_one_key(emulator: Emulator) -> None:
    """The series that stands for keys of several teams has the label other."""
    for cost in (2, 1):
        emulator.add_usage(emulator.add("a")[0], cost=cost)
    source = of_names({"a": {"team": "ads"}})
    with exporting(emulator, labels=lambda: [source], max_keys=1) as exporter:
        assert settled(exporter).labels("key_info", "team") == ["ads", "other"]


def test_two_labels_of_one_name() -> None:
    """Labels that Prometheus could not tell apart are refused."""
    refusal(
        ConfigurationError, lambda: KeyLabels(["a-b", "a.b"]), "two of the labels a-b, a.b have the same name"
    )
    assert KeyLabels(["a-b", "a-b"]).names[3:] == ["label_a_b"]


def test_a_broken_file_keeps_the_last_labels(
    emulator: Emulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While the labels cannot be read, the last good ones stay, one warning says so, and up is 0."""
    emulator.add("a")
    file = tmp_path / "team"
    file.write_text("ads")

    def read() -> list[LabelSource]:
        try:
            return [of_names({"a": {"team": file.read_text()}})]
        except OSError:
            raise ConfigurationError(f"{file.name}: cannot be read") from None

    with exporting(emulator, labels=read) as exporter:
        settled(exporter)
        file.write_text("web")
        exporter.refresh()
        assert settled(exporter).labels("key_info", "team") == ["web"]
        file.unlink()
        exporter.refresh()
        exporter.refresh()
        scrape = settled(exporter)
    assert (scrape.labels("key_info", "team"), scrape("up", source="labels")) == (["web"], 0)
    warnings = [record.getMessage() for record in caplog.records]
    assert warnings == [
        "cannot read the account's labels, so its last good values stay: team: cannot be read"
    ]


def test_a_pattern_that_takes_too_long(emulator: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    """The keys are exported without labels, and a warning says why."""
    emulator.add("a" * 200 + "!")
    source = PatternLabels([Pattern.parse("team=(?P<team>(a+)+)$")], seconds=0.5)
    with exporting(emulator, labels=lambda: [source]) as exporter:
        assert settled(exporter).labels("key_info", "team") == ["unassigned"]
    assert "cannot label the keys: the patterns of --group took more than 0.5 seconds" in caplog.text
