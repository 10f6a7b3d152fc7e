"""The rules for names, limits, expiries and periods."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.emulator.support import (
    KEYS,
    Start,
    assert_error,
)

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
good_names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255)
# Before standard times, zones had offsets with seconds; ISO 8601 does not.
offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
future = st.datetimes(datetime(2090, 1, 1), datetime(9998, 1, 1), timezones=offsets)


@settings(deadline=None)
@given(good_names)
def test_any_name_of_1_to_255_characters(shared: httpx.Client, name: str) -> None:
    """Every text of 1 to 255 characters is a valid name and is returned unchanged."""
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
    """POST refuses a name of another length or type, and a missing name."""
    assert "name" in assert_error(post_ascii(shared, {"name": name}), 422, "validation_error")
    assert_error(post_ascii(shared, {}), 422, "validation_error")


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in bad_values.items() for value in values],
)
def test_bad_changes(start: Start, field: str, value: Any) -> None:
    """PATCH has the same rules as POST, and a refused PATCH changes nothing."""
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
    """Numbers that take gigabytes when written out are refused."""
    response = shared.post(KEYS, content=f'{{"name":"x","credit_limit":{literal}}}')
    assert_error(response, 422, "validation_error")


@settings(deadline=None)
@given(future)
def test_expiries_in_any_offset(shared: httpx.Client, moment: datetime) -> None:
    """An expiry in the future is stored correctly, whatever its offset."""
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
    """The usual spellings of ISO 8601 are accepted."""
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
    """An expiry without an offset, of an impossible date, outside the calendar, or in the past is refused."""
    response = shared.post(KEYS, json={"name": "x", "expires_at": text})
    assert "expires_at" in assert_error(response, 422, "validation_error")


def test_the_future_begins_at_the_servers_clock(start: Start) -> None:
    """The server's clock, not the client's, decides whether an expiry is past."""
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
    """A body that is not a JSON object is an invalid request."""
    assert_error(shared.request(method, path, content=body), 400, "invalid_request_error")


@settings(deadline=None)
@given(st.binary() | json_values.map(json.dumps).map(str.encode))
def test_no_body_breaks_the_server(shared: httpx.Client, body: bytes) -> None:
    """For any body, the server carries out the request or returns a documented refusal."""
    response = shared.post(KEYS, content=body)
    assert response.status_code in (201, 400, 422)


@pytest.mark.parametrize("days", ["0", "31", "-1", "abc", "", "1.5", "\uff11", "9" * 5000])
def test_bad_days(shared: httpx.Client, days: str) -> None:
    """Days are an integer from 1 to 30."""
    response = shared.get("/v1/account/activity", params={"days": days})
    assert "days" in assert_error(response, 422, "validation_error")


def post_ascii(client: httpx.Client, document: Any) -> httpx.Response:
    """POST with all characters escaped, the only way to send half of a surrogate pair."""
    return client.post(KEYS, content=json.dumps(document))
