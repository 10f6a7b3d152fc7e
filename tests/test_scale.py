"""Many keys: how many calls a refresh makes, and how much memory the provider's process needs."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pulumi_account.emulator import Emulator
from tests.support.canaries import PROVISIONING_KEY
from tests.support.provider_process import ProviderProcess

MIB = 1024
#: of ten thousand keys
MOST_MEMORY = 150 * MIB


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An account."""
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
        yield emulator


@pytest.fixture
def provider(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ProviderProcess]:
    """A provider's process that no other test shares, as it counts what it has read."""
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)  # to measure takes longer than to read
    config = {"account:provisioningKey": PROVISIONING_KEY, "account:endpoint": emulator.url}
    with ProviderProcess(config, tmp_path, {"ACCOUNT_RETRY_DEADLINE": "0"}) as provider:
        yield provider


def refresh(provider: ProviderProcess, ids: list[int]) -> list[str]:
    """Read keys as the engine does, four at a time; returns the ids that still exist."""

    def read(key_id: int) -> str:
        found = provider.read(str(key_id), {"key_id": float(key_id), "name": "n", "is_enabled": True})
        assert not found.id or (found.outs["key_id"], found.outs["credit_limit"]) == (key_id, limit(key_id))
        return found.id

    with ThreadPoolExecutor(4) as pool:
        return [found for found in pool.map(read, ids) if found]


def limit(key_id: int) -> float:
    """A limit that is different for each key."""
    return key_id + 0.5


def add(emulator: Emulator, count: int, **more: Any) -> list[int]:
    """Add a number of keys; returns their ids, which the emulator counts up."""
    ids = list(range(1, count + 1))
    assert ids == [emulator.add(f"team-{id_}-production", credit_limit=limit(id_), **more)[0] for id_ in ids]
    return ids


@pytest.mark.parametrize(
    ("count", "vanished", "calls"),
    [
        (3, 0, {"get_key": 3}),
        (4, 0, {"get_key": 3, "list_keys": 1}),
        (200, 3, {"get_key": 3 + 3, "list_keys": 1}),
    ],
)
def test_a_refresh_takes_few_calls(
    provider: ProviderProcess, emulator: Emulator, count: int, vanished: int, calls: dict[str, int]
) -> None:
    """A refresh makes three GETs, one LIST for all others, and one GET for each key that has vanished."""
    ids = add(emulator, count)
    for key_id in ids[count - vanished :]:
        emulator.remove(key_id)
    assert refresh(provider, ids) == [str(key_id) for key_id in ids[: count - vanished]]
    assert Counter(emulator.calls.operations) == calls


def test_a_refresh_while_keys_are_written(provider: ProviderProcess, emulator: Emulator) -> None:
    """While some threads make, change and delete keys, others read every existing key correctly."""
    ids = add(emulator, 40)

    def write(number: int) -> None:
        key_id, outs = provider.create({"name": f"new-{number}", "is_enabled": True})
        changed = provider.update(key_id, outs, {"name": f"newer-{number}", "is_enabled": True})
        assert provider.read(key_id, changed).outs["name"] == f"newer-{number}"
        provider.delete(key_id, changed)
        assert provider.read(key_id, changed).id == ""

    with ThreadPoolExecutor(2) as writers:
        writes = [writers.submit(write, number) for number in range(10)]
        assert refresh(provider, ids * 4) == [str(key_id) for key_id in ids * 4]
    for done in writes:
        done.result()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.timeout(400)
def test_ten_thousand_keys_take_little_memory(provider: ProviderProcess, emulator: Emulator) -> None:
    """A refresh of ten thousand keys, each one read, leaves the provider's process below 150 MiB."""
    expiry = "2099-01-01T00:00:00.654321Z"
    ids = add(emulator, 10_000, expires_at=expiry)
    assert refresh(provider, ids) == [str(key_id) for key_id in ids]
    assert provider.peak_memory < MOST_MEMORY
    assert Counter(emulator.calls.operations) == {"get_key": 3, "list_keys": 1}
