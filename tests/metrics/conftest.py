"""The account of the exporter's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pulumi_account.emulator import Emulator
from tests.support.canaries import PROVISIONING_KEY


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An account with no keys and no activity, whose answers are not cached."""
    with Emulator(provisioning_key=PROVISIONING_KEY, balance="125.50", activity_cache=0) as emulator:
        yield emulator
