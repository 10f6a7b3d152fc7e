"""One method per endpoint: what is sent, what is read, and which responses count as lost."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pulumi_account import exceptions as err
from pulumi_account.api.client import AccountClient
from pulumi_account.api.models import Activity, Balance, CreatedKey, Key
from pulumi_account.emulator import Emulator, Fault, Hang
from tests.support.canaries import PLAINTEXT, PROVISIONING_KEY, assert_clean
from tests.support.exchanges import Call, api_error, create_key, exchange, get_balance, refused
from tests.support.helpers import (
    ENDPOINT,
    NOW,
    Broken,
    Handler,
    account,
    activity_json,
    created_json,
    key_json,
    refusal,
    unhurried,
)

KEYS = "/v1/account/keys"
NEW_YEAR = datetime(2027, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))


# --- requests

_NEW = {"name": "n", "credit_limit": None, "expires_at": None}
REQUESTS: list[tuple[Call, str, str, Any, Any, Any]] = [
    (get_balance, "GET", "/v1/account/balance", None, {"balance": "125.50"}, Balance(balance=Decimal("125.50"))),
    (lambda c: c.get_activity(), "GET", "/v1/account/activity?days=30", None, activity_json(), Activity),
    (lambda c: c.get_activity(7), "GET", "/v1/account/activity?days=7", None, activity_json(), Activity),
    (lambda c: c.list_keys(), "GET", KEYS, None, {"keys": []}, []),
    (lambda c: c.get_key(7), "GET", f"{KEYS}/7", None, key_json(), Key),
    (create_key, "POST", KEYS, _NEW, created_json(), CreatedKey),
    (lambda c: c.create_key("🔑", credit_limit=Decimal("10.00"), expires_at=NEW_YEAR), "POST", KEYS,
     {"name": "🔑", "credit_limit": 10, "expires_at": "2027-01-01T00:00:00Z"}, created_json(), CreatedKey),
    (lambda c: c.update_key(7, {"credit_limit": Decimal("0.1"), "is_enabled": False}), "PATCH", f"{KEYS}/7",
     {"credit_limit": 0.1, "is_enabled": False}, key_json(), Key),
    (lambda c: c.update_key(7, _NEW), "PATCH", f"{KEYS}/7", _NEW, key_json(), Key),
    (lambda c: c.update_key(7, {"expires_at": NEW_YEAR}), "PATCH", f"{KEYS}/7",
     {"expires_at": "2027-01-01T00:00:00Z"}, key_json(), Key),
    (lambda c: c.delete_key(7), "DELETE", f"{KEYS}/7", None, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("call", "method", "path", "body", "answer", "result"), REQUESTS)
def test_requests(call: Call, method: str, path: str, body: Any, answer: Any, result: Any) -> None:
    """Each method sends its documented request and reads its documented answer."""
    response = httpx.Response(204) if answer is None else httpx.Response(200, json=answer)
    request, got = exchange(call, response)
    assert (request.method, str(request.url)) == (method, ENDPOINT + path)
    assert (json.loads(request.content) if request.content else None) == body
    assert isinstance(got, result) if isinstance(result, type) else got == result


def test_headers() -> None:
    """Requests have the provisioning key, the accepted encoding and, with a body, its type."""
    request, _ = exchange(create_key, httpx.Response(200, json=created_json()))
    assert request.headers["Authorization"] == f"Bearer {PROVISIONING_KEY}"
    assert request.headers["Accept-Encoding"] == "gzip"
    assert (request.headers["Accept"], request.headers["Content-Type"]) == 2 * ("application/json",)
    request, _ = exchange(get_balance, httpx.Response(200, json={"balance": "1"}))
    assert "Content-Type" not in request.headers


@pytest.mark.parametrize(
    ("money", "text"),
    [
        ("10", "10"),
        ("10.00", "10"),
        ("1E+2", "100"),
        ("0", "0"),
        ("0.10", "0.1"),
        ("1234567.89", "1234567.89"),
    ],
)
def test_money_is_sent_as_a_number(money: str, text: str) -> None:
    """Whole amounts are sent as integers, others with their digits."""
    request, _ = exchange(
        lambda client: client.update_key(7, {"credit_limit": Decimal(money)}),
        httpx.Response(200, json=key_json()),
    )
    assert request.content.decode() == f'{{"credit_limit": {text}}}'


@pytest.mark.parametrize("status", [200, 201, 202, 206])
def test_any_2xx_makes_a_key(status: int) -> None:
    """A POST may be answered with any 2xx: the API does not document which."""
    _, key = exchange(create_key, httpx.Response(status, json=created_json()))
    assert isinstance(key, CreatedKey)
    assert key.key.get_secret_value() == PLAINTEXT


@pytest.mark.parametrize("status", [200, 202, 204])
def test_any_2xx_deletes_a_key(status: int) -> None:
    """A deletion needs no body."""
    assert exchange(lambda client: client.delete_key(7), httpx.Response(status))[1] is None


@pytest.mark.parametrize("status", [200, 202, 204])
@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"garbage", b'{"deleted": true}'])
def test_a_page_deletes_no_key(status: int, body: bytes) -> None:
    """A deletion whose response has a body does not count: the API's has none."""
    refused(
        httpx.Response(status, content=body), err.UnexpectedResponseError, lambda client: client.delete_key(7)
    )


