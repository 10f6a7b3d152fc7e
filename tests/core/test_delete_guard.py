"""`delete_guard`: a key that was used lately is not deleted. And labels, which only the state has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from pulumi_account.common.instants import utc_now
from pulumi_account.core.account import Account
from pulumi_account.core.delete_guard import DeleteGuard
from pulumi_account.core.keys import Keys
from pulumi_account.core.resource import Diff, KeyResource
from pulumi_account.emulator import Answer, Emulator, Fault
from pulumi_account.exceptions import InvalidInputError, KeyInUseError
from tests.support.canaries import PROVISIONING_KEY
from tests.support.front_end import FrontEnd
from tests.support.helpers import made, refusal

DAY = timedelta(days=1)
GUARDED = {"name": "n", "delete_guard": "7d"}
PAST = ": wait until the key is unused, or lower delete_guard before you remove or replace a key; "
DESPITE = (
    "to delete this key in spite of its use, set ACCOUNT_DELETE_GUARD=none in the environment for one run"
)


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    """An account whose activity is fresh in each answer."""
    with Emulator(provisioning_key=PROVISIONING_KEY, activity_cache=0) as emulator:
        yield emulator


def used(emulator: Emulator, key_id: str, days_ago: int, **usage: Any) -> None:
    """Use a key on one day."""
    emulator.add_usage(int(key_id), day=(utc_now() - days_ago * DAY).date(), **usage)


def days_asked(emulator: Emulator) -> list[str]:
    """The periods of activity that were requested."""
    return [call.query.removeprefix("days=") for call in emulator.calls if call.operation == "get_activity"]


def test_an_unused_key_is_deleted(resource: FrontEnd, emulator: Emulator) -> None:
    """One question about the guard's days and one more, because the API counts calendar days."""
    key_id, _, outs = made(resource, **GUARDED)
    emulator.calls.clear()
    resource.delete(key_id, outs)
    assert emulator.calls.operations == ["get_activity", "delete_key"]
    assert days_asked(emulator) == ["8"]


@pytest.mark.parametrize(("days_ago", "deleted"), [(7, False), (8, True)])
def test_the_guard_covers_its_days(
    resource: FrontEnd, emulator: Emulator, days_ago: int, *, deleted: bool
) -> None:
    """A use shortly before midnight, seven days ago, still counts; one on the day before does not."""
    key_id, _, outs = made(resource, **GUARDED)
    used(emulator, key_id, days_ago)
    if deleted:
        resource.delete(key_id, outs)
    else:
        refusal(KeyInUseError, lambda: resource.delete(key_id, outs))
    assert (emulator.key(int(key_id)) is None) is deleted


def test_the_error_says_how_and_when_the_key_was_used(resource: FrontEnd, emulator: Emulator) -> None:
    """One line: the key, how often, at what cost, when at last, and how to go on."""
    key_id, _, outs = made(resource, **GUARDED)
    used(emulator, key_id, 4, requests=1200, cost="3.5")
    used(emulator, key_id, 2, requests=34, cost="0.25")
    error = refusal(KeyInUseError, lambda: resource.delete(key_id, outs))
    assert str(error) == (
        f"key {key_id} ('n') is not deleted: its delete_guard is 7d, but it served 1,234 requests at a cost of 3.75 "
        f"USD in the last 8 days, last used within the last 3 days and not within the last 2 days{PAST}{DESPITE}"
    )
    assert emulator.key(int(key_id)) is not None


def test_a_key_that_was_used_today(resource: FrontEnd, emulator: Emulator) -> None:
    """The line says so in the singular."""
    key_id, _, outs = made(resource, **GUARDED)
    used(emulator, key_id, 0, requests=1, cost=0)
    error = refusal(KeyInUseError, lambda: resource.delete(key_id, outs))
    assert (
        "it served 1 request at a cost of 0.00 USD in the last 8 days, last used within the last day: "
        in str(error)
    )


