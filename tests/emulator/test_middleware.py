"""Bodies that the emulator does not read, or refuses for their size."""

from __future__ import annotations

import json
import socket
from http.client import HTTPResponse

import httpx
import pytest

from pulumi_account.emulator import Emulator
from pulumi_account.emulator.middleware import MOST_BYTES
from tests.emulator.support import (
    KEYS,
    PROVISIONING,
)


def first_answer(emulator: Emulator, *headers: str, body: bytes = b"") -> tuple[int, str]:
    """The answer to a POST whose body is not complete yet."""
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
    """A caller without a key is refused at once, however long the body is."""
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
    """A body that is too long is refused before its end, and none of it is kept."""
    status, answer = first_answer(emulator, f"Authorization: Bearer {PROVISIONING}", length, body=body)
    assert status == 413
    assert "longer than 1048576 bytes" in answer
    assert [(call.status, call.body) for call in emulator.calls] == [(413, b"")]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_sends_a_long_body_to_its_end(
    client: httpx.Client, emulator: Emulator, chunked: bool
) -> None:
    """It receives the refusal, for either reason, and can reuse the connection."""
    body = b"x" * (8 * MOST_BYTES)
    for bearer, status in ((PROVISIONING, 413), ("wrong", 401)):
        headers = {"Authorization": f"Bearer {bearer}"}
        response = client.post(KEYS, content=iter([body]) if chunked else body, headers=headers)
        assert response.status_code == status
    assert client.get(KEYS).status_code == 200


def test_the_longest_body_is_read(client: httpx.Client) -> None:
    """The API handles a body up to the limit."""
    body = json.dumps({"name": "x"}).encode()
    assert client.post(KEYS, content=body.ljust(MOST_BYTES)).status_code == 201
    assert client.post(KEYS, content=body.ljust(MOST_BYTES + 1)).status_code == 413
