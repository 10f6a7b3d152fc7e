"""Faults: what the client sees, and what the server does."""

from __future__ import annotations

import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.emulator import Answer, Drop, Edit, Emulator, Fault, Faults, HalfBody, Hang
from tests.emulator.support import KEYS, client_of

if TYPE_CHECKING:
    from pulumi_account.emulator.faults import Action


def create(client: httpx.Client, name: str = "x") -> httpx.Response:
    """Create a key."""
    return client.post(KEYS, json={"name": name})


def wait_for_calls(emulator: Emulator, count: int) -> None:
    """Wait until the server has received a number of requests."""
    until = time.monotonic() + 5
    while len(emulator.calls) < count:
        assert time.monotonic() < until, "the requests did not come"
        time.sleep(0.001)


# Which calls are hit


@pytest.mark.parametrize(
    ("fault", "hit"),
    [
        (Fault(Answer(500)), [1, 1, 1, 1]),
        (Fault(Answer(500), operation="get_key"), [0, 0, 1, 0]),
        (Fault(Answer(500), method="GET"), [1, 0, 1, 1]),
        (Fault(Answer(500), method="post"), [0, 1, 0, 0]),
        (Fault(Answer(500), path=KEYS), [1, 1, 0, 0]),
        (Fault(Answer(500), path=KEYS + "/*"), [0, 0, 1, 0]),
        (Fault(Answer(500), path=KEYS, method="GET"), [1, 0, 0, 0]),
        (Fault(Answer(500), operation="get_key", method="POST"), [0, 0, 0, 0]),
    ],
    ids=lambda value: str(value).replace("Fault", ""),
)
def test_what_a_fault_applies_to(
    emulator: Emulator, client: httpx.Client, fault: Fault, hit: list[int]
) -> None:
    """A fault applies if operation, method and path all match; None matches anything."""
    calls = [("GET", KEYS), ("POST", KEYS), ("GET", KEYS + "/1"), ("GET", "/nowhere")]
    seen = []
    for method, path in calls:
        emulator.faults.clear()
        emulator.faults.add(fault)
        seen.append(int(client.request(method, path, json={"name": "x"}).status_code == 500))
    assert seen == hit


def test_skip_and_times(emulator: Emulator, client: httpx.Client) -> None:
    """Matching calls are skipped, then hit, then succeed; other calls do not count."""
    fault = Fault(Answer(503), operation="list_keys", skip=1, times=2)
    emulator.faults.add(fault)
    seen = []
    for _ in range(5):
        assert client.get("/v1/account/balance").status_code == 200
        seen.append(client.get(KEYS).status_code)
    assert seen == [200, 503, 503, 200, 200]
    assert emulator.faults.hits(fault) == 2


def test_a_fault_hits_once_or_without_end(emulator: Emulator, client: httpx.Client) -> None:
    """One call is hit by default; with `times=None` all are, until `clear`."""
    emulator.faults.add(Fault(Answer(500)))
    assert [client.get(KEYS).status_code for _ in range(3)] == [500, 200, 200]
    emulator.faults.add(Fault(Answer(500), times=None))
    assert [client.get(KEYS).status_code for _ in range(20)] == [500] * 20
    emulator.faults.clear()
    assert client.get(KEYS).status_code == 200


def test_faults_in_order(emulator: Emulator, client: httpx.Client) -> None:
    """The first fault that hits decides; the next ones do not count the call."""
    first, second = Fault(Answer(500)), Fault(Answer(503))
    emulator.faults.add(first, second)
    assert client.get(KEYS).status_code == 500
    assert (emulator.faults.hits(first), emulator.faults.hits(second)) == (1, 0)
    assert [client.get(KEYS).status_code for _ in range(2)] == [503, 200]


def hits(seed: int, probability: float) -> list[bool]:
    """Which of a hundred calls are hit."""
    faults = Faults(Fault(Drop(), probability=probability, times=None), seed=seed)
    return [faults.plan("get_key", "GET", KEYS).action is not None for _ in range(100)]


