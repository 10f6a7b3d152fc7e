"""The emulator answers as the account API is documented to."""

from __future__ import annotations

import json
import logging
import re
import socket
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from http.client import HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pulumi_account.emulator as package
from pulumi_account.emulator import Emulator, StoreError
from pulumi_account.emulator.middleware import MOST_BYTES
from pulumi_account.emulator.server import ServerThread, listen
from tests.support.helpers import mode, umask
from tools.rooms import imports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[..., tuple[Emulator, httpx.Client]]

PROVISIONING, INFERENCE = "prov-1", "inference-1"
KEYS = "/v1/account/keys"
FAR = "2099-01-01T00:00:00+00:00"
ACCOUNT_CALLS = [
    ("GET", "/v1/account/balance"),
    ("GET", "/v1/account/activity"),
    ("GET", KEYS),
    ("POST", KEYS),
    ("GET", KEYS + "/1"),
    ("PATCH", KEYS + "/1"),
    ("DELETE", KEYS + "/1"),
]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts emulators, each with a client that holds the provisioning key, and ends them all."""
    opened: list[tuple[Emulator, httpx.Client]] = []

    def start(**options: Any) -> tuple[Emulator, httpx.Client]:
        emulator = Emulator(provisioning_key=PROVISIONING, inference_key=INFERENCE, **options)
        emulator.start()
        opened.append((emulator, client_of(emulator)))
        return opened[-1]

    yield start
    for emulator, client in opened:
        client.close()
        emulator.stop()


@pytest.fixture
def emulator(start: Start) -> Emulator:
    """An emulator as it is by default, with the documentation's balance."""
    return start(balance="125.50")[0]


@pytest.fixture
def client(emulator: Emulator) -> Iterator[httpx.Client]:
    """A client of it, with the provisioning key."""
    with client_of(emulator) as client:
        yield client


@pytest.fixture(scope="module")
def shared() -> Iterator[httpx.Client]:
    """A client of one emulator for many requests: the property tests make hundreds."""
    with Emulator(provisioning_key=PROVISIONING) as emulator, client_of(emulator) as client:
        yield client


def client_of(emulator: Emulator, bearer: str = PROVISIONING) -> httpx.Client:
    """A client with this key; it loads no certificates, which would take longer than most tests."""
    headers = {"Authorization": f"Bearer {bearer}"}
    return httpx.Client(base_url=emulator.url, headers=headers, trust_env=False, verify=False)


def assert_error(response: httpx.Response, status: int, kind: str) -> str:
    """The response is a documented refusal; gives its message."""
    assert response.status_code == status
    document = response.json()
    assert list(document) == ["error"]
    assert document["error"]["type"] == kind
    message = document["error"]["message"]
    assert isinstance(message, str)
    assert message
    return message


# Balance


def test_the_balance_is_the_documented_string(client: httpx.Client) -> None:
    """The balance is a decimal string, digit for digit."""
    assert client.get("/v1/account/balance").text == '{"balance":"125.50"}'


def test_the_balance_can_be_set(emulator: Emulator, client: httpx.Client) -> None:
    """A new balance is seen at once, with its zeros."""
    emulator.balance = Decimal("7.100")
    assert client.get("/v1/account/balance").json() == {"balance": "7.100"}
    assert emulator.balance == "7.100"


@pytest.mark.parametrize("amount", ["much", "NaN", float("inf")])
def test_a_balance_is_a_number(amount: Any) -> None:
    """What is no finite number is refused as a balance before anything starts."""
    with pytest.raises(ValueError, match="amount"):
        Emulator(balance=amount)


# Keys


def test_a_created_key_is_shown_once(emulator: Emulator, client: httpx.Client) -> None:
    """POST gives the documented fields, a plaintext and a message; nothing gives the plaintext again."""
    response = client.post(KEYS, json={"name": "ci", "credit_limit": 10, "expires_at": FAR})
    assert response.status_code == 201
    created = response.json()
    plaintext, message = created.pop("key"), created.pop("message")
    assert list(created) == ["id", "name", "created_at", "expires_at", "is_enabled", "credit_limit"]
    assert (created["id"], created["name"], created["is_enabled"], created["credit_limit"]) == (
        1,
        "ci",
        True,
        10,
    )
    assert emulator.key_of(plaintext) == 1
    assert message
    for path in (KEYS, KEYS + "/1"):
        assert plaintext not in client.get(path).text


def test_get_and_list_give_the_same_key(client: httpx.Client) -> None:
    """A key reads the same alone and in the list."""
    client.post(KEYS, json={"name": "one", "credit_limit": 2.5})
    assert client.get(KEYS).json() == {"keys": [client.get(KEYS + "/1").json()]}


def test_the_list_holds_all_keys_by_id(emulator: Emulator, client: httpx.Client) -> None:
    """Nothing is paged or left out: same names, expired and disabled keys are all there, by id."""
    emulator.add("same", expires_at="2001-01-01T00:00:00Z")
    emulator.add("same", is_enabled=False)
    ids = [client.post(KEYS, json={"name": "same"}).json()["id"] for _ in range(100)]
    assert [key["id"] for key in client.get(KEYS).json()["keys"]] == [1, 2, *ids]


