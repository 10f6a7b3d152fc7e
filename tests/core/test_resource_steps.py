"""Create, diff, update, read and delete on plain values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pulumi_account.core.resource import Diff
from pulumi_account.emulator import Answer, Drop, Emulator, Fault
from pulumi_account.exceptions import (
    InvalidInputError,
    KeyGoneError,
    PermissionDeniedError,
    UnexpectedResponseError,
)
from tests.support.canaries import PLAINTEXT
from tests.support.front_end import UNKNOWN, FrontEnd
from tests.support.helpers import AUTO, EXACT, FAR, made


def test_exact_name_is_reserved_then_committed(resource: FrontEnd, emulator: Emulator) -> None:
    """An exact name costs a POST of a reservation and a PATCH."""
    made(resource)
    assert emulator.calls.operations == ["create_key", "update_key"]
    assert emulator.calls[0].json["credit_limit"] == 0
    assert emulator.calls[0].json["name"].startswith("pulumi-account-reservation-")


def test_auto_named_key_is_one_post(resource: FrontEnd, emulator: Emulator) -> None:
    """An auto-named key costs one POST."""
    made(resource, **AUTO)
    assert emulator.calls.operations == ["create_key"]


@pytest.mark.parametrize("name", ["🔑🇩🇪 ключ", "مفتاح الإنتاج", "n" * 255, "🔑" * 255, " x ", "a\tb\nc"])
def test_names_go_through_unchanged(resource: FrontEnd, emulator: Emulator, name: str) -> None:
    """Any name of 1 to 255 characters is used exactly as it is."""
    key_id, _, outs = made(resource, name=name)
    key = emulator.key(int(key_id))
    assert key is not None
    assert key["name"] == outs["name"] == name


def test_lost_post_leaves_one_key(resource: FrontEnd, emulator: Emulator) -> None:
    """A POST whose answer was lost is found by its name, deleted and made again."""
    emulator.faults.add(Fault(Drop(commit=True), operation="create_key"))
    _, _, outs = made(resource, **AUTO)
    assert [key["id"] for key in emulator.keys()] == [outs["key_id"]]


def test_failed_patch_leaves_no_key(resource: FrontEnd, emulator: Emulator) -> None:
    """When the PATCH fails for good, the key just made is deleted and the error raised."""
    emulator.faults.add(Fault(Answer(403), operation="update_key"))
    inputs, _ = resource.check(EXACT)
    with pytest.raises(PermissionDeniedError, match=r"PATCH "):
        resource.create(inputs)
    assert emulator.keys() == []


def test_rotation_triggers_replace(resource: FrontEnd) -> None:
    """A changed trigger replaces the key."""
    key_id, inputs, outs = made(resource, **EXACT, rotation_triggers={"q": "1"})
    assert resource.diff(key_id, outs, {**inputs, "rotation_triggers": {"q": "2"}}).replaces == [
        "rotation_triggers"
    ]


def test_unknown_trigger_replaces(resource: FrontEnd) -> None:
    """A trigger that the preview does not know yet shows the replacement it may bring."""
    key_id, inputs, outs = made(resource, **EXACT, rotation_triggers={"q": "1"})
    assert resource.diff(key_id, outs, {**inputs, "rotation_triggers": {"q": UNKNOWN}}).replaces


def test_empty_triggers_are_none(resource: FrontEnd) -> None:
    """An empty map of triggers is the same as none."""
    key_id, inputs, outs = made(resource)
    news, _ = resource.check({**EXACT, "rotation_triggers": {}}, inputs)
    assert resource.diff(key_id, outs, news) == Diff()


def test_zero_is_a_limit(resource: FrontEnd, emulator: Emulator) -> None:
    """A limit of 0 is sent as 0, which is not the same as no limit."""
    key_id, inputs, outs = made(resource)
    updated = resource.update(key_id, outs, {**inputs, "credit_limit": 0.0})
    assert emulator.calls[-1].json == {"credit_limit": 0}
    assert updated["credit_limit"] == 0


def test_update_without_changes_on_the_server_makes_no_call(resource: FrontEnd, emulator: Emulator) -> None:
    """An update that the server need not know of makes no call, and keeps all outputs."""
    key_id, inputs, outs = made(resource)
    emulator.calls.clear()
    updated = resource.update(key_id, {**outs, "adopt_key_id": float(key_id)}, inputs)
    assert updated == {**outs, "__adoption": updated["__adoption"]}
    assert emulator.calls.operations == []


def test_update_of_a_key_deleted_elsewhere_says_what_to_do(resource: FrontEnd, emulator: Emulator) -> None:
    """The one line names the key and `pulumi refresh`."""
    key_id, inputs, outs = made(resource)
    emulator.remove(int(key_id))
    with pytest.raises(KeyGoneError, match=f"key {key_id} .*`pulumi refresh`"):
        resource.update(key_id, outs, {**inputs, "credit_limit": 1.0})


@pytest.mark.parametrize("body", ["html", "detail", "empty"])
def test_refresh_does_not_believe_a_strangers_404(resource: FrontEnd, emulator: Emulator, body: Any) -> None:
    """A 404 that is not the API's own is an error, never "gone"."""
    key_id, _, outs = made(resource)
    emulator.remove(int(key_id))
    emulator.faults.add(Fault(Answer(404, body=body), operation="get_key"))
    with pytest.raises(UnexpectedResponseError):
        resource.read(key_id, outs)


