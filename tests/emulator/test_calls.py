"""The record of requests."""

from __future__ import annotations

import httpx

from pulumi_account.emulator import Emulator
from tests.emulator.support import (
    ACCOUNT_CALLS,
    KEYS,
    PROVISIONING,
    Start,
)


def test_calls_are_recorded(emulator: Emulator, client: httpx.Client) -> None:
    """Every request is recorded, with the status of its answer."""
    client.post(KEYS, json={"name": "x"})
    client.get("/v1/account/activity?days=3")
    client.get("/nowhere", headers={"X": "y"})
    client.put(KEYS, content=b"no json")
    records = [
        (call.method, call.path, call.query, call.operation, call.status, call.json)
        for call in emulator.calls
    ]
    assert records == [
        ("POST", KEYS, "", "create_key", 201, {"name": "x"}),
        ("GET", "/v1/account/activity", "days=3", "get_activity", 200, None),
        ("GET", "/nowhere", "", None, 404, None),
        ("PUT", KEYS, "", None, 405, None),
    ]
    assert PROVISIONING not in repr(emulator.calls)


def test_calls_by_operation(emulator: Emulator, client: httpx.Client) -> None:
    """Each operation has a name; records can be selected by it, sliced and cleared."""
    emulator.add("x")
    for method, path in ACCOUNT_CALLS:
        client.request(method, path, json={"name": "y"} if method in ("POST", "PATCH") else None)
    names = ["get_balance", "get_activity", "list_keys", "create_key", "get_key", "update_key", "delete_key"]
    assert emulator.calls.operations == names
    assert [call.method for call in emulator.calls.of("update_key")] == ["PATCH"]
    assert emulator.calls[-1].status == 204
    assert len(emulator.calls[:2]) == 2
    emulator.calls.clear()
    assert len(emulator.calls) == 0


def test_calls_need_not_be_recorded(start: Start) -> None:
    """Recording can be disabled."""
    emulator, client = start(record_calls=False)
    assert client.get(KEYS).status_code == 200
    assert len(emulator.calls) == 0
