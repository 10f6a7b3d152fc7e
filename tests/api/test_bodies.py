"""How large a body may be, and which encodings are read."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.api.client import AccountClient
from pulumi_account.api.connections import LARGEST_BODY
from pulumi_account.api.retry import RetryTransport
from pulumi_account.exceptions import ResponseLostError
from tests.support.helpers import account, key_json, refusal, unhurried


def packed(response: httpx.Response) -> AccountClient:
    """A client that gets such an answer."""
    return account(RetryTransport(httpx.MockTransport(lambda _: response), deadline=0))


class Endless(httpx.SyncByteStream):
    """An endless body."""

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield b" " * 2**20


GZIP = {"Content-Encoding": "gzip"}
TOO_LARGE = r"the answer was lost \(DecodingError the body has more than 64 MiB\)$"


@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_body_without_an_end(status: int) -> None:
    """A body that is too large is neither read to its end nor requested again."""
    with packed(httpx.Response(status, stream=Endless())) as client:
        refusal(ResponseLostError, client.get_balance, TOO_LARGE)


def test_a_little_that_unpacks_to_much() -> None:
    """A small compressed body takes no more memory than the largest body, even when it arrives all at once."""
    packer = zlib.compressobj(1, wbits=31)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(512)) + packer.flush()
    assert len(bomb) < LARGEST_BODY / 16
    answer = httpx.Response(200, headers=GZIP, stream=httpx.ByteStream(bomb))
    tracemalloc.start()
    try:
        with packed(answer) as client:
            refusal(ResponseLostError, client.get_balance, TOO_LARGE)
        assert tracemalloc.get_traced_memory()[1] < 4 * LARGEST_BODY
    finally:
        tracemalloc.stop()


class Parts(httpx.SyncByteStream):
    """A body that arrives a given number of bytes at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        self._content, self._size = content, size

    def __iter__(self) -> Iterator[bytes]:
        for place in range(0, len(self._content), self._size):
            yield self._content[place : place + self._size]


@pytest.mark.parametrize("is_packed", [True, False])
@pytest.mark.parametrize(
    ("sign", "is_escaped"),
    [("\N{KEY}", True), ("\N{KEY}", False), (",", False)],
    ids=["escaped", "raw", "commas"],
)
def test_ten_thousand_keys_have_room(is_packed: bool, sign: str, is_escaped: bool) -> None:
    """A list of 10,000 keys with the longest names takes about half of the largest body."""
    keys = [key_json(id=number, name=sign * 255) for number in range(10_000)]
    content = json.dumps({"keys": keys}, ensure_ascii=is_escaped).encode()
    assert len(content) < LARGEST_BODY / 1.9
    body = gzip.compress(content, 1) if is_packed else content
    answer = httpx.Response(200, headers=GZIP if is_packed else {}, stream=Parts(body, 65_536))
    with packed(answer) as client:
        assert len(client.list_keys()) == 10_000


@unhurried
@given(st.decimals(0, 10**9, places=2), st.integers(1, 40), st.booleans())
def test_an_answer_in_any_parts(balance: object, size: int, is_packed: bool) -> None:
    """A response is read whatever its encoding and its parts."""
    content = json.dumps({"balance": str(balance)}).encode()
    body = gzip.compress(content) if is_packed else content
    answer = httpx.Response(200, headers=GZIP if is_packed else {}, stream=Parts(body, size))
    with packed(answer) as client:
        assert client.get_balance().balance == balance


@pytest.mark.parametrize(
    "packing", ["br", "zstd", "deflate", "gzip, gzip", "\N{KEY}".encode().decode("latin-1")]
)
def test_a_packing_that_was_not_asked_for(packing: str) -> None:
    """Other encodings are not decompressed: their size could not be limited."""
    headers = [(b"Content-Encoding", packing.encode("latin-1"))]
    with packed(httpx.Response(200, headers=headers, stream=httpx.ByteStream(b"{}"))) as client:
        refusal(ResponseLostError, client.get_balance, "the encoding is ")


def test_what_is_not_packed_as_it_says() -> None:
    """A response that cannot be decompressed counts as lost."""
    with packed(httpx.Response(200, headers=GZIP, stream=httpx.ByteStream(b"no gzip"))) as client:
        refusal(ResponseLostError, client.get_balance, "DecodingError")