def test_an_empty_account_has_an_empty_list(client: httpx.Client) -> None:
    """No keys are an empty list."""
    assert client.get(KEYS).text == '{"keys":[]}'


def test_post_takes_no_is_enabled(client: httpx.Client) -> None:
    """A key is always created enabled, and unknown fields are ignored."""
    created = client.post(KEYS, json={"name": "x", "is_enabled": False, "colour": "red"})
    assert created.json()["is_enabled"] is True


def test_patch_changes_what_is_given(client: httpx.Client) -> None:
    """PATCH answers with the whole key; what is omitted stays."""
    client.post(KEYS, json={"name": "old", "credit_limit": 5, "expires_at": FAR})
    before = client.get(KEYS + "/1").json()
    after = client.patch(KEYS + "/1", json={"name": "new", "is_enabled": False})
    assert after.status_code == 200
    assert after.json() == {**before, "name": "new", "is_enabled": False}
    assert client.get(KEYS + "/1").json() == after.json()


def test_patch_with_null(client: httpx.Client) -> None:
    """Null removes a limit and an expiry, and leaves name and state alone."""
    client.post(KEYS, json={"name": "old", "credit_limit": 5, "expires_at": FAR})
    before = client.get(KEYS + "/1").json()
    nothing: dict[str, None] = dict.fromkeys(["name", "is_enabled", "credit_limit", "expires_at"])
    after = client.patch(KEYS + "/1", json=nothing).json()
    assert after == {**before, "credit_limit": None, "expires_at": None}


def test_patch_without_changes(client: httpx.Client) -> None:
    """An empty PATCH is no error and changes nothing."""
    client.post(KEYS, json={"name": "same"})
    before = client.get(KEYS + "/1").json()
    response = client.patch(KEYS + "/1", json={"colour": "red"})
    assert (response.status_code, response.json()) == (200, before)


def test_delete_is_for_good(emulator: Emulator, client: httpx.Client) -> None:
    """DELETE answers 204 with no body, and the plaintext unlocks nothing any more."""
    plaintext = client.post(KEYS, json={"name": "x"}).json()["key"]
    response = client.delete(KEYS + "/1")
    assert (response.status_code, response.content) == (204, b"")
    assert emulator.key_of(plaintext) is None
    assert_error(client.delete(KEYS + "/1"), 404, "not_found_error")


def test_ids_never_come_back(client: httpx.Client) -> None:
    """The id of a deleted key is not given to a new one."""
    client.post(KEYS, json={"name": "first"})
    client.delete(KEYS + "/1")
    assert client.post(KEYS, json={"name": "second"}).json()["id"] == 2


@pytest.mark.parametrize("key_id", ["1", "0", "-1", str(2**63 - 1), str(2**63), "9" * 5000])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_unknown_key(shared: httpx.Client, method: str, key_id: str) -> None:
    """An id no key has is answered 404 with the API's own error, however large it is."""
    response = shared.request(method, f"{KEYS}/{'404' if key_id == '1' else key_id}", content=b"{}")
    assert_error(response, 404, "not_found_error")


@pytest.mark.parametrize("key_id", ["abc", "1.0", "1e3", "٣", "%20", "0x1", "+1"])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_key_id_is_an_integer(shared: httpx.Client, method: str, key_id: str) -> None:
    """An id that is no integer is a validation error, not an unknown key."""
    assert_error(shared.request(method, f"{KEYS}/{key_id}", content=b"{}"), 422, "validation_error")


@pytest.mark.parametrize("path", ["/", "/v1/account", KEYS + "/", KEYS + "/1/2", "/v2/account/keys"])
def test_an_unknown_path_is_not_an_unknown_key(client: httpx.Client, path: str) -> None:
    """An unknown path is refused by the framework, in its own words, and never redirected."""
    response = client.get(path)
    assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})


@pytest.mark.parametrize(("method", "path"), [("PUT", KEYS), ("POST", KEYS + "/1"), ("DELETE", KEYS)])
def test_an_unknown_method(client: httpx.Client, method: str, path: str) -> None:
    """A method a path does not have is answered 405 and told which it has."""
    response = client.request(method, path)
    assert (response.status_code, response.json()) == (405, {"detail": "Method Not Allowed"})
    assert "GET" in response.headers["Allow"]


# Money


@pytest.mark.parametrize(
    "literal", ["0", "10", "10.50", "0.1", "0.30000000000000004441", "12345678901234567890.01", "1E-7"]
)
def test_a_limit_keeps_its_digits(emulator: Emulator, client: httpx.Client, literal: str) -> None:
    """A limit is never rounded: not on the way in, not in the database, not on the way out."""
    written = format(Decimal(literal), "f")
    client.post(KEYS, content=f'{{"name":"x","credit_limit":{literal}}}')
    assert emulator.keys()[0]["credit_limit"] == Decimal(literal)
    assert f'"credit_limit":{written}}}' in client.get(KEYS + "/1").text