@pytest.mark.parametrize(
    "call", [lambda c: c.get_key(8), lambda c: c.update_key(8, {})], ids=["GET", "PATCH"]
)
def test_an_answer_about_another_key(call: Call) -> None:
    """A response about another key is refused."""
    error = refused(httpx.Response(200, json=key_json()), err.UnexpectedResponseError, call)
    assert str(error).endswith("/8: unexpected answer with status 200: it is about key 7")


@pytest.mark.parametrize("endpoint", ["https://account.invalid/api", "https://account.invalid/api/"])
def test_an_endpoint_may_have_a_path(endpoint: str) -> None:
    """The API's paths are added to the endpoint's own."""
    paths = []

    def handle(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        return httpx.Response(200, json={"balance": "1"})

    with AccountClient(endpoint, PROVISIONING_KEY, transport=httpx.MockTransport(handle)) as client:
        client.get_balance()
    assert paths == ["/api/v1/account/balance"]


def test_closing() -> None:
    """Leaving the `with` statement closes the connections."""
    with account(lambda request: httpx.Response(200, json={"balance": "1"})) as client:
        client.get_balance()
    with pytest.raises(RuntimeError, match="closed"):
        client.get_balance()


def test_repr_shows_the_endpoint_alone() -> None:
    """A client can be logged."""
    with account(lambda request: httpx.Response(200)) as client:
        assert repr(client) == str(client) == f"AccountClient({ENDPOINT!r})"
        assert_clean(repr(client))


@pytest.mark.parametrize(
    "key", ["", f"{PROVISIONING_KEY}\n", f"a {PROVISIONING_KEY}", f"é{PROVISIONING_KEY}"]
)
def test_a_key_that_cannot_be_sent(key: str) -> None:
    """A provisioning key that cannot be sent in a header is refused before any request, and not quoted."""
    refusal(err.ConfigurationError, lambda: account(lambda request: httpx.Response(200), key))


def test_no_plain_http_to_another_machine() -> None:
    """The client refuses plain http to another machine."""
    refusal(err.ConfigurationError, lambda: AccountClient("http://account.invalid", PROVISIONING_KEY))


def test_retry_deadline_reaches_the_network() -> None:
    """A client retries its calls until its deadline: with 0, it makes one attempt."""
    with AccountClient("http://127.0.0.1:1", PROVISIONING_KEY, retry_deadline=0) as client:
        refusal(err.ConnectFailedError, client.get_balance, r"^cannot connect to http://127\.0\.0\.1:1: ")


def test_timeout_reaches_the_network() -> None:
    """An attempt without a response is given up after the client's time-out."""
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
        emulator.faults.add(Fault(Hang()))
        with AccountClient(emulator.url, PROVISIONING_KEY, retry_deadline=0, timeout=0.1) as client:
            refusal(err.ResponseLostError, client.get_balance, "ReadTimeout")


# --- clocks


def dated(date: str, status: int = 200) -> Handler:
    """Responses with a date of the API's clock."""
    return lambda _: httpx.Response(status, headers={"Date": date}, json={"balance": "1"})


@pytest.mark.parametrize(
    ("date", "there"),
    [
        ("Mon, 01 Jun 2026 13:00:00 GMT", NOW + timedelta(hours=1)),
        ("Mon, 01 Jun 2026 11:00:00 GMT", NOW - timedelta(hours=1)),
        ("Mon, 01 Jun 2026 12:01:59 GMT", NOW),
        ("Mon, 01 Jun 2026 11:58:01 GMT", NOW),
        ("soon", NOW),
        ("", NOW),
        ("Fri, 31 Dec 9999 23:59:59 GMT", NOW),
        ("Fri, 31 Dec 9999 23:59:59 -2359", NOW),
        ("Mon, 01 Jan 9000 00:00:00 GMT", NOW),
    ],
)
def test_the_apis_clock(date: str, there: datetime) -> None:
    """The client follows the API's clock if that differs by minutes from this machine's."""
    with account(dated(date), clock=lambda: NOW) as client:
        assert client.now() == NOW
        client.get_balance()
        assert client.now() == there


@unhurried
@given(st.integers(0, 10_050), st.integers(-9999, 9999))
@example(8999, -2359)
def test_nothing_fails_by_any_date(year: int, offset: int) -> None:
    """A century can be added to the present instant and subtracted from it, whatever year a response names."""
    date = f"Thu, 31 Dec {year:04} 23:59:59 {offset:+05}"
    with account(dated(date), clock=lambda: NOW) as client:
        client.get_balance()
        now = client.now()
    assert now - timedelta(days=36_525) < now < now + timedelta(days=36_525)


@pytest.mark.parametrize(
    ("date", "told"),
    [
        ("Mon, 01 Jun 2026 13:00:00 GMT", "60 minutes behind"),
        ("Mon, 01 Jun 2026 09:30:00 GMT", "150 minutes ahead of"),
    ],
)
def test_a_wrong_clock_is_told_once(date: str, told: str, caplog: pytest.LogCaptureFixture) -> None:
    """The first response that shows a wrong clock logs a warning that says which clock is behind."""
    with account(dated(date), clock=lambda: NOW) as client:
        client.get_balance()
        client.get_balance()
    assert [record.getMessage() for record in caplog.records] == [
        f"this machine's clock is {told} the API's: expiries follow the API's clock"
    ]


def test_threads_tell_of_a_wrong_clock_once(caplog: pytest.LogCaptureFixture) -> None:
    """Only one warning is logged, however many first responses arrive at once."""

    def slow_clock() -> datetime:
        time.sleep(0.02)
        return NOW

    told = dated("Mon, 01 Jun 2026 13:00:00 GMT")
    with account(told, clock=slow_clock) as client, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: client.get_balance(), range(4)))
    assert len(caplog.records) == 1


