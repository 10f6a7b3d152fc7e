"""Fixtures for tests of programs."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pulumi.runtime import mocks, settings
from pulumi.runtime.stack import run_pulumi_func

from pulumi_account.emulator import Emulator
from tests.support.canaries import OTHER_PROVISIONING_KEY, PROVISIONING_KEY


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Emulator, Emulator]]:
    """Two accounts."""
    with (
        Emulator(provisioning_key=PROVISIONING_KEY, balance="125.50") as one,
        Emulator(provisioning_key=OTHER_PROVISIONING_KEY, balance="-7") as other,
    ):
        yield one, other


@pytest.fixture
def emulator(servers: tuple[Emulator, Emulator], monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The account of the environment."""
    monkeypatch.setenv("ACCOUNT_ENDPOINT", servers[0].url)
    monkeypatch.setenv("ACCOUNT_PROVISIONING_KEY", PROVISIONING_KEY)
    monkeypatch.setenv("ACCOUNT_RETRY_DEADLINE", "0")
    for server in servers:
        server.faults.clear()
        server.calls.clear()
    return servers[0]


@pytest.fixture
def eu(servers: tuple[Emulator, Emulator], emulator: Emulator) -> Emulator:
    """Another account, not the environment's."""
    return servers[1]


class Engine(mocks.Mocks):
    """Registers every resource as requested."""

    def __init__(self) -> None:
        self.asked: dict[str, mocks.MockResourceArgs] = {}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """A resource whose outputs are its inputs."""
        self.asked[args.name] = args
        key = None if "adopt_key_id" in args.inputs else "made"
        return args.resource_id or "1", {
            **args.inputs,
            "key_id": 1.0,
            "created_at": "2026-01-01T00:00:00Z",
            "key": key,
        }

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        """The engine gets no function calls."""
        raise AssertionError("a function was called through the engine")


@pytest.fixture
def run() -> Iterator[Callable[..., dict[str, Any]]]:
    """Run a program and return the inputs of a resource."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    settings.SETTINGS.outputs.clear()  # what programs of other tests left is bound to loops that are closed

    def run(program: Callable[[], Any], *, preview: bool = False, of: str = "k") -> dict[str, Any]:
        engine = Engine()

        async def main() -> None:
            mocks.set_mocks(engine, preview=preview)
            await run_pulumi_func(program)

        contextvars.copy_context().run(loop.run_until_complete, main())  # other tests are in no run
        inputs = dict(engine.asked[of].inputs)
        inputs.pop("__provider", None)
        return inputs

    yield run
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    asyncio.set_event_loop(None)
    gc.collect()
