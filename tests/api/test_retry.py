"""Which requests are retried, for how long, and how threads wait for each other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pulumi_account.api.connections import default_transport
from pulumi_account.api.retry import RETRY_AFTER_CAP, RetryTransport
from pulumi_account.emulator import Drop, Emulator, Fault, HalfBody, Hang
from tests.support.canaries import PROVISIONING_KEY
from tests.support.helpers import Broken, FakeClock, unhurried

METHODS = ["GET", "PATCH", "DELETE", "POST"]
IDEMPOTENT = METHODS[:3]
URL = "https://account.invalid/v1/account/keys"

#: a status, an answer, an error, or an answer whose body breaks off
Outcome = int | httpx.Response | Exception | type[Broken]

#: nothing was sent, or the API said that nothing was done
NOT_DONE: dict[str, Outcome] = {
    "refused": httpx.ConnectError("[Errno 111] Connection refused"),
    "connect time-out": httpx.ConnectTimeout("timed out"),
    "no connection free": httpx.PoolTimeout("timed out"),
    "proxy": httpx.ProxyError("407 Proxy Authentication Required"),
    "429": 429,
}
#: it may have been done
IN_DOUBT: dict[str, Outcome] = {
    "read time-out": httpx.ReadTimeout("timed out"),
    "write time-out": httpx.WriteTimeout("timed out"),
    "reset while reading": httpx.ReadError("[Errno 104] Connection reset by peer"),
    "reset while writing": httpx.WriteError("[Errno 32] Broken pipe"),
    "cut": httpx.RemoteProtocolError("Server disconnected without sending a response."),
    "half a body": Broken,
    "500": 500,
    "502": 502,
    "503": 503,
    "504": 504,
}
#: an answer, and trying again would give the same one
FINAL: dict[str, Outcome] = {
    str(status): status
    for status in (200, 201, 204, 301, 304, 307, 400, 401, 402, 403, 404, 408, 409, 422, 501, 505, 520)
}


class Script(httpx.BaseTransport):
    """Gives one outcome after another, the last one repeatedly, and records when each request came."""

    def __init__(self, *outcomes: Outcome, clock: FakeClock | None = None, takes: float = 0.0) -> None:
        self._outcomes = list(outcomes)
        self.clock = clock or FakeClock()
        self._takes = takes
        self.times: list[float] = []
        self.closed = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.times.append(self.clock())
        self.clock.sleep(self._takes)
        outcome = self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        if isinstance(outcome, type):
            return httpx.Response(200, stream=outcome())
        return httpx.Response(outcome) if isinstance(outcome, int) else outcome

    def close(self) -> None:
        self.closed = True


def retrying(script: Script, deadline: float = 60.0) -> RetryTransport:
    """The transport over a script, on the script's clock."""
    return RetryTransport(script, deadline=deadline, sleep=script.clock.sleep, clock=script.clock)


def send(transport: httpx.BaseTransport, method: str = "GET") -> httpx.Response:
    """One request."""
    return transport.handle_request(httpx.Request(method, URL))


def waited(*outcomes: Outcome, method: str = "GET") -> float:
    """Seconds between the first attempt and the second."""
    script = Script(*outcomes, 200)
    assert send(retrying(script), method).status_code == 200
    first, second = script.times
    return second - first


def limited(value: object, status: int = 429) -> httpx.Response:
    """An answer with a ``Retry-After``."""
    return httpx.Response(status, headers=[(b"Retry-After", str(value).encode("latin-1", "replace"))])


# --- what is retried


def every(methods: list[str], faults: dict[str, Outcome]) -> list[Any]:
    """Each method with each fault."""
    return [
        pytest.param(method, fault, id=f"{method}-{name}")
        for method in methods
        for name, fault in faults.items()
    ]


def attempts(method: str, fault: Outcome) -> int:
    """How often a request is sent if only its first attempt meets this fault."""
    script = Script(fault, 200)
    with suppress(httpx.TransportError):
        send(retrying(script), method)
    return len(script.times)


@pytest.mark.parametrize(("method", "fault"), every(METHODS, NOT_DONE))
def test_what_was_not_done_is_retried(method: str, fault: Outcome) -> None:
    """A connection that was never made and a 429 are retried for every method."""
    assert attempts(method, fault) == 2


@pytest.mark.parametrize(("method", "fault"), every(IDEMPOTENT, IN_DOUBT))
def test_what_is_in_doubt_is_retried_where_that_is_harmless(method: str, fault: Outcome) -> None:
    """GET, PATCH and DELETE are retried when the answer was lost, cut or 500, 502, 503 or 504."""
    assert attempts(method, fault) == 2


@pytest.mark.parametrize(("method", "fault"), every(["POST"], IN_DOUBT))
def test_a_post_in_doubt_is_not_retried(method: str, fault: Outcome) -> None:
    """A POST that may have made a key is sent once."""
    assert attempts(method, fault) == 1


