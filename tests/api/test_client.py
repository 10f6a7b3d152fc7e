"""One method per endpoint: what is sent, what is read, and how a refusal is told."""

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
from pulumi_account.core.reservations import find_reservations
from pulumi_account.emulator import Emulator, Fault, Hang
from tests.support.canaries import PLAINTEXT, PROVISIONING_KEY, assert_clean
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

Call = Callable[[AccountClient], object]


def get_balance(client: AccountClient) -> object:
    """A call that any answer can be given to."""
    return client.get_balance()


def create_key(client: AccountClient) -> object:
    """A call whose answer holds a plaintext."""
    return client.create_key("n")


def exchange(call: Call, answer: httpx.Response) -> tuple[httpx.Request, object]:
    """What the call sends, and what it makes of the answer."""
    sent: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return answer

    with account(handle) as client:
        result = call(client)
    (request,) = sent
    return request, result


def refused(answer: httpx.Response, kind: type[err.AccountError], call: Call = get_balance) -> Any:
    """The error that an answer becomes."""
    return refusal(kind, lambda: exchange(call, answer))


def api_error(status: int, **error: object) -> httpx.Response:
    """A refusal in the API's own words."""
    return httpx.Response(status, json={"error": error})


# --- requests

REQUESTS: list[tuple[Call, str, str, Any, Any, Any]] = [
    (
        get_balance,
        "GET",
        "/v1/account/balance",
        None,
        {"balance": "125.50"},
        Balance(balance=Decimal("125.50")),
    ),
    (lambda c: c.get_activity(), "GET", "/v1/account/activity?days=30", None, activity_json(), Activity),
    (lambda c: c.get_activity(7), "GET", "/v1/account/activity?days=7", None, activity_json(), Activity),
    (lambda c: c.list_keys(), "GET", KEYS, None, {"keys": []}, []),
    (lambda c: c.get_key(7), "GET", f"{KEYS}/7", None, key_json(), Key),
    (
        create_key,
        "POST",
        KEYS,
        {"name": "n", "credit_limit": None, "expires_at": None},
        created_json(),
        CreatedKey,
    ),
    (
        lambda c: c.create_key("🔑", credit_limit=Decimal("10.00"), expires_at=NEW_YEAR),
        "POST",
        KEYS,
        {"name": "🔑", "credit_limit": 10, "expires_at": "2027-01-01T00:00:00Z"},
        created_json(),
        CreatedKey,
    ),
    (
        lambda c: c.update_key(7, {"credit_limit": Decimal("0.1"), "is_enabled": False}),
        "PATCH",
        f"{KEYS}/7",
        {"credit_limit": 0.1, "is_enabled": False},
        key_json(),
        Key,
    ),
    (
        lambda c: c.update_key(7, {"name": "n", "credit_limit": None, "expires_at": None}),
        "PATCH",
        f"{KEYS}/7",
        {"name": "n", "credit_limit": None, "expires_at": None},
        key_json(),
        Key,
    ),
    (
        lambda c: c.update_key(7, {"expires_at": NEW_YEAR}),
        "PATCH",
        f"{KEYS}/7",
        {"expires_at": "2027-01-01T00:00:00Z"},
        key_json(),
        Key,
    ),
    (lambda c: c.delete_key(7), "DELETE", f"{KEYS}/7", None, None, None),
]


@pytest.mark.parametrize(("call", "method", "path", "body", "answer", "result"), REQUESTS)
def test_requests(call: Call, method: str, path: str, body: Any, answer: Any, result: Any) -> None:
    """Each method sends its documented request and reads its documented answer."""
    response = httpx.Response(204) if answer is None else httpx.Response(200, json=answer)
    request, got = exchange(call, response)
    assert (request.method, str(request.url)) == (method, ENDPOINT + path)
    assert (json.loads(request.content) if request.content else None) == body
    assert isinstance(got, result) if isinstance(result, type) else got == result


def test_headers() -> None:
    """Requests carry the provisioning key and say which packing is unpacked, and a body says that it is JSON."""
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
    """Whole money is sent as an integer, other money with the digits that it has."""
    request, _ = exchange(
        lambda client: client.update_key(7, {"credit_limit": Decimal(money)}),
        httpx.Response(200, json=key_json()),
    )
    assert request.content.decode() == f'{{"credit_limit": {text}}}'


