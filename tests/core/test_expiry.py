"""`expires_in`: the expiry counts from the key's creation, no matter who changes what."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from pulumi_account.common.instants import format_instant, parse_instant, utc_now
from pulumi_account.core.resource import Diff
from pulumi_account.emulator import Drop, Emulator, Fault
from pulumi_account.exceptions import InvalidInputError
from tests.support.front_end import UNKNOWN, FrontEnd
from tests.support.helpers import AUTO, FAR, made

DAY = timedelta(days=1)
EXACT = {"name": "n", "expires_in": "90d"}


def lifetime(emulator: Emulator, key_id: str) -> timedelta | None:
    """The time from a key's creation to its expiry."""
    key = emulator.key(int(key_id))
    assert key is not None
    found: timedelta | None = key["expires_at"] and key["expires_at"] - key["created_at"]
    return found


def posted_lifetime(emulator: Emulator, key_id: str) -> timedelta:
    """The same, in whole minutes, for a key whose expiry its POST has set."""
    found = lifetime(emulator, key_id)
    assert found is not None
    return timedelta(minutes=round(found / timedelta(minutes=1)))


def aged(emulator: Emulator, key_id: str, outs: Any, age: timedelta) -> tuple[dict[str, Any], datetime]:
    """Make a key older than it is; its new state, and its new creation."""
    created_at = utc_now().replace(microsecond=0) - age
    emulator.edit(int(key_id), created_at=created_at)
    return {**outs, "created_at": format_instant(created_at)}, created_at


def test_a_duration_is_normalized(resource: FrontEnd) -> None:
    """Both notations of a duration are the same input."""
    inputs, _ = resource.check({"name": "n", "expires_in": "P90D", "delete_guard": "168h"})
    assert inputs == {"name": "n", "is_enabled": True, "expires_in": "90d", "delete_guard": "7d"}


def test_an_auto_named_key_is_one_post(resource: FrontEnd, emulator: Emulator) -> None:
    """The POST carries the expiry, and no PATCH follows."""
    key_id, _, _ = made(resource, **AUTO, expires_in="90d")
    assert emulator.calls.operations == ["create_key"]
    assert posted_lifetime(emulator, key_id) == 90 * DAY


@pytest.mark.parametrize("skew", [-5 * DAY, 2 * DAY, timedelta(minutes=3)], ids=str)
def test_a_wrong_clock_costs_a_patch(resource: FrontEnd, emulator: Emulator, skew: timedelta) -> None:
    """With another clock here, a PATCH sets the expiry that counts from the server's creation."""
    emulator.clock.offset = skew
    try:
        key_id, _, _ = made(resource, **AUTO, expires_in="90d")
    finally:
        emulator.clock.offset = timedelta()
    assert emulator.calls.operations == ["create_key", "update_key"]
    assert lifetime(emulator, key_id) == 90 * DAY


def test_a_clock_that_is_behind_by_more_than_the_duration(resource: FrontEnd, emulator: Emulator) -> None:
    """The refused POST reports the API's time, and the next one counts from that."""
    emulator.clock.offset = 5 * DAY
    try:
        key_id, _, _ = made(resource, **AUTO, expires_in="1h")
    finally:
        emulator.clock.offset = timedelta()
    assert emulator.calls.operations == ["create_key", "create_key"]
    assert posted_lifetime(emulator, key_id) == timedelta(hours=1)


@pytest.mark.parametrize(("text", "duration"), [("90d", 90 * DAY), ("1h", DAY / 24), ("10m", DAY / 144)])
def test_an_exact_name_is_committed_with_the_expiry(
    resource: FrontEnd, emulator: Emulator, text: str, duration: timedelta
) -> None:
    """The PATCH of the reservation carries the creation plus the duration."""
    key_id, _, _ = made(resource, name="n", expires_in=text)
    assert emulator.calls.operations == ["create_key", "update_key"]
    assert lifetime(emulator, key_id) == duration


def test_a_post_in_doubt_ends_with_the_exact_expiry(resource: FrontEnd, emulator: Emulator) -> None:
    """A second attempt makes a reservation, whose PATCH counts from the creation of the key that remains."""
    emulator.faults.add(Fault(Drop(commit=True), operation="create_key"))
    key_id, _, _ = made(resource, **AUTO, expires_in="90d")
    assert lifetime(emulator, key_id) == 90 * DAY


def test_outputs_have_both(resource: FrontEnd, emulator: Emulator) -> None:
    """The duration is as declared, and `expires_at` is the server's."""
    key_id, inputs, outs = made(resource, **EXACT)
    key = emulator.key(int(key_id))
    assert key is not None
    assert (outs["expires_in"], outs["expires_at"]) == ("90d", format_instant(key["expires_at"]))
    assert "expires_at" not in inputs


def test_a_later_run_moves_nothing(resource: FrontEnd, emulator: Emulator) -> None:
    """The diff is empty, however old the key is."""
    key_id, inputs, outs = made(resource, **EXACT)
    olds, _ = aged(emulator, key_id, outs, 30 * DAY)
    assert resource.diff(key_id, olds, inputs) == Diff()