@given(st.integers())
def test_chance_is_repeatable(seed: int) -> None:
    """The same seed hits the same calls; a probability of 0 hits none, and 1 hits all."""
    assert hits(seed, 0.5) == hits(seed, 0.5)
    assert not any(hits(seed, 0))
    assert all(hits(seed, 1))


def test_chance_depends_on_the_seed() -> None:
    """Another seed hits other calls; their number follows the probability."""
    assert hits(1, 0.3) != hits(2, 0.3)
    assert 15 <= sum(hits(1, 0.3)) <= 45


@pytest.mark.parametrize(
    "options",
    [
        {"operation": "make_key"},
        {"skip": -1},
        {"times": 0},
        {"probability": 1.1},
        {"probability": -0.1},
        {"latency": -1},
    ],
    ids=str,
)
def test_bad_faults(options: Any) -> None:
    """A fault that can never hit, or names an unknown operation, is refused."""
    with pytest.raises(ValueError, match=next(iter(options))):
        Fault(Drop(), **options)


@pytest.mark.parametrize("status", [100, 199, 600])
def test_bad_statuses(status: int) -> None:
    """Only final statuses are accepted."""
    with pytest.raises(ValueError, match="status"):
        Answer(status)


def test_faults_from_many_threads(emulator: Emulator) -> None:
    """Of 64 simultaneous calls, the fault hits exactly its number of times."""
    fault = Fault(Answer(503), times=10)
    emulator.faults.add(fault)

    def status(_: int) -> int:
        with client_of(emulator) as client:
            return client.get(KEYS).status_code

    with ThreadPoolExecutor(64) as pool:
        statuses = list(pool.map(status, range(64)))
    assert (statuses.count(503), statuses.count(200)) == (10, 54)
    assert emulator.faults.hits(fault) == 10


# Latency


def test_latency(emulator: Emulator, client: httpx.Client) -> None:
    """Latencies of several faults add up, and the call is still answered."""
    emulator.faults.add(Fault(latency=0.1), Fault(Answer(503), latency=0.1), Fault(latency=0.1))
    began = time.monotonic()
    assert client.get(KEYS).status_code == 503
    assert 0.3 <= time.monotonic() - began < 3


def test_slow_calls_do_not_hold_up_others(emulator: Emulator, client: httpx.Client) -> None:
    """A slow call does not delay others."""
    emulator.faults.add(Fault(latency=30))
    slow = threading.Thread(target=ignore_errors, args=(emulator,))
    slow.start()
    wait_for_calls(emulator, 1)
    assert client.get(KEYS).status_code == 200
    emulator.stop()
    slow.join()


def ignore_errors(emulator: Emulator) -> None:
    """List the keys of an emulator that stops during the call."""
    with client_of(emulator) as client, pytest.raises(httpx.TransportError):
        client.get(KEYS, timeout=60)


def test_a_slow_call_goes_on_without_its_client(emulator: Emulator, client: httpx.Client) -> None:
    """A client that gives up does not stop the server: the key appears later."""
    emulator.faults.add(Fault(latency=0.3, operation="create_key"))
    with pytest.raises(httpx.ReadTimeout):
        client.post(KEYS, json={"name": "late"}, timeout=0.05)
    assert emulator.keys() == []
    time.sleep(0.6)
    assert [key["name"] for key in client.get(KEYS).json()["keys"]] == ["late"]


# Answers


@pytest.mark.parametrize("commit", [False, True])
def test_an_error_before_or_after_the_commit(emulator: Emulator, client: httpx.Client, commit: bool) -> None:
    """An error can be sent before or after the key is created."""
    emulator.faults.add(Fault(Answer(500, commit=commit)))
    assert create(client).status_code == 500
    assert len(emulator.keys()) == commit
    assert emulator.calls[0].status == 500


