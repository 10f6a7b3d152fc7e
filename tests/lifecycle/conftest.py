"""The SDK's own provider process, called over gRPC as the engine calls it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pulumi_account.emulator import Emulator
from tests.support.canaries import OTHER_PROVISIONING_KEY, PROVISIONING_KEY
from tests.support.provider_process import ProviderProcess

EXACT = {"name": "production", "credit_limit": 500.0, "expires_at": "2099-01-01T00:00:00Z"}
AUTO = {"name_prefix": "ci-", "credit_limit": 5.0}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """The account."""
    with Emulator(provisioning_key=(PROVISIONING_KEY, OTHER_PROVISIONING_KEY)) as emulator:
        yield emulator


@pytest.fixture(autouse=True)
def _fresh(emulator: Emulator) -> None:
    """Each test begins with an account that has no keys."""
    emulator.faults.clear()
    for key in emulator.keys():
        emulator.remove(key["id"])
    emulator.calls.clear()


@pytest.fixture(scope="module")
def provider(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderProcess]:
    """The provider's process, which gives up at once instead of trying again."""
    env = {"ACCOUNT_ENDPOINT": emulator.url, "ACCOUNT_RETRY_DEADLINE": "0"}
    config = {"account:provisioningKey": PROVISIONING_KEY}
    with ProviderProcess(config, tmp_path_factory.mktemp("provider"), env) as provider:
        yield provider


def made(provider: ProviderProcess, **declared: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """A key made as the engine makes one: its id, normalized inputs and outputs."""
    inputs, failures = provider.check(declared or EXACT)
    assert failures == []
    key_id, outs = provider.create(inputs)
    return key_id, inputs, outs


def instance(emulator: Emulator, name: str = "eu") -> dict[str, str]:
    """What an explicit provider instance for an account is configured with."""
    return {
        "account:instance": name,
        "account:endpoint": emulator.url,
        "account:provisioningKey": PROVISIONING_KEY,
    }


@pytest.fixture
def next_run(emulator: Emulator, tmp_path: Path) -> Iterator[ProviderProcess]:
    """A process that knows nothing of what came before."""
    with ProviderProcess(instance(emulator, ""), tmp_path, {}) as process:
        yield process


@pytest.fixture
def another() -> Iterator[Emulator]:
    """Another account."""
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
        yield emulator