def test_another_change_does_not_move_the_expiry(resource: FrontEnd, emulator: Emulator) -> None:
    """The PATCH carries only what was changed."""
    key_id, inputs, outs = made(resource, **AUTO, expires_in="90d")
    updated = resource.update(key_id, outs, {**inputs, "credit_limit": 6.0})
    assert emulator.calls[-1].json == {"credit_limit": 6}
    assert updated == {**outs, "credit_limit": 6}


def test_a_changed_duration_counts_from_the_creation(resource: FrontEnd, emulator: Emulator) -> None:
    """One PATCH carries it, with all other changes."""
    key_id, inputs, outs = made(resource, **EXACT)
    olds, created_at = aged(emulator, key_id, outs, 30 * DAY)
    news = {**inputs, "expires_in": "60d", "credit_limit": 1.0}
    assert resource.diff(key_id, olds, news).changed == ["credit_limit", "expires_in"]
    emulator.calls.clear()
    updated = resource.update(key_id, olds, news)
    ends = format_instant(created_at + 60 * DAY)
    assert emulator.calls.operations == ["update_key"]
    assert emulator.calls[-1].json == {"credit_limit": 1, "expires_at": ends}
    assert (updated["expires_in"], updated["expires_at"]) == ("60d", ends)


@pytest.mark.parametrize("step", ["diff", "update"])
def test_a_changed_duration_that_has_passed_is_refused(
    resource: FrontEnd, emulator: Emulator, step: str
) -> None:
    """The line says from when it counts and when it ended, before any call."""
    key_id, inputs, outs = made(resource, **EXACT)
    olds, created_at = aged(emulator, key_id, outs, 30 * DAY)
    emulator.calls.clear()
    with pytest.raises(InvalidInputError) as caught:
        getattr(resource, step)(key_id, olds, {**inputs, "expires_in": "20d"})
    assert str(caught.value) == (
        f"expires_in 20d counts from the creation of key {key_id} at {format_instant(created_at)}, and "
        f"{format_instant(created_at + 20 * DAY)} is in the past: give a longer duration"
    )
    assert emulator.calls.operations == []


def test_a_replacement_starts_anew(resource: FrontEnd, emulator: Emulator) -> None:
    """A duration that has passed for the old key is right for its replacement."""
    key_id, inputs, outs = made(resource, **EXACT)
    olds, _ = aged(emulator, key_id, outs, 30 * DAY)
    news, failures = resource.check(
        {"name": "n", "expires_in": "20d", "rotation_triggers": {"q": "1"}}, inputs
    )
    assert failures == []
    assert resource.diff(key_id, olds, news).replaces == ["rotation_triggers"]
    new_id, _ = resource.create(news)
    assert lifetime(emulator, new_id) == 20 * DAY


def test_an_unknown_duration_is_a_change(resource: FrontEnd) -> None:
    """A preview that does not know the duration shows that it may change."""
    key_id, _, outs = made(resource, **EXACT)
    news, failures = resource.check({"name": "n", "expires_in": UNKNOWN}, outs)
    assert failures == []
    assert resource.diff(key_id, outs, news).changed == ["expires_in"]


@pytest.mark.parametrize(
    ("before", "after", "sent"),
    [
        ({"expires_in": "90d"}, {"expires_at": FAR}, FAR),
        ({"expires_in": "90d"}, {}, None),
        ({"expires_at": FAR}, {"expires_in": "90d"}, "counted"),
        ({"expires_at": FAR}, {}, None),
        ({}, {"expires_in": "90d"}, "counted"),
    ],
)
def test_the_kind_of_expiry_can_change(
    resource: FrontEnd, emulator: Emulator, before: dict[str, str], after: dict[str, str], sent: str | None
) -> None:
    """Each kind can follow each other in an update of one PATCH, and the next diff is empty."""
    key_id, inputs, outs = made(resource, name="n", **before)
    news, failures = resource.check({"name": "n", **after}, inputs)
    assert failures == []
    emulator.calls.clear()
    diff = resource.diff(key_id, outs, news)
    assert diff.changed
    assert diff.replaces == []
    updated = resource.update(key_id, outs, news)
    if sent == "counted":
        sent = format_instant(parse_instant(outs["created_at"]) + 90 * DAY)
    assert [call.json for call in emulator.calls] == [{"expires_at": sent}]
    assert resource.diff(key_id, updated, news) == Diff()


def test_a_state_without_creation_asks_for_a_refresh(resource: FrontEnd) -> None:
    """An edited state that does not say when the key was made cannot take another duration."""
    key_id, inputs, outs = made(resource, **EXACT)
    olds = {name: value for name, value in outs.items() if name != "created_at"}
    with pytest.raises(InvalidInputError, match=f"when key {key_id} was made: run `pulumi refresh`"):
        resource.update(key_id, olds, {**inputs, "expires_in": "20d"})


# --- refresh


