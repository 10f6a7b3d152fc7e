"""A POST in doubt: what it made is found and removed."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest

from pulumi_account import exceptions as err
from pulumi_account.api.client import AccountClient
from pulumi_account.api.connections import default_transport
from pulumi_account.core.declaration import ApiKeyInputs
from pulumi_account.core.keys import Keys
from pulumi_account.core.reservations import LEASE, RESERVATION_PREFIX
from pulumi_account.emulator import Answer, Drip, Drop, Edit, Emulator, HalfBody
from tests.core.keys.conftest import (
    AUTO,
    BROKEN_ANSWERS,
    DELETE_FAILS,
    DISABLED,
    EXACT,
    FAR_INSTANT,
    assert_made,
    every_declaration,
    fails,
    for_ever,
    warnings,
)
from tests.support.canaries import PROVISIONING_KEY, assert_clean
from tests.support.helpers import (
    account,
    created_json,
    refusal,
    wanted,
)

CARRIED_OUT = {
    "cut after commit": Drop(commit=True),
    "half a body": HalfBody(),
    "500": Answer(500, commit=True),
    "502": Answer(502, commit=True, body="html"),
    "503": Answer(503, commit=True, body="empty"),
    "504": Answer(504, commit=True, body="detail"),
    "redirect": Answer(303, commit=True, headers={"Location": "/"}),
    "garbage": Answer(201, body="garbage", commit=True),
    "a page": Answer(200, body="html", commit=True),
    "nothing": Answer(201, body="empty", commit=True),
    "204": Answer(204, commit=True),
    "no key": Edit(remove=("key",)),
    "empty key": Edit(replace={"key": ""}),
    "wrong key": Edit(replace={"key": 5}),
    "no id": Edit(remove=("id",)),
    "wrong expiry": Edit(replace={"expires_at": "soon"}),
}
NOT_CARRIED_OUT = {
    "cut before commit": Drop(commit=False),
    "500": Answer(500),
    "a page": Answer(200, body="html"),
}


@every_declaration
@pytest.mark.parametrize("action", CARRIED_OUT.values(), ids=CARRIED_OUT)
def test_a_lost_key_is_deleted(
    keys: Keys, emulator: Emulator, caplog: pytest.LogCaptureFixture, declaration: ApiKeyInputs, action: Any
) -> None:
    """A POST whose key was lost leaves nothing: its key is deleted, another is made, and a warning reports it."""
    fails(emulator, "create_key", action)
    assert_made(emulator, keys.make(declaration), declaration)
    assert emulator.calls.operations[:4] == ["create_key", "list_keys", "delete_key", "create_key"]
    (warning,) = warnings(caplog)
    lost = emulator.calls[2].path.rpartition("/")[2]
    assert warning.endswith(f"; it made key {lost}, which is deleted")


@every_declaration
def test_a_key_whose_answer_drips_is_deleted(
    emulator: Emulator, caplog: pytest.LogCaptureFixture, declaration: ApiKeyInputs
) -> None:
    """A POST whose answer is cut off for its slowness is in doubt as any other whose answer was lost."""
    fails(emulator, "create_key", Drip(0.05))
    with AccountClient(emulator.url, PROVISIONING_KEY, retry_deadline=0, timeout=1) as client:
        assert_made(emulator, Keys(client).make(declaration), declaration)
    assert emulator.calls.operations[:4] == ["create_key", "list_keys", "delete_key", "create_key"]
    (warning,) = warnings(caplog)
    assert "ReadTimeout no whole answer within 1 s" in warning


@every_declaration
@pytest.mark.parametrize("action", NOT_CARRIED_OUT.values(), ids=NOT_CARRIED_OUT)
def test_a_post_that_came_to_nothing_is_made_again(
    keys: Keys, emulator: Emulator, caplog: pytest.LogCaptureFixture, declaration: ApiKeyInputs, action: Any
) -> None:
    """A POST that was not carried out is made again, and a warning reports it."""
    fails(emulator, "create_key", action)
    assert_made(emulator, keys.make(declaration), declaration)
    assert emulator.calls.operations[:3] == ["create_key", "list_keys", "create_key"]
    (warning,) = warnings(caplog)
    name = emulator.calls[0].json["name"]
    assert warning.endswith(f"; it made no key named {name!r} so far")


@every_declaration
def test_a_post_is_made_again_under_another_name(
    keys: Keys, emulator: Emulator, declaration: ApiKeyInputs
) -> None:
    """No two POSTs carry the same name, an auto-name included: the first may still be carried out late."""
    fails(emulator, "create_key", Drop(commit=True), times=2)
    keys.make(declaration)
    names = [call.json["name"] for call in emulator.calls.of("create_key")]
    assert len(set(names)) == 3
    assert all(name.startswith(RESERVATION_PREFIX) for name in names[1:])


@pytest.mark.parametrize(
    ("cleaning", "told"),
    [
        ([], "it later made key"),
        ([Answer(500)], "a key named 'ci-0123abc', which could not be found or deleted "),
    ],
    ids=["deleted", "not deleted"],
)
def test_a_post_carried_out_late_is_found(
    server: Emulator, emulator: Emulator, caplog: pytest.LogCaptureFixture, cleaning: list[Answer], told: str
) -> None:
    """A key that the server makes only after it was looked for is deleted after the next one is made, or reported."""
    posts = 0

    class LateServer(httpx.BaseTransport):
        """Says 504 to the first POST, and carries it out during the second."""

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            """Answer."""
            nonlocal posts
            posts += request.method == "POST"
            if request.method == "POST" and posts == 1:
                return httpx.Response(504)
            if request.method == "POST" and posts == 2:
                emulator.add("ci-0123abc", credit_limit="12.5", expires_at=FAR_INSTANT)
            return inner.handle_request(request)

    for action in cleaning:
        fails(emulator, "delete_key", action)
    inner = default_transport(server.url)
    with AccountClient(server.url, PROVISIONING_KEY, transport=LateServer()) as client:
        created = Keys(client).make(AUTO)
    inner.close()
    left = [key for key in emulator.keys() if key["id"] != created.id]
    assert [key["name"] for key in left] == (["ci-0123abc"] if cleaning else [])
    for key in left:
        emulator.remove(key["id"])
    assert_made(emulator, created, AUTO)
    assert told in warnings(caplog)[-1]


class Stubborn(httpx.BaseTransport):
    """Says 200 to every PATCH, but leaves a field as the POST made it, or without a value."""

    def __init__(self, endpoint: str, field: str, *, emptied: bool) -> None:
        self._inner = default_transport(endpoint)
        self._field, self._emptied = field, emptied
        self._as_made: Any = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass the request on, and change the answer."""
        response = self._inner.handle_request(request)
        response.read()
        if request.method == "POST":
            self._as_made = response.json()[self._field]
        if request.method != "PATCH":
            return response
        left = None if self._emptied else self._as_made
        return httpx.Response(200, json={**response.json(), self._field: left})

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


