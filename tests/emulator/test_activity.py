"""Usage, added up and cached."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import httpx

from pulumi_account.emulator import Emulator
from tests.emulator.support import (
    Start,
    requests_in,
)


def test_activity_of_an_idle_account(client: httpx.Client) -> None:
    """Without usage the answer has the documented shape, with zeros; the period is 30 days."""
    assert client.get("/v1/account/activity").json() == {
        "period_days": 30,
        "total_stats": {
            "total_requests": 0,
            "total_cost": "0",
            "total_input_tokens": 0,
            "total_output_tokens": 0,
        },
        "daily_stats": [],
        "top_models": [],
        "api_key_usage": [],
    }


def test_activity_is_summed_up(emulator: Emulator, client: httpx.Client) -> None:
    """Usage is added up in total, by day, by model and by key; costs are exact."""
    today = emulator.clock.now().date()
    yesterday = today - timedelta(days=1)
    one, two = emulator.add("one")[0], emulator.add("two")[0]
    emulator.add_usage(one, "small", requests=1, cost="0.1", input_tokens=10, output_tokens=1)
    emulator.add_usage(one, "large", requests=2, cost="0.2", input_tokens=20, output_tokens=2)
    emulator.add_usage(two, "large", requests=4, cost="0.4", input_tokens=40, output_tokens=4, day=yesterday)
    document = client.get("/v1/account/activity", params={"days": "2"}).json()
    assert document["period_days"] == 2
    assert document["total_stats"] == stats("total_requests", 7, "0.7")
    assert document["daily_stats"] == [
        {"date": yesterday.isoformat(), **stats("total_requests", 4, "0.4")},
        {"date": today.isoformat(), **stats("total_requests", 3, "0.3")},
    ]
    assert document["top_models"] == [
        {"model_name": "large", **stats("request_count", 6, "0.6")},
        {"model_name": "small", **stats("request_count", 1, "0.1")},
    ]
    assert document["api_key_usage"] == [
        {"api_key_id": two, "api_key_name": "two", **stats("request_count", 4, "0.4")},
        {"api_key_id": one, "api_key_name": "one", **stats("request_count", 3, "0.3")},
    ]


def stats(count: str, units: int, cost: str) -> dict[str, Any]:
    """The four documented sums for a number of units of the usage above."""
    return {count: units, "total_cost": cost, "total_input_tokens": units * 10, "total_output_tokens": units}


def test_a_period_ends_today(start: Start) -> None:
    """One day means today only; older usage does not count."""
    emulator, client = start(activity_cache=0)
    today = emulator.clock.now().date()
    for age in (0, 1, 29, 30):
        emulator.add_usage(1, day=today - timedelta(days=age))
    counts = [
        client.get("/v1/account/activity", params={"days": days}).json()["total_stats"]["total_requests"]
        for days in (1, 2, 29, 30)
    ]
    assert counts == [1, 2, 2, 3]


def test_only_the_top_models_are_listed(emulator: Emulator, client: httpx.Client) -> None:
    """The ten most used models are listed."""
    for number in range(1, 13):
        emulator.add_usage(1, f"model-{number}", requests=number)
    names = [entry["model_name"] for entry in client.get("/v1/account/activity").json()["top_models"]]
    assert names == [f"model-{number}" for number in range(12, 2, -1)]


def test_usage_of_deleted_keys_stays(emulator: Emulator, client: httpx.Client) -> None:
    """The usage of a deleted key stays in the activity, under the key's name."""
    key_id, _ = emulator.add("gone")
    emulator.add_usage(key_id, cost=2)
    emulator.remove(key_id)
    [usage] = client.get("/v1/account/activity").json()["api_key_usage"]
    assert (usage["api_key_id"], usage["api_key_name"], usage["total_cost"]) == (key_id, "gone", "2")


def test_usage_of_a_renamed_key_is_one(emulator: Emulator, client: httpx.Client) -> None:
    """Usage belongs to the key, not to its name: there is one sum, under the newest name."""
    key_id, _ = emulator.add("old")
    emulator.add_usage(key_id)
    emulator.edit(key_id, name="new")
    emulator.add_usage(key_id)
    [usage] = client.get("/v1/account/activity").json()["api_key_usage"]
    assert (usage["api_key_name"], usage["request_count"]) == ("new", 2)


def test_usage_under_a_given_name(emulator: Emulator, client: httpx.Client) -> None:
    """Usage can have any name and day, and a key that never existed."""
    emulator.add_usage(77, key_name="legend", day=date(2001, 1, 1))
    emulator.add_usage(78)
    [usage] = client.get("/v1/account/activity").json()["api_key_usage"]
    assert (usage["api_key_id"], usage["api_key_name"]) == (78, "")


def test_activity_is_cached_for_five_minutes(emulator: Emulator, client: httpx.Client) -> None:
    """For five minutes the answer for a period stays the same; each period is cached separately."""
    assert requests_in(client, 7) == 0
    emulator.add_usage(1)
    emulator.clock.advance(290)
    assert requests_in(client, 7) == 0
    assert requests_in(client, 8) == 1
    emulator.clock.advance(11)
    assert requests_in(client, 7) == 1


def test_the_cache_can_be_switched_off(start: Start) -> None:
    """Without a cache new usage shows at once."""
    emulator, client = start(activity_cache=0)
    assert requests_in(client, 7) == 0
    emulator.add_usage(1)
    assert requests_in(client, 7) == 1
