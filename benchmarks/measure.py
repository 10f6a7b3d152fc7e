"""The measurements. Variants are measured in turn, so that a slower machine slows them all."""

from __future__ import annotations

import random
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
from benchmarks.stacks import ENGINES, LIMIT, Stack, cloned, keys_in, names_of_clones

Record = dict[str, Any]

OPERATIONS = ("create", "preview", "update", "refresh", "destroy")
#: our provider comes twice: a key with an exact name costs a second call
OURS = ("auto", "exact")
VARIANTS = ("floor", "plain", *OURS, "keyset")
#: beyond, a state is not deployed, but written: a deployment would take too long
LARGEST_DEPLOYED = 1_000
#: requests a second, and the keys that are made under this limit
RATE_LIMIT, RATE_LIMITED_KEYS = 10, 200

#: the package loads the engine when a program declares something, so a program pays for the last one
IMPORTS = ("import pulumi", "import pulumi_account", "from pulumi_account import ApiKey")

#: for the estimate alone: seconds of each command, of each key in it, and of each key for each key that is written:
#: for every key, the CLI writes the whole state
_COSTS = {"local": (1.8, 0.012, 0.0), "cli": (2.2, 0.01, 8e-5)}
_IDLE = ("preview", "refresh")


@dataclass(frozen=True)
class Case:
    """An engine, a number of keys, and the latency of a response in milliseconds; rounds are repetitions."""

    engine: str
    size: int
    latency: int
    round: int
    operations: tuple[str, ...]
    chosen: tuple[str, ...] = VARIANTS

    @property
    def key(self) -> tuple[str, int, int, int]:
        """What distinguishes one case from another."""
        return (self.engine, self.size, self.latency, self.round)

    @property
    def is_written(self) -> bool:
        """Whether the state is written, not deployed."""
        return set(self.operations) <= set(_IDLE)

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants to measure; auto-named keys are left out where no key is made, as they behave the same."""
        written = ("floor", "plain", "exact")
        return tuple(name for name in self.chosen if self.size <= LARGEST_DEPLOYED or name in written)

    def estimate(self) -> float:
        """Seconds that it will take, roughly."""
        command, key, write = _COSTS[self.engine]
        each = command + self.size * (key + self.latency / 1000 / 8)  # four threads, and half of all wait
        writes = sum(operation not in _IDLE for operation in self.operations)
        return len(self.variants) * (len(self.operations) * each + writes * self.size**2 * write)


def cases(
    engines: Sequence[str],
    sizes: Sequence[int],
    latencies: Sequence[int],
    repeat: int | None,
    wanted: Sequence[str] = OPERATIONS,
    variants: Sequence[str] = VARIANTS,
) -> list[Case]:
    """All cases, small ones first, with the wanted operations and those that must come before them."""
    return [
        Case(engine, size, latency, number, operations, tuple(variants))
        for size in sorted(sizes)
        for engine in engines
        for latency in latencies
        for rounds in [repeat or (5 if size <= 10 else 3 if size <= 200 else 1)]
        if (operations := _operations(size, latency == latencies[0], wanted))
        for number in range(rounds)
    ]


def _operations(size: int, first_latency: bool, wanted: Sequence[str]) -> tuple[str, ...]:
    """A preview makes no call, so one latency is enough; operations that change nothing repeat within a round."""
    idle = 5 if size <= 200 else 2 if size <= LARGEST_DEPLOYED else 1
    times = {"preview": idle * first_latency, "refresh": idle}
    possible = OPERATIONS if size <= LARGEST_DEPLOYED and set(wanted) - set(_IDLE) else _IDLE
    chosen = [operation for operation in possible if operation in ("create", *wanted)]
    return tuple(operation for operation in chosen for _ in range(times.get(operation, 1)))


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
        if case.is_written:
            for stack, account in stacks.values():
                _grow(stack, account, case.size)
        for turn, operation in enumerate(case.operations):
            for variant in random.sample(case.variants, len(case.variants)):
                records.append(_sample(case, turn, operation, variant, *stacks[variant]))
    return records


def _sample(case: Case, turn: int, operation: str, variant: str, stack: Stack, account: Account) -> Record:
    account.calls()
    seconds, cpu = stack.run(operation)
    what = {"engine": case.engine, "size": case.size, "latency": case.latency, "round": case.round}
    what |= {"turn": turn, "operation": operation, "variant": variant}
    return {**what, "seconds": seconds, "cpu": cpu, "calls": account.calls()}


def _grow(stack: Stack, account: Account, size: int) -> None:
    """Deploy one key, and write a state with this number of keys."""
    stack.env["BENCH_SIZE"] = "1"
    stack.run("create")
    state = stack.export()
    expires_at = keys_in(state)[0]["outputs"]["expires_at"]
    stack.load(cloned(state, account.add(names_of_clones(state, size), LIMIT, expires_at)))
    stack.env["BENCH_SIZE"] = str(size)


def run_rate_limit(engine: str, variant: str, retry_after: int | None, accounts: Accounts) -> Record:
    """Create keys where the API allows ten requests a second."""
    size = RATE_LIMITED_KEYS
    limited = {"rate_limit": RATE_LIMIT, "retry_after": retry_after}
    with _stack(accounts, engine, variant, size, **limited) as (stack, account):
        seconds, _ = stack.run("create", may_fail=True)
        record = {"engine": engine, "variant": variant, "retry_after": retry_after, "seconds": seconds}
        record["failures"] = size - len(keys_in(stack.export()))
        return {**record, "calls": account.calls()}


def run_imports(count: int = 41) -> dict[str, list[float]]:
    """Seconds of an import in a fresh interpreter, one statement after the other."""
    seconds: dict[str, list[float]] = {statement: [] for statement in IMPORTS}
    for _ in range(count):
        for statement, found in seconds.items():
            code = f"from time import perf_counter as t; a = t(); {statement}; print(t() - a)"
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            found.append(round(float(done.stdout), 5))
    return seconds