@pytest.mark.parametrize(
    ("ignored", "emptied"),
    [
        ("name", False),
        ("is_enabled", False),
        ("credit_limit", False),
        ("credit_limit", True),
        ("expires_at", False),
        ("expires_at", True),
    ],
)
def test_a_patch_that_was_not_carried_out_is_no_success(
    emulator: Emulator, ignored: str, emptied: bool
) -> None:
    """A 200 to a PATCH that left a field would leave a bit of a reservation: the key is deleted, the error raised."""
    transport = Stubborn(emulator.url, ignored, emptied=emptied)
    with (
        AccountClient(emulator.url, PROVISIONING_KEY, transport=transport) as client,
        pytest.raises(err.UnexpectedResponseError, match=f"did not change {ignored}$"),
    ):
        Keys(client).make(DISABLED)
    assert emulator.keys() == []


def test_a_server_may_round(keys: Keys, emulator: Emulator) -> None:
    """A limit that comes back rounded is accepted."""
    fails(emulator, "update_key", Edit(replace={"credit_limit": 12.51}))
    assert keys.make(EXACT).credit_limit == Decimal("12.51")


def test_a_server_may_round_twice(keys: Keys, emulator: Emulator) -> None:
    """Nor is one that the POST has rounded, and the PATCH again: only a reservation's own limit is not to stay."""
    for operation in ("create_key", "update_key"):
        fails(emulator, operation, Edit(replace={"credit_limit": 12}))
    disabled = wanted(name="ci-0123abc", name_prefix="ci-", credit_limit=12.5, is_enabled=False)
    assert keys.make(disabled).credit_limit == 12