def test_refresh_keeps_what_the_server_does_not_know(resource: FrontEnd, emulator: Emulator) -> None:
    """Prefix, triggers and adoption come back as they were declared."""
    key_id, _ = emulator.add("n")
    extra = {"rotation_triggers": {"q": "1"}, "adopt_key": PLAINTEXT, "adopt_key_id": float(key_id)}
    _, inputs, outs = made(resource, name="n", **extra)
    assert resource.found(str(key_id), outs).inputs == inputs


def test_an_expired_key_is_told(resource: FrontEnd, emulator: Emulator) -> None:
    """It cannot be used, and its diff would say nothing, as nothing has changed."""
    key_id, inputs, outs = made(resource, name="n", expires_at=FAR)
    over = {"expires_at": "2020-01-01T00:00:00Z"}
    for _ in range(2):
        resource.diff(key_id, outs | over, inputs | over)
    line = f"key {key_id} expired at 2020-01-01T00:00:00Z: change expires_at, or remove it"
    assert resource.warnings.count(line) == 1


def test_an_expired_key_is_not_rotated(resource: FrontEnd) -> None:
    """The new key would be expired, too: the first check says what to do."""
    olds = {"name": "n", "is_enabled": True, "expires_at": "2020-01-01T00:00:00Z"}
    _, failures = resource.check({**olds, "rotation_triggers": {"a": "b"}}, olds)
    assert failures == [
        "expires_at 2020-01-01T00:00:00Z is in the past: a new key needs a later one, or none"
    ]


def test_get_of_no_id_is_an_error(resource: FrontEnd) -> None:
    """`ApiKey.get` with an invalid id fails in one line."""
    with pytest.raises(InvalidInputError, match=r"id must be the id of a key, a whole number$"):
        resource.read(PLAINTEXT)


@pytest.mark.parametrize(
    "method",
    [
        lambda resource: resource.diff(PLAINTEXT, EXACT, EXACT),
        lambda resource: resource.update(PLAINTEXT, EXACT, EXACT),
        lambda resource: resource.delete(PLAINTEXT, EXACT),
    ],
    ids=["diff", "update", "delete"],
)
def test_a_state_whose_id_is_none(resource: FrontEnd, method: Callable[[FrontEnd], object]) -> None:
    """An invalid id in an edited state is refused in one line, too."""
    with pytest.raises(InvalidInputError, match=r"id must be the id of a key, a whole number$"):
        method(resource)


def test_delete_of_a_key_deleted_elsewhere_succeeds(resource: FrontEnd, emulator: Emulator) -> None:
    """The API's own 404 is success."""
    key_id, _, outs = made(resource)
    emulator.remove(int(key_id))
    resource.delete(key_id, outs)


def test_delete_does_not_believe_a_strangers_404(resource: FrontEnd, emulator: Emulator) -> None:
    """A 404 that is not the API's own does not prove that the key is gone."""
    key_id, _, outs = made(resource)
    emulator.faults.add(Fault(Answer(404, body="html"), operation="delete_key"))
    with pytest.raises(UnexpectedResponseError):
        resource.delete(key_id, outs)