@pytest.mark.parametrize("status", [200, 201, 202, 206])
def test_any_2xx_makes_a_key(status: int) -> None:
    """Which 2xx a POST is answered with is not documented: any will do."""
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
    """A deletion that is answered with anything is not believed: the API answers with nothing."""
    refused(
        httpx.Response(status, content=body), err.UnexpectedResponseError, lambda client: client.delete_key(7)
    )


@pytest.mark.parametrize(
    "call", [lambda c: c.get_key(8), lambda c: c.update_key(8, {})], ids=["GET", "PATCH"]
)
def test_an_answer_about_another_key(call: Call) -> None:
    """A key that was not asked for is not taken for the one that was."""
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
    """A provisioning key that no header can hold is refused before anything is sent, and not quoted."""
    refusal(err.ConfigurationError, lambda: account(lambda request: httpx.Response(200), key))


def test_no_plain_http_to_another_machine() -> None:
    """The key is not sent in the clear."""
    refusal(err.ConfigurationError, lambda: AccountClient("http://account.invalid", PROVISIONING_KEY))


def test_retry_deadline_reaches_the_network() -> None:
    """A client tries its calls again for as long as it is told: with 0, once."""
    with AccountClient("http://127.0.0.1:1", PROVISIONING_KEY, retry_deadline=0) as client:
        refusal(err.ConnectFailedError, client.get_balance, r"^cannot connect to http://127\.0\.0\.1:1: ")


def test_timeout_reaches_the_network() -> None:
    """An attempt that gets no answer is given up when the client was told."""
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
        emulator.faults.add(Fault(Hang()))
        with AccountClient(emulator.url, PROVISIONING_KEY, retry_deadline=0, timeout=0.1) as client:
            refusal(err.ResponseLostError, client.get_balance, "ReadTimeout")


# --- clocks


def dated(date: str, status: int = 200) -> Handler:
    """Answers that tell the API's time."""
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
    """The present instant is that of the API's answers, where they tell one that is minutes away from ours."""
    with account(dated(date), clock=lambda: NOW) as client:
        assert client.now() == NOW
        client.get_balance()
        assert client.now() == there


@unhurried
@given(st.integers(0, 10_050), st.integers(-9999, 9999))
@example(8999, -2359)
def test_nothing_fails_by_any_date(year: int, offset: int) -> None:
    """Whatever year an answer names, a century can be counted from the present instant, both ways."""
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
    """Whose clock is wrong is warned of, at the first answer that shows it."""
    with account(dated(date), clock=lambda: NOW) as client:
        client.get_balance()
        client.get_balance()
    assert [record.getMessage() for record in caplog.records] == [
        f"this machine's clock is {told} the API's: expiries follow the API's clock"
    ]


def test_threads_tell_of_a_wrong_clock_once(caplog: pytest.LogCaptureFixture) -> None:
    """However many first answers come at a time, one warning is enough."""

    def slow_clock() -> datetime:
        time.sleep(0.02)
        return NOW

    told = dated("Mon, 01 Jun 2026 13:00:00 GMT")
    with account(told, clock=slow_clock) as client, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: client.get_balance(), range(4)))
    assert len(caplog.records) == 1


@pytest.mark.parametrize("status", [400, 422])
def test_a_wrong_clock_explains_a_refusal(status: int) -> None:
    """An expiry that lies ahead here may be past there: the error says how the clocks differ."""
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
    """It would be another instant on each machine: so it is a mistake of the program, and told there."""
    with account(lambda _: pytest.fail("it was sent")) as client:
        refusal(ValueError, lambda: call(client), "^2030-01-01T00:00:00 has no offset from UTC: ")


# --- reservations

RESERVED_NAME = "pulumi-account-reservation-" + "0f" * 16
RESERVED = {"name": RESERVED_NAME, "credit_limit": 0}
NOT_RESERVED: dict[str, dict[str, Any]] = {
    "another name": {"name": "production"},
    "fewer digits": {"name": RESERVED_NAME[:-1]},
    "more digits": {"name": f"{RESERVED_NAME}0"},
    "other digits": {"name": "pulumi-account-reservation-" + "0F" * 16},
    "a line break": {"name": f"{RESERVED_NAME}\n"},
    "can spend": {"credit_limit": 0.01},
    "has no limit": {"credit_limit": None},
    "never expires": {"expires_at": None},
}


def test_reservations_are_found() -> None:
    """What a crash left behind is found in one LIST."""
    keys = [key_json(id=1), key_json(id=2, **RESERVED), key_json(id=3, **RESERVED, is_enabled=False)]
    with account(lambda _: httpx.Response(200, json={"keys": keys})) as client:
        assert [key.id for key in find_reservations(client)] == [2, 3]


