"""A key's life on the server: made, adopted, read, changed, deleted, whatever goes wrong in between."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account import exceptions as err
from pulumi_account.api.client import AccountClient
from pulumi_account.api.connections import default_transport
from pulumi_account.api.models import CreatedKey, Key
from pulumi_account.api.retry import RetryTransport
from pulumi_account.common.instants import parse_instant, utc_now
from pulumi_account.core.declaration import ApiKeyInputs
from pulumi_account.core.keys import Keys, differences
from pulumi_account.core.naming import auto_name, is_auto_name
from pulumi_account.core.reservations import LEASE, RESERVATION_PREFIX
from pulumi_account.emulator import Answer, Drip, Drop, Edit, Emulator, Fault, HalfBody
from tests.support.canaries import PROVISIONING_KEY, assert_clean
from tests.support.helpers import (
    FAR,
    NOW,
    FakeClock,
    account,
    created_json,
    key_json,
    refusal,
    unhurried,
    wanted,
)

FAR_INSTANT = parse_instant(FAR)
EXACT = wanted(name="production", credit_limit=12.5, expires_at=FAR)
DISABLED = wanted(name="production", credit_limit=12.5, expires_at=FAR, is_enabled=False)
BARE = wanted(name="production")
AUTO = wanted(name="ci-0123abc", name_prefix="ci-", credit_limit=12.5, expires_at=FAR)
AUTO_DISABLED = wanted(name="ci-0123abc", name_prefix="ci-", is_enabled=False)
DECLARATIONS = {"exact": EXACT, "auto": AUTO, "auto, disabled": AUTO_DISABLED}
every_declaration = pytest.mark.parametrize("declaration", DECLARATIONS.values(), ids=DECLARATIONS)


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    """The account."""
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
        yield emulator


@pytest.fixture(autouse=True)
def emulator(server: Emulator, caplog: pytest.LogCaptureFixture) -> Iterator[Emulator]:
    """The account, without keys; whatever a test makes anyone log is looked through for credentials."""
    server.faults.clear()
    for key in server.keys():
        server.remove(key["id"])
    server.calls.clear()
    with caplog.at_level(logging.DEBUG, logger="pulumi_account"), caplog.at_level(logging.INFO):
        yield server
    for record in caplog.records:
        assert_clean(record.getMessage(), record.args, record.exc_text)


@pytest.fixture(scope="module")
def hasty_client(server: Emulator) -> Iterator[AccountClient]:
    """A client that tries every call once."""
    with AccountClient(server.url, PROVISIONING_KEY, retry_deadline=0) as client:
        yield client


@pytest.fixture(scope="module")
def patient_client(server: Emulator) -> Iterator[AccountClient]:
    """A client that tries calls again for 90 seconds, which pass at once."""
    clock = FakeClock()
    transport = RetryTransport(default_transport(server.url), sleep=clock.sleep, clock=clock)
    with AccountClient(server.url, PROVISIONING_KEY, transport=transport) as client:
        yield client


@pytest.fixture
def keys(hasty_client: AccountClient) -> Keys:
    """The account's keys; every call is tried once."""
    return Keys(hasty_client)


@pytest.fixture
def patient(patient_client: AccountClient) -> Keys:
    """The account's keys; calls are retried."""
    return Keys(patient_client)


def fails(emulator: Emulator, operation: str, action: Any, **options: Any) -> None:
    """Something goes wrong with an operation."""
    emulator.faults.add(Fault(action, operation=operation, **options))


def for_ever(emulator: Emulator, operation: str, action: Any) -> None:
    """Something goes wrong with an operation each time."""
    fails(emulator, operation, action, times=None)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was warned of."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def assert_made(emulator: Emulator, created: CreatedKey, declaration: ApiKeyInputs) -> None:
    """The account has one key: this one, as declared, and the plaintext unlocks it."""
    (stored,) = emulator.keys()
    declared = {
        name: getattr(declaration, name) for name in ("name", "credit_limit", "expires_at", "is_enabled")
    }
    assert {name: stored[name] for name in declared} == declared
    assert {name: getattr(created, name) for name in declared} == declared
    assert emulator.key_of(created.key.get_secret_value()) == stored["id"] == created.id
    assert_clean(repr(created), str(created))


# --- names


@unhurried
@given(st.text())
def test_an_auto_name_is_told_from_others(prefix: str) -> None:
    """An auto-name is its prefix and seven hex digits, new each time."""
    names = {auto_name(prefix) for _ in range(20)}
    assert len(names) == 20
    for name in names:
        assert re.fullmatch(re.escape(prefix) + "[0-9a-f]{7}", name)
        assert is_auto_name(name, prefix)


@unhurried
@given(st.text(max_size=5), st.text("0123456789abcdefABCDEFg-٣", max_size=9))
def test_other_names_are_no_auto_names(prefix: str, rest: str) -> None:
    """No other ending will do."""
    assert is_auto_name(prefix + rest, prefix) is bool(re.fullmatch("[0-9a-f]{7}", rest))


