"""An emulated account, and a front end without an engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pulumi_account.emulator import Emulator
from tests.support.canaries import OTHER_PROVISIONING_KEY, PROVISIONING_KEY
from tests.support.front_end import FrontEnd

EXACT = {"name": "production", "credit_limit": 500.0, "expires_at": "2099-01-01T00:00:00Z"}
AUTO = {"name_prefix": "ci-", "credit_limit": 5.0}


@pytest.fixture(scope="package")
def server() -> Iterator[Emulator]:
    """The emulator, shared by the tests."""
    with Emulator(provisioning_key=(PROVISIONING_KEY, OTHER_PROVISIONING_KEY)) as emulator:
        yield emulator


@pytest.fixture
def emulator(server: Emulator) -> Emulator:
    """An account without keys."""
    server.faults.clear()
    for key in server.keys():
        server.remove(key["id"])
    server.calls.clear()
    return server


@pytest.fixture
def resource(emulator: Emulator) -> Iterator[FrontEnd]:
    """The steps for the emulated account's keys."""
    with FrontEnd(emulator) as resource:
        yield resource


@pytest.fixture
def next_run(emulator: Emulator) -> Iterator[FrontEnd]:
    """Steps that know nothing of what came before."""
    with FrontEnd(emulator) as resource:
        yield resource


@pytest.fixture
def another() -> Iterator[Emulator]:
    """Another account."""
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
        yield emulator


def made(resource: FrontEnd, **declared: Any) -> tuple[str, Any, Any]:
    """A key made as an engine makes one: its id, normalized inputs and outputs."""
    inputs, failures = resource.check(declared or EXACT)
    assert failures == []
    key_id, outputs = resource.create(inputs)
    return key_id, inputs, outputs
