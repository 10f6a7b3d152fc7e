"""Refusals of the API: which error each becomes, and what it says."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account import exceptions as err
from tests.support.canaries import PROVISIONING_KEY
from tests.support.exchanges import api_error, refused
from tests.support.helpers import ENDPOINT, account, refusal, unhurried

STATUSES: dict[int, type[err.StatusError]] = {
    401: err.AuthenticationError,
    402: err.InsufficientCreditsError,
    403: err.PermissionDeniedError,
    404: err.NotFoundError,
    429: err.RateLimitError,
    **dict.fromkeys((400, 405, 409, 422, 499), err.InvalidRequestError),
    **dict.fromkeys((500, 501, 502, 503, 504, 599), err.ServerError),
}


@pytest.mark.parametrize(("status", "kind"), STATUSES.items())
def test_each_status_has_its_error(status: int, kind: type[err.StatusError]) -> None:
    """A refusal names the request, the API's message, and the status."""
    error = refused(api_error(status, type="some_type", message="It says why."), kind)
    assert str(error).startswith(f"GET /v1/account/balance: It says why. (status {status}")
    assert (error.status, error.type) == (status, "some_type")


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
    """The documented error, FastAPI's, a page, garbage and an empty body: each becomes one line."""
    error = refused(httpx.Response(status, **body), STATUSES[status])
    assert str(error).startswith(f"GET /v1/account/balance: {said}")
    assert f"(status {status}" in str(error)


@pytest.mark.parametrize("body", [body for body, _ in BODIES])
def test_only_the_api_can_say_that_a_key_is_gone(body: Any) -> None:
    """Only the API's own 404 means "no such key"; a proxy or a wrong endpoint answers 404 as well."""
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
    """The error says what may be wrong with the key."""
    error = refused(api_error(401, message="Invalid key."), err.AuthenticationError)
    assert str(error).endswith(
        "(status 401; check the provisioning key: the API refuses inference keys here)"
    )


@pytest.mark.parametrize("value", ["5", "Fri, 01 Jan 2027 00:00:00 GMT"])
def test_retry_after_is_told(value: str) -> None:
    """The error of a lasting 429 says how long the API asks to wait."""
    answer = httpx.Response(429, headers={"Retry-After": value}, json={"error": {"message": "Slow down."}})
    assert str(refused(answer, err.RateLimitError)).endswith(f"Slow down. (status 429; Retry-After: {value})")


@pytest.mark.parametrize("type_", [None, 5, ["t"], {"a": 1}])
def test_a_type_that_is_no_text(type_: object) -> None:
    """The error's type is a string or None."""
    assert refused(api_error(400, type=type_, message="no"), err.InvalidRequestError).type is None


def test_long_messages_are_cut() -> None:
    """A message quotes at most about 300 characters of a response."""
    error = refused(api_error(400, message="word " * 10_000), err.InvalidRequestError)
    assert len(str(error)) < 400
    assert "… (status 400)" in str(error)


def test_deep_bodies_are_survived() -> None:
    """A body nested to any depth becomes an error of this package."""
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
    """No error shows the provisioning key or a line break, even if the server echoes them."""
    answer = httpx.Response(status, json={where: said}, headers={"Retry-After": PROVISIONING_KEY})
    kind = STATUSES.get(status, err.UnexpectedResponseError)
    if status == 404 and not (where == "error" and isinstance(said, dict)):
        kind = err.UnexpectedResponseError
    refused(answer, kind)


@pytest.mark.parametrize("inserted", ["\u200b", "\0", "\x1b", "\u202e", "\u2060"])
def test_an_echoed_key_in_disguise(inserted: str) -> None:
    """Removing unprintable characters does not reveal the key."""
    echo = inserted.join(PROVISIONING_KEY)
    assert "[provisioning key]" in str(refused(api_error(400, message=echo), err.InvalidRequestError))


@unhurried
@given(
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\"'\\"), min_size=8),
    st.booleans(),
)
def test_any_echoed_key_is_hidden(key: str, nested: bool) -> None:
    """The echo of any key is hidden."""
    said = [key] if nested else key
    with account(lambda request: httpx.Response(400, json={"detail": said}), key) as client:
        error = refusal(err.InvalidRequestError, client.get_balance)
    assert str(error).count("[provisioning key]") == 1
