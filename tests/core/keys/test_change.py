"""A PATCH that fails, adoption, change and deletion."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from pulumi_account import exceptions as err
from pulumi_account.api.client import AccountClient
from pulumi_account.api.connections import default_transport
from pulumi_account.core.declaration import ApiKeyInputs
from pulumi_account.core.keys import Keys, differences
from pulumi_account.emulator import Answer, Drop, Emulator, HalfBody
from tests.core.keys.conftest import (
    AUTO,
    AUTO_DISABLED,
    DELETE_FAILS,
    EXACT,
    assert_made,
    every_declaration,
    fails,
    for_ever,
    warnings,
)
from tests.support.canaries import PROVISIONING_KEY
from tests.support.helpers import (
    FAR,
    refusal,
)

# --- a PATCH that fails


PATCHED = pytest.mark.parametrize("declaration", [EXACT, AUTO_DISABLED], ids=["exact", "auto, disabled"])
PATCH_FAILS: list[tuple[Any, type[err.AccountError]]] = [
    (Answer(400), err.InvalidRequestError),
    (Answer(401), err.AuthenticationError),
    (Answer(404), err.NotFoundError),
    (Answer(404, body="html"), err.UnexpectedResponseError),
    (Answer(422), err.InvalidRequestError),
    (Answer(429), err.RateLimitError),
    (Answer(500), err.ServerError),
    (Answer(502, commit=True), err.ServerError),
    (Answer(200, body="garbage", commit=True), err.UnexpectedResponseError),
    (Drop(commit=True), err.ResponseLostError),
    (Drop(), err.ResponseLostError),
    (HalfBody(), err.ResponseLostError),
]


@PATCHED
@pytest.mark.parametrize(("action", "kind"), PATCH_FAILS, ids=repr)
def test_a_key_that_cannot_be_finished_is_deleted(
    keys: Keys, emulator: Emulator, declaration: ApiKeyInputs, action: Any, kind: type[err.AccountError]
) -> None:
    """If the PATCH fails for good, the key just made is deleted and the PATCH's error raised."""
    fails(emulator, "update_key", action)
    refusal(kind, lambda: keys.make(declaration), r"^PATCH /v1/account/keys/\d+: ")
    assert emulator.calls.operations == ["create_key", "update_key", "delete_key"]
    assert emulator.keys() == []


@PATCHED
@pytest.mark.parametrize("action", DELETE_FAILS, ids=repr)
def test_a_key_that_cannot_be_finished_nor_deleted_is_named(
    keys: Keys, emulator: Emulator, declaration: ApiKeyInputs, action: Any
) -> None:
    """If that deletion fails, too, the error names the key."""
    fails(emulator, "update_key", Answer(422))
    for_ever(emulator, "delete_key", action)
    error = refusal(err.LeftoverError, lambda: keys.make(declaration))
    (left,) = emulator.keys()
    assert f"the new key {left['id']} could not be deleted" in str(error)


@PATCHED
def test_a_withdrawal_whose_answer_is_lost_is_one(
    patient: Keys, emulator: Emulator, declaration: ApiKeyInputs
) -> None:
    """The retry of that deletion finds the key gone: nothing was left behind."""
    fails(emulator, "update_key", Answer(422))
    fails(emulator, "delete_key", Drop(commit=True))
    refusal(err.InvalidRequestError, lambda: patient.make(declaration))
    assert emulator.keys() == []


