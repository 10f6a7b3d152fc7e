"""The account that commands read, and the commands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pulumi_account.emulator import Emulator
from tests.support.canaries import PROVISIONING_KEY
from tests.support.shell import Shell, environment


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An empty account, whose answers are not cached."""
    with Emulator(provisioning_key=PROVISIONING_KEY, activity_cache=0) as emulator:
        yield emulator


@pytest.fixture
def shell(emulator: Emulator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Commands that read it."""
    for name, value in environment(emulator).items():
        monkeypatch.setenv(name, value)
    return Shell(capsys)
