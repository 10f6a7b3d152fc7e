"""RELIABILITY.md promises what tests hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import report
from tests import reliability

NAMED = sorted({test for tests in reliability.PROMISES.values() for test in tests})

RUN = """<testsuites><testsuite>
<testcase classname="tests.faults.test_kill" name="test_x[local-1]"/>
<testcase classname="tests.faults.test_kill" name="test_x[cli-1]"><properties/></testcase>
<testcase classname="tests.faults.test_kill" name="test_y"><failure message="no"/></testcase>
<testcase classname="tests.faults.test_kill" name="test_z[cli]"><skipped/></testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize("test", NAMED)
def test_named_tests_exist(test: str) -> None:
    """Each test that a promise names is there."""
    module, _, function = test.partition("::")
    text = (Path(__file__).parent / f"{module}.py").read_text(encoding="utf-8")
    assert f"def {function or 'test_'}" in text


@pytest.mark.parametrize("promise", reliability.PROMISES)
def test_the_document_is_complete(promise: str) -> None:
    """Each promise stands in the document, with the tests that hold it."""
    (row,) = [line for line in reliability.table([]).splitlines() if line.startswith(f"| {promise} |")]
    assert row.removesuffix(" 0 | 0 |") in reliability.DOCUMENT.read_text(encoding="utf-8")


def test_the_costs_are_what_was_measured() -> None:
    """The tables of the document are those of the results that are kept."""
    results = json.loads((reliability.DOCUMENT.parent / "benchmarks" / "results.json").read_text())
    block = f"{report.BEGIN}\n\n{report.tables(results)}\n\n{report.END}"
    assert block in reliability.DOCUMENT.read_text(encoding="utf-8")


def test_what_passed_is_counted(tmp_path: Path) -> None:
    """Only cases that passed count, each once, those of the CLI apart."""
    (tmp_path / "run.xml").write_text(RUN)
    row = next(
        row for row in reliability.table([tmp_path / "run.xml"] * 2).splitlines() if "test_kill" in row
    )
    assert row.endswith("| 2 | 1 |")
