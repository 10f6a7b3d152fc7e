"""The seven operations answer as the account API is documented to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import pytest

from pulumi_account.emulator import Emulator
from tests.emulator.support import (
    FAR,
    KEYS,
    assert_error,
)


def test_the_balance_is_the_documented_string(client: httpx.Client) -> None:
    """The balance is a decimal string, digit for digit."""
    assert client.get("/v1/account/balance").text == '{"balance":"125.50"}'


def test_the_balance_can_be_set(emulator: Emulator, client: httpx.Client) -> None:
    """A new balance shows at once, with its zeros."""
    emulator.balance = Decimal("7.100")
    assert client.get("/v1/account/balance").json() == {"balance": "7.100"}
    assert emulator.balance == "7.100"


@pytest.mark.parametrize("amount", ["much", "NaN", float("inf")])
def test_a_balance_is_a_number(amount: Any) -> None:
    """A balance must be a finite number; this is checked before the server starts."""
    with pytest.raises(ValueError, match="amount"):
        Emulator(balance=amount)


def test_a_created_key_is_shown_once(emulator: Emulator, client: httpx.Client) -> None:
    """POST returns the documented fields, a plaintext and a message; no other answer has the plaintext."""
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
    """A key is the same in the list and on its own."""
    client.post(KEYS, json={"name": "one", "credit_limit": 2.5})
    assert client.get(KEYS).json() == {"keys": [client.get(KEYS + "/1").json()]}


def test_the_list_holds_all_keys_by_id(emulator: Emulator, client: httpx.Client) -> None:
    """The list has no pages and is complete: equal names, expired and disabled keys, in the order of their ids."""
    emulator.add("same", expires_at="2001-01-01T00:00:00Z")
    emulator.add("same", is_enabled=False)
    ids = [client.post(KEYS, json={"name": "same"}).json()["id"] for _ in range(100)]
    assert [key["id"] for key in client.get(KEYS).json()["keys"]] == [1, 2, *ids]


def test_an_empty_account_has_an_empty_list(client: httpx.Client) -> None:
    """Without keys the list is empty."""
    assert client.get(KEYS).text == '{"keys":[]}'


def test_post_takes_no_is_enabled(client: httpx.Client) -> None:
    """A key is always created enabled, and unknown fields are ignored."""
    created = client.post(KEYS, json={"name": "x", "is_enabled": False, "color": "red"})
    assert created.json()["is_enabled"] is True


def test_patch_changes_what_is_given(client: httpx.Client) -> None:
    """PATCH returns the whole key; omitted fields stay."""
    client.post(KEYS, json={"name": "old", "credit_limit": 5, "expires_at": FAR})
    before = client.get(KEYS + "/1").json()
    after = client.patch(KEYS + "/1", json={"name": "new", "is_enabled": False})
    assert after.status_code == 200
    assert after.json() == {**before, "name": "new", "is_enabled": False}
    assert client.get(KEYS + "/1").json() == after.json()


def test_patch_with_null(client: httpx.Client) -> None:
    """Null removes a limit and an expiry, and does not change the name or the state."""
    client.post(KEYS, json={"name": "old", "credit_limit": 5, "expires_at": FAR})
    before = client.get(KEYS + "/1").json()
    nothing: dict[str, None] = dict.fromkeys(["name", "is_enabled", "credit_limit", "expires_at"])
    after = client.patch(KEYS + "/1", json=nothing).json()
    assert after == {**before, "credit_limit": None, "expires_at": None}


def test_patch_without_changes(client: httpx.Client) -> None:
    """An empty PATCH succeeds and changes nothing."""
    client.post(KEYS, json={"name": "same"})
    before = client.get(KEYS + "/1").json()
    response = client.patch(KEYS + "/1", json={"color": "red"})
    assert (response.status_code, response.json()) == (200, before)


def test_delete_is_for_good(emulator: Emulator, client: httpx.Client) -> None:
    """DELETE returns 204 without a body, and no key has the plaintext any more."""
    plaintext = client.post(KEYS, json={"name": "x"}).json()["key"]
    response = client.delete(KEYS + "/1")
    assert (response.status_code, response.content) == (204, b"")
    assert emulator.key_of(plaintext) is None
    assert_error(client.delete(KEYS + "/1"), 404, "not_found_error")


def test_ids_never_come_back(client: httpx.Client) -> None:
    """A new key never gets the id of a deleted one."""
    client.post(KEYS, json={"name": "first"})
    client.delete(KEYS + "/1")
    assert client.post(KEYS, json={"name": "second"}).json()["id"] == 2


@pytest.mark.parametrize("key_id", ["1", "0", "-1", str(2**63 - 1), str(2**63), "9" * 5000])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_unknown_key(shared: httpx.Client, method: str, key_id: str) -> None:
    """The answer for an unknown id is the API's own error 404, however large the id is."""
    response = shared.request(method, f"{KEYS}/{'404' if key_id == '1' else key_id}", content=b"{}")
    assert_error(response, 404, "not_found_error")


@pytest.mark.parametrize("key_id", ["abc", "1.0", "1e3", "٣", "%20", "0x1", "+1"])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_key_id_is_an_integer(shared: httpx.Client, method: str, key_id: str) -> None:
    """An id that is not an integer is a validation error, not an unknown key."""
    assert_error(shared.request(method, f"{KEYS}/{key_id}", content=b"{}"), 422, "validation_error")


@pytest.mark.parametrize("path", ["/", "/v1/account", KEYS + "/", KEYS + "/1/2", "/v2/account/keys"])
def test_an_unknown_path_is_not_an_unknown_key(client: httpx.Client, path: str) -> None:
    """The framework refuses an unknown path with its own message and never redirects."""
    response = client.get(path)
    assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})


@pytest.mark.parametrize(("method", "path"), [("PUT", KEYS), ("POST", KEYS + "/1"), ("DELETE", KEYS)])
def test_an_unknown_method(client: httpx.Client, method: str, path: str) -> None:
    """The answer to an unknown method is 405 and lists the methods of the path."""
    response = client.request(method, path)
    assert (response.status_code, response.json()) == (405, {"detail": "Method Not Allowed"})
    assert "GET" in response.headers["Allow"]


@pytest.mark.parametrize(
    "literal", ["0", "10", "10.50", "0.1", "0.30000000000000004441", "12345678901234567890.01", "1E-7"]
)
def test_a_limit_keeps_its_digits(emulator: Emulator, client: httpx.Client, literal: str) -> None:
    """Neither requests, the database nor answers round a limit."""
    written = format(Decimal(literal), "f")
    client.post(KEYS, content=f'{{"name":"x","credit_limit":{literal}}}')
    assert emulator.keys()[0]["credit_limit"] == Decimal(literal)
    assert f'"credit_limit":{written}}}' in client.get(KEYS + "/1").text


def test_minus_zero_is_zero(client: httpx.Client) -> None:
    """A limit of -0.0 is valid, and is returned without a sign."""
    created = client.post(KEYS, content=b'{"name":"x","credit_limit":-0.0}')
    assert '"credit_limit":0.0,' in created.text
