"""Fixtures for all tests."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pulumi
import pytest
from hypothesis import settings

from pulumi_account.testing import LocalEngine
from tests.support.canaries import assert_clean, leaks
from tests.support.cli import CliEngine, require_cli
from tests.support.projects import ENGINES
from tests.support.projects import warm_python as warm_python

# where interrupts are ignored, as under nohup and on some build servers, processes of tests would inherit that
for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)

# property tests must not fail because the machine is busy
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

Engine: TypeAlias = Any  # LocalEngine or CliEngine: tests use what they share
MakeEngine: TypeAlias = Callable[..., Engine]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> MakeEngine:
    """Makes an engine for a project, with LocalEngine's arguments; the test runs on LocalEngine and on the real CLI."""
    if request.param == "local":
        return partial(LocalEngine, python=warm_python())
    require_cli()
    return lambda project, **options: CliEngine(project, tmp_path / "cli", **options)


@pytest.fixture(autouse=True)
def _no_mocks() -> None:
    """Remove the mocks of other tests: the SDK keeps the last ones for the whole process."""
    pulumi.runtime.configure(pulumi.runtime.Settings("project", "stack"))


@pytest.fixture(autouse=True)
def _no_credential_in_files(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """Assert that no file in a test's folders contains a credential, except in programs."""
    before = set(tmp_path_factory.getbasetemp().iterdir())
    yield
    for folder in set(tmp_path_factory.getbasetemp().iterdir()) - before:
        for file in folder.rglob("*"):
            if file.suffix != ".py" and file.is_file() and not file.is_symlink():
                assert_clean(f"{file}: {file.read_text(errors='replace')}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that prints or logs a credential."""
    report = yield
    found = leaks("".join(text for _, text in report.sections))
    if report.passed and found:
        report.outcome = "failed"
        report.longrepr = f"a credential was printed or logged: {found}"
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Report in one line for each reason how many tests were skipped."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    for reason, number in reasons.items():
        terminalreporter.write_line(f"{number} tests were skipped: {reason}")
