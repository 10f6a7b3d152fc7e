"""Fixtures for the tests of pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pulumi_account.emulator import Emulator
from tests.support.canaries import PROVISIONING_KEY
from tests.support.cli import require_cli


@pytest.fixture(scope="module", autouse=True)
def _no_coverage_of_processes() -> Iterator[None]:
    """Measure no process that a page's commands start: that takes as long as the command, and others measure it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield


@pytest.fixture
def account() -> Iterator[Emulator]:
    """An empty account, for a test on the CLI."""
    require_cli()
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
        yield emulator
