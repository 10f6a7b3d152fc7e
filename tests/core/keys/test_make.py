"""Making a key: one POST, or reserve and commit."""

from __future__ import annotations

import logging
import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account import exceptions as err
from pulumi_account.api.client import AccountClient
from pulumi_account.api.models import Key
from pulumi_account.common.instants import parse_instant, utc_now
from pulumi_account.core.declaration import ApiKeyInputs
from pulumi_account.core.keys import Keys, differences
from pulumi_account.core.reservations import LEASE, RESERVATION_PREFIX
from pulumi_account.emulator import Answer, Drop, Emulator, HalfBody
from tests.core.keys.conftest import (
    AUTO,
    AUTO_DISABLED,
    BARE,
    DISABLED,
    EXACT,
    assert_made,
    fails,
)
from tests.support.canaries import PROVISIONING_KEY, assert_clean
from tests.support.helpers import (
    FAR,
    NOW,
    account,
    created_json,
    key_json,
    refusal,
    unhurried,
    wanted,
)

# --- differences


INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 2), timezones=st.just(timezone.utc))
FIELDS = {
    "name": st.sampled_from(["a", "b"]),
    "is_enabled": st.booleans(),
    "credit_limit": st.none() | st.sampled_from([Decimal(0), Decimal("1.5"), Decimal("1.50"), Decimal(2)]),
    "expires_at": st.none() | INSTANTS,
}
KEYS = st.builds(Key.model_construct, id=st.just(1), created_at=st.just(NOW), **FIELDS)
WANTED = st.builds(ApiKeyInputs, **FIELDS)


@unhurried
@given(KEYS, WANTED)
def test_differences_make_a_key_as_declared(key: Key, declaration: ApiKeyInputs) -> None:
    """A key changed by its differences has none left, and no field is changed needlessly."""
    changes = differences(key, declaration)
    assert differences(key.model_copy(update=changes), declaration) == {}
    assert all(getattr(key, name) != value for name, value in changes.items())
    assert changes.items() <= vars(declaration).items()


def test_the_same_money_is_no_difference() -> None:
    """Money is compared as money, instants as instants."""
    key = Key.model_validate(key_json(credit_limit="12.50", expires_at="2099-01-01T01:00:00+01:00"))
    assert differences(key, EXACT) == {}


def test_what_is_not_declared_is_removed() -> None:
    """A limit and an expiry that are not declared are to be removed."""
    key = Key.model_validate(key_json())
    assert differences(key, BARE) == {"credit_limit": None, "expires_at": None}


# --- make


def test_an_auto_named_key_takes_one_post(keys: Keys, emulator: Emulator) -> None:
    """An auto-named key has a unique name already: one POST makes it as declared."""
    assert_made(emulator, keys.make(AUTO), AUTO)
    (call,) = emulator.calls
    assert call.operation == "create_key"
    assert call.json == {"name": "ci-0123abc", "credit_limit": 12.5, "expires_at": FAR}


def test_an_exact_name_is_reserved_first(keys: Keys, emulator: Emulator) -> None:
    """The POST for an exact name makes a key that can do nothing; the PATCH makes it what was declared."""
    before = utc_now()
    assert_made(emulator, keys.make(EXACT), EXACT)
    post, patch = emulator.calls
    assert (post.operation, patch.operation) == ("create_key", "update_key")
    assert re.fullmatch(RESERVATION_PREFIX + "[0-9a-f]{32}", post.json["name"])
    assert post.json["credit_limit"] == 0
    assert before < parse_instant(post.json["expires_at"]) <= utc_now() + LEASE
    assert patch.json == {"name": "production", "credit_limit": 12.5, "expires_at": FAR}


@pytest.mark.parametrize("ahead", [timedelta(hours=-1), timedelta(), timedelta(hours=1), timedelta(days=400)])
def test_a_clock_that_is_wrong(emulator: Emulator, ahead: timedelta) -> None:
    """The first lease ends an hour from now by this machine's clock, each other one by the API's: names are made."""
    with AccountClient(emulator.url, PROVISIONING_KEY, clock=lambda: utc_now() - ahead) as client:
        for _ in range(2):
            assert Keys(client).make(BARE).name == "production"
    now = utc_now()
    first, *others = [
        parse_instant(call.json["expires_at"]) - now for call in emulator.calls.of("create_key")
    ]
    assert abs(first - (LEASE - ahead)) < timedelta(minutes=2)
    assert others
    assert all(abs(lease - LEASE) < timedelta(minutes=2) for lease in others)


def test_a_lease_that_was_over_is_counted_again_once(emulator: Emulator) -> None:
    """An hour behind: the API refuses the first reservation, and says what time it is."""
    with AccountClient(emulator.url, PROVISIONING_KEY, clock=lambda: utc_now() - LEASE) as client:
        Keys(client).make(BARE)
    assert [call.status for call in emulator.calls] == [422, 201, 200]