@every_declaration
@pytest.mark.parametrize(
    "told", [("id", "name", "created_at"), ("id", "created_at"), ("name",), ("credit_limit",)]
)
@pytest.mark.parametrize("commit", [True, False])
def test_an_answer_about_another_key_is_not_believed(
    keys: Keys, emulator: Emulator, declaration: ApiKeyInputs, told: tuple[str, ...], commit: bool
) -> None:
    """A stale cache or a wrong proxy answers with another's key: it is never written to, and a new one is made."""
    other_id, _ = emulator.add("somebody else's", credit_limit=77)
    other = emulator.key(other_id)
    lie = {"id": other_id, "name": "theirs", "created_at": "2020-01-01T00:00:00Z", "credit_limit": 77}
    told_lies = {name: lie[name] for name in told}
    answer = Edit(replace=told_lies) if commit else Answer(200, body=json.dumps(created_json(**lie)).encode())
    fails(emulator, "create_key", answer)
    made = keys.make(declaration)
    assert emulator.key(other_id) == other
    assert {key["id"] for key in emulator.keys()} == {other_id, made.id}
    assert emulator.key_of(made.key.get_secret_value()) == made.id
    written = {call.path for call in emulator.calls if call.method in ("PATCH", "DELETE")}
    assert f"/v1/account/keys/{other_id}" not in written


def test_an_answer_about_a_known_key_is_not_believed(keys: Keys, emulator: Emulator) -> None:
    """A key that was read before the POST cannot be the one that it made, however well it fits."""
    other_id, _ = emulator.add("somebody else's")
    assert keys.read(other_id)
    fails(emulator, "create_key", Edit(replace={"id": other_id}))
    made = keys.make(EXACT)
    assert made.id != other_id
    assert emulator.key(other_id)["name"] == "somebody else's"  # type: ignore[index]


def test_a_strange_instant_is_looked_into(keys: Keys, emulator: Emulator) -> None:
    """A server whose clocks disagree makes keys that look old: the list shows whose they are."""
    fails(emulator, "create_key", Edit(replace={"created_at": "2020-01-01T00:00:00Z"}))
    made = keys.make(AUTO)
    assert emulator.calls.operations == ["create_key", "list_keys"]
    assert [key["id"] for key in emulator.keys()] == [made.id]


def test_an_answer_that_is_never_believed_is_told(keys: Keys, emulator: Emulator) -> None:
    """In the end the error names the key that the answer is about, and nothing is left."""
    other_id, _ = emulator.add("somebody else's")
    for_ever(emulator, "create_key", Edit(replace={"id": other_id, "created_at": "2020-01-01T00:00:00Z"}))
    refusal(
        err.UnexpectedResponseError,
        lambda: keys.make(EXACT),
        match=f"the answer is about key {other_id}, made at 2020-01-01T00:00:00Z, not about the requested key",
    )
    assert [key["id"] for key in emulator.keys()] == [other_id]