@PATCHED
def test_an_interruption_leaves_nothing(emulator: Emulator, declaration: ApiKeyInputs) -> None:
    """Even if the PATCH is interrupted from the keyboard, the key just made is deleted."""
    inner = default_transport(emulator.url)

    def handle(request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            raise KeyboardInterrupt
        return inner.handle_request(request)

    transport = httpx.MockTransport(handle)
    with AccountClient(emulator.url, PROVISIONING_KEY, transport=transport) as client:
        with pytest.raises(KeyboardInterrupt):
            Keys(client).make(declaration)
        inner.close()
    assert emulator.keys() == []


# --- adopt


@every_declaration
@pytest.mark.parametrize("calls", [1, 2])
def test_a_key_that_nobody_would_have_is_deleted(
    hasty_client: AccountClient,
    emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
    declaration: ApiKeyInputs,
    calls: int,
) -> None:
    """If the engine exits before the key is made or finished, the key is deleted, and an error reports it."""
    keys = Keys(hasty_client, abandoned=lambda: len(emulator.calls) >= calls)
    if calls == 2 and declaration is AUTO:
        assert_made(emulator, keys.make(declaration), declaration)  # one call makes it
        return
    error = refusal(err.AbandonedError, lambda: keys.make(declaration))
    assert re.fullmatch(r"the engine that requested key \d+ has exited: the key was deleted", str(error))
    assert warnings(caplog) == [str(error)]
    assert emulator.keys() == []


def test_adopting_changes_only_what_differs(keys: Keys, emulator: Emulator) -> None:
    """An adopted key is made as declared with one PATCH of what differs."""
    key_id, _ = emulator.add("old", credit_limit="12.5", is_enabled=False)
    key = keys.adopt(key_id, EXACT)
    assert emulator.calls.operations == ["get_key", "update_key"]
    assert emulator.calls[1].json == {"name": "production", "is_enabled": True, "expires_at": FAR}
    assert differences(key, EXACT) == {}
    assert key.id == key_id


def test_adopting_a_key_that_fits(keys: Keys, emulator: Emulator) -> None:
    """A key that is as declared already is only read."""
    key_id, _ = emulator.add("production", credit_limit="12.50", expires_at=FAR)
    assert keys.adopt(key_id, EXACT).id == key_id
    assert emulator.calls.operations == ["get_key"]


def test_adopting_a_key_that_is_not_there(keys: Keys) -> None:
    """An id that the account does not have cannot be adopted."""
    error = refusal(err.AdoptionError, lambda: keys.adopt(4711, EXACT))
    assert str(error) == "adopt_key_id 4711: the account has no such key"


@pytest.mark.parametrize("body", ["html", "detail", "empty", "garbage"])
def test_adopting_through_a_wrong_endpoint(keys: Keys, emulator: Emulator, body: Any) -> None:
    """A 404 that is not the API's own does not say that the key is not there."""
    fails(emulator, "get_key", Answer(404, body=body))
    refusal(err.UnexpectedResponseError, lambda: keys.adopt(emulator.add("n")[0], EXACT))


def test_adopting_a_key_that_vanishes(keys: Keys, emulator: Emulator) -> None:
    """A key that is deleted between the GET and the PATCH is gone."""
    key_id, _ = emulator.add("old")
    fails(emulator, "update_key", Answer(404))
    refusal(err.KeyGoneError, lambda: keys.adopt(key_id, EXACT))


# --- change and delete


def test_a_change_is_one_patch(keys: Keys, emulator: Emulator) -> None:
    """A change says just what changes, null included, and gives the key as it is then."""
    key_id, _ = emulator.add("old", credit_limit=5)
    key = keys.change(key_id, {"credit_limit": None, "name": "new"})
    assert (key.name, key.credit_limit) == ("new", None)
    (call,) = emulator.calls
    assert (call.operation, call.json) == ("update_key", {"credit_limit": None, "name": "new"})


def test_changing_a_key_that_is_gone(keys: Keys) -> None:
    """A change to a key that was deleted elsewhere says what mends it."""
    error = refusal(err.KeyGoneError, lambda: keys.change(4711, {"name": "n"}))
    assert str(error).startswith("key 4711 was deleted elsewhere: run `pulumi refresh`")


@pytest.mark.parametrize(
    ("action", "kind"), [case for case in PATCH_FAILS if case[1] is not err.NotFoundError], ids=repr
)
def test_a_change_that_fails(
    keys: Keys, emulator: Emulator, action: Any, kind: type[err.AccountError]
) -> None:
    """Any other trouble is raised as it is."""
    key_id, _ = emulator.add("old")
    fails(emulator, "update_key", action)
    refusal(kind, lambda: keys.change(key_id, {"name": "new"}))


def test_delete(keys: Keys, emulator: Emulator) -> None:
    """A deletion is one DELETE."""
    keys.delete(emulator.add("n")[0])
    assert emulator.calls.operations == ["delete_key"]
    assert emulator.keys() == []


def test_deleting_a_key_that_is_gone(
    keys: Keys, emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """A missing key counts as deleted; a warning reports it, because it may be the wrong account."""
    keys.delete(4711)
    assert emulator.calls.operations == ["delete_key"]
    (warning,) = warnings(caplog)
    assert warning.startswith("key 4711 is gone already: ")
    assert warning.endswith("or the endpoint or the provisioning key is that of another account")


def test_deleting_with_a_lost_answer(
    patient: Keys, emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """So is one whose deletion was carried out and whose answer was lost."""
    fails(emulator, "delete_key", Drop(commit=True))
    patient.delete(emulator.add("n")[0])
    assert emulator.calls.operations == ["delete_key", "delete_key"]
    assert "or by an attempt whose answer was lost" in warnings(caplog)[-1]


@pytest.mark.parametrize("action", DELETE_FAILS, ids=repr)
def test_a_deletion_that_fails(keys: Keys, emulator: Emulator, action: Any) -> None:
    """Nothing else counts as deleted, a 404 that is not the API's own included."""
    key_id, _ = emulator.add("n")
    fails(emulator, "delete_key", action)
    with pytest.raises((err.StatusError, err.UnexpectedResponseError, err.NetworkError)):
        keys.delete(key_id)
