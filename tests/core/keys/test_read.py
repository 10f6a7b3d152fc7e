"""Reading: a few one by one, then one list for everyone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from pulumi_account import exceptions as err
from pulumi_account.api.models import Key
from pulumi_account.core.keys import Keys
from pulumi_account.emulator import Answer, Drop, Emulator
from tests.core.keys.conftest import (
    AUTO,
    BROKEN_ANSWERS,
    EXACT,
    fails,
    for_ever,
)
from tests.support.helpers import (
    account,
    key_json,
)


def read_all(keys: Keys, ids: list[int]) -> list[Key | None]:
    """One read for each id, one after the other."""
    return [keys.read(key_id) for key_id in ids]


def add_keys(emulator: Emulator, count: int) -> list[int]:
    """The ids of this many new keys."""
    return [emulator.add(f"key {number}")[0] for number in range(count)]


def names(found: Iterable[Key | None]) -> list[str | None]:
    """The names of keys."""
    return [key.name if key else None for key in found]


def test_a_few_reads_are_gets(keys: Keys, emulator: Emulator) -> None:
    """The first three reads GET their keys, all others share one LIST."""
    ids = add_keys(emulator, 20)
    assert names(read_all(keys, ids)) == [f"key {number}" for number in range(20)]
    assert emulator.calls.operations == ["get_key"] * 3 + ["list_keys"]


def test_many_threads_share_one_list(keys: Keys, emulator: Emulator) -> None:
    """64 threads that read at the same time make three GETs and one LIST."""
    ids = add_keys(emulator, 64)
    together = threading.Barrier(64, timeout=30)

    def read(key_id: int) -> Key | None:
        together.wait()
        return keys.read(key_id)

    with ThreadPoolExecutor(64) as pool:
        found = list(pool.map(read, ids))
    assert names(found) == [f"key {number}" for number in range(64)]
    assert sorted(map(str, emulator.calls.operations)) == ["get_key"] * 3 + ["list_keys"]


@pytest.mark.parametrize("already", [0, 10])
def test_a_key_that_is_gone(keys: Keys, emulator: Emulator, already: int) -> None:
    """None means that the API itself said 404, also where the list did not have the key."""
    read_all(keys, add_keys(emulator, already))
    emulator.calls.clear()
    assert keys.read(4711) is None
    assert [(call.operation, call.status) for call in emulator.calls] == [("get_key", 404)]


def test_a_key_missing_from_the_list_is_looked_for(keys: Keys, emulator: Emulator) -> None:
    """A key that the list does not have, being younger, is found by its GET."""
    read_all(keys, add_keys(emulator, 5))
    emulator.calls.clear()
    assert names([keys.read(emulator.add("younger")[0])]) == ["younger"]
    assert emulator.calls.operations == ["get_key"]


@pytest.mark.parametrize("already", [0, 10])
@pytest.mark.parametrize(
    "action",
    [Answer(404, body=body) for body in ("html", "detail", "empty", "garbage", b'{"detail": {"msg": "no"}}')]
    + [Answer(401), Answer(403), Answer(500), Answer(200, body="html"), Drop()],
    ids=repr,
)
def test_nothing_else_means_gone(keys: Keys, emulator: Emulator, already: int, action: Any) -> None:
    """Another server's 404, a refusal and a lost answer are errors: a refresh must not forget a key."""
    read_all(keys, add_keys(emulator, already))
    fails(emulator, "get_key", action)
    with pytest.raises((err.StatusError, err.UnexpectedResponseError, err.NetworkError)):
        keys.read(4711)


@BROKEN_ANSWERS
def test_a_list_that_fails_is_an_error(keys: Keys, emulator: Emulator, action: Any) -> None:
    """A list that cannot be had is an error, and the next read asks for it again."""
    ids = add_keys(emulator, 5)
    fails(emulator, "list_keys", action)
    read_all(keys, ids[:3])
    with pytest.raises((err.StatusError, err.UnexpectedResponseError, err.NetworkError)):
        keys.read(ids[3])
    assert names([keys.read(ids[3])]) == ["key 3"]


