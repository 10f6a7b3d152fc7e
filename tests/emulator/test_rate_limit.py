"""The rate limit: which calls pass, and how the others are refused."""

from __future__ import annotations

import time

import pytest

from pulumi_account.emulator import Emulator
from tests.emulator.support import KEYS, client_of


@pytest.mark.parametrize("retry_after", [None, 3])
def test_the_rate_limit(retry_after: int | None) -> None:
    """Calls beyond the limit are refused, with `Retry-After` or without, and have no effect."""
    with Emulator(rate_limit=2, retry_after=retry_after) as emulator, client_of(emulator) as client:
        responses = [client.post(KEYS, json={"name": "x"}) for _ in range(10)]
        made = [response for response in responses if response.status_code == 201]
        refused = [response for response in responses if response.status_code == 429]
        assert len(made) + len(refused) == 10
        assert len(emulator.keys()) == len(made)
        assert made[:2] == responses[:2]
        assert refused
        assert refused[0].json()["error"]["type"] == "rate_limit_error"
        assert refused[0].headers.get("Retry-After") == (None if retry_after is None else "3")
        time.sleep(1)
        assert client.get(KEYS).status_code == 200


def test_a_pause_is_not_saved_up() -> None:
    """After a pause of any length, no more calls pass at once than in one second."""
    with Emulator(rate_limit=5) as emulator, client_of(emulator) as client:
        time.sleep(1.5)
        began = time.monotonic()
        passed = [client.get(KEYS).status_code for _ in range(30)].count(200)
        assert 5 <= passed <= 5 + 5 * (time.monotonic() - began) + 1


def test_a_slow_rate_limit() -> None:
    """With less than one call per second, the first call still passes."""
    with Emulator(rate_limit=0.01) as emulator, client_of(emulator) as client:
        assert [client.get(KEYS).status_code for _ in range(2)] == [200, 429]
