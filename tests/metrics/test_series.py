"""The series: the account's numbers, for any account and any names."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal

import pytest

from pulumi_account.emulator import Emulator
from pulumi_account.metrics.exporter import Exporter
from tests.metrics.scrapes import exporting, of_answers, settled
from tests.support.canaries import PROVISIONING_KEY, assert_clean
from tests.support.helpers import activity_json, key_json, stats_json


def test_account(emulator: Emulator) -> None:
    """Balance, runway, keys and usage; limits and expiries of the keys that have them."""
    first, _ = emulator.add("production", credit_limit=5, expires_at="2099-01-01T00:00:00Z")
    second, _ = emulator.add("staging", is_enabled=False)
    emulator.add("past", expires_at="2020-01-01T00:00:00Z")
    now = emulator.clock.now()
    emulator.add_usage(first, "large", requests=5, cost="4.5", input_tokens=50, output_tokens=7)
    emulator.add_usage(second, "small", requests=2, cost="0.5", day=now.date() - timedelta(days=10))
    with exporting(emulator) as exporter:
        scrape = settled(exporter)
    assert scrape("balance_usd") == 125.5
    assert scrape("runway_seconds") == scrape("runway_by_mean_seconds", days="30") == 125.5 / 0.5 * 10 * 86400
    assert scrape("runway_by_mean_seconds", days="7") == math.inf
    end = (now + timedelta(days=2510)).timestamp()
    assert scrape("runway_end_timestamp_seconds") == pytest.approx(end, abs=600)
    assert (scrape("period_seconds"), scrape("spend_usd"), scrape("requests")) == (30 * 86400, 5, 7)
    assert (scrape("tokens", type="input"), scrape("tokens", type="output")) == (50, 7)
    assert [scrape("keys", state=state) for state in ("active", "disabled", "expired")] == [1, 1, 1]
    assert (scrape("key_spend_usd", key_id="1"), scrape("key_requests", key_id="1")) == (4.5, 5)
    assert (scrape("key_limit_usd"), scrape("key_limit_used_ratio")) == (5, 0.9)
    assert scrape("key_expires_timestamp_seconds", key_id="1") == 4070908800
    assert [scrape("key_enabled", key_id=str(n)) for n in (1, 2, 3)] == [1, 0, 1]
    assert scrape("key_info", key_id="2", key_name="staging", state="disabled") == 1
    assert (scrape("model_spend_usd", model="large"), scrape("model_requests", model="small")) == (4.5, 2)
    assert scrape("model_tokens", model="large", type="output") == 7
    assert (scrape("keys_folded"), scrape("models_folded")) == (0, 0)


def test_nothing(emulator: Emulator) -> None:
    """Without keys and activity there are zeros and no series of keys; the runway has no end."""
    with exporting(emulator) as exporter:
        scrape = settled(exporter)
    assert (scrape("spend_usd"), scrape("keys", state="active"), scrape("keys_folded")) == (0, 0, 0)
    assert scrape("runway_seconds") == math.inf
    assert not scrape.has("key_info")
    assert not scrape.has("model_spend_usd")


@pytest.mark.parametrize(
    ("balance", "value", "runway"),
    [("-3.2", -3.2, 0), ("0", 0, 0), ("0.000000000000000001", 1e-18, math.inf)],
)
def test_balances(emulator: Emulator, balance: str, value: float, runway: float) -> None:
    """A balance is exported as it is; an empty one lasts for no time, even if nothing is spent."""
    emulator.balance = balance
    with exporting(emulator) as exporter:
        scrape = settled(exporter)
    assert (scrape("balance_usd"), scrape("runway_seconds")) == (value, runway)


def test_the_shorter_runway() -> None:
    """The runway uses the mean of seven or of thirty days, whichever is shorter, for any --days."""
    with Emulator(provisioning_key=PROVISIONING_KEY, balance="100", activity_cache=0) as emulator:
        today = emulator.clock.now().date()
        for ago, cost in {20: "20", 7: "140"}.items():
            emulator.add_usage(1, cost=cost, day=today - timedelta(days=ago), key_name="k")
        with exporting(emulator, days=1) as exporter:
            scrape = settled(exporter)
    assert scrape("runway_seconds") == scrape("runway_by_mean_seconds", days="7") == 5 * 86400
    assert scrape("runway_by_mean_seconds", days="30") == 12.5 * 86400
    assert scrape("spend_usd") == 0


def test_an_account_first_used_today(emulator: Emulator) -> None:
    """The runway is not known yet, so there is no series."""
    emulator.add_usage(1, cost="5", key_name="k")
    with exporting(emulator) as exporter:
        scrape = settled(exporter)
    assert not scrape.has("runway_seconds")
    assert not scrape.has("runway_end_timestamp_seconds")


def test_limits_go_by_thirty_days(emulator: Emulator) -> None:
    """A key that spent 113 % of its limit is over it, even if it spent little in the shown period."""
    key_id, _ = emulator.add("k", credit_limit=100)
    today = emulator.clock.now().date()
    emulator.add_usage(key_id, cost="112", day=today - timedelta(days=20))
    emulator.add_usage(key_id, cost="1", day=today - timedelta(days=1))
    with exporting(emulator, days=7) as exporter:
        scrape = settled(exporter)
    assert (scrape("key_spend_usd"), scrape("key_limit_used_ratio")) == (1, 1.13)


def test_deleted_key(emulator: Emulator) -> None:
    """A deleted key keeps its usage and its name, and has the state deleted."""
    emulator.add_usage(99, cost="2", key_name="gone")
    with exporting(emulator) as exporter:
        scrape = settled(exporter)
    assert scrape("key_info", key_id="99", key_name="gone", state="deleted") == 1
    assert scrape("key_spend_usd", key_id="99") == 2
    assert not scrape.has("key_enabled")


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ('<b> "quoted" \\n {x="y"}', '<b> "quoted" \\n {x="y"}'),
        ("two\nlines \x1b[31m \u202egnp", "two[U+000A]lines [U+001B][31m [U+202E]gnp"),
    ],
)
def test_names(emulator: Emulator, name: str, label: str) -> None:
    """Any name is one label; characters that control a terminal are written out."""
    emulator.add_usage(emulator.add(name)[0], model=name, cost=1)
    with exporting(emulator) as exporter:
        scrape = settled(exporter)
    assert scrape.labels("key_info", "key_name") == scrape.labels("model_spend_usd", "model") == [label]


def test_few_series_of_many_keys(emulator: Emulator) -> None:
    """The most expensive keys and models have their own series; other sums up the rest, alerts included."""
    future = [emulator.clock.now() + timedelta(days=days) for days in (30, 20, 10, 15)]
    for place, expires_at in enumerate(future):
        key_id, _ = emulator.add(f"key {place}", credit_limit=10, expires_at=expires_at)
        emulator.add_usage(key_id, f"model {place}", cost=4 - place, requests=10 + place)
    with exporting(emulator, max_keys=1, max_models=2) as exporter:
        scrape = settled(exporter)
    assert scrape.labels("key_spend_usd", "key_id") == ["1", "other"]
    assert (scrape("key_spend_usd", key_id="other"), scrape("key_requests", key_id="other")) == (6, 36)
    assert scrape("key_limit_used_ratio", key_id="other") == 0.3
    assert scrape("key_expires_timestamp_seconds", key_id="other") == pytest.approx(future[2].timestamp())
    assert scrape.labels("key_limit_usd", "key_id") == ["1"]
    assert scrape.labels("key_info", "key_name") == ["key 0", "other"]
    assert scrape("keys_folded") == 3
    assert scrape.labels("model_spend_usd", "model") == ["model 0", "model 1", "other"]
    assert (scrape("model_spend_usd", model="other"), scrape("models_folded")) == (3, 2)


def test_the_worst_have_their_own_series(emulator: Emulator) -> None:
    """Keys over and near their limit, about to expire and expired have them even beyond the bound."""
    now = emulator.clock.now()
    for spent, limit, days in ((50, 100, 9), (40, 100, 8), (9, 10, 9), (2, 1, 9), (1, 10, 3), (0, 10, -3)):
        key_id, _ = emulator.add("k", credit_limit=limit, expires_at=now + timedelta(days=days))
        emulator.add_usage(key_id, cost=spent)
    with exporting(emulator, max_keys=5) as exporter:
        some = settled(exporter)
    with exporting(emulator, max_keys=1) as exporter:
        few = settled(exporter)
    assert some.labels("key_limit_used_ratio", "key_id") == ["4", "3", "5", "6", "1", "other"]
    assert few.labels("key_spend_usd", "key_id") == ["4", "3", "5", "6", "other"]
    assert (few("key_spend_usd", key_id="other"), few("keys_folded")) == (90, 2)


def test_ten_thousand_keys() -> None:
    """The number of series stays bounded for any number of keys."""
    keys = [key_json(id=key_id, name=f"key {key_id}") for key_id in range(1, 10_001)]
    with of_answers(keys={"keys": keys}) as client, Exporter(client) as exporter:
        scrape = settled(exporter)
    assert len(scrape.labels("key_info", "key_id")) == 501
    assert scrape("keys_folded") == 9_500
    assert sum(scrape("keys", state=state) for state in ("active", "expired")) == 10_000


def test_models_the_api_does_not_name() -> None:
    """Usage of models beyond the API's list belongs to other; a model of that name has its own series."""
    usage = activity_json()["top_models"][0]
    activity = {
        **activity_json(),
        "total_stats": stats_json(total_cost="5"),
        "top_models": [{**usage, "model_name": "other", "total_cost": "1"}, {**usage, "total_cost": "2"}],
    }
    with of_answers(activity=activity) as client, Exporter(client) as exporter:
        scrape = settled(exporter)
    assert scrape.labels("model_spend_usd", "model") == ["m", "other (name)", "other"]
    assert [scrape("model_spend_usd", model=label) for label in ("m", "other (name)", "other")] == [2, 1, 2]