def test_minus_zero_is_zero(client: httpx.Client) -> None:
    """A limit of -0.0 is at least 0, and has no sign when it comes back."""
    created = client.post(KEYS, content=b'{"name":"x","credit_limit":-0.0}')
    assert '"credit_limit":0.0,' in created.text


# Who may call


@pytest.mark.parametrize(("method", "path"), ACCOUNT_CALLS)
def test_a_key_is_needed(emulator: Emulator, method: str, path: str) -> None:
    """Without a key every operation is refused before anything else is looked at."""
    with httpx.Client(base_url=emulator.url) as nobody:
        response = nobody.request(method, path, content=b"no json")
    assert_error(response, 401, "authentication_error")
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), ACCOUNT_CALLS)
def test_an_inference_key_is_the_wrong_kind(emulator: Emulator, method: str, path: str) -> None:
    """Keys that were issued or are known as inference keys are refused with a message of their own."""
    issued = emulator.add("x")[1]
    for bearer in (issued, INFERENCE):
        with client_of(emulator, bearer) as user:
            message = assert_error(user.request(method, path), 401, "authentication_error")
        assert "inference key" in message.lower()
        assert bearer not in message


def first_answer(emulator: Emulator, *headers: str, body: bytes = b"") -> tuple[int, str]:
    """What a POST is answered with before its body has come to its end."""
    url = httpx.URL(emulator.url)
    head = "\r\n".join([f"POST {KEYS} HTTP/1.1", "Host: localhost", *headers, "", ""])
    with socket.create_connection((url.host, url.port or 0), timeout=20) as connection:
        connection.sendall(head.encode() + body)
        answer = HTTPResponse(connection, method="POST")
        answer.begin()
        return answer.status, answer.read().decode()


@pytest.mark.parametrize(
    "length",
    ["Content-Length: 150000000", "Transfer-Encoding: chunked", "Content-Length: 9\r\nExpect: 100-continue"],
)
def test_a_strangers_body_is_not_read(emulator: Emulator, length: str) -> None:
    """Who has no key is refused at once, however long the body is going to be."""
    for bearer in ("Authorization: Bearer wrong", "X: no key"):
        assert first_answer(emulator, bearer, length)[0] == 401


@pytest.mark.parametrize(
    ("length", "body"),
    [
        (f"Content-Length: {MOST_BYTES + 1}", b""),
        ("Content-Length: 150000000\r\nExpect: 100-continue", b""),
        ("Transfer-Encoding: chunked", b"110000\r\n" + b"x" * 0x110000),
        ("Transfer-Encoding: chunked", (b"1000\r\n" + b"x" * 0x1000 + b"\r\n") * 257),
    ],
)
def test_a_long_body_is_refused(emulator: Emulator, length: str, body: bytes) -> None:
    """As soon as it is known to be too long, its end is not waited for, and none of it is kept."""
    status, answer = first_answer(emulator, f"Authorization: Bearer {PROVISIONING}", length, body=body)
    assert status == 413
    assert "longer than 1048576 bytes" in answer
    assert [(call.status, call.body) for call in emulator.calls] == [(413, b"")]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_sends_a_long_body_to_its_end(
    client: httpx.Client, emulator: Emulator, chunked: bool
) -> None:
    """Gets the refusal, whatever it is refused for, and can go on over the same connection."""
    body = b"x" * (8 * MOST_BYTES)
    for bearer, status in ((PROVISIONING, 413), ("wrong", 401)):
        headers = {"Authorization": f"Bearer {bearer}"}
        response = client.post(KEYS, content=iter([body]) if chunked else body, headers=headers)
        assert response.status_code == status
    assert client.get(KEYS).status_code == 200


def test_the_longest_body_is_read(client: httpx.Client) -> None:
    """Up to the limit it is the API that judges."""
    body = json.dumps({"name": "x"}).encode()
    assert client.post(KEYS, content=body.ljust(MOST_BYTES)).status_code == 201
    assert client.post(KEYS, content=body.ljust(MOST_BYTES + 1)).status_code == 413


def test_a_deleted_key_is_unknown(emulator: Emulator) -> None:
    """The plaintext of a deleted key is no inference key any more, just an unknown one."""
    key_id, plaintext = emulator.add("x")
    emulator.remove(key_id)
    with client_of(emulator, plaintext) as user:
        assert "not valid" in assert_error(user.get(KEYS), 401, "authentication_error")


@pytest.mark.parametrize(
    "header",
    [b"prov-1", b"Basic prov-1", b"Bearer", b"Bearer prov-11", b"Bearer \xff\xfe", b""],
)
def test_malformed_and_unknown_keys(emulator: Emulator, header: bytes) -> None:
    """Everything else is refused, and nothing of it comes back in the answer."""
    response = httpx.get(emulator.url + KEYS, headers=[(b"Authorization", header)], trust_env=False)
    assert "prov-1" not in assert_error(response, 401, "authentication_error")