@pytest.mark.parametrize(("method", "fault"), every(METHODS, FINAL))
def test_any_other_answer_is_final(method: str, fault: Outcome) -> None:
    """Every other response goes to the caller unchanged."""
    assert attempts(method, fault) == 1


@pytest.mark.parametrize("method", METHODS)
def test_errors_of_others_are_final(method: str) -> None:
    """An error that is not a network error is raised at once."""
    script = Script(KeyError("a defect"), 200)
    with pytest.raises(KeyError):
        send(retrying(script), method)
    assert len(script.times) == 1


@pytest.mark.parametrize("action", [Drop(commit=False), Drop(commit=True), HalfBody(), Hang()], ids=repr)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_real_connections(action: Any, method: str) -> None:
    """Real connections that are cut or silent count as lost responses."""
    sent: list[httpx.Request] = []
    clock = FakeClock()
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator, default_transport(emulator.url) as network:
        emulator.faults.add(Fault(action))

        def handle(request: httpx.Request) -> httpx.Response:
            sent.append(request)
            return network.handle_request(request)

        transport = RetryTransport(httpx.MockTransport(handle), sleep=clock.sleep, clock=clock)
        silence = httpx.Timeout(30, read=0.3 if isinstance(action, Hang) else 30)
        headers = {"Authorization": f"Bearer {PROVISIONING_KEY}"}
        with httpx.Client(
            base_url=emulator.url, headers=headers, transport=transport, timeout=silence
        ) as http:
            if method == "POST":
                with pytest.raises(httpx.TransportError):
                    http.post("/v1/account/keys", json={"name": "n"})
                assert len(sent) == 1
            else:
                assert http.get("/v1/account/keys").status_code == 200
                assert len(sent) >= 2


# --- how long


def test_retries_go_on_for_90_seconds() -> None:
    """By default a request is retried for 90 seconds; then the caller gets the last response."""
    script = Script(500, 502, 504, 503)
    transport = RetryTransport(script, sleep=script.clock.sleep, clock=script.clock)
    assert send(transport).status_code == 503
    assert 60 < script.times[-1] - script.times[0] <= 90
    assert len(script.times) >= 8


def test_the_last_error_is_raised() -> None:
    """After the deadline the last error itself is raised."""
    last = httpx.ConnectTimeout("the last")
    with pytest.raises(httpx.ConnectTimeout) as caught:
        send(retrying(Script(httpx.ConnectError("the first"), last)))
    assert caught.value is last


@pytest.mark.parametrize(("method", "fault"), every(METHODS, NOT_DONE | IN_DOUBT))
def test_deadline_0_tries_once(method: str, fault: Outcome) -> None:
    """With deadline 0 there is one attempt and no waiting at all."""
    script = Script(fault)
    transport = retrying(script, deadline=0)
    for _ in range(2):
        with suppress(httpx.TransportError):
            send(transport, method)
    assert script.times == [1000.0, 1000.0]


OUTCOMES = st.sampled_from([429, 503, httpx.ConnectError("refused")])
RETRY_AFTERS = st.integers(0, 40).map(limited) | st.integers(0, 40).map(lambda s: limited(s, 503))


@unhurried
@given(
    st.lists(OUTCOMES | RETRY_AFTERS, min_size=1, max_size=12),
    st.floats(0, 90),
    st.floats(0, 10),
    st.integers(0, 40),
)
def test_no_attempt_begins_after_the_deadline(
    outcomes: list[Outcome], deadline: float, takes: float, cooling: int
) -> None:
    """No attempt begins after the deadline, whatever the outcomes and however long the cool-down."""
    script = Script(limited(cooling), *outcomes, takes=takes)
    with suppress(httpx.ConnectError):
        send(retrying(script, deadline))
    assert max(script.times) - script.times[0] <= deadline + 1e-6


def test_pauses_grow_and_differ() -> None:
    """Pauses are random, and grow up to a limit."""
    script = Script(503)
    send(retrying(script, deadline=1000.0))
    pauses = [later - earlier for earlier, later in zip(script.times[:-1], script.times[1:], strict=True)]
    for attempt, pause in enumerate(pauses):
        assert 0 <= pause <= min(0.25 * 2**attempt, 8) + 1e-6
    assert len(set(pauses)) == len(pauses)
    assert max(pauses) > 2


# --- Retry-After


@unhurried
@given(st.integers(0, 10**400), st.sampled_from([429, 503]))
@example(0, 429)
@example(30, 503)
@example(31, 429)
def test_retry_after_in_seconds(seconds: int, status: int) -> None:
    """The wait is that long, up to 30 seconds; zero means the ordinary pause."""
    pause = waited(limited(seconds, status))
    least = min(seconds, RETRY_AFTER_CAP)
    assert least <= pause + 1e-6
    assert pause <= max(least, 0.5) + 0.25 + 1e-6


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("seconds", "least", "most"), [(20, 18, 20.3), (3600, 30, 30.3), (-3600, 0, 0.8)])
def test_retry_after_as_a_date(status: int, seconds: int, least: float, most: float) -> None:
    """The wait lasts until the date, up to 30 seconds; a date in the past means the ordinary pause."""
    date = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=seconds), usegmt=True)
    assert least <= waited(limited(date, status)) <= most