@pytest.mark.parametrize(
    ("kind", "media_type", "part"),
    [
        ("error", "application/json", '{"error":{"type":"server_error","message":'),
        ("detail", "application/json", '{"detail":'),
        ("html", "text/html; charset=utf-8", "<h1>500</h1>"),
        ("empty", "application/json", ""),
        (b"own words", "application/json", "own words"),
    ],
)
def test_bodies_of_errors(
    emulator: Emulator, client: httpx.Client, kind: Any, media_type: str, part: str
) -> None:
    """The body of an error can be the API's, the framework's, a proxy's page, empty, or any bytes."""
    emulator.faults.add(Fault(Answer(500, body=kind)))
    response = client.get(KEYS)
    assert response.headers["Content-Type"] == media_type
    assert part in response.text
    assert bool(response.text) == (kind != "empty")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "insufficient_credits_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (409, "api_error"),
        (422, "validation_error"),
        (429, "rate_limit_error"),
        (502, "server_error"),
        (503, "service_unavailable_error"),
    ],
)
def test_types_of_errors(emulator: Emulator, client: httpx.Client, status: int, kind: str) -> None:
    """Each documented error has a type."""
    emulator.faults.add(Fault(Answer(status)))
    response = client.get(KEYS)
    assert (response.status_code, response.json()["error"]["type"]) == (status, kind)


def test_retry_after_in_seconds(emulator: Emulator, client: httpx.Client) -> None:
    """`Retry-After` can be a number of seconds; by default there is no such header."""
    emulator.faults.add(Fault(Answer(429, retry_after=7)), Fault(Answer(429)))
    assert client.get(KEYS).headers["Retry-After"] == "7"
    assert "Retry-After" not in client.get(KEYS).headers


def test_retry_after_as_a_date(emulator: Emulator, client: httpx.Client) -> None:
    """`Retry-After` can be an HTTP date, by the server's clock, which the Date header shows."""
    emulator.clock.advance(-86400)
    emulator.faults.add(Fault(Answer(503, retry_after=60, retry_after_date=True)))
    headers = client.get(KEYS).headers
    wait = parsedate_to_datetime(headers["Retry-After"]) - parsedate_to_datetime(headers["Date"])
    assert 59 <= wait.total_seconds() <= 60


def test_other_headers(emulator: Emulator, client: httpx.Client) -> None:
    """An answer can have any header."""
    emulator.faults.add(Fault(Answer(302, headers={"Location": "https://example.org/"})))
    assert client.get(KEYS).headers["Location"] == "https://example.org/"


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body(emulator: Emulator, client: httpx.Client, status: int) -> None:
    """With statuses that forbid a body none is sent, and the connection stays usable."""
    emulator.faults.add(Fault(Answer(status)))
    response = client.get(KEYS)
    assert (response.status_code, response.content) == (status, b"")
    assert client.get(KEYS).status_code == 200


def test_success_with_garbage(emulator: Emulator, client: httpx.Client) -> None:
    """An answer with status 200 can have a body that is not JSON, although the key was created."""
    emulator.faults.add(Fault(Answer(200, body="garbage", commit=True)))
    response = create(client)
    assert response.status_code == 200
    with pytest.raises(ValueError, match=r"decode|JSON|Expecting|delimiter|character"):
        response.json()
    assert len(emulator.keys()) == 1


# Edits


def test_a_field_is_missing(emulator: Emulator, client: httpx.Client) -> None:
    """A field can be removed from a successful answer; the rest does not change."""
    emulator.add("x", credit_limit="0.10")
    whole = client.get(KEYS + "/1").json()
    emulator.faults.add(Fault(Edit(remove=("id", "nowhere"))))
    response = client.get(KEYS + "/1")
    assert '"credit_limit":0.10}' in response.text
    assert response.json() == {name: value for name, value in whole.items() if name != "id"}


def test_a_field_is_replaced(emulator: Emulator, client: httpx.Client) -> None:
    """Fields can be replaced, also within lists; a path that leads nowhere changes nothing."""
    emulator.add("x")
    replace = {"keys.0.id": "one", "keys.7.id": 1, "keys.first.id": 1, "keys.0.name.x": 1}
    emulator.faults.add(Fault(Edit(replace=replace)))
    [key] = client.get(KEYS).json()["keys"]
    assert (key["id"], key["name"]) == ("one", "x")