def test_the_scheme_has_no_case(emulator: Emulator) -> None:
    """`bearer` is as good as `Bearer`: HTTP's schemes have no case."""
    response = httpx.get(emulator.url + KEYS, headers={"Authorization": "bearer prov-1"}, trust_env=False)
    assert response.status_code == 200


def test_several_provisioning_keys() -> None:
    """Each of several provisioning keys may manage the account."""
    with Emulator(provisioning_key=["a", "b"]) as emulator:
        assert emulator.provisioning_key == "a"
        for bearer in ("a", "b"):
            with client_of(emulator, bearer) as client:
                assert client.get(KEYS).status_code == 200


def test_credentials_are_not_logged(
    emulator: Emulator, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    """At the most talkative level, neither kind of key is in the log."""
    caplog.set_level(logging.DEBUG)
    plaintext = client.post(KEYS, json={"name": "x"}).json()["key"]
    with client_of(emulator, plaintext) as user:
        user.get(KEYS)
    assert caplog.text  # httpx's own lines at least: the log is being watched
    assert plaintext not in caplog.text
    assert PROVISIONING not in caplog.text


def test_plaintexts_are_not_stored(start: Start, tmp_path: Path) -> None:
    """No file of the database holds a plaintext."""
    emulator, client = start(db=tmp_path / "keys.db")
    plaintext = client.post(KEYS, json={"name": "findable-name"}).json()["key"]
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"findable-name" in stored
    assert plaintext.encode() not in stored
    assert plaintext not in str(emulator.keys())


# Validation

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
good_names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255)
# Real zones had offsets with seconds before there were standard times; ISO 8601 has no such offsets.
offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
future = st.datetimes(datetime(2090, 1, 1), datetime(9998, 1, 1), timezones=offsets)


@settings(deadline=None)
@given(good_names)
def test_any_name_of_1_to_255_characters(shared: httpx.Client, name: str) -> None:
    """Every text of 1 to 255 characters is a name and comes back as it is."""
    created = shared.post(KEYS, json={"name": name})
    assert created.status_code == 201
    key_id = created.json()["id"]
    assert shared.get(f"{KEYS}/{key_id}").json()["name"] == name
    shared.delete(f"{KEYS}/{key_id}")


bad_names: list[Any] = ["", "x" * 256, 7, True, [], {}, ["name"], "\ud800"]
bad_values: dict[str, list[Any]] = {
    "name": bad_names,
    "is_enabled": [0, 1, "true", "", [], {}],
    "credit_limit": [-1, -0.01, True, False, "10", "", [], {}],
    "expires_at": [0, 4102444800, True, "", "tomorrow", [], {}],
}


@pytest.mark.parametrize("name", [*bad_names, None])
def test_bad_names(shared: httpx.Client, name: Any) -> None:
    """A name of another length or type is refused by POST, and so is none at all."""
    assert "name" in assert_error(post_ascii(shared, {"name": name}), 422, "validation_error")
    assert_error(post_ascii(shared, {}), 422, "validation_error")


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in bad_values.items() for value in values],
)
def test_bad_changes(start: Start, field: str, value: Any) -> None:
    """PATCH has the rules of POST, and a refused PATCH changes nothing."""
    emulator, client = start()
    emulator.add("x", credit_limit=3)
    before = emulator.keys()
    body = json.dumps({"name": "changed", field: value} if field != "name" else {field: value})
    message = assert_error(client.patch(KEYS + "/1", content=body), 422, "validation_error")
    assert field in message
    assert emulator.keys() == before


@settings(deadline=None)
@given(json_values)
def test_limits(shared: httpx.Client, value: Any) -> None:
    """A limit is null or a number of at least 0; any other JSON value is refused."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    accepted = value is None or (number and value >= 0)
    response = shared.post(KEYS, json={"name": "x", "credit_limit": value})
    assert response.status_code == (201 if accepted else 422)
    if accepted:
        limit = response.json()["credit_limit"]
        assert limit is value is None or Decimal(str(limit)) == Decimal(str(value))


@pytest.mark.parametrize("literal", ["1e999999999", "1e-999999999", "1" * 4000 + "e401", "-1e-300"])
def test_absurd_limits(shared: httpx.Client, literal: str) -> None:
    """Numbers that would be gigabytes when written out are refused, not stored."""
    response = shared.post(KEYS, content=f'{{"name":"x","credit_limit":{literal}}}')
    assert_error(response, 422, "validation_error")


@settings(deadline=None)
@given(future)
def test_expiries_in_any_offset(shared: httpx.Client, moment: datetime) -> None:
    """An instant in the future is kept, whatever offset it is written in."""
    response = shared.post(KEYS, json={"name": "x", "expires_at": moment.isoformat()})
    assert response.status_code == 201
    stored = datetime.fromisoformat(response.json()["expires_at"]).replace(tzinfo=timezone.utc)
    assert stored == moment


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2099-01-01T00:00Z", "2099-01-01T00:00:00.000000"),
        ("2099-01-01t00:00:00z", "2099-01-01T00:00:00.000000"),
        ("2099-01-01 00:00:00+00:00", "2099-01-01T00:00:00.000000"),
        ("2099-01-01T00:00:00.5+0130", "2098-12-31T22:30:00.500000"),
        ("2099-01-01T00:00:00,1234569-02", "2099-01-01T02:00:00.123456"),
    ],
)
def test_spellings_of_an_instant(shared: httpx.Client, text: str, instant: str) -> None:
    """All of ISO 8601's usual spellings are understood."""
    created = shared.post(KEYS, json={"name": "x", "expires_at": text})
    assert created.json()["expires_at"] == instant