def test_retry_after_as_a_date_without_a_zone() -> None:
    """A date that names no time zone is in UTC."""
    date = (datetime.now(timezone.utc) + timedelta(seconds=20)).strftime("%a, %d %b %Y %H:%M:%S -0000")
    assert 18 <= waited(limited(date)) <= 20.3


HTTP_DATES = st.from_regex(
    r"\A(Mon, )?\d{1,22} (Jan|Dec) \d{1,22} \d{1,4}:\d{1,3}(:\d{1,3})?( GMT| [+-]\d{1,6})?\Z"
)


@unhurried
@given(st.text(max_size=20) | HTTP_DATES, st.sampled_from([429, 503]))
@example("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", 429)
@example("-5", 503)
@example("1.5", 503)
@example("²", 503)
def test_a_garbled_retry_after_breaks_nothing(text: str, status: int) -> None:
    """Any text is accepted: the request is retried after 30 seconds at most."""
    assert 0 <= waited(limited(text, status)) <= RETRY_AFTER_CAP + 0.25 + 1e-6


@pytest.mark.parametrize("text", ["", "soon", "-5", "1.5", "5 s", "0x10", "²", "5, 5"])
def test_what_is_no_retry_after_is_ignored(text: str) -> None:
    """An unreadable value imposes no wait."""
    assert waited(limited(text, 503)) <= 0.25


def test_a_post_waits_as_well() -> None:
    """A POST waits after a 429 as long as the response asks."""
    assert 20 <= waited(limited(20), method="POST") <= 20.25


# --- one cool-down for all


def in_threads(count: int, action: Callable[[], object]) -> None:
    """Run the same action in several threads at once."""
    with ThreadPoolExecutor(count) as pool:
        for future in [pool.submit(action) for _ in range(count)]:
            future.result()


@pytest.mark.parametrize(
    ("answer", "cooled", "deadline"), [(limited(20), 20.0, 15.0), (httpx.Response(429), 0.5, 0.4)]
)
def test_429_cools_down_every_thread(answer: httpx.Response, cooled: float, deadline: float) -> None:
    """After a 429 no thread sends until the time that it asks for, or half a second, is over."""
    script = Script(answer, 200)
    transport = retrying(script, deadline)
    assert send(transport).status_code == 429  # so long a wait goes beyond the deadline
    script.clock.sleep(cooled / 2)
    in_threads(8, lambda: send(transport))
    assert len(script.times) == 9
    assert min(script.times[1:]) >= script.times[0] + cooled


def test_cool_down_is_waited_for_no_longer_than_the_deadline() -> None:
    """A request that a cool-down would keep beyond its deadline is sent at the deadline."""
    script = Script(limited(20), 200)
    transport = retrying(script, deadline=15)
    send(transport)
    send(transport)
    assert script.times[1] - script.times[0] == 15


def test_threads_in_need_of_a_first_attempt_wait() -> None:
    """A thread that starts during a cool-down waits before its first attempt too."""
    clock = FakeClock()
    times: list[float] = []
    others: list[threading.Thread] = []

    def handle(request: httpx.Request) -> httpx.Response:
        times.append(clock())
        return limited(10) if len(times) == 1 else httpx.Response(200)

    def sleep(seconds: float) -> None:
        if not others:  # the first thread has met its 429 and is about to wait
            others.extend(threading.Thread(target=send, args=(transport,)) for _ in range(4))
            for thread in others:
                thread.start()
            for thread in others:
                thread.join()
        clock.sleep(seconds)

    transport = RetryTransport(httpx.MockTransport(handle), sleep=sleep, clock=clock)
    send(transport)
    assert len(times) == 6
    assert min(times[1:]) >= times[0] + 10


def test_a_shorter_cool_down_does_not_end_a_longer_one() -> None:
    """Of two 429s at the same time, the longer wait counts."""
    clock = FakeClock()
    times: list[float] = []

    def handle(request: httpx.Request) -> httpx.Response:
        times.append(clock())
        if len(times) == 1:  # while this request is under way, another is made
            assert send(transport).status_code == 429
            return limited(1)
        return limited(20) if len(times) == 2 else httpx.Response(200)

    transport = RetryTransport(httpx.MockTransport(handle), deadline=15, sleep=clock.sleep, clock=clock)
    assert send(transport).status_code == 429
    clock.sleep(10)
    assert send(transport).status_code == 200
    assert times[2] >= times[0] + 20


# --- the rest


def test_close_closes_the_wrapped_transport() -> None:
    """Closing closes the wrapped transport."""
    script = Script(200)
    retrying(script).close()
    assert script.closed


def test_answers_are_read_whole() -> None:
    """The caller's answer has its body, and is closed."""
    response = send(retrying(Script(httpx.Response(200, stream=httpx.ByteStream(b"body")))))
    assert (response.content, response.is_closed) == (b"body", True)