@pytest.mark.parametrize("declared", [EXACT, {**AUTO, "expires_in": "90d"}], ids=["exact", "auto"])
def test_a_refresh_finds_what_was_declared(resource: FrontEnd, declared: dict[str, Any]) -> None:
    """The inputs and outputs of an untouched key are those of the state."""
    key_id, inputs, outs = made(resource, **declared)
    found = resource.found(key_id, outs)
    assert (found.inputs, found.outputs) == (inputs, outs)


@pytest.mark.parametrize(
    ("actual", "shown"), [(45 * DAY, "45d"), (timedelta(days=90, seconds=5), "7776005s"), (None, None)]
)
def test_a_refresh_shows_drift_and_the_next_update_mends_it(
    resource: FrontEnd, emulator: Emulator, actual: timedelta | None, shown: str | None
) -> None:
    """An expiry that was changed elsewhere is the actual duration, or none; the update sets the declared one."""
    key_id, inputs, outs = made(resource, **EXACT)
    ends = parse_instant(outs["created_at"]) + actual if actual else None
    emulator.edit(int(key_id), expires_at=ends)
    for _ in range(2):
        found = resource.found(key_id, outs)
        outs = found.outputs
        assert (found.inputs.get("expires_in"), outs.get("expires_in")) == (shown, shown)
        assert outs.get("expires_at") == (ends and format_instant(ends))
        assert "expires_at" not in found.inputs
        resource.diff(key_id, outs, found.inputs)
    assert resource.diff(key_id, outs, inputs).changed == ["expires_in"]
    resource.update(key_id, outs, inputs)
    assert lifetime(emulator, key_id) == 90 * DAY


@pytest.mark.parametrize(
    ("ends", "shown"), [("9999-01-01T00:00:00Z", "36525d"), ("2001-01-01T00:00:00Z", "1s")]
)
def test_no_duration_has_the_difference(
    resource: FrontEnd, emulator: Emulator, ends: str, shown: str
) -> None:
    """An expiry before the creation, or more than a hundred years after it, shows as the closest duration."""
    key_id, _, outs = made(resource, **EXACT)
    emulator.edit(int(key_id), expires_at=ends)
    assert resource.found(key_id, outs).inputs["expires_in"] == shown


def test_a_refresh_refuses_nothing(resource: FrontEnd, emulator: Emulator) -> None:
    """The diff of a refresh compares the state with the server, and does not judge the declared duration."""
    key_id, inputs, outs = made(resource, **EXACT)
    olds, created_at = aged(emulator, key_id, outs, 100 * DAY)
    emulator.edit(int(key_id), expires_at=created_at + 200 * DAY)
    found = resource.found(key_id, olds)
    assert resource.diff(key_id, found.outputs, inputs).changed == ["expires_in"]


def test_an_expired_key_is_reported(resource: FrontEnd, emulator: Emulator) -> None:
    """The warning names the argument that was declared."""
    key_id, inputs, outs = made(resource, **EXACT)
    resource.diff(key_id, outs | {"expires_at": "2020-01-01T00:00:00Z"}, inputs)
    assert (
        f"key {key_id} expired at 2020-01-01T00:00:00Z: change expires_in, or remove it" in resource.warnings
    )


# --- adoption


def test_adopting_counts_from_the_creation_of_the_adopted_key(resource: FrontEnd, emulator: Emulator) -> None:
    """The preview lists the new expiry, and the deployment sets it."""
    key_id, _ = emulator.add("n")
    created_at = utc_now().replace(microsecond=0) - 30 * DAY
    emulator.edit(key_id, created_at=created_at)
    ends = format_instant(created_at + 90 * DAY)
    declared = {**EXACT, "adopt_key_id": float(key_id)}
    inputs, _ = resource.check(declared, preview=True)
    assert resource.warnings[-1] == f"adopt_key_id {key_id}: expires_at never => {ends}"
    _, outs = resource.create(inputs)
    assert outs["expires_at"] == ends


def test_the_preview_of_an_adoption_with_an_unknown_duration(resource: FrontEnd, emulator: Emulator) -> None:
    """It says that the new expiry is not known yet."""
    key_id, _ = emulator.add("n")
    resource.check({"name": "n", "expires_in": UNKNOWN, "adopt_key_id": float(key_id)}, preview=True)
    assert resource.warnings[-1] == f"adopt_key_id {key_id}: expires_at never => not known yet"


def test_adopting_a_key_that_is_too_old_is_refused(resource: FrontEnd, emulator: Emulator) -> None:
    """The preview fails, and so does a deployment without one, before any write."""
    key_id, _ = emulator.add("n")
    emulator.edit(key_id, created_at=utc_now() - 100 * DAY)
    declared = {**EXACT, "adopt_key_id": float(key_id)}
    _, failures = resource.check(declared, preview=True)
    assert failures[0].startswith(f"expires_in 90d counts from the creation of key {key_id} at ")
    inputs, _ = resource.check(declared)
    with pytest.raises(InvalidInputError, match="is in the past"):
        resource.create(inputs)
    assert set(emulator.calls.operations) == {"get_key"}