@pytest.mark.parametrize(
    "text",
    [
        "2099-01-01T00:00:00",
        "2099-01-01",
        "2099-02-30T00:00:00Z",
        "2099-01-01T24:00:00Z",
        "2099-01-01T00:00:60Z",
        "2099-01-01T00:00:00+24:00",
        "2099-01-01T00:00:00+01:60",
        "9999-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00+01:00",
        "2001-01-01T00:00:00Z",
        "2099-01-01T00:00:00Z\n",
        "٢099-01-01T00:00:00Z",
        "4102444800",
    ],
)
def test_bad_expiries(shared: httpx.Client, text: str) -> None:
    """No offset, no such date, out of the calendar, or in the past: refused."""
    response = shared.post(KEYS, json={"name": "x", "expires_at": text})
    assert "expires_at" in assert_error(response, 422, "validation_error")


def test_the_future_begins_at_the_servers_clock(start: Start) -> None:
    """Whether an expiry is past is decided by the server's clock, not the client's."""
    emulator, client = start(clock_offset=3600)
    in_a_minute = (datetime.now(timezone.utc) + timedelta(minutes=1)).isoformat()
    assert_error(client.post(KEYS, json={"name": "x", "expires_at": in_a_minute}), 422, "validation_error")
    emulator.clock.advance(timedelta(hours=-1))
    assert client.post(KEYS, json={"name": "x", "expires_at": in_a_minute}).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"name"',
        b"null",
        b"1",
        b"\xff\xfe\xfa",
        b'{"name":"x","credit_limit":NaN}',
        b'{"name":"x","credit_limit":Infinity}',
        b'{"name":"x","credit_limit":1e99999999999999999999}',
        b"[" * 200_000,
        b"9" * 5000,
    ],
    ids=range(12),
)
@pytest.mark.parametrize(("method", "path"), [("POST", KEYS), ("PATCH", KEYS + "/1")])
def test_bodies_that_are_no_object(shared: httpx.Client, method: str, path: str, body: bytes) -> None:
    """A body that is no JSON object is an invalid request."""
    assert_error(shared.request(method, path, content=body), 400, "invalid_request_error")


@settings(deadline=None)
@given(st.binary() | json_values.map(json.dumps).map(str.encode))
def test_no_body_breaks_the_server(shared: httpx.Client, body: bytes) -> None:
    """Whatever is sent, the server answers with a documented refusal or does what was asked."""
    response = shared.post(KEYS, content=body)
    assert response.status_code in (201, 400, 422)


@pytest.mark.parametrize("days", ["0", "31", "-1", "abc", "", "1.5", "\uff11", "9" * 5000])
def test_bad_days(shared: httpx.Client, days: str) -> None:
    """Days are an integer from 1 to 30."""
    response = shared.get("/v1/account/activity", params={"days": days})
    assert "days" in assert_error(response, 422, "validation_error")


def post_ascii(client: httpx.Client, document: Any) -> httpx.Response:
    """POST with every character escaped, which is the only way to send half a surrogate pair."""
    return client.post(KEYS, content=json.dumps(document))


# Where the documentation is silent


@pytest.mark.parametrize("status", [200, 201])
def test_the_status_of_post(start: Start, status: int) -> None:
    """POST's status can be either of the two it may be."""
    _, client = start(create_status=status)
    assert client.post(KEYS, json={"name": "x"}).status_code == status


@pytest.mark.parametrize(("status", "kind"), [(400, "invalid_request_error"), (422, "validation_error")])
def test_the_status_of_invalid_values(start: Start, status: int, kind: str) -> None:
    """An invalid value's status can be either of the two it may be."""
    _, client = start(validation_status=status)
    assert_error(client.post(KEYS, json={"name": ""}), status, kind)


