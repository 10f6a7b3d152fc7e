"""The measurements. What is compared is measured in turn, so that a machine that slows down slows all alike."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.account import Account, Accounts
from benchmarks.program import VARIANTS
from benchmarks.stacks import ENGINES, LIMIT, Stack, cloned, keys_in, names_of_clones

Record = dict[str, Any]

OPERATIONS = ("create", "preview", "update", "refresh", "destroy")
#: beyond, a state is not deployed, but written: a deployment would take too long
LARGEST_DEPLOYED = 1_000
RATE_LIMIT = 10
RATE_LIMITED_KEYS = 200
IMPORTS = 41

_COMMANDS = {"create": "up", "update": "up"}
#: seconds: of a command, and of a key in it; roughly, for the estimate
_COST = {
    "local": (2.0, {"create": 0.017, "preview": 0.008, "update": 0.017, "refresh": 0.008, "destroy": 0.010}),
    "cli": (2.2, {"create": 0.045, "preview": 0.016, "update": 0.045, "refresh": 0.015, "destroy": 0.025}),
}


@dataclass(frozen=True)
class Case:
    """One engine, so many keys, so many milliseconds an answer; the round tells repetitions apart."""

    engine: str
    size: int
    latency: int
    round: int
    with_preview: bool

    @property
    def key(self) -> tuple[str, int, int, int]:
        """What tells one case from another."""
        return (self.engine, self.size, self.latency, self.round)

    @property
    def is_cloned(self) -> bool:
        """Whether the state is written, not deployed."""
        return self.size > LARGEST_DEPLOYED

    @property
    def variants(self) -> tuple[str, ...]:
        """Where nothing is created, auto-named keys are no different."""
        return tuple(v for v in VARIANTS if v != "auto") if self.is_cloned else VARIANTS

    def operations(self) -> Iterator[str]:
        """In order; what changes nothing can be repeated at once, and is where there is but one round."""
        for operation in OPERATIONS:
            idle = operation in ("preview", "refresh")
            if (self.is_cloned and not idle) or (operation == "preview" and not self.with_preview):
                continue
            yield from [operation] * (3 if idle and rounds(self.size) == 1 and not self.is_cloned else 1)

    def estimate(self) -> float:
        """Seconds that it will take, roughly."""
        command, key = _COST[self.engine]
        each = [command + self.size * (key[o] + self._waiting(o)) for o in self.operations()]
        return len(self.variants) * sum(each)

    def _waiting(self, operation: str) -> float:
        return (
            0.0 if operation == "preview" else self.latency / 1000 / 4 / 2
        )  # four threads; some wait for nothing


def rounds(size: int) -> int:
    """How often everything is repeated: the smaller, the more it matters what else the machine does."""
    return 5 if size <= 10 else 3 if size <= 200 else 1


def cases(
    engines: Sequence[str], sizes: Sequence[int], latencies: Sequence[int], repeat: int | None
) -> list[Case]:
    """All cases; a preview makes no call, so one latency is enough for it."""
    return [
        Case(engine, size, latency, number, with_preview=latency == latencies[0])
        for engine in engines
        for size in sorted(sizes)
        for latency in latencies
        for number in range(repeat or rounds(size))
    ]


@contextmanager
def _stack(
    accounts: Accounts, engine: str, variant: str, size: int, **options: Any
) -> Iterator[tuple[Stack, Account]]:
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    try:
        with accounts.open(**options) as account:
            yield ENGINES[engine](folder / "project", variant, size, account.url()), account
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_case(case: Case, accounts: Accounts) -> list[Record]:
    """Every operation, by every variant."""
    records = []
    with ExitStack() as last:
        latency = case.latency / 1000
        stacks = {
            variant: last.enter_context(_stack(accounts, case.engine, variant, case.size, latency=latency))
            for variant in case.variants
        }
        if case.is_cloned:
            for stack, account in stacks.values():
                _grow(stack, account, case.size)
        for turn, operation in enumerate(case.operations()):
            if operation == "update":
                for stack, _ in stacks.values():
                    stack.edit()
            for variant in _rotated(case.variants, turn + case.round):
                records.append(_sample(case, turn, operation, variant, *stacks[variant]))
    return records


def _rotated(variants: Sequence[str], by: int) -> list[str]:
    start = by % len(variants)
    return [*variants[start:], *variants[:start]]


def _sample(case: Case, turn: int, operation: str, variant: str, stack: Stack, account: Account) -> Record:
    account.calls()
    seconds, cpu = stack.run(_COMMANDS.get(operation, operation))
    return {
        "engine": case.engine,
        "size": case.size,
        "latency": case.latency,
        "round": case.round,
        "turn": turn,
        "operation": operation,
        "variant": variant,
        "seconds": seconds,
        "cpu": cpu,
        "calls": account.calls(),
    }


def _grow(stack: Stack, account: Account, size: int) -> None:
    """Deploy one key, and write a state of so many."""
    stack.resize(1)
    stack.run("up")
    state = stack.export()
    names = names_of_clones(state, size)
    stack.load(cloned(state, account.add(names, LIMIT, keys_in(state)[0]["outputs"]["expires_at"])))
    stack.resize(size)


def run_rate_limit(engine: str, variant: str, retry_after: int | None, accounts: Accounts) -> Record:
    """Create keys where the API allows ten requests a second."""
    size = RATE_LIMITED_KEYS
    limited = {"rate_limit": RATE_LIMIT, "retry_after": retry_after}
    with _stack(accounts, engine, variant, size, **limited) as (stack, account):
        seconds, _ = stack.run("up", may_fail=True)
        calls = account.calls()
        return {
            "engine": engine,
            "variant": variant,
            "retry_after": retry_after,
            "seconds": seconds,
            "calls": calls,
            "dictated": size * (2 if variant == "exact" else 1) / RATE_LIMIT,
            "failures": size - len(keys_in(stack.export())),
        }


def run_imports(count: int = IMPORTS) -> dict[str, list[float]]:
    """Seconds of an import in a fresh interpreter, one module after the other."""
    seconds: dict[str, list[float]] = {"pulumi": [], "pulumi_account": []}
    for _ in range(count):
        for module, found in seconds.items():
            code = f"from time import perf_counter as t; a = t(); import {module}; print(t() - a)"
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            found.append(round(float(done.stdout), 5))
    return seconds