def test_threads_share_a_list_that_fails(keys: Keys, emulator: Emulator) -> None:
    """Whoever waits for a list that fails has its error, and does not ask again."""
    ids = add_keys(emulator, 12)
    read_all(keys, ids[:3])
    fails(emulator, "list_keys", Answer(500), latency=0.5)
    together = threading.Barrier(9, timeout=30)

    def read(key_id: int) -> str:
        together.wait()
        with pytest.raises(err.ServerError) as caught:
            keys.read(key_id)
        return str(caught.value)

    with ThreadPoolExecutor(9) as pool:
        assert len(set(pool.map(read, ids[3:]))) == 1
    assert emulator.calls.operations == ["get_key"] * 3 + ["list_keys"]


WRITES: dict[str, Callable[[Keys, int], object]] = {
    "make": lambda keys, _: keys.make(EXACT),
    "make auto-named": lambda keys, _: keys.make(AUTO),
    "adopt": lambda keys, key_id: keys.adopt(key_id, EXACT),
    "change": lambda keys, key_id: keys.change(key_id, {"name": "new"}),
    "delete": lambda keys, key_id: keys.delete(key_id),
    "delete what is gone": lambda keys, _: keys.delete(4711),
}
every_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


@every_write
def test_a_write_throws_the_list_away(
    keys: Keys, emulator: Emulator, write: Callable[[Keys, int], object]
) -> None:
    """After a write of this process nothing is read from an older list."""
    ids = add_keys(emulator, 6)
    read_all(keys, ids)
    write(keys, ids[0])
    emulator.edit(ids[5], name="changed elsewhere")
    emulator.calls.clear()
    assert names(read_all(keys, ids[4:])) == ["key 4", "changed elsewhere"]
    assert emulator.calls.operations == ["list_keys"]


@pytest.mark.parametrize("operation", ["create_key", "update_key", "delete_key"])
def test_a_write_that_fails_throws_the_list_away(keys: Keys, emulator: Emulator, operation: str) -> None:
    """A write whose answer was lost may have been carried out: the list is thrown away as well."""
    ids = add_keys(emulator, 6)
    read_all(keys, ids)
    for_ever(emulator, operation, Drop(commit=True))
    write = {"create_key": "make auto-named", "update_key": "change", "delete_key": "delete"}[operation]
    with pytest.raises(err.ResponseLostError):
        WRITES[write](keys, ids[5])
    emulator.calls.clear()
    expected = {"create_key": "key 5", "update_key": "new", "delete_key": None}[operation]
    assert names([keys.read(ids[5])]) == [expected]
    assert emulator.calls.operations[0] == "list_keys"


def test_a_list_older_than_a_write_is_not_kept() -> None:
    """A list that was under way while this process wrote does not serve later reads."""
    account_keys: Keys
    lists = 0

    def handle(request: httpx.Request) -> httpx.Response:
        nonlocal lists
        if request.method == "DELETE":
            return httpx.Response(204)
        if request.url.path.endswith("/keys"):
            lists += 1
            if lists == 1:
                account_keys.delete(8)  # as another thread might
            return httpx.Response(200, json={"keys": [key_json()]})
        return httpx.Response(200, json=key_json())

    with account(handle) as client:
        account_keys = Keys(client)
        read_all(account_keys, [7] * 6)
        assert lists == 2
        read_all(account_keys, [7] * 3)
        assert lists == 2


def test_reads_and_writes_at_the_same_time(keys: Keys, emulator: Emulator) -> None:
    """While some threads write, others read each key as it is before or after."""
    ids = add_keys(emulator, 16)

    def work(number: int) -> str | None:
        key_id = ids[number % 16]
        if number % 4 == 0:
            return keys.change(key_id, {"is_enabled": False}).name
        return names([keys.read(key_id)])[0]

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(work, range(160)))
    assert found == [f"key {number % 16}" for number in range(160)]