@pytest.mark.parametrize(
    ("style", "fractions", "created", "expires"),
    [
        ("naive", True, r"\.\d{6}", "2099-01-01T00:00:00.250000"),
        ("naive", False, "", "2099-01-01T00:00:00"),
        ("Z", True, r"\.\d{6}Z", "2099-01-01T00:00:00.250000Z"),
        ("Z", False, "Z", "2099-01-01T00:00:00Z"),
        ("offset", True, r"\.\d{6}\+00:00", "2099-01-01T00:00:00.250000+00:00"),
        ("offset", False, r"\+00:00", "2099-01-01T00:00:00+00:00"),
        ("sent", True, r"\.\d{6}", "2099-01-01T01:00:00.25+01:00"),
    ],
)
def test_timestamp_styles(
    start: Start,
    style: str,
    fractions: bool,
    created: str,
    expires: str,
) -> None:
    """Instants are written in the style asked for."""
    _, client = start(timestamps=style, fractions=fractions)
    key = client.post(KEYS, json={"name": "x", "expires_at": "2099-01-01T01:00:00.25+01:00"}).json()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d" + created, key["created_at"])
    assert key["expires_at"] == expires


def test_the_clock_may_differ(start: Start) -> None:
    """`created_at` and the Date header follow the server's clock."""
    _, client = start(clock_offset=timedelta(days=400), timestamps="offset")
    response = client.post(KEYS, json={"name": "x"})
    created = datetime.fromisoformat(response.json()["created_at"])
    ahead = created - datetime.now(timezone.utc)
    assert timedelta(days=399) < ahead < timedelta(days=401)
    assert str(created.year) in response.headers["Date"]


@pytest.mark.parametrize(
    "option",
    [
        {"create_status": 202},
        {"validation_status": 409},
        {"timestamps": "roman"},
        {"activity_cache": -1},
        {"rate_limit": 0},
        {"retry_after": -1},
    ],
    ids=str,
)
def test_bad_options(option: Any) -> None:
    """An option outside its range is refused before anything starts, and named."""
    with pytest.raises(ValueError, match=next(iter(option))):
        Emulator(**option)


# Activity


def test_activity_of_an_idle_account(client: httpx.Client) -> None:
    """Without usage the documented shape is there, with zeros; the period is 30 days."""
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
    """Usage is summed in all, by day, by model and by key; costs are exact."""
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
    """The four documented sums for so many units of the usage above."""
    return {count: units, "total_cost": cost, "total_input_tokens": units * 10, "total_output_tokens": units}


def test_a_period_ends_today(start: Start) -> None:
    """One day is today only; what is older does not count."""
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
    """What a key spent stays in the activity, under its name, when the key is gone."""
    key_id, _ = emulator.add("gone")
    emulator.add_usage(key_id, cost=2)
    emulator.remove(key_id)
    [usage] = client.get("/v1/account/activity").json()["api_key_usage"]
    assert (usage["api_key_id"], usage["api_key_name"], usage["total_cost"]) == (key_id, "gone", "2")


def test_usage_of_a_renamed_key_is_one(emulator: Emulator, client: httpx.Client) -> None:
    """Usage belongs to the key, not to its name: it is one sum, under the newest name."""
    key_id, _ = emulator.add("old")
    emulator.add_usage(key_id)
    emulator.edit(key_id, name="new")
    emulator.add_usage(key_id)
    [usage] = client.get("/v1/account/activity").json()["api_key_usage"]
    assert (usage["api_key_name"], usage["request_count"]) == ("new", 2)


def test_usage_under_a_given_name(emulator: Emulator, client: httpx.Client) -> None:
    """Usage can be added under any name, on any day, for keys that never were."""
    emulator.add_usage(77, key_name="legend", day=date(2001, 1, 1))
    emulator.add_usage(78)
    [usage] = client.get("/v1/account/activity").json()["api_key_usage"]
    assert (usage["api_key_id"], usage["api_key_name"]) == (78, "")


def test_activity_is_cached_for_five_minutes(emulator: Emulator, client: httpx.Client) -> None:
    """Within five minutes the same period gives the same answer; another period is another answer."""
    assert requests_in(client, 7) == 0
    emulator.add_usage(1)
    emulator.clock.advance(290)
    assert requests_in(client, 7) == 0
    assert requests_in(client, 8) == 1
    emulator.clock.advance(11)
    assert requests_in(client, 7) == 1


def test_the_cache_can_be_switched_off(start: Start) -> None:
    """Without a cache usage is seen at once."""
    emulator, client = start(activity_cache=0)
    assert requests_in(client, 7) == 0
    emulator.add_usage(1)
    assert requests_in(client, 7) == 1


def requests_in(client: httpx.Client, days: int) -> Any:
    """The number of requests in the last days."""
    response = client.get("/v1/account/activity", params={"days": days})
    return response.json()["total_stats"]["total_requests"]


# The emulator as a Python object


def test_calls_are_recorded(emulator: Emulator, client: httpx.Client) -> None:
    """Every request leaves a record of what was asked and how it was answered."""
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
    """Each operation is known by its name; records can be picked by it, sliced and forgotten."""
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
    """Recording can be switched off."""
    emulator, client = start(record_calls=False)
    assert client.get(KEYS).status_code == 200
    assert len(emulator.calls) == 0


