"""The exporter: the account's numbers, however the account, its names and its API are."""

from __future__ import annotations

import logging
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pulumi_account.api.client import AccountClient
from pulumi_account.emulator import Answer, Drop, Emulator, Fault, Hang
from pulumi_account.exceptions import (
    AccountError,
    AuthenticationError,
    ConfigurationError,
    RateLimitError,
    ResponseLostError,
    ServerError,
    UnexpectedResponseError,
)
from pulumi_account.metrics.exporter import Exporter, Source, serve
from tests.support.canaries import PROVISIONING_KEY, assert_clean
from tests.support.helpers import account, activity_json, key_json, refusal, stats_json


class Scrape:
    """What an exporter answers."""

    def __init__(self, exporter: Exporter) -> None:
        with urllib.request.urlopen(exporter.url, timeout=20) as answer:
            self.text = answer.read().decode()
        self._families = {family.name: family for family in text_string_to_metric_families(self.text)}

    def __call__(self, name: str, **labels: str) -> float:
        """The value of the one series with these labels."""
        (value,) = [s.value for s in self._samples(name) if labels.items() <= s.labels.items()]
        return float(value)

    def labels(self, name: str, label: str) -> list[str]:
        """The values of a label."""
        return [sample.labels[label] for sample in self._samples(name)]

    def has(self, name: str) -> bool:
        """Whether there is a series of that name."""
        return bool(self._samples(name))

    @property
    def names(self) -> set[str]:
        """The names of all series."""
        return {sample.name for family in self._families.values() for sample in family.samples}

    def _samples(self, name: str) -> list[Any]:
        full = f"pulumi_account_{name}"
        samples = [sample for family in self._families.values() for sample in family.samples]
        return [sample for sample in samples if sample.name == full]


def settled(exporter: Exporter) -> Scrape:
    """What it answers when everything has been asked once."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        scrape = Scrape(exporter)
        failed = Counter(dict.fromkeys(("balance", "keys", "activity"), 0.0))
        for source in failed:
            failed[source] = sum(
                s.value for s in scrape._samples("scrape_errors_total") if s.labels["source"] == source
            )
        if all(scrape("up", source=source) or failed[source] for source in failed):
            return Scrape(exporter)  # anew, as an answer may have come in the middle of the last one
        time.sleep(0.02)
    raise AssertionError("the account was not asked")


@contextmanager
def exporting(emulator: Emulator, **options: Any) -> Iterator[Exporter]:
    """An exporter of an emulated account, whose calls are not retried."""
    with (
        AccountClient(emulator.url, PROVISIONING_KEY, retry_deadline=0) as client,
        Exporter(client, **options) as exporter,
    ):
        yield exporter


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An account with no keys and no activity, whose answers are not cached."""
    with Emulator(provisioning_key=PROVISIONING_KEY, balance="125.50", activity_cache=0) as emulator:
        yield emulator


def of_answers(headers: dict[str, str] | None = None, **changes: Any) -> AccountClient:
    """A client of an API that gives these answers."""
    answers = {
        "balance": {"balance": "1"},
        "activity": activity_json(),
        "keys": {"keys": [key_json()]},
        **changes,
    }
    return account(
        lambda request: httpx.Response(
            200, headers=headers, json=answers[request.url.path.rpartition("/")[2]]
        )
    )


# --- what is told ------------------------------------------------------------------------------------------


def test_account(emulator: Emulator) -> None:
    """Balance, runway, keys and usage; limits and expiries where there are some."""
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
    """A balance is told as it is; an empty one lasts for no time, even if nothing is spent."""
    emulator.balance = balance
    with exporting(emulator) as exporter:
        scrape = settled(exporter)
    assert (scrape("balance_usd"), scrape("runway_seconds")) == (value, runway)


def test_the_shorter_runway() -> None:
    """Alerts go by the mean of seven or of thirty days, whichever ends the money sooner, whatever --days is."""
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
    """How long the money lasts is not known yet, so there is no series."""
    emulator.add_usage(1, cost="5", key_name="k")
    with exporting(emulator) as exporter:
        scrape = settled(exporter)
    assert not scrape.has("runway_seconds")
    assert not scrape.has("runway_end_timestamp_seconds")


def test_limits_go_by_thirty_days(emulator: Emulator) -> None:
    """A key that spent 113 % of its limit is over it, though it spent little in the period that is shown."""
    key_id, _ = emulator.add("k", credit_limit=100)
    today = emulator.clock.now().date()
    emulator.add_usage(key_id, cost="112", day=today - timedelta(days=20))
    emulator.add_usage(key_id, cost="1", day=today - timedelta(days=1))
    with exporting(emulator, days=7) as exporter:
        scrape = settled(exporter)
    assert (scrape("key_spend_usd"), scrape("key_limit_used_ratio")) == (1, 1.13)