def test_edits_leave_refusals_alone(emulator: Emulator, client: httpx.Client) -> None:
    """An answer that is not successful or has no body does not change."""
    emulator.add("x")
    emulator.faults.add(Fault(Edit(remove=("error",)), times=None))
    assert "error" in client.get(KEYS + "/9").json()
    assert client.delete(KEYS + "/1").status_code == 204


# Connections that end


@pytest.mark.parametrize(
    ("action", "made"),
    [(Drop(), 0), (Drop(commit=True), 1), (HalfBody(), 1), (Hang(0.05), 0), (Hang(0.05, commit=True), 1)],
    ids=str,
)
def test_the_connection_is_cut(emulator: Emulator, client: httpx.Client, action: Action, made: int) -> None:
    """The client loses its connection, whether or not the key was created; the next call succeeds."""
    emulator.faults.add(Fault(action))
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        create(client)
    assert len(emulator.keys()) == made
    assert emulator.calls[0].status is None
    assert client.get(KEYS).status_code == 200


def test_the_socket_is_closed(emulator: Emulator) -> None:
    """The TCP connection ends without data."""
    emulator.faults.add(Fault(Drop()))
    port = httpx.URL(emulator.url).port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(100) == b""


def test_half_a_body(emulator: Emulator, client: httpx.Client) -> None:
    """The head and half of the body arrive, less than `Content-Length` announces."""
    emulator.faults.add(Fault(HalfBody()))
    received = b""
    with client.stream("POST", KEYS, json={"name": "x"}) as response:
        assert response.status_code == 201
        chunks = response.iter_bytes()
        received += next(chunks)
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
            received += next(chunks)
    assert len(received) == int(response.headers["Content-Length"]) // 2


def test_half_of_nothing(emulator: Emulator, client: httpx.Client) -> None:
    """Of an answer without a body nothing is sent: the key is deleted, and no answer arrives."""
    emulator.add("x")
    emulator.faults.add(Fault(HalfBody(), operation="delete_key"))
    with pytest.raises(httpx.RemoteProtocolError):
        client.delete(KEYS + "/1")
    assert emulator.keys() == []


@pytest.mark.parametrize("commit", [False, True])
def test_hanging_until_the_client_gives_up(emulator: Emulator, client: httpx.Client, commit: bool) -> None:
    """By default nothing is sent until the client's timeout."""
    emulator.faults.add(Fault(Hang(commit=commit)))
    with pytest.raises(httpx.ReadTimeout):
        client.post(KEYS, json={"name": "x"}, timeout=0.1)
    assert len(emulator.keys()) == commit


def test_no_traces_in_the_log(
    emulator: Emulator, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Cut connections, and a stop during calls, leave no error in the log."""
    actions: list[Action] = [Drop(), Drop(commit=True), HalfBody(), Hang(0.01), Hang(0.01, commit=True)]
    emulator.faults.add(*map(Fault, actions), Fault(Hang()))
    for _ in actions:
        with pytest.raises(httpx.TransportError):
            create(client)
    with pytest.raises(httpx.ReadTimeout):
        client.get(KEYS, timeout=0.05)
    emulator.faults.add(Fault(latency=30))
    with ThreadPoolExecutor(1) as pool:
        pool.submit(ignore_errors, emulator)
        wait_for_calls(emulator, len(actions) + 2)
        emulator.stop()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_client_that_leaves_in_the_middle_of_its_request(
    emulator: Emulator, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    """An incomplete request is not a call, has no effect, and leaves no error in the log."""
    port = httpx.URL(emulator.url).port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port)) as connection:
        head = f"POST {KEYS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {emulator.provisioning_key}\r\n"
        connection.sendall(head.encode() + b"Content-Length: 100\r\n\r\n{")
    assert client.get(KEYS).status_code == 200
    assert emulator.calls.operations == ["list_keys"]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_stopping_does_not_wait(emulator: Emulator) -> None:
    """When the emulator stops, it cuts hanging calls at once."""
    emulator.faults.add(Fault(Hang(), times=None))
    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(ignore_errors, emulator)
        wait_for_calls(emulator, 8)
        began = time.monotonic()
        emulator.stop()
        assert time.monotonic() - began < 1