@pytest.mark.parametrize("status", [400, 422])
def test_a_wrong_clock_explains_a_refusal(status: int) -> None:
    """An expiry in this machine's future may be in the API's past: the error says how the clocks differ."""
    with account(dated("Mon, 01 Jun 2026 13:00:00 GMT", status), clock=lambda: NOW) as client:
        refusal(
            err.InvalidRequestError,
            client.get_balance,
            r"; this machine's clock is 60 minutes behind the API's\)$",
        )


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.create_key("n", expires_at=datetime(2030, 1, 1)),
        lambda client: client.update_key(7, {"expires_at": datetime(2030, 1, 1)}),
    ],
    ids=["create", "update"],
)
def test_an_expiry_without_an_offset_is_not_sent(call: Callable[[AccountClient], object]) -> None:
    """It would be a different instant on each machine, so it is an error of the program."""
    with account(lambda _: pytest.fail("it was sent")) as client:
        refusal(ValueError, lambda: call(client), "^2030-01-01T00:00:00 has no offset from UTC: ")


# --- unusable responses


@pytest.mark.parametrize(
    ("call", "request_line"),
    [(call, f"{method} {path.partition('?')[0]}") for call, method, path, *_ in REQUESTS],
)
def test_each_refusal_names_its_request(call: Call, request_line: str) -> None:
    """The method and the path are in the message."""
    assert str(refused(api_error(400, message="no"), err.InvalidRequestError, call)).startswith(request_line)


BROKEN_BODIES = [
    json.dumps(created_json()).encode()[:-1],
    json.dumps({**created_json(), "id": PLAINTEXT}).encode(),
    json.dumps({**created_json(), "created_at": PLAINTEXT}).encode(),
    json.dumps({**created_json(), "credit_limit": PLAINTEXT}).encode(),
    json.dumps({**created_json(), "is_enabled": PLAINTEXT}).encode(),
    json.dumps({**created_json(), "key": [PLAINTEXT]}).encode(),
    json.dumps([created_json()]).encode(),
    json.dumps(PLAINTEXT).encode(),
    PLAINTEXT.encode(),
    b"\xff" + PLAINTEXT.encode(),
]