def test_no_name_is_the_label_of_the_others() -> None:
    """Each model has its own series in addition to other, whatever its name."""
    usage = activity_json()["top_models"][0]
    names = ["other", "other (name)", "other (name) (name)", "others", "Other", "other "]
    activity = {
        **activity_json(),
        "total_stats": stats_json(total_cost="100"),
        "top_models": [{**usage, "model_name": name} for name in names],
    }
    with of_answers(activity=activity) as client, Exporter(client) as exporter:
        labels = settled(exporter).labels("model_requests", "model")
    assert len(labels) == len(set(labels)) == len(names) + 1
    assert "other" in labels


def test_a_key_that_is_named_other(emulator: Emulator) -> None:
    """A key named other is not confused with the sum of the others."""
    for name, cost in {"other": 2, "b": 1}.items():
        emulator.add_usage(emulator.add(name)[0], cost=cost)
    with exporting(emulator, max_keys=1) as exporter:
        scrape = settled(exporter)
    assert scrape.labels("key_info", "key_name") == ["other (name)", "other"]


def test_absurd_answers() -> None:
    """The largest numbers and a key that is listed twice are exported, and break no scrape."""
    usage = activity_json()["api_key_usage"][0]
    huge = [
        {**usage, "api_key_id": n, "total_cost": f"{sign}9E+300"}
        for n, sign in enumerate(("", "-"))
        for _ in "12"
    ]
    stats = stats_json(total_cost="9E+300", total_requests=10**300)
    activity = {**activity_json(), "total_stats": stats, "api_key_usage": huge}
    answers = {
        "balance": {"balance": "-9E+300"},
        "activity": activity,
        "keys": {"keys": [key_json(), key_json()]},
    }
    with of_answers(**answers) as client, Exporter(client, max_keys=0) as exporter:
        scrape = settled(exporter)
    assert (scrape("balance_usd"), scrape("spend_usd"), scrape("requests")) == (-9e300, 9e300, 1e300)
    assert scrape("key_spend_usd", key_id="other") == 0
    assert scrape("keys_folded") == 3