def test_a_lost_key_is_found_by_the_mended_clock(emulator: Emulator) -> None:
    """After a lease was counted again, the key of a lost answer is still known as one's own."""
    fails(emulator, "create_key", Drop(commit=True), skip=1)
    with AccountClient(emulator.url, PROVISIONING_KEY, clock=lambda: utc_now() - LEASE) as client:
        Keys(client).make(BARE)
    assert [key["name"] for key in emulator.keys()] == ["production"]


def test_a_reservation_that_is_refused_is_explained(keys: Keys, emulator: Emulator) -> None:
    """Its expiry is not the user's: so the error says what was refused, and that it goes by this machine's clock."""
    fails(emulator, "create_key", Answer(422))
    error = refusal(err.InvalidRequestError, lambda: keys.make(EXACT))
    expiry = emulator.calls[0].json["expires_at"]
    assert str(error).endswith(
        f"; the request was for a reservation that expires at {expiry}, an hour from now by this machine's clock"
    )
    assert emulator.calls.operations == ["create_key"]


def test_limit_and_expiry_of_a_reservation_are_removed(keys: Keys, emulator: Emulator) -> None:
    """A key without limit and expiry has those of its reservation taken away."""
    assert_made(emulator, keys.make(BARE), BARE)
    assert emulator.calls[1].json == {"name": "production", "credit_limit": None, "expires_at": None}


@pytest.mark.parametrize("declaration", [DISABLED, AUTO_DISABLED], ids=["exact", "auto"])
def test_a_disabled_key_takes_a_post_and_a_patch(
    keys: Keys, emulator: Emulator, declaration: ApiKeyInputs
) -> None:
    """POST makes enabled keys only: a disabled one is disabled by the PATCH."""
    assert_made(emulator, keys.make(declaration), declaration)
    assert emulator.calls.operations == ["create_key", "update_key"]
    assert emulator.calls[1].json["is_enabled"] is False


def test_each_reservation_has_a_name_of_its_own(keys: Keys, emulator: Emulator) -> None:
    """Two keys of the same name are reserved under two names, and both are made."""
    ids = {keys.make(EXACT).id, keys.make(EXACT).id}
    assert len({call.json["name"] for call in emulator.calls.of("create_key")}) == len(ids) == 2
    assert [key["name"] for key in emulator.keys()] == ["production"] * 2


@pytest.mark.parametrize("timestamps", ["naive", "Z", "offset", "sent"])
@pytest.mark.parametrize("fractions", [True, False])
def test_however_the_server_writes_instants(timestamps: Any, fractions: bool) -> None:
    """An auto-named key needs no PATCH, however the server writes its expiry."""
    options = {"timestamps": timestamps, "fractions": fractions, "create_status": 200}
    with Emulator(provisioning_key=PROVISIONING_KEY, **options) as emulator:
        with AccountClient(emulator.url, PROVISIONING_KEY, retry_deadline=0) as client:
            Keys(client).make(
                wanted(
                    {k: v for k, v in vars(AUTO).items() if v is not None},
                    credit_limit=1,
                    expires_at="2099-01-01T00:00:00.5Z",
                )
            )
        assert emulator.calls.operations == ["create_key"]


def test_a_lost_key_is_known_by_a_rounded_lease() -> None:
    """A server that cuts the fractions of a lease does not hide whose reservation it is."""
    with Emulator(provisioning_key=PROVISIONING_KEY, fractions=False) as emulator:
        fails(emulator, "create_key", Drop(commit=True))
        with AccountClient(emulator.url, PROVISIONING_KEY, retry_deadline=0) as client:
            assert_made(emulator, Keys(client).make(EXACT), EXACT)
        assert emulator.calls.operations[:4] == ["create_key", "list_keys", "delete_key", "create_key"]


# --- credentials


def test_no_credential_in_anybodys_log(
    keys: Keys, emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """Even where the HTTP libraries log all they can, no key is in it."""
    with caplog.at_level(logging.DEBUG):
        fails(emulator, "create_key", HalfBody())
        keys.delete(keys.make(EXACT).id)
    assert {record.name.partition(".")[0] for record in caplog.records} >= {
        "pulumi_account",
        "httpx",
        "httpcore",
    }
    assert_clean(caplog.text)


@pytest.mark.parametrize("field", ["name", "created_at", "id", "credit_limit"])
def test_no_plaintext_in_a_recovery(caplog: pytest.LogCaptureFixture, field: str) -> None:
    """An answer that holds the plaintext, and the provisioning key, in the wrong place gives none of them away."""
    plaintext = created_json()["key"]

    def handle(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(201, json={**created_json(), field: [plaintext, PROVISIONING_KEY]})
        return httpx.Response(500, json={"error": {"message": f"not for {PROVISIONING_KEY}"}})

    with account(handle) as client, caplog.at_level(logging.DEBUG):
        refusal(err.LeftoverError, lambda: Keys(client).make(EXACT))
    assert_clean(caplog.text)