def test_a_cost_without_requests_is_use(resource: FrontEnd, emulator: Emulator) -> None:
    """A key that costs money is in use, whatever the count says."""
    key_id, _, outs = made(resource, **GUARDED)
    used(emulator, key_id, 0, requests=0, cost="0.5")
    refusal(KeyInUseError, lambda: resource.delete(key_id, outs), match="0 requests at a cost of 0.5000 USD")


@pytest.mark.parametrize("days_ago", range(30))
def test_the_last_use_takes_at_most_five_more_calls(
    resource: FrontEnd, emulator: Emulator, days_ago: int
) -> None:
    """The day is found exactly, with shorter periods."""
    key_id, _, outs = made(resource, name="n", delete_guard="30d")
    used(emulator, key_id, days_ago)
    error = refusal(KeyInUseError, lambda: resource.delete(key_id, outs))
    days = "day" if days_ago == 0 else f"{days_ago + 1} days"
    assert f"last used within the last {days}" in str(error)
    assert len(days_asked(emulator)) <= 6


def test_the_last_use_is_as_exact_as_the_answers(resource: FrontEnd, emulator: Emulator) -> None:
    """If a shorter period cannot be read, the line names the shortest that is known."""
    key_id, _, outs = made(resource, **GUARDED)
    used(emulator, key_id, 0)
    emulator.faults.add(Fault(Answer(403), operation="get_activity", skip=1, times=None))
    error = refusal(KeyInUseError, lambda: resource.delete(key_id, outs))
    assert "last used within the last 8 days: wait" in str(error)


def test_the_longest_guard_asks_for_thirty_days(resource: FrontEnd, emulator: Emulator) -> None:
    """The API has no longer period."""
    key_id, _, outs = made(resource, name="n", delete_guard="30d")
    resource.delete(key_id, outs)
    assert days_asked(emulator) == ["30"]


def test_another_keys_use_does_not_count(resource: FrontEnd, emulator: Emulator) -> None:
    """Only the key's own use keeps it."""
    key_id, _, outs = made(resource, **GUARDED)
    other, _ = emulator.add("other")
    used(emulator, str(other), 0)
    resource.delete(key_id, outs)
    assert emulator.key(int(key_id)) is None


@pytest.mark.parametrize("action", [Answer(500), Answer(403), Answer(200, body="html")], ids=repr)
def test_an_unknown_use_keeps_the_key(resource: FrontEnd, emulator: Emulator, action: Answer) -> None:
    """If the activity cannot be read, the key is not deleted; the line says so and why."""
    key_id, _, outs = made(resource, **GUARDED)
    emulator.faults.add(Fault(action, operation="get_activity"))
    start = rf"^key {key_id} \('n'\) is not deleted: its delete_guard is 7d, but its use is not known \("
    refusal(KeyInUseError, lambda: resource.delete(key_id, outs), match=start + "GET /v1/account/activity")
    assert emulator.key(int(key_id)) is not None


def test_a_failed_read_is_read_again(resource: FrontEnd, emulator: Emulator) -> None:
    """The next deletion of the run has another try."""
    key_id, _, outs = made(resource, **GUARDED)
    emulator.faults.add(Fault(Answer(500), operation="get_activity"))
    refusal(KeyInUseError, lambda: resource.delete(key_id, outs))
    resource.delete(key_id, outs)
    assert emulator.key(int(key_id)) is None


def test_64_threads_share_one_read_for_each_period(resource: FrontEnd, emulator: Emulator) -> None:
    """The activity is read once for all keys of a run with the same guard."""
    keys = [made(resource, name=f"{n}", delete_guard=f"{n % 2 + 6}d") for n in range(64)]
    emulator.calls.clear()
    with ThreadPoolExecutor(64) as pool:
        list(pool.map(lambda key: resource.delete(key[0], key[2]), keys))
    assert Counter(emulator.calls.operations) == {"get_activity": 2, "delete_key": 64}
    assert sorted(days_asked(emulator)) == ["7", "8"]