def test_two_answers_about_two_keys(keys: Keys, emulator: Emulator) -> None:
    """Where the PATCH's answer is about a key made at another instant, the key is left, and the error says so."""
    fails(emulator, "update_key", Edit(replace={"created_at": "2020-01-01T00:00:00Z"}))
    refusal(
        err.LeftoverError, lambda: keys.make(EXACT), match="not changed further: find out whose key it is"
    )
    assert "delete_key" not in emulator.calls.operations


def test_other_keys_are_left_alone(keys: Keys, emulator: Emulator) -> None:
    """A recovery deletes no key but the one that was lost, whatever the others are named."""
    mine = [emulator.add(name)[0] for name in ("production", RESERVATION_PREFIX + "0" * 32, "ci-")]
    fails(emulator, "create_key", Drop(commit=True))
    keys.make(EXACT)
    assert [key["id"] for key in emulator.keys()][:3] == mine


@every_declaration
@pytest.mark.parametrize(
    "action", [Drop(commit=True), Answer(502, commit=True), Answer(500), Drop()], ids=repr
)
def test_three_posts_that_fail_leave_nothing(
    keys: Keys, emulator: Emulator, declaration: ApiKeyInputs, action: Any
) -> None:
    """After the third POST in doubt the error is raised, and all that they made is deleted."""
    for_ever(emulator, "create_key", action)
    kind = err.ResponseLostError if isinstance(action, Drop) else err.ServerError
    refusal(kind, lambda: keys.make(declaration), r"^POST /v1/account/keys: ")
    assert len(emulator.calls.of("create_key")) == 3
    assert emulator.keys() == []


def test_the_third_post_may_succeed(keys: Keys, emulator: Emulator) -> None:
    """Two POSTs in doubt are not too many."""
    fails(emulator, "create_key", Drop(commit=True), times=2)
    assert_made(emulator, keys.make(EXACT), EXACT)


REFUSALS: list[Any] = [Answer(status) for status in (400, 401, 402, 403, 404, 409, 422, 429)]
REFUSALS += [Answer(status, body=body) for status in (404, 413) for body in ("html", "detail", "empty")]


@every_declaration
@pytest.mark.parametrize("action", REFUSALS, ids=lambda action: f"{action.status}-{action.body}")
def test_a_refused_post_is_raised_at_once(
    keys: Keys, emulator: Emulator, caplog: pytest.LogCaptureFixture, declaration: ApiKeyInputs, action: Any
) -> None:
    """A 4xx, from any server, made no key: it is raised with no recovery and no warning."""
    fails(emulator, "create_key", action)
    with pytest.raises((err.StatusError, err.UnexpectedResponseError)) as caught:
        keys.make(declaration)
    assert_clean(str(caught.value))
    assert emulator.calls.operations == ["create_key"]
    assert warnings(caplog) == []


@every_declaration
def test_a_post_that_was_never_sent_is_raised_at_once(declaration: ApiKeyInputs) -> None:
    """Without a connection there is no key to look for."""
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        raise httpx.ConnectError("refused")

    with account(handle) as client:
        refusal(err.ConnectFailedError, lambda: Keys(client).make(declaration))
    assert len(requests) == 1


def test_several_candidates_are_all_named(keys: Keys, emulator: Emulator) -> None:
    """Where the unique name is not unique, nothing is deleted and each key is named."""
    assert AUTO.name is not None
    ids = [emulator.add(AUTO.name)[0], emulator.add(AUTO.name)[0]]
    fails(emulator, "create_key", Drop(commit=True))
    error = refusal(err.LeftoverError, lambda: keys.make(AUTO))
    ids.append(ids[-1] + 1)
    assert f"keys {ids[0]}, {ids[1]}, {ids[2]} are all named 'ci-0123abc', so none was deleted" in str(error)
    assert [key["id"] for key in emulator.keys()] == ids
    assert emulator.calls.operations == ["create_key", "list_keys"]


