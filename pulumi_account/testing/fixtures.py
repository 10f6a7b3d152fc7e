"""Fixtures for pytest: ``pytest_plugins = ["pulumi_account.testing.fixtures"]`` in ``conftest.py`` brings them.

`account_mocks` is for unit tests; `account_emulator`, `used_account` and `local_engine` are for whole programs. None
of them ever reaches an account: they replace the one that the environment names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime.settings import SETTINGS

from pulumi_account.emulator import Emulator
from pulumi_account.testing.engine import LocalEngine
from pulumi_account.testing.mocks import AccountMocks

__all__ = ["account_emulator", "account_mocks", "local_engine", "used_account"]


@contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop, and one for its only thread, so that a test always registers its resources in the same order.

    The SDK's mocks would make both and not close them.
    """
    loops = [asyncio.new_event_loop()]

    def begin() -> None:
        loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(loops[-1])

    with ThreadPoolExecutor(1, initializer=begin) as threads:
        loops[0].set_default_executor(threads)
        asyncio.set_event_loop(loops[0])
        yield loops[0]
    asyncio.set_event_loop(None)
    for loop in loops:
        loop.close()


def _finish(loop: asyncio.AbstractEventLoop) -> None:
    """Wait for the tasks that the test started; raise the errors that it has not seen."""
    seen = SETTINGS.rpc_manager.unhandled_exception
    unseen: list[BaseException] = []
    while pending := asyncio.all_tasks(loop):
        loop.run_until_complete(asyncio.wait(pending))
        unseen += [error for task in pending if not task.cancelled() and (error := task.exception())]
    failed = SETTINGS.rpc_manager.unhandled_exception
    for error in ([] if failed in (None, seen) else [failed]) + unseen:
        raise error


@pytest.fixture
def account_mocks() -> Iterator[AccountMocks]:
    """An empty account in memory with 100 USD, set as Pulumi's mocks until the test ends.

    With ``@pulumi.runtime.test`` a test may return an Output, which is awaited. All else that a test does not await is
    awaited when the test ends, and can fail it then.
    """
    with _loop() as loop:
        mocks = AccountMocks()
        pulumi.runtime.set_mocks(mocks, preview=False)
        try:
            yield mocks
            _finish(loop)
        finally:
            pulumi.runtime.reset_options()  # the SDK would keep them for all later tests


@pytest.fixture
def account_emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An empty account with 100 USD on a loopback port, which the environment names until the test ends."""
    with Emulator() as emulator:
        monkeypatch.setenv("ACCOUNT_ENDPOINT", emulator.url)
        monkeypatch.setenv("ACCOUNT_PROVISIONING_KEY", emulator.provisioning_key)
        monkeypatch.setenv("ACCOUNT_LOOPBACK_ONLY", "1")
        yield emulator


@pytest.fixture
def used_account(account_emulator: Emulator) -> Emulator:
    """`account_emulator` with four keys and thirty days of usage.

    The keys are ``production`` (limit 500 USD), ``staging`` (50 USD, disabled), ``expired`` and ``by-hand`` (no limit).
    The first two were used every day: for 2 USD with the model ``large``, and for 0.50 USD with ``small``.
    """
    production, _ = account_emulator.add("production", credit_limit=500, expires_at="2099-01-01T00:00:00Z")
    staging, _ = account_emulator.add("staging", credit_limit=50, is_enabled=False)
    account_emulator.add("expired", credit_limit=10, expires_at="2020-01-01T00:00:00Z")
    account_emulator.add("by-hand")
    today = account_emulator.clock.now().date()
    large: dict[str, Any] = {"requests": 10, "cost": "2", "input_tokens": 9000, "output_tokens": 700}
    small: dict[str, Any] = {"requests": 40, "cost": "0.50", "input_tokens": 5000, "output_tokens": 400}
    for day in (today - timedelta(days=ago) for ago in range(30)):
        account_emulator.add_usage(production, "large", day=day, **large)
        account_emulator.add_usage(staging, "small", day=day, **small)
    return account_emulator


@pytest.fixture
def local_engine(
    account_emulator: Emulator,  # noqa: ARG001 - it sets the environment
    tmp_path: Path,
) -> Callable[..., LocalEngine]:
    """Makes a `LocalEngine` for the folder of a project, with its arguments; `account_emulator` is the account.

    The state is in the test's own folder, so that the project's stays clean.
    """

    def make(project: Path, **options: Any) -> LocalEngine:
        stack = options.get("stack", "local")
        return LocalEngine(project, **{"state": tmp_path / f"{stack}.json", **options})

    return make