def test_the_last_day_of_all_years() -> None:
    """An API whose clock shows that day can be scraped; so can keys that expire then, and on the first day."""
    expiries = {1: "0001-01-01T00:00:00Z", 2: "9999-12-31T23:59:59Z"}
    keys = {"keys": [key_json(id=number, expires_at=moment) for number, moment in expiries.items()]}
    date = {"Date": "Fri, 31 Dec 9999 23:59:59 GMT"}
    with of_answers(keys=keys, headers=date) as client, Exporter(client) as exporter:
        scrape = settled(exporter)
    assert (scrape("keys", state="active"), scrape("keys", state="expired")) == (1, 1)


def test_money_is_not_rounded_on_the_way() -> None:
    """Amounts are summed as decimals; only their sum becomes a float."""
    usage = activity_json()["api_key_usage"][0]
    activity = {**activity_json(), "api_key_usage": [{**usage, "total_cost": "0.1"}] * 3}
    with of_answers(activity=activity) as client, Exporter(client) as exporter:
        assert Decimal(repr(settled(exporter)("key_spend_usd"))) == Decimal("0.3")


def test_no_credential(emulator: Emulator) -> None:
    """The metrics contain neither the provisioning key nor a plaintext."""
    _, plaintext = emulator.add("production")
    with exporting(emulator) as exporter:
        text = settled(exporter).text
    assert_clean(text)
    assert plaintext not in text
