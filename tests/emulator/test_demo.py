"""The sample account of `--demo`."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_account.emulator import Emulator
from pulumi_account.emulator.demo import fill
from tests.emulator.support import running

BEARER = {"Authorization": "Bearer prov-1"}


def answer(url: str, path: str) -> Any:
    """The answer of the account API."""
    return httpx.get(f"{url}/v1/account/{path}", headers=BEARER, trust_env=False).json()


def address(line: str) -> str:
    """The address that the command printed."""
    return line.removeprefix("Listening on ").strip()


def test_a_demonstration_is_served() -> None:
    """With --demo the account has keys, thirty days of activity that end today, and a balance."""
    with running("--port", "0", "--demo") as (_, line):
        keys, activity = answer(address(line), "keys")["keys"], answer(address(line), "activity")
        assert answer(address(line), "balance") == {"balance": "386.40"}
    assert len(keys) == 14
    assert len({key["name"] for key in keys}) == 14
    days = [date.fromisoformat(day["date"]) for day in activity["daily_stats"]]
    assert days == [days[0] + timedelta(days=place) for place in range(30)]
    assert datetime.now(timezone.utc).date() - days[-1] <= timedelta(days=1)


def test_a_demonstrations_balance_can_be_given() -> None:
    """--balance takes precedence."""
    with running("--port", "0", "--demo", "--balance", "3.50") as (_, line):
        assert answer(address(line), "balance") == {"balance": "3.50"}


def test_no_demonstration_without_the_flag() -> None:
    """Without --demo the account is empty."""
    with running("--port", "0") as (_, line):
        assert answer(address(line), "keys") == {"keys": []}


def test_a_demonstration_spares_an_account_with_keys(tmp_path: Path) -> None:
    """An account with a key is not changed, so that the same command can run again."""
    file = str(tmp_path / "account.db")
    with Emulator(db=file, balance="7") as emulator:
        emulator.add("mine")
    with running("--port", "0", "--demo", "--db", file) as (_, line):
        assert [key["name"] for key in answer(address(line), "keys")["keys"]] == ["mine"]
        assert answer(address(line), "balance") == {"balance": "7"}


def demonstration(days_ahead: int) -> tuple[list[dict[str, Any]], Any]:
    """The keys, with the days of their creation, and the activity of a sample account at noon of a future day."""
    now = datetime.now(timezone.utc)
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=days_ahead)
    with Emulator(provisioning_key="prov-1", clock_offset=noon - now) as emulator:
        fill(emulator)
        keys = [{**key, "created_at": key["created_at"].date()} for key in emulator.keys()]
        return keys, answer(emulator.url, "activity")


def test_a_demonstration_is_the_same_each_time() -> None:
    """Two sample accounts of the same day are equal except for plaintexts and seconds."""
    assert demonstration(1) == demonstration(1)


@pytest.mark.parametrize("days_ahead", range(7))
def test_a_demonstration_shows_every_case(days_ahead: int) -> None:
    """On any weekday some keys are near or over their limits, unlimited, unused, disabled, expired or deleted."""
    keys, activity = demonstration(days_ahead)
    now = datetime.now(timezone.utc) + timedelta(days=days_ahead)
    spent = {use["api_key_id"]: Decimal(use["total_cost"]) for use in activity["api_key_usage"]}
    shares = [spent.get(key["id"], 0) / key["credit_limit"] for key in keys if key["credit_limit"]]
    expiries = [key["expires_at"] - now for key in keys if key["expires_at"]]
    assert any(1 < share < 1.3 for share in shares)
    assert any(0.8 < share < 1 for share in shares)
    assert any(timedelta() < left < timedelta(days=7) for left in expiries)
    assert any(left < timedelta() for left in expiries)
    assert any(key["credit_limit"] is None for key in keys)
    assert any(key["id"] not in spent for key in keys)
    assert not all(key["is_enabled"] for key in keys)
    assert spent.keys() - {key["id"] for key in keys}
    assert 700 < sum(spent.values()) < 900
    assert all(key["created_at"] < now.date() for key in keys)