@unhurried
@given(st.text(min_size=1), st.from_regex(r"\A[0-9a-f]{7}\Z"), st.text(min_size=1))
def test_another_prefix_is_no_prefix(prefix: str, digits: str, other: str) -> None:
    """The prefix must be there, and nothing between it and the digits."""
    assert not is_auto_name(digits, prefix) or digits.startswith(prefix)
    assert not is_auto_name(prefix + other + digits, prefix)


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
        f"; this was a reservation for the key, expiring at {expiry}, an hour from now by this machine's clock"
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


# --- make: a POST in doubt

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
    """A POST whose key was lost leaves nothing: its key is deleted, another is made, a warning tells it."""
    fails(emulator, "create_key", action)
    assert_made(emulator, keys.make(declaration), declaration)
    assert emulator.calls.operations[:4] == ["create_key", "list_keys", "delete_key", "create_key"]
    (warning,) = warnings(caplog)
    lost = emulator.calls[2].path.rpartition("/")[2]
    assert warning.endswith(f"; it had made key {lost}, which is deleted")


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
    """A POST that was not carried out is made again, and a warning tells it."""
    fails(emulator, "create_key", action)
    assert_made(emulator, keys.make(declaration), declaration)
    assert emulator.calls.operations[:3] == ["create_key", "list_keys", "create_key"]
    (warning,) = warnings(caplog)
    name = emulator.calls[0].json["name"]
    assert warning.endswith(f"; it had made no key named {name!r} so far")


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
        ([], "after all"),
        ([Answer(500)], "a key named 'ci-0123abc' could not be found out, or the key could not be"),
    ],
    ids=["deleted", "not deleted"],
)
def test_a_post_carried_out_late_is_found(
    server: Emulator, emulator: Emulator, caplog: pytest.LogCaptureFixture, cleaning: list[Answer], told: str
) -> None:
    """A key that the server makes only after it was looked for is deleted after the next one is made, or told of."""
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
        pytest.raises(err.UnexpectedResponseError, match=f"left {ignored} as it was$"),
    ):
        Keys(client).make(DISABLED)
    assert emulator.keys() == []


def test_a_server_may_round(keys: Keys, emulator: Emulator) -> None:
    """A limit that comes back rounded is no error."""
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
    """A stale cache or a wrong proxy answers with somebody else's key: that is never written to, and one is made."""
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
        match=f"the answer is about key {other_id}, made at 2020-01-01T00:00:00Z, which is not the one",
    )
    assert [key["id"] for key in emulator.keys()] == [other_id]


def test_two_answers_about_two_keys(keys: Keys, emulator: Emulator) -> None:
    """Where the PATCH's answer is about a key made at another instant, the key is left, and the error says so."""
    fails(emulator, "update_key", Edit(replace={"created_at": "2020-01-01T00:00:00Z"}))
    refusal(err.LeftoverError, lambda: keys.make(EXACT), match="it was left as it is; look whose key it is")
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
    """A 4xx, whoever's, made no key: it is raised with no recovery and no warning."""
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
    """A key that has the name, but is not as it was requested, is not deleted: the error names it."""

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
    said = (
        f"key {left['id']} is named {left['name']!r}, but is not as it was requested, so it was not deleted"
    )
    assert said in str(error)
    assert emulator.calls.operations == ["create_key", "list_keys"]


BROKEN = [Answer(500), Answer(401), Answer(403), Answer(404, body="html"), Answer(429), Drop(), HalfBody()]
BROKEN += [Answer(200, body="html"), Answer(200, body="garbage")]
BROKEN_ANSWERS = pytest.mark.parametrize("action", BROKEN, ids=repr)


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


DELETE_FAILS = [Answer(500), Answer(401), Answer(403), Answer(404, body="html"), Answer(429), Drop()]


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


# --- make: a PATCH that fails

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
    assert f"key {left['id']}, made for it, could not be deleted" in str(error)


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
    """Whoever asked is gone when the key is made, or when it is finished: it is deleted, and that is told."""
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
    """A key that is gone already is as good as deleted; the user is told, for it may be the wrong account."""
    keys.delete(4711)
    assert emulator.calls.operations == ["delete_key"]
    (warning,) = warnings(caplog)
    assert warning.startswith("key 4711 is gone already: ")
    assert warning.endswith("or this is not the account that it was made in")


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


# --- read


def read_all(keys: Keys, ids: list[int]) -> list[Key | None]:
    """One read for each id, one after the other."""
    return [keys.read(key_id) for key_id in ids]


def add_keys(emulator: Emulator, count: int) -> list[int]:
    """The ids of so many new keys."""
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
    """A 404 of somebody else's, a refusal and a lost answer are errors: a refresh must not forget a key."""
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
    """A list that was under way while this process wrote serves nobody after."""
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