@pytest.mark.parametrize("body", BROKEN_BODIES)
def test_a_plaintext_in_a_broken_answer_is_not_quoted(body: bytes) -> None:
    """The error about an unreadable response to a POST says what is wrong, and quotes none of it."""
    error = refused(httpx.Response(201, content=body), err.UnexpectedResponseError, create_key)
    assert str(error).startswith("POST /v1/account/keys: unexpected answer with status 201: ")
    assert error.status == 201


@pytest.mark.parametrize(
    ("change", "said"),
    [({"key": None}, "key: "), ({"key": ""}, "key: "), ({"id": "7"}, "id: "), ({"name": 5}, "name: ")],
)
def test_a_broken_answer_names_the_field(change: dict[str, object], said: str) -> None:
    """The error names the missing or invalid field."""
    answer = httpx.Response(201, json={**created_json(), **change})
    assert f"status 201: {said}" in str(refused(answer, err.UnexpectedResponseError, create_key))


@pytest.mark.parametrize("number", ["1e999999999", "-1e999999999", "1e-999999999", "1e400", "9" * 5000])
@pytest.mark.parametrize("field", ["credit_limit", "id"])
def test_a_number_out_of_range(field: str, number: str) -> None:
    """A number out of range makes the response unexpected, without a long computation."""
    body = json.dumps(created_json(**{field: "here"})).replace('"here"', number)
    error = refused(httpx.Response(201, text=body), err.UnexpectedResponseError, create_key)
    assert str(error) == "POST /v1/account/keys: unexpected answer with status 201: a number is out of range"


@pytest.mark.parametrize(
    "answer", [httpx.Response(200), httpx.Response(204), httpx.Response(200, html="<html>")]
)
def test_a_page_is_no_balance(answer: httpx.Response) -> None:
    """A 2xx without the documented body is an unexpected answer."""
    assert "the body is not JSON" in str(refused(answer, err.UnexpectedResponseError))


# --- lost responses

NEVER_SENT = [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError]
LOST: list[type[httpx.RequestError]] = [
    httpx.ReadTimeout, httpx.WriteTimeout, httpx.ReadError, httpx.WriteError, httpx.CloseError,
    httpx.RemoteProtocolError, httpx.LocalProtocolError, httpx.DecodingError,
]  # fmt: skip


def failing(kind: type[httpx.RequestError], words: str) -> AccountClient:
    """A client whose network fails."""

    def handle(request: httpx.Request) -> httpx.Response:
        raise kind(words)

    return account(handle)


@pytest.mark.parametrize("kind", NEVER_SENT)
def test_nothing_was_sent(kind: type[httpx.RequestError]) -> None:
    """If no connection was made, the error says so and names the endpoint."""
    with failing(kind, f"no\nway to {PROVISIONING_KEY}") as client:
        error = refusal(err.ConnectFailedError, client.get_balance)
    assert str(error) == f"cannot connect to {ENDPOINT}: no way to [provisioning key]"


@pytest.mark.parametrize("kind", LOST)
def test_the_answer_was_lost(kind: type[httpx.RequestError]) -> None:
    """If the request may have been carried out, the error says that the answer was lost."""
    with failing(kind, f"cut\noff {PROVISIONING_KEY}") as client:
        error = refusal(err.ResponseLostError, lambda: client.create_key("n"))
    assert str(error) == (
        f"POST /v1/account/keys: the answer was lost ({kind.__name__} cut off [provisioning key])"
    )


def test_half_a_body_is_a_lost_answer() -> None:
    """A response that breaks off counts as lost."""
    with account(lambda request: httpx.Response(200, stream=Broken())) as client:
        refusal(err.ResponseLostError, client.get_balance, "RemoteProtocolError")


def test_a_wrongly_packed_body_is_a_lost_answer() -> None:
    """A response that cannot be decompressed counts as lost."""

    def handle(request: httpx.Request) -> httpx.Response:
        stream = httpx.ByteStream(b"no gzip")
        return httpx.Response(201, headers={"Content-Encoding": "gzip"}, stream=stream)

    with account(handle) as client:
        refusal(err.ResponseLostError, lambda: client.create_key("n"), "DecodingError")