def test_keys_as_stored(emulator: Emulator, client: httpx.Client) -> None:
    """`keys` and `key` give exact, typed values and no plaintext."""
    client.post(KEYS, json={"name": "x", "credit_limit": 0.1, "expires_at": FAR})
    [key] = emulator.keys()
    created_at = key.pop("created_at")
    assert abs(emulator.clock.now() - created_at) < timedelta(minutes=1)
    assert key == {
        "id": 1,
        "name": "x",
        "expires_at": datetime(2099, 1, 1, tzinfo=timezone.utc),
        "is_enabled": True,
        "credit_limit": Decimal("0.1"),
    }
    assert emulator.key(1) == {**key, "created_at": created_at}
    assert emulator.key(2) is None


def test_keys_can_be_changed_behind_the_clients_back(emulator: Emulator, client: httpx.Client) -> None:
    """Drift: fields change without the API's rules, so that a key can have expired."""
    key_id, plaintext = emulator.add("x", credit_limit=0.1)
    assert emulator.key_of(plaintext) == key_id
    emulator.edit(
        key_id,
        name="y",
        is_enabled=False,
        credit_limit="2.50",
        expires_at="2001-01-01T01:00:00+01:00",
        created_at=datetime(2000, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
    )
    assert client.get(f"{KEYS}/{key_id}").json() == {
        "id": key_id,
        "name": "y",
        "created_at": "2000-01-01T00:00:00.000000",
        "expires_at": "2001-01-01T00:00:00.000000",
        "is_enabled": False,
        "credit_limit": 2.5,
    }
    emulator.edit(key_id, credit_limit=None, expires_at=None)
    assert client.get(f"{KEYS}/{key_id}").json()["expires_at"] is None
    emulator.remove(key_id)
    assert_error(client.get(f"{KEYS}/{key_id}"), 404, "not_found_error")


def test_slips_in_edits_are_errors(emulator: Emulator) -> None:
    """Unknown ids, fields and instants without an offset are refused: a test must not drift by mistake."""
    key_id, _ = emulator.add("x")
    with pytest.raises(KeyError, match="7"):
        emulator.edit(7, name="y")
    with pytest.raises(KeyError, match="7"):
        emulator.remove(7)
    with pytest.raises(TypeError, match="limit"):
        emulator.edit(key_id, limit=3)
    for instant in ("2001-01-01", datetime(2001, 1, 1)):
        with pytest.raises(ValueError, match="offset"):
            emulator.edit(key_id, expires_at=instant)


def test_a_file_keeps_the_state(tmp_path: Path) -> None:
    """Keys, ids, balance and usage survive a restart with a file; a balance given anew replaces the old one."""
    db = tmp_path / "account.db"
    with (
        Emulator(db=db, balance="1.10") as emulator,
        client_of(emulator, emulator.provisioning_key) as client,
    ):
        plaintext = client.post(KEYS, json={"name": "x"}).json()["key"]
        client.delete(f"{KEYS}/{emulator.add('y')[0]}")
        emulator.add_usage(1)
        before = emulator.keys()
    with Emulator(db=db) as emulator, client_of(emulator, emulator.provisioning_key) as client:
        assert emulator.keys() == before
        assert emulator.key_of(plaintext) == 1
        assert emulator.balance == "1.10"
        assert requests_in(client, 1) == 1
        assert client.post(KEYS, json={"name": "z"}).json()["id"] == 3
    with Emulator(db=db, balance="0.00") as emulator:
        assert emulator.balance == "0.00"


def modes(folder: Path) -> dict[str, int]:
    """What may be done with each file in a folder, and by whom."""
    return {path.name: mode(path) for path in folder.iterdir()}


@pytest.mark.parametrize("mask", [0, 0o022, 0o777])
def test_a_file_is_private(mask: int, tmp_path: Path) -> None:
    """Mode 0600, whatever the umask is, and so are the files that SQLite keeps beside it."""
    with umask(mask), Emulator(db=tmp_path / "a.db") as emulator:
        emulator.add("x")
        found = modes(tmp_path)
    assert found == dict.fromkeys(("a.db", "a.db-wal", "a.db-shm"), 0o600)


def test_a_file_that_others_can_open_is_narrowed(tmp_path: Path) -> None:
    """A file of earlier times, with all that a killed server has left beside it."""
    with Emulator(db=tmp_path / "a.db") as emulator:
        emulator.add("x")
        for path in tmp_path.iterdir():
            (tmp_path / f"killed.{path.name}").write_bytes(path.read_bytes())
            (tmp_path / f"killed.{path.name}").chmod(0o644)
    with Emulator(db=tmp_path / "killed.a.db") as emulator:
        assert [key["name"] for key in emulator.keys()] == ["x"]
        assert {mode for name, mode in modes(tmp_path).items() if name.startswith("killed")} == {0o600}


def test_memory_forgets(emulator: Emulator) -> None:
    """Without a file a restart begins anew, with the balance given at first."""
    emulator.add("x")
    emulator.balance = 3
    emulator.stop()
    emulator.start()
    assert emulator.keys() == []
    assert emulator.balance == "125.50"


def test_other_programs_databases_are_left_alone(tmp_path: Path) -> None:
    """A database that is not an emulator's is refused and not changed; so is a file that is none."""
    foreign, text = tmp_path / "foreign.db", tmp_path / "text.db"
    db = sqlite3.connect(foreign)
    db.execute("CREATE TABLE precious (id INTEGER)")
    db.commit()
    db.close()
    text.write_text("no database" * 100)
    for path in (foreign, text, tmp_path):
        path.chmod(0o755)
        content = path.read_bytes() if path.is_file() else b""
        with pytest.raises(StoreError, match=re.escape(str(path))):
            Emulator(db=path).start()
        assert content == (path.read_bytes() if path.is_file() else b"")
        assert mode(path) == 0o755


def test_starting_and_stopping(emulator: Emulator) -> None:
    """It starts once, stops as often as one likes, and has no state to look at when it is stopped."""
    with pytest.raises(RuntimeError, match="already"):
        emulator.start()
    emulator.stop()
    emulator.stop()
    with pytest.raises(RuntimeError, match="not running"):
        emulator.keys()
    with pytest.raises(httpx.ConnectError):
        httpx.get(emulator.url, trust_env=False)


def test_it_is_quick_and_leaves_nothing() -> None:
    """Ten starts and stops, with a request each, take less than three seconds and leave no thread."""
    threads = threading.active_count()
    began = time.monotonic()
    for _ in range(10):
        with Emulator() as emulator:
            assert httpx.get(emulator.url, trust_env=False, verify=False).status_code == 404
    assert time.monotonic() - began < 3
    assert threading.active_count() == threads


def test_a_port_in_use(emulator: Emulator, tmp_path: Path) -> None:
    """A port that is taken is an error that names it, and leaves no database open."""
    port = httpx.URL(emulator.url).port
    assert port is not None
    with pytest.raises(OSError, match=f"port {port}") as caught:
        Emulator(port=port, db=tmp_path / "keys.db").start()
    assert [path.name for path in tmp_path.iterdir()] == ["keys.db"]  # an open one has a journal beside it
    assert caught.tb is not None  # which would have kept it open


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org", ""])
def test_only_loopback(host: str) -> None:
    """Other addresses than loopback are refused."""
    with pytest.raises(ValueError, match="address"):
        Emulator(host=host).start()


@pytest.mark.parametrize(
    ("host", "shown"), [("localhost", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("::1", "[::1]")]
)
def test_loopback_addresses(host: str, shown: str) -> None:
    """All of loopback will do, of both versions."""
    with Emulator(host=host) as emulator, client_of(emulator, emulator.provisioning_key) as client:
        assert emulator.url.startswith(f"http://{shown}:")
        assert client.get(KEYS).status_code == 200


def test_a_server_that_cannot_listen_says_so() -> None:
    """A failure in the server's thread is raised where it was started, instead of waiting for ever."""
    listener = listen("127.0.0.1", 0)
    listener.close()

    async def application(_scope: Any, _receive: Any, _send: Any) -> None:
        """Never called."""

    with pytest.raises(OSError, match="descriptor"):
        ServerThread(application, listener).start()


def test_64_clients_at_once(start: Start, tmp_path: Path) -> None:
    """Keys created by 64 threads are all there, each with its own id and its own live plaintext."""
    emulator, _ = start(db=tmp_path / "keys.db")

    def create(number: int) -> tuple[int, str]:
        with client_of(emulator) as client:
            created = [client.post(KEYS, json={"name": f"{number}-{i}"}).json() for i in range(4)]
            client.delete(f"{KEYS}/{created[0]['id']}")
            client.patch(f"{KEYS}/{created[1]['id']}", json={"credit_limit": number})
            return created[1]["id"], created[1]["key"]

    with ThreadPoolExecutor(64) as pool:
        pairs = list(pool.map(create, range(64)))
    stored = emulator.keys()
    keys = {key["id"]: key for key in stored}
    assert len(keys) == 64 * 3
    for number, (key_id, plaintext) in enumerate(pairs):
        assert emulator.key_of(plaintext) == key_id
        assert keys[key_id]["credit_limit"] == number
    assert len(emulator.calls) == 64 * 6


def test_a_file_is_quick(start: Start, tmp_path: Path) -> None:
    """Keys are written to a file without waiting for the disk, and answers are not held back by TCP.

    Either would take this many calls well beyond the limit: Nagle's algorithm alone costs 40 ms a call.
    """
    path = tmp_path / "keys.db"
    _, client = start(db=path)
    began = time.monotonic()
    for _ in range(250):
        client.post(KEYS, json={"name": "x"})
    assert time.monotonic() - began < 8
    assert path.with_name("keys.db-wal").stat().st_size > 0


# The package


def test_public_names() -> None:
    """All public names are there, and no other name is."""
    assert all(hasattr(package, name) for name in package.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = package.nothing


def test_it_uses_nothing_of_the_package() -> None:
    """The emulator imports nothing of the package around it, so it can catch a wrong model."""
    for path in Path(package.__path__[0]).glob("*.py"):
        assert [name for name in imports(path) if not name.startswith("emulator")] == [], path
