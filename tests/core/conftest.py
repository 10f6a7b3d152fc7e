"""An emulated account, and a front end without an engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pulumi_account.emulator import Emulator
from tests.core.rotating import BATCH, ROTATED
from tests.support.canaries import OTHER_PROVISIONING_KEY, PROVISIONING_KEY
from tests.support.front_end import FrontEnd, RotatingStack
from tests.support.helpers import emptied


@pytest.fixture(scope="package")
def server() -> Iterator[Emulator]:
    """The emulator, shared by the tests."""
    with Emulator(provisioning_key=(PROVISIONING_KEY, OTHER_PROVISIONING_KEY), activity_cache=0) as emulator:
        yield emulator


@pytest.fixture
def emulator(server: Emulator) -> Emulator:
    """An account without keys."""
    return emptied(server)


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


@pytest.fixture
def stack(emulator: Emulator) -> RotatingStack:
    """A stack with the first generation of a key."""
    stack = RotatingStack(emulator, **BATCH)
    emulator.calls.clear()
    return stack


@pytest.fixture
def rotated(stack: RotatingStack, emulator: Emulator) -> RotatingStack:
    """A stack with two generations: the second is the current one."""
    stack.up(**ROTATED)
    emulator.calls.clear()
    return stack