def test_threads_share_the_search_for_the_last_use(resource: FrontEnd, emulator: Emulator) -> None:
    """Keys in use take six reads together, not each."""
    keys = [made(resource, name=f"{n}", delete_guard="30d") for n in range(8)]
    for key_id, _, _ in keys:
        used(emulator, key_id, 12)
    with ThreadPoolExecutor(8) as pool:
        failed = list(
            pool.map(lambda key: refusal(KeyInUseError, lambda: resource.delete(key[0], key[2])), keys)
        )
    assert len(failed) == 8
    assert len(days_asked(emulator)) <= 6


def test_a_key_without_a_guard_is_deleted(resource: FrontEnd, emulator: Emulator) -> None:
    """Without the argument, and in the state of an older version, use does not count."""
    key_id, _, outs = made(resource, name="n")
    used(emulator, key_id, 0)
    emulator.calls.clear()
    resource.delete(key_id, outs)
    assert emulator.calls.operations == ["delete_key"]


def test_a_key_that_is_gone_is_not_guarded(resource: FrontEnd, emulator: Emulator) -> None:
    """The use of a key that was deleted elsewhere does not block the state for days."""
    key_id, _, outs = made(resource, **GUARDED)
    used(emulator, key_id, 0)
    emulator.remove(int(key_id))
    resource.delete(key_id, outs)
    assert any("is gone already" in line for line in resource.warnings)


def test_a_kept_key_is_not_asked_about(resource: FrontEnd, emulator: Emulator) -> None:
    """A key that another resource has adopted stays, and the activity is not read."""
    key_id, _, outs = made(resource, **GUARDED)
    inputs, _ = resource.check({"name": "n", "adopt_key_id": float(key_id)})
    with FrontEnd(emulator) as run:
        run.create(inputs)
        emulator.calls.clear()
        run.delete(key_id, outs)
    assert emulator.calls.operations == []


def test_guards_can_be_ignored(resource: FrontEnd, emulator: Emulator) -> None:
    """With `ACCOUNT_DELETE_GUARD=none`, a key in use is deleted, and the activity is not read."""
    key_id, _, outs = made(resource, **GUARDED)
    used(emulator, key_id, 0)
    emulator.calls.clear()
    keys = Keys(resource.client)
    KeyResource(Account(keys, guard=DeleteGuard(keys.activity, ignored=True))).delete(key_id, outs)
    assert emulator.calls.operations == ["delete_key"]


def test_an_edited_guard_is_one_line(resource: FrontEnd) -> None:
    """A state with an invalid guard deletes nothing."""
    key_id, _, outs = made(resource, **GUARDED)
    refusal(
        InvalidInputError,
        lambda: resource.delete(key_id, {**outs, "delete_guard": "soon"}),
        match="^delete_guard text of 4 characters is not a duration",
    )


@pytest.mark.parametrize(
    "change",
    [{"labels": {"team": "search"}}, {"delete_guard": "3d"}, {"labels": {}}, {"labels": None}],
    ids=str,
)
def test_labels_and_guards_are_in_the_state_alone(
    resource: FrontEnd, emulator: Emulator, change: dict[str, Any]
) -> None:
    """Their update makes no call, and a refresh finds them."""
    declared = {**GUARDED, "labels": {"team": "ads"}}
    key_id, inputs, outs = made(resource, **declared)
    emulator.calls.clear()
    news, _ = resource.check({**declared, **change}, inputs)
    assert resource.diff(key_id, outs, news) == Diff(list(change))
    updated = resource.update(key_id, outs, news)
    assert emulator.calls.operations == []
    assert resource.diff(key_id, updated, news) == Diff()
    assert resource.found(key_id, updated).inputs == news


def test_empty_labels_are_none(resource: FrontEnd) -> None:
    """An empty map is the same as none."""
    key_id, inputs, outs = made(resource, name="n")
    news, _ = resource.check({"name": "n", "labels": {}}, inputs)
    assert resource.diff(key_id, outs, news) == Diff()