@pytest.mark.parametrize("change", NOT_RESERVED.values(), ids=NOT_RESERVED)
def test_nothing_else_is_a_reservation(change: dict[str, Any]) -> None:
    """A key that could be anybody's is never found: it may be in use."""
    keys = [key_json(**{**RESERVED, **change})]
    with account(lambda _: httpx.Response(200, json={"keys": keys})) as client:
        assert find_reservations(client) == []


# --- refusals

STATUSES = {
    400: err.InvalidRequestError,
    401: err.AuthenticationError,
    402: err.InsufficientCreditsError,
    403: err.PermissionDeniedError,
    404: err.NotFoundError,
    405: err.InvalidRequestError,
    409: err.InvalidRequestError,
    422: err.InvalidRequestError,
    429: err.RateLimitError,
    499: err.InvalidRequestError,
    500: err.ServerError,
    501: err.ServerError,
    502: err.ServerError,
    503: err.ServerError,
    504: err.ServerError,
    599: err.ServerError,
}


@pytest.mark.parametrize(("status", "kind"), STATUSES.items())
def test_each_status_has_its_error(status: int, kind: type[err.StatusError]) -> None:
    """A refusal says what was asked, what the API said, and the status."""
    error = refused(api_error(status, type="some_type", message="It says why."), kind)
    assert str(error).startswith(f"GET /v1/account/balance: It says why. (status {status}")
    assert (error.status, error.type) == (status, "some_type")


@pytest.mark.parametrize(
    ("call", "request_line"),
    [(call, f"{method} {path.partition('?')[0]}") for call, method, path, *_ in REQUESTS],
)
def test_each_refusal_names_its_request(call: Call, request_line: str) -> None:
    """The method and the path are in the message."""
    assert str(refused(api_error(400, message="no"), err.InvalidRequestError, call)).startswith(request_line)


BODIES: list[tuple[Any, str]] = [
    ({"json": {"error": {"type": "t", "message": "Because."}}}, "Because."),
    ({"json": {"error": {"type": "t"}}}, "t"),
    ({"json": {"error": {"message": {"en": "Because."}}}}, '{"en": "Because."}'),
    ({"json": {"error": {}}}, "no message, but application/json"),
    ({"json": {"error": "Because."}}, "Because."),
    ({"json": {"error": None, "detail": "Because."}}, "Because."),
    ({"json": {"error": 0.5}}, '"0.5"'),
    ({"json": {"detail": "Because."}}, "Because."),
    ({"json": {"detail": [{"loc": ["body", "name"], "msg": "too long"}]}}, "name: too long"),
    (
        {
            "json": {
                "detail": [
                    {"loc": ["body", "a"], "msg": "Input should be greater than or equal to 0", "input": -1},
                    {"loc": ["body", "b", 1], "msg": "String should have at most 255 characters"},
                    {"loc": ["query", "c"], "msg": "Field required"},
                    {"loc": ["body"], "msg": "Value error, it rains"},
                    {"msg": "Assertion failed, it snows"},
                ]
            }
        },
        "a: must be greater than or equal to 0; b.1: must have at most 255 characters; c: is missing; "
        "it rains; it snows (",
    ),
    ({"json": {"detail": [{"loc": 5, "msg": "no"}, {"msg": 5}]}}, '[{"loc": 5, "msg": "no"}, {"msg": 5}]'),
    ({"json": {"detail": ["中文"]}}, '["中文"]'),
    ({"json": {"detail": {"message": "Because."}}}, "Because."),
    ({"json": {"error": {"code": 5}}}, '{"code": 5}'),
    ({"json": {}}, "no message, but application/json"),
    ({"json": []}, "no message, but application/json"),
    ({"content": b"null"}, "no message, but a body without a type"),
    ({"json": {"error": {"message": " \n\x00 "}}}, "a blank message"),
    ({"html": "<html><h1>Bad Gateway</h1></html>"}, "no message, but text/html"),
    ({"content": b'{"error": '}, "no message, but a body without a type"),
    ({"content": b"\xff\xfe"}, "no message, but a body without a type"),
    ({"content": b'{"error": 1e99999999999999999999}'}, "no message, but a body without a type"),
    ({"content": b""}, "an empty body"),
]