@every_declaration
@pytest.mark.parametrize(
    "change", [{"credit_limit": 99}, {"expires_at": FAR_INSTANT - LEASE}, {"is_enabled": False}], ids=repr
)
def test_a_name_alone_is_no_proof(
    emulator: Emulator, declaration: ApiKeyInputs, change: dict[str, Any]
) -> None:
    """A key that has the name, but differs from the request, is not deleted: the error names it."""

    def somebody_else(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            emulator.edit(emulator.keys()[0]["id"], **change)
        return direct.handle_request(request)

    fails(emulator, "create_key", Drop(commit=True))
    transport = httpx.MockTransport(somebody_else)
    with (
        default_transport(emulator.url) as direct,
        AccountClient(emulator.url, PROVISIONING_KEY, transport=transport) as client,
    ):
        error = refusal(err.LeftoverError, lambda: Keys(client).make(declaration))
    (left,) = emulator.keys()
    said = f"key {left['id']} is named {left['name']!r}, but differs from the request, so it was not deleted"
    assert said in str(error)
    assert emulator.calls.operations == ["create_key", "list_keys"]


@BROKEN_ANSWERS
@pytest.mark.parametrize(
    ("declaration", "harm"),
    [
        (EXACT, r"if it exists, it can spend nothing and expires at \S+Z$"),
        (AUTO, r"if it exists, delete it: its plaintext is lost, but it is enabled$"),
    ],
    ids=["exact", "auto"],
)
def test_a_list_that_fails_leaves_it_open(
    keys: Keys, emulator: Emulator, declaration: ApiKeyInputs, harm: str, action: Any
) -> None:
    """If it cannot be found out whether a key was made, the error names it and says what harm it can do."""
    fails(emulator, "create_key", Drop(commit=True))
    for_ever(emulator, "list_keys", action)
    error = refusal(err.LeftoverError, lambda: keys.make(declaration), harm)
    (left,) = emulator.keys()
    assert f"a key named {left['name']!r}" in str(error)
    assert emulator.calls.operations == ["create_key", "list_keys"]


@pytest.mark.parametrize("action", DELETE_FAILS, ids=repr)
@every_declaration
def test_a_lost_key_that_cannot_be_deleted_is_named(
    keys: Keys, emulator: Emulator, declaration: ApiKeyInputs, action: Any
) -> None:
    """If the lost key cannot be deleted, the error names it, and no other is made."""
    fails(emulator, "create_key", Drop(commit=True))
    for_ever(emulator, "delete_key", action)
    error = refusal(err.LeftoverError, lambda: keys.make(declaration))
    (left,) = emulator.keys()
    assert f"a key named {left['name']!r}" in str(error)
    assert emulator.calls.operations == ["create_key", "list_keys", "delete_key"]


@every_declaration
def test_a_deletion_whose_answer_is_lost_is_a_deletion(
    patient: Keys, emulator: Emulator, declaration: ApiKeyInputs
) -> None:
    """The retry of a deletion with a lost answer finds the key gone: the recovery goes on."""
    fails(emulator, "create_key", Drop(commit=True))
    fails(emulator, "delete_key", Drop(commit=True))
    assert_made(emulator, patient.make(declaration), declaration)
    assert emulator.calls.operations[:5] == [
        *["create_key", "list_keys", "delete_key", "delete_key", "create_key"]
    ]


@every_declaration
@pytest.mark.parametrize("operation", ["create_key", "update_key"])
@pytest.mark.parametrize("action", [Answer(429, retry_after=20), Answer(503), Drop(commit=True)], ids=repr)
def test_passing_trouble_goes_unnoticed(
    patient: Keys, emulator: Emulator, declaration: ApiKeyInputs, operation: str, action: Any
) -> None:
    """With retries, the key is made all the same."""
    fails(emulator, operation, action)
    assert_made(emulator, patient.make(declaration), declaration)
