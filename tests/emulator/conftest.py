"""Emulators with clients for the tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pulumi_account.emulator import Emulator
from tests.emulator.support import INFERENCE, PROVISIONING, Start, client_of


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts emulators, each with a client that has the provisioning key, and stops them all."""
    opened: list[tuple[Emulator, httpx.Client]] = []

    def start(**options: Any) -> tuple[Emulator, httpx.Client]:
        emulator = Emulator(provisioning_key=PROVISIONING, inference_key=INFERENCE, **options)
        emulator.start()
        opened.append((emulator, client_of(emulator)))
        return opened[-1]

    yield start
    for emulator, client in opened:
        client.close()
        emulator.stop()


@pytest.fixture
def emulator(start: Start) -> Emulator:
    """An emulator with default options and the documentation's balance."""
    return start(balance="125.50")[0]


@pytest.fixture
def client(emulator: Emulator) -> Iterator[httpx.Client]:
    """A client of the emulator, with the provisioning key."""
    with client_of(emulator) as client:
        yield client


@pytest.fixture(scope="module")
def shared() -> Iterator[httpx.Client]:
    """A client of one emulator for the many requests of property tests."""
    with Emulator(provisioning_key=PROVISIONING) as emulator, client_of(emulator) as client:
        yield client