@pytest.mark.parametrize(("body", "said"), BODIES)
@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
def test_any_body_gives_a_readable_message(body: Any, said: str, status: int) -> None:
    """The documented error, FastAPI's, a page, garbage and nothing at all: each is told in one line."""
    error = refused(httpx.Response(status, **body), STATUSES[status])
    assert str(error).startswith(f"GET /v1/account/balance: {said}")
    assert f"(status {status}" in str(error)


@pytest.mark.parametrize("body", [body for body, _ in BODIES])
def test_only_the_api_can_say_that_a_key_is_gone(body: Any) -> None:
    """404 means "no such key" in the API's own words alone; a proxy or a wrong endpoint says 404 as well."""
    document = body.get("json")
    own = isinstance(document, dict) and isinstance(document.get("error"), dict)
    error = refused(httpx.Response(404, **body), err.NotFoundError if own else err.UnexpectedResponseError)
    assert error.status == 404
    assert own or f"is {ENDPOINT} its endpoint?" in str(error)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    """A redirect is an unexpected answer: the key goes nowhere else."""
    answer = httpx.Response(status, headers={"Location": "https://elsewhere.invalid/"})
    error = refused(answer, err.UnexpectedResponseError)  # `exchange` has seen one request only
    assert error.status == status


def test_advice_for_401() -> None:
    """A wrong key is told what it may be."""
    error = refused(api_error(401, message="Invalid key."), err.AuthenticationError)
    assert str(error).endswith(
        "(status 401; check the provisioning key: the API refuses inference keys here)"
    )


@pytest.mark.parametrize("value", ["5", "Fri, 01 Jan 2027 00:00:00 GMT"])
def test_retry_after_is_told(value: str) -> None:
    """A 429 that lasts says for how long the API asks to wait."""
    answer = httpx.Response(429, headers={"Retry-After": value}, json={"error": {"message": "Slow down."}})
    assert str(refused(answer, err.RateLimitError)).endswith(f"Slow down. (status 429; Retry-After: {value})")


@pytest.mark.parametrize("type_", [None, 5, ["t"], {"a": 1}])
def test_a_type_that_is_no_text(type_: object) -> None:
    """The API's machine-readable word is a text or nothing."""
    assert refused(api_error(400, type=type_, message="no"), err.InvalidRequestError).type is None


def test_long_messages_are_cut() -> None:
    """A message is at most about 300 characters of somebody else's words."""
    error = refused(api_error(400, message="word " * 10_000), err.InvalidRequestError)
    assert len(str(error)) < 400
    assert "… (status 400)" in str(error)


def test_deep_bodies_are_survived() -> None:
    """However deep a body is nested, an error of this package comes of it."""
    for depth in (10, 100, 300, 500, 700, 900, 950, 980, 1000, 2000, 100_000):
        for document in ('{"detail": %s}', '{"error": {"message": %s}}', "%s"):
            body = (document % ("[" * depth + "]" * depth)).encode()
            refused(httpx.Response(500, content=body), err.ServerError)
            refused(httpx.Response(200, content=body), err.UnexpectedResponseError)


# --- credentials

WORDS = st.text(max_size=30)
ECHO = st.builds(
    lambda before, key, after: before + key + after,
    WORDS,
    st.sampled_from([PROVISIONING_KEY, f"Bearer {PROVISIONING_KEY}\r\n", f"{PROVISIONING_KEY}\0"]),
    WORDS,
)
ECHOES = st.recursive(
    ECHO, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(ECHO, inner, max_size=2), max_leaves=3
)


@unhurried
@given(
    st.sampled_from([400, 401, 404, 429, 500, 302]),
    st.fixed_dictionaries({"type": ECHOES, "message": ECHOES}) | ECHOES,
    st.sampled_from(["error", "detail"]),
)
def test_an_echoed_key_is_told_to_nobody(status: int, said: object, where: str) -> None:
    """Even if the server echoes the provisioning key, no error shows it, nor a line break."""
    answer = httpx.Response(status, json={where: said}, headers={"Retry-After": PROVISIONING_KEY})
    kind = STATUSES.get(status, err.UnexpectedResponseError)
    if status == 404 and not (where == "error" and isinstance(said, dict)):
        kind = err.UnexpectedResponseError
    refused(answer, kind)


@pytest.mark.parametrize("inserted", ["\u200b", "\0", "\x1b", "\u202e", "\u2060"])
def test_an_echoed_key_in_disguise(inserted: str) -> None:
    """Leaving out what cannot be printed does not bring the key to light."""
    echo = inserted.join(PROVISIONING_KEY)
    assert "[provisioning key]" in str(refused(api_error(400, message=echo), err.InvalidRequestError))


