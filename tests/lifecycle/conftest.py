"""The SDK's own provider process, called over gRPC as the engine calls it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_account.emulator import Emulator
from tests.support.canaries import OTHER_PROVISIONING_KEY, PROVISIONING_KEY
from tests.support.helpers import emptied
from tests.support.provider_process import ProviderProcess


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """The account."""
    with Emulator(provisioning_key=(PROVISIONING_KEY, OTHER_PROVISIONING_KEY)) as emulator:
        yield emulator


@pytest.fixture(autouse=True)
def _fresh(emulator: Emulator) -> None:
    """Each test begins with an account that has no keys."""
    emptied(emulator)


@pytest.fixture(scope="module")
def provider(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderProcess]:
    """The provider's process, which gives up at once instead of trying again."""
    env = {"ACCOUNT_ENDPOINT": emulator.url, "ACCOUNT_RETRY_DEADLINE": "0"}
    config = {"account:provisioningKey": PROVISIONING_KEY}
    with ProviderProcess(config, tmp_path_factory.mktemp("provider"), env) as provider:
        yield provider


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
