"""The exporter's reads of the account, also when its API is away."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from typing import Any

import pytest

from pulumi_account.emulator import Answer, Drop, Emulator, Fault, Hang
from pulumi_account.exceptions import (
    AccountError,
    AuthenticationError,
    RateLimitError,
    ResponseLostError,
    ServerError,
    UnexpectedResponseError,
)
from pulumi_account.metrics.sources import Source
from tests.metrics.scrapes import Scrape, exporting, settled
from tests.support.canaries import PROVISIONING_KEY, assert_clean


def test_last_good_values(emulator: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    """While the API is away the last good values stay, with their age; errors are counted."""
    with exporting(emulator) as exporter:
        before = settled(exporter)
        emulator.faults.add(Fault(Answer(503), times=None))
        emulator.balance = 1
        exporter.refresh()
        after = Scrape(exporter)
        assert caplog.messages[0].startswith(
            "cannot read the account's balance, so its last good values stay: "
        )
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
    """Errors are counted by kind and logged in one clean line; other answers are still exported."""
    emulator.faults.add(Fault(fault, operation="get_balance", times=None))
    with exporting(emulator) as exporter:
        scrape = settled(exporter)
        exporter.refresh()
    assert scrape("scrape_errors_total", source="balance", kind=kind) == 1
    assert not scrape.has("balance_usd")
    assert not scrape.has("data_age_seconds") or "balance" not in scrape.labels("data_age_seconds", "source")
    assert scrape("spend_usd") == 0
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert line.startswith("cannot read the account's balance: ")
    assert line.isprintable()
    assert_clean(line, scrape.text)


def test_keys_unknown(emulator: Emulator) -> None:
    """While the list of keys cannot be read, no key is called deleted."""
    emulator.add_usage(emulator.add("production")[0], cost=1)
    emulator.faults.add(Fault(Answer(500), operation="list_keys", times=None))
    with exporting(emulator) as exporter:
        assert settled(exporter).labels("key_info", "state") == ["unknown"]


def test_a_scrape_does_not_wait(emulator: Emulator) -> None:
    """While the API does not answer at all, a scrape does, and the exporter can be stopped."""
    emulator.faults.add(Fault(Hang(), times=None))
    with exporting(emulator) as exporter:
        scrape = Scrape(exporter)
    assert [scrape("up", source=source) for source in ("balance", "keys", "activity")] == [0, 0, 0]
    assert not scrape.has("balance_usd")


def test_scrapes_cost_no_calls(emulator: Emulator) -> None:
    """The exporter reads the account at its own pace, for any number of scrapes."""
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
    """Every minute, or as often as the API updates the activity; a refusal is followed by a longer pause."""

    def ask() -> int:
        if error:
            raise error
        return 1

    assert Source(source, ask, threading.Event()).refresh() == seconds


def test_a_defect_is_not_quoted(caplog: pytest.LogCaptureFixture) -> None:
    """An unexpected error is logged only by its type, because its message may contain anything."""

    def ask() -> int:
        raise ValueError(PROVISIONING_KEY)

    source = Source("balance", ask, threading.Event())
    source.refresh()
    assert source.errors["internal"] == 1
    assert caplog.messages == ["cannot read the account's balance: an internal ValueError"]


def test_a_stopped_source_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    """A call that fails because the exporter is stopping is not an error."""
    stop = threading.Event()

    def ask() -> int:
        stop.set()
        raise AccountError("closed")

    source = Source("balance", ask, stop)
    source.run()
    assert sum(source.errors.values()) == 0
    assert caplog.messages == []
