"""Fixtures for the tests of pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pulumi_account.emulator import Emulator
from tests.support.canaries import PROVISIONING_KEY
from tests.support.cli import require_cli
from tests.support.environment import unmeasured

processes = pytest.fixture(scope="module", autouse=True)(unmeasured)


@pytest.fixture
def account() -> Iterator[Emulator]:
    """An empty account, for a test on the CLI."""
    require_cli()
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
        yield emulator