def test_deleted_key(emulator: Emulator) -> None:
    """A key that was deleted keeps its usage and its name, and is told to be deleted."""
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
    """A name is one label, whatever it looks like; what steers a terminal is written out."""
    emulator.add_usage(emulator.add(name)[0], model=name, cost=1)
    with exporting(emulator) as exporter:
        scrape = settled(exporter)
    assert scrape.labels("key_info", "key_name") == scrape.labels("model_spend_usd", "model") == [label]


def test_few_series_of_many_keys(emulator: Emulator) -> None:
    """The most expensive keys and models have their own series; of the others nothing is lost, no alert either."""
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
    """Keys over and near their limit, about to expire and expired do, even beyond the bound."""
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
    """However many keys there are, the series stay as few as they may be."""
    keys = [key_json(id=key_id, name=f"key {key_id}") for key_id in range(1, 10_001)]
    with of_answers(keys={"keys": keys}) as client, Exporter(client) as exporter:
        scrape = settled(exporter)
    assert len(scrape.labels("key_info", "key_id")) == 501
    assert scrape("keys_folded") == 9_500
    assert sum(scrape("keys", state=state) for state in ("active", "expired")) == 10_000


def test_models_the_api_does_not_name() -> None:
    """Usage of models beyond the API's own list is other's; a model of that name has a series of its own."""
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
    """Whatever models are called, each has a series of its own beside that of the others."""
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
    """It is not taken for those that have no series of their own."""
    for name, cost in {"other": 2, "b": 1}.items():
        emulator.add_usage(emulator.add(name)[0], cost=cost)
    with exporting(emulator, max_keys=1) as exporter:
        scrape = settled(exporter)
    assert scrape.labels("key_info", "key_name") == ["other (name)", "other"]


def test_absurd_answers() -> None:
    """The largest numbers and a key that is listed twice are told, and break no scrape."""
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
    """An API that says it is that day is scraped like any other; so are keys that expire then, and on the first."""
    expiries = {1: "0001-01-01T00:00:00Z", 2: "9999-12-31T23:59:59Z"}
    keys = {"keys": [key_json(id=number, expires_at=moment) for number, moment in expiries.items()]}
    date = {"Date": "Fri, 31 Dec 9999 23:59:59 GMT"}
    with of_answers(keys=keys, headers=date) as client, Exporter(client) as exporter:
        scrape = settled(exporter)
    assert (scrape("keys", state="active"), scrape("keys", state="expired")) == (1, 1)


# --- an API that is away -----------------------------------------------------------------------------------


