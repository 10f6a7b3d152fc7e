"""The reliability page promises what tests hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import reliability
from tools.promises import PROMISES
from tools.sections import ROOT, content

NAMED = sorted({test for promise in PROMISES for test in promise.tests})
CASES = content(reliability.PAGE, "cases")

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
    text = (ROOT / "tests" / f"{module}.py").read_text(encoding="utf-8")
    assert f"def {function or 'test_'}" in text


def test_the_page_is_complete() -> None:
    """The page has each promise, with the tests that hold it."""
    assert content(reliability.PAGE, "promises") == reliability.promises()


@pytest.mark.parametrize("claim", [promise.claim for promise in PROMISES])
def test_each_promise_has_its_cases(claim: str) -> None:
    """The table has a row for each promise."""
    assert f"| {claim} | " in CASES


def test_each_promise_is_counted() -> None:
    """The table has as many rows as there are promises."""
    assert CASES.count("\n| ") == len(PROMISES)


def test_what_passed_is_counted(tmp_path: Path) -> None:
    """Only cases that passed count, each once, those of the CLI apart."""
    (tmp_path / "run.xml").write_text(RUN)
    table = reliability.cases([tmp_path / "run.xml"] * 2)
    (row,) = [row for row in table.splitlines() if row.startswith("| A killed run loses no key |")]
    assert row.endswith("| 2 | 1 |")
