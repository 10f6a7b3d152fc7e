"""The pace that all threads share, with a clock that advances only during sleeps."""

from __future__ import annotations

import logging
import math
import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.api.client import AccountClient
from pulumi_account.api.rate_limit import Pace
from pulumi_account.api.retry import RetryTransport
from pulumi_account.emulator import Emulator
from tests.support.canaries import PROVISIONING_KEY
from tests.support.helpers import FakeClock, unhurried

FOR_EVER = float("inf")


class Paced:
    """A pace, and the seconds since it was made."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.pace = Pace(self.clock.sleep, self.clock)
        self._began = self.clock()

    @property
    def seconds(self) -> float:
        return round(self.clock() - self._began, 6)

    def refuse(self, retry_after: float | None = None) -> None:
        self.pace.refused(retry_after)

    def admit(self, calls: int = 1) -> float:
        """Make calls that are admitted; returns how long they waited in all."""
        before = self.seconds
        for _ in range(calls):
            self.pace.wait(FOR_EVER)
            self.pace.admitted()
        return round(self.seconds - before, 6)


def learned(between: float, admitted: int) -> Paced:
    """A pace after two 429s, with these seconds and these admitted calls between them."""
    paced = Paced()
    paced.refuse(0)
    paced.admit(admitted)
    paced.clock.sleep(between)
    paced.refuse(0)
    return paced


def test_no_429_no_wait() -> None:
    """Without a 429, no call waits."""
    assert Paced().admit(1000) == 0


@pytest.mark.parametrize(("retry_after", "pause"), [(None, 0.5), (0.0, 0.0), (7.0, 7.0)])
def test_a_first_429_pauses(retry_after: float | None, pause: float) -> None:
    """All calls wait as long as the response asks, or half a second; then they go as fast as before."""
    paced = Paced()
    paced.refuse(retry_after)
    assert paced.admit(100) == pause


def test_429s_in_a_row_pause_longer() -> None:
    """Pauses double, up to eight seconds, while no call is admitted between them."""
    paced = Paced()
    pauses = []
    for _ in range(6):
        paced.refuse()
        before = paced.seconds
        paced.pace.wait(FOR_EVER)
        pauses.append(paced.seconds - before)
    assert pauses == [0.5, 1, 2, 4, 8, 8]


def test_an_admitted_call_ends_the_row() -> None:
    """After an admitted call, the next pause is short again."""
    paced = Paced()
    for _ in range(3):
        paced.refuse()
        paced.pace.wait(FOR_EVER)
    paced.pace.admitted()
    paced.refuse()
    assert paced.pace.cooling == 0.5


def test_calls_under_way_count_once() -> None:
    """A call that is refused during a pause was sent before it, and does not lengthen it."""
    paced = Paced()
    for _ in range(4):
        paced.refuse()
    assert paced.admit(10) == 0.5


def test_a_second_429_spaces_calls_out() -> None:
    """After ten admitted calls in a second between two 429s, the next calls keep a quarter of that interval."""
    assert learned(1.0, 10).admit(11) == pytest.approx(0.25, rel=0.06)


def test_further_429s_space_them_out_more() -> None:
    """While the pace is too fast, each 429 makes the interval 30 % longer."""
    paced = learned(1.0, 10)
    paced.admit(1)
    paced.clock.sleep(0.01)
    paced.refuse(0)
    assert paced.admit(11) == pytest.approx(0.25 * 1.3, rel=0.06)


def test_a_429_long_after_another_is_a_first_one() -> None:
    """Two 429s half a minute apart say nothing about a rate."""
    assert learned(31.0, 10).admit(100) == 0


def test_429s_with_nothing_between_teach_no_rate() -> None:
    """An outage does not teach a rate: the interval stays as it was."""
    paced = learned(1.0, 10)
    paced.refuse(0)
    assert paced.admit(11) == pytest.approx(0.25, rel=0.06)


def test_the_pace_quickens() -> None:
    """Each admitted call shortens the interval a little."""
    paced = learned(1.0, 10)
    first = paced.admit(100)
    assert 0.3 * first < paced.admit(100) < 0.5 * first


def test_nothing_is_saved_up() -> None:
    """Idle time is not saved up: calls keep their interval after it."""
    paced = learned(1.0, 10)
    paced.clock.sleep(60)
    assert paced.admit(11) == pytest.approx(0.25, rel=0.06)


def test_a_turn_is_waited_for_no_longer_than_told() -> None:
    """A call with a deadline does not wait beyond it."""
    paced = Paced()
    paced.refuse(20)
    paced.pace.wait(paced.clock() + 3)
    assert paced.seconds == 3


def test_the_user_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """A warning says why calls wait and at which pace they go on; the next comes ten seconds later at the earliest."""
    paced = Paced()
    for seconds in (2.0, 9.0, 3.0):
        paced.refuse(2)
        paced.admit(10)
        paced.clock.sleep(seconds)
    paced.refuse(0)
    assert [record.getMessage() for record in caplog.records] == [
        "the account API answers 429, too many requests: waiting 2.0 s",
        "the account API answers 429, too many requests: waiting 2.0 s, then at most 3.4 calls a second",
    ]


def test_a_short_pause_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    """A pause of half a second after one 429 is not logged."""
    Paced().refuse()
    assert caplog.records == []


class Limited:
    """A server with a token bucket, on the fake clock."""

    def __init__(self, clock: FakeClock, rate: float, burst: float) -> None:
        self._clock, self._rate, self._burst = clock, rate, burst
        self._tokens, self._filled = burst, clock()

    def admits(self) -> bool:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def serve(self, paced: Paced, calls: int, retry_after: float | None) -> tuple[int, float]:
        """Admit a number of calls; returns how many were refused, and the seconds of the pauses."""
        admitted, refused, pauses = 0, 0, 0.0
        while admitted < calls:
            paced.pace.wait(FOR_EVER)
            if self.admits():
                admitted += 1
                paced.pace.admitted()
            else:
                refused += 1
                paced.refuse(retry_after)
                pauses += paced.pace.cooling
        return refused, pauses


@unhurried
@given(
    rate=st.floats(0.5, 200),
    seconds_of_burst=st.floats(1, 2),
    retry_after=st.sampled_from([None, 1.0, 2.0]),
)
def test_any_limit_is_learned(rate: float, seconds_of_burst: float, retry_after: float | None) -> None:
    """Under any limit, 300 calls take at most 1.3 times what it dictates, pauses aside, and few are refused."""
    paced = Paced()
    burst = max(1.0, rate * seconds_of_burst)
    refused, pauses = Limited(paced.clock, rate, burst).serve(paced, 300, retry_after)
    assert paced.seconds <= 1.3 * max(300 - burst, 0) / rate + pauses
    assert refused <= 100


@pytest.mark.parametrize("retry_after", [None, 1.0])
@pytest.mark.parametrize("calls", [200, 400])  # of 200 keys: those with exact names take two each
def test_ten_requests_a_second(calls: int, retry_after: float | None) -> None:
    """With all pauses, calls take at most 1.3 times what the emulator's limit dictates."""
    paced = Paced()
    Limited(paced.clock, rate=10, burst=10).serve(paced, calls, retry_after)
    assert paced.seconds <= 1.3 * calls / 10