def test_last_good_values(emulator: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    """When the API is away the last good values stay, with their age; errors are counted."""
    with exporting(emulator) as exporter:
        before = settled(exporter)
        emulator.faults.add(Fault(Answer(503), times=None))
        emulator.balance = 1
        exporter.refresh()
        after = Scrape(exporter)
        assert caplog.messages[0].startswith("balance cannot be asked, the last good values stay: ")
        assert (before("up", source="balance"), after("up", source="balance")) == (1, 0)
        assert before("balance_usd") == after("balance_usd") == 125.5
        assert after("data_age_seconds", source="balance") > before("data_age_seconds", source="balance")
        assert after("scrape_errors_total", source="balance", kind="server") == 1
        emulator.faults.clear()
        mark = time.monotonic()
        exporter.refresh()
        again = Scrape(exporter)
        assert again("data_age_seconds", source="balance") <= time.monotonic() - mark
    assert (again("balance_usd"), again("up", source="balance")) == (1, 1)
    assert again("scrape_errors_total", source="balance", kind="server") == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Drop(), "network"),
        (Answer(200, body="garbage"), "unreadable"),
        (Answer(200, body=b'{"balance": "much"}'), "unreadable"),
        (Answer(401), "refused"),
        (Answer(500, body="html"), "server"),
    ],
)
def test_kinds_of_errors(emulator: Emulator, fault: Any, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """A failing or lying API is counted by kind and told in one clean line; what it gives else is served."""
    emulator.faults.add(Fault(fault, operation="get_balance", times=None))
    with exporting(emulator) as exporter:
        scrape = settled(exporter)
        exporter.refresh()
    assert scrape("scrape_errors_total", source="balance", kind=kind) == 1
    assert not scrape.has("balance_usd")
    assert not scrape.has("data_age_seconds") or "balance" not in scrape.labels("data_age_seconds", "source")
    assert scrape("spend_usd") == 0
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert line.startswith("balance cannot be asked: ")
    assert line.isprintable()
    assert_clean(line, scrape.text)


def test_keys_unknown(emulator: Emulator) -> None:
    """While the list of keys cannot be read, no key is called deleted."""
    emulator.add_usage(emulator.add("production")[0], cost=1)
    emulator.faults.add(Fault(Answer(500), operation="list_keys", times=None))
    with exporting(emulator) as exporter:
        assert settled(exporter).labels("key_info", "state") == ["unknown"]


def test_a_scrape_does_not_wait(emulator: Emulator) -> None:
    """While the API says nothing at all, a scrape is answered, and the exporter can be stopped."""
    emulator.faults.add(Fault(Hang(), times=None))
    with exporting(emulator) as exporter:
        scrape = Scrape(exporter)
    assert [scrape("up", source=source) for source in ("balance", "keys", "activity")] == [0, 0, 0]
    assert not scrape.has("balance_usd")


def test_scrapes_cost_no_calls(emulator: Emulator) -> None:
    """The account is asked at its own pace, however often the exporter is."""
    with exporting(emulator) as exporter:
        settled(exporter)
        for _ in range(5):
            Scrape(exporter)
        assert Counter(call.operation for call in emulator.calls) == {
            "get_balance": 1,
            "list_keys": 1,
            "get_activity": 1,
        }


@pytest.mark.parametrize(
    ("source", "error", "seconds"),
    [
        ("balance", None, 60),
        ("keys", None, 60),
        ("activity", None, 300),
        ("activity", ResponseLostError("lost"), 60),
        ("activity", ServerError("broken", status=503), 60),
        ("balance", RateLimitError("slower", status=429), 60),
        ("balance", UnexpectedResponseError("what", status=200), 60),
        ("balance", AuthenticationError("no", status=401), 300),
        ("keys", ValueError("a defect"), 60),
    ],
)
def test_pace(source: str, error: Exception | None, seconds: float) -> None:
    """Every minute, the activity as often as the API makes it anew; what is refused is not asked for soon again."""

    def ask() -> int:
        if error:
            raise error
        return 1

    assert Source(source, ask, threading.Event()).refresh() == seconds


def test_a_defect_is_not_quoted(caplog: pytest.LogCaptureFixture) -> None:
    """An unforeseen error is told by its kind alone: its message may hold anything."""

    def ask() -> int:
        raise ValueError(PROVISIONING_KEY)

    source = Source("balance", ask, threading.Event())
    source.refresh()
    assert source.errors["internal"] == 1
    assert caplog.messages == ["balance cannot be asked: an internal ValueError"]


def test_a_stopped_source_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    """A call that fails because the exporter is being stopped is no error."""
    stop = threading.Event()

    def ask() -> int:
        stop.set()
        raise AccountError("closed")

    source = Source("balance", ask, stop)
    source.run()
    assert sum(source.errors.values()) == 0
    assert caplog.messages == []


# --- serving -----------------------------------------------------------------------------------------------

PROGRAM = """
import os
from pulumi_account.api.client import AccountClient
from pulumi_account.metrics.exporter import serve
with AccountClient(os.environ["ACCOUNT_ENDPOINT"], os.environ["ACCOUNT_PROVISIONING_KEY"]) as client:
    serve(client, port=0, on_ready=lambda url: print(url, flush=True))
print("done", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_clean_stop(emulator: Emulator, number: int) -> None:
    """Either signal ends it at once and without a word, calls that hang included."""
    emulator.faults.add(Fault(Hang(), operation="list_keys", times=None))
    environment = {
        **os.environ,
        "ACCOUNT_ENDPOINT": emulator.url,
        "ACCOUNT_PROVISIONING_KEY": PROVISIONING_KEY,
    }
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(number)
        assert process.communicate(timeout=30) == ("done\n", "")
    assert process.returncode == 0


def test_signals_are_given_back() -> None:
    """Afterwards the signals mean what they meant before."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    def interrupt(_url: str) -> None:
        raise KeyboardInterrupt

    with of_answers() as client:
        serve(client, port=0, on_ready=interrupt)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", None), ("192.0.2.1", 0), ("127.0.0.1", 70_000)])
def test_addresses_that_cannot_be_used(host: str, port: int | None) -> None:
    """A taken port, another machine's address and a port that is none: one line."""
    with socket.create_server(("127.0.0.1", 0)) as taken, of_answers() as client:
        wanted = taken.getsockname()[1] if port is None else port
        refusal(
            ConfigurationError,
            lambda: serve(client, host=host, port=wanted),
            f"cannot listen on {host}, port",
        )


def test_without_prometheus_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, one line says what to install."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with of_answers() as client:
        refusal(ConfigurationError, lambda: serve(client), r"pip install 'pulumi_account\[metrics\]'")


def test_no_credential(emulator: Emulator) -> None:
    """Neither the provisioning key nor a plaintext is in what is served."""
    _, plaintext = emulator.add("production")
    with exporting(emulator) as exporter:
        text = settled(exporter).text
    assert_clean(text)
    assert plaintext not in text


def test_money_is_not_rounded_on_the_way() -> None:
    """Amounts are summed as decimals; only their sum becomes a float."""
    usage = activity_json()["api_key_usage"][0]
    activity = {**activity_json(), "api_key_usage": [{**usage, "total_cost": "0.1"}] * 3}
    with of_answers(activity=activity) as client, Exporter(client) as exporter:
        assert Decimal(repr(settled(exporter)("key_spend_usd"))) == Decimal("0.3")


# --- who may ask, and for how long ---------------------------------------------------------------------------


def status(exporter: Exporter, *hosts: str) -> int:
    """What a GET with these Host headers is answered with."""
    url = httpx.URL(exporter.url)
    with socket.create_connection((url.host, url.port or 0), timeout=20) as connection:
        lines = ["GET /metrics HTTP/1.1", *(f"Host: {host}" for host in hosts), "", ""]
        connection.sendall("\r\n".join(lines).encode())
        return int(connection.makefile("rb").readline().split()[1])


@pytest.mark.parametrize(
    "hosts",
    [["evil.example"], ["evil.example:9877"], ["localhost.evil.example"], ["192.0.2.1"], ["127.0.0.1.evil.example"],
     ["[::2]"], ["[1::2::3]"], ["evil.example@localhost"], ["localhost", "evil.example"], [""], []],
)  # fmt: skip
def test_a_host_that_is_not_its_own(hosts: list[str]) -> None:
    """A browser that was led here by another name gets nothing; nor do those who name none, or two."""
    with of_answers() as client, Exporter(client) as exporter:
        assert status(exporter, *hosts) == 421


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:1", "127.0.0.1:9877", "127.9.9.9", "[::1]:80", "[0:0::1]"]
)
def test_hosts_of_this_machine(host: str) -> None:
    """Loopback is always its own, whatever the port."""
    with of_answers() as client, Exporter(client) as exporter:
        assert status(exporter, host) == 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [("exporter.example", 200), ("Exporter.Example:80", 200), ("other.example", 421)],
)
def test_further_hosts(host: str, expected: int) -> None:
    """Names that the user gives are its own, too."""
    with of_answers() as client, Exporter(client, allowed_hosts=["Exporter.example"]) as exporter:
        assert status(exporter, host) == expected


