"""Emulated accounts in a separate process, which shares no interpreter lock with the measured programs."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.managers import BaseManager
from typing import Any

from pulumi_account.emulator import Emulator, Fault, Faults

PROVISIONING_KEY = "benchmark-provisioning-key"


class Account:
    """One account; used through a proxy, so everything about it is a method."""

    def __init__(
        self, *, latency: float = 0.0, rate_limit: float | None = None, retry_after: int | None = None
    ) -> None:
        self._emulator = Emulator(
            faults=Faults(Fault(latency=latency, times=None)),
            provisioning_key=PROVISIONING_KEY,
            rate_limit=rate_limit,
            retry_after=retry_after,
        )
        self._emulator.start()

    def url(self) -> str:
        """Where it listens."""
        return self._emulator.url

    def calls(self) -> dict[str, int]:
        """How often each operation was carried out since the last call; ``429`` counts refused calls."""
        counted = Counter(
            "429" if call.status == 429 else str(call.operation) for call in self._emulator.calls
        )
        self._emulator.calls.clear()
        return dict(counted)

    def add(self, names: Sequence[str], credit_limit: float, expires_at: str) -> list[dict[str, Any]]:
        """Add keys behind the provider's back."""
        for name in names:
            self._emulator.add(name, credit_limit=credit_limit, expires_at=expires_at)
        return self._emulator.keys()[-len(names) :]

    def stop(self) -> None:
        """Stop listening."""
        self._emulator.stop()


class _Accounts(BaseManager):
    pass


_Accounts.register("Account", Account)


class Accounts:
    """Makes accounts in the other process."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    @contextmanager
    def open(self, **options: Any) -> Iterator[Account]:
        """An account, until the block ends."""
        account: Account = self._manager.Account(**options)
        try:
            yield account
        finally:
            account.stop()


@contextmanager
def accounts() -> Iterator[Accounts]:
    """The process, until the block ends."""
    with _Accounts(ctx=multiprocessing.get_context("spawn")) as manager:
        yield Accounts(manager)