class ByTheMinute(httpx.BaseTransport):
    """Admits sixty requests a minute on the fake clock, and tells the others when to retry."""

    def __init__(self, clock: FakeClock, advice: str | None) -> None:
        self._clock, self._advice = clock, advice
        self._until = self._left = 0.0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        now = self._clock()
        if now >= self._until:
            self._until, self._left = now + 60, 60
        if self._left:
            self._left -= 1
            return httpx.Response(200)
        advice = self._advice and self._advice.format(left=math.ceil(self._until - now))
        return httpx.Response(429, headers={"Retry-After": advice} if advice else {})


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("advice", [None, "60", "{left}"])
def test_a_limit_by_the_minute_is_outlasted(advice: str | None, method: str) -> None:
    """Each call is retried for longer than the minute that it may have to wait, whatever the 429 advises."""
    clock = FakeClock()
    transport = RetryTransport(ByTheMinute(clock, advice), sleep=clock.sleep, clock=clock)
    request = httpx.Request(method, "https://account.invalid/v1/account/keys")
    assert {transport.handle_request(request).status_code for _ in range(200)} == {200}


def test_a_limited_account_is_filled(caplog: pytest.LogCaptureFixture) -> None:
    """Four threads against a real limit: nothing fails, and a warning says why it takes long."""
    caplog.set_level(logging.WARNING)
    with (
        Emulator(provisioning_key=PROVISIONING_KEY, rate_limit=40, retry_after=0) as emulator,
        AccountClient(emulator.url, PROVISIONING_KEY) as client,
        ThreadPoolExecutor(4) as pool,
    ):
        list(pool.map(client.create_key, (f"key-{n}" for n in range(120))))
        assert len(emulator.keys()) == 120
        assert 429 in {call.status for call in emulator.calls}
    assert any(re.match("the account API answers 429", record.getMessage()) for record in caplog.records)