def test_a_wildcard_has_the_address_that_was_reached() -> None:
    """Where every address is listened on, the one that the connection came to counts; the wildcard itself does, too."""
    with of_answers() as client, Exporter(client, host="0.0.0.0") as exporter:
        assert [status(exporter, host) for host in ("127.0.0.1", "0.0.0.0", "192.0.2.1")] == [200, 200, 421]


def test_idle_connections_are_few() -> None:
    """Hundreds of connections that say nothing take few threads, and a scrape is answered beside them."""
    with of_answers() as client, Exporter(client) as exporter, ExitStack() as opened:
        before, url = threading.active_count(), httpx.URL(exporter.url)
        for _ in range(200):
            opened.enter_context(socket.create_connection((url.host, url.port or 0), timeout=20))
            most = threading.active_count() - before
        assert settled(exporter)("balance_usd") == 1
        assert most < 100


def test_nobody_holds_a_connection(capfd: pytest.CaptureFixture[str]) -> None:
    """Whoever says nothing, or a byte now and then, is cut after some seconds, without a word."""
    with of_answers() as client, Exporter(client) as exporter, ExitStack() as opened:
        url = httpx.URL(exporter.url)
        idle, slow = (
            opened.enter_context(socket.create_connection((url.host, url.port or 0))) for _ in range(2)
        )
        slow.settimeout(0.2)
        give_up = time.monotonic() + 60
        while is_open(slow):
            assert time.monotonic() < give_up
        idle.settimeout(20)
        assert idle.recv(1) == b""
    assert capfd.readouterr() == ("", "")


def is_open(connection: socket.socket) -> bool:
    """Whether another byte can be sent, and nothing was answered."""
    try:
        connection.sendall(b"G")
        return bool(connection.recv(1))
    except TimeoutError:
        return True
    except OSError:
        return False