@unhurried
@given(
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\"'\\"), min_size=8),
    st.booleans(),
)
def test_any_echoed_key_is_hidden(key: str, nested: bool) -> None:
    """Whatever the key is made of, its echo is not shown."""
    said = [key] if nested else key
    with account(lambda request: httpx.Response(400, json={"detail": said}), key) as client:
        error = refusal(err.InvalidRequestError, client.get_balance)
    assert str(error).count("[provisioning key]") == 1


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
    """An answer to POST that cannot be read says what is wrong with it, and not what was in it."""
    error = refused(httpx.Response(201, content=body), err.UnexpectedResponseError, create_key)
    assert str(error).startswith("POST /v1/account/keys: unexpected answer with status 201: ")
    assert error.status == 201


@pytest.mark.parametrize(
    ("change", "said"),
    [({"key": None}, "key: "), ({"key": ""}, "key: "), ({"id": "7"}, "id: "), ({"name": 5}, "name: ")],
)
def test_a_broken_answer_names_the_field(change: dict[str, object], said: str) -> None:
    """What is missing or wrong in an answer is named."""
    answer = httpx.Response(201, json={**created_json(), **change})
    assert f"status 201: {said}" in str(refused(answer, err.UnexpectedResponseError, create_key))


@pytest.mark.parametrize("number", ["1e999999999", "-1e999999999", "1e-999999999", "1e400", "9" * 5000])
@pytest.mark.parametrize("field", ["credit_limit", "id"])
def test_a_number_out_of_range(field: str, number: str) -> None:
    """A number that nothing can compute with is an unexpected answer, at once."""
    body = json.dumps(created_json(**{field: "here"})).replace('"here"', number)
    error = refused(httpx.Response(201, text=body), err.UnexpectedResponseError, create_key)
    assert str(error) == "POST /v1/account/keys: unexpected answer with status 201: a number is out of range"


@pytest.mark.parametrize(
    "answer", [httpx.Response(200), httpx.Response(204), httpx.Response(200, html="<html>")]
)
def test_a_page_is_no_balance(answer: httpx.Response) -> None:
    """A 2xx without the documented body is an unexpected answer."""
    assert "the body is not JSON" in str(refused(answer, err.UnexpectedResponseError))


# --- no answer

NEVER_SENT = [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError]
LOST: list[type[httpx.RequestError]] = [
    httpx.ReadTimeout,
    httpx.WriteTimeout,
    httpx.ReadError,
    httpx.WriteError,
    httpx.CloseError,
]
LOST += [httpx.RemoteProtocolError, httpx.LocalProtocolError, httpx.DecodingError]


def failing(kind: type[httpx.RequestError], words: str) -> AccountClient:
    """A client whose network fails."""

    def handle(request: httpx.Request) -> httpx.Response:
        raise kind(words)

    return account(handle)


@pytest.mark.parametrize("kind", NEVER_SENT)
def test_nothing_was_sent(kind: type[httpx.RequestError]) -> None:
    """Where no connection was made, the error says so and names the endpoint."""
    with failing(kind, f"no\nway to {PROVISIONING_KEY}") as client:
        error = refusal(err.ConnectFailedError, client.get_balance)
    assert str(error) == f"cannot connect to {ENDPOINT}: no way to [provisioning key]"


@pytest.mark.parametrize("kind", LOST)
def test_the_answer_was_lost(kind: type[httpx.RequestError]) -> None:
    """Where the request may have been carried out, the error says that the answer was lost."""
    with failing(kind, f"cut\noff {PROVISIONING_KEY}") as client:
        error = refusal(err.ResponseLostError, lambda: client.create_key("n"))
    assert str(error) == (
        f"POST /v1/account/keys: the answer was lost ({kind.__name__} cut off [provisioning key])"
    )


def test_half_a_body_is_a_lost_answer() -> None:
    """An answer that breaks off is a lost one."""
    with account(lambda request: httpx.Response(200, stream=Broken())) as client:
        refusal(err.ResponseLostError, client.get_balance, "RemoteProtocolError")


def test_a_wrongly_packed_body_is_a_lost_answer() -> None:
    """An answer that cannot be unpacked is a lost one."""

    def handle(request: httpx.Request) -> httpx.Response:
        stream = httpx.ByteStream(b"no gzip")
        return httpx.Response(201, headers={"Content-Encoding": "gzip"}, stream=stream)

    with account(handle) as client:
        refusal(err.ResponseLostError, lambda: client.create_key("n"), "DecodingError")
