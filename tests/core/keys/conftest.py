"""Keys on an emulated account, and what tests of them share."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from pulumi_account.api.client import AccountClient
from pulumi_account.api.connections import default_transport
from pulumi_account.api.models import CreatedKey
from pulumi_account.api.retry import RetryTransport
from pulumi_account.common.instants import parse_instant
from pulumi_account.core.declaration import ApiKeyInputs
from pulumi_account.core.keys import Keys
from pulumi_account.emulator import Answer, Drop, Emulator, Fault, HalfBody
from tests.support.canaries import PROVISIONING_KEY, assert_clean
from tests.support.helpers import (
    FAR,
    FakeClock,
    emptied,
    wanted,
)

FAR_INSTANT = parse_instant(FAR)
EXACT = wanted(name="production", credit_limit=12.5, expires_at=FAR)
DISABLED = wanted(name="production", credit_limit=12.5, expires_at=FAR, is_enabled=False)
BARE = wanted(name="production")
AUTO = wanted(name="ci-0123abc", name_prefix="ci-", credit_limit=12.5, expires_at=FAR)
AUTO_DISABLED = wanted(name="ci-0123abc", name_prefix="ci-", is_enabled=False)
DECLARATIONS = {"exact": EXACT, "auto": AUTO, "auto, disabled": AUTO_DISABLED}
every_declaration = pytest.mark.parametrize("declaration", DECLARATIONS.values(), ids=DECLARATIONS)


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    """The account."""
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
        yield emulator


@pytest.fixture(autouse=True)
def emulator(server: Emulator, caplog: pytest.LogCaptureFixture) -> Iterator[Emulator]:
    """The account, without keys; whatever a test makes anyone log is looked through for credentials."""
    emptied(server)
    with caplog.at_level(logging.DEBUG, logger="pulumi_account"), caplog.at_level(logging.INFO):
        yield server
    for record in caplog.records:
        assert_clean(record.getMessage(), record.args, record.exc_text)


@pytest.fixture(scope="module")
def hasty_client(server: Emulator) -> Iterator[AccountClient]:
    """A client that tries every call once."""
    with AccountClient(server.url, PROVISIONING_KEY, retry_deadline=0) as client:
        yield client


@pytest.fixture(scope="module")
def patient_client(server: Emulator) -> Iterator[AccountClient]:
    """A client that tries calls again for 90 seconds, which pass at once."""
    clock = FakeClock()
    transport = RetryTransport(default_transport(server.url), sleep=clock.sleep, clock=clock)
    with AccountClient(server.url, PROVISIONING_KEY, transport=transport) as client:
        yield client


@pytest.fixture
def keys(hasty_client: AccountClient) -> Keys:
    """The account's keys; every call is tried once."""
    return Keys(hasty_client)


@pytest.fixture
def patient(patient_client: AccountClient) -> Keys:
    """The account's keys; calls are retried."""
    return Keys(patient_client)


def fails(emulator: Emulator, operation: str, action: Any, **options: Any) -> None:
    """Something goes wrong with an operation."""
    emulator.faults.add(Fault(action, operation=operation, **options))


def for_ever(emulator: Emulator, operation: str, action: Any) -> None:
    """Something goes wrong with an operation each time."""
    fails(emulator, operation, action, times=None)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was warned of."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def assert_made(emulator: Emulator, created: CreatedKey, declaration: ApiKeyInputs) -> None:
    """The account has one key: this one, as declared, and the plaintext unlocks it."""
    (stored,) = emulator.keys()
    declared = {
        name: getattr(declaration, name) for name in ("name", "credit_limit", "expires_at", "is_enabled")
    }
    assert {name: stored[name] for name in declared} == declared
    assert {name: getattr(created, name) for name in declared} == declared
    assert emulator.key_of(created.key.get_secret_value()) == stored["id"] == created.id
    assert_clean(repr(created), str(created))


DELETE_FAILS = [Answer(500), Answer(401), Answer(403), Answer(404, body="html"), Answer(429), Drop()]
BROKEN = [Answer(500), Answer(401), Answer(403), Answer(404, body="html"), Answer(429), Drop(), HalfBody()]
BROKEN += [Answer(200, body="html"), Answer(200, body="garbage")]
BROKEN_ANSWERS = pytest.mark.parametrize("action", BROKEN, ids=repr)
