"""Runs that are killed while they make or change keys: what they leave, and that the next `up` repairs it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import product

import pytest

from pulumi_account.common.instants import utc_now
from tests.faults.kill_cases import CASES, ENGINE, ENGINE_ALONE, INTERRUPT, PROVIDER, TWO_INTERRUPTS, Want
from tests.faults.killing import Killed, Story, play
from tests.faults.matrix import EVERY_FAULT
from tests.support.canaries import assert_clean

# two interrupts of the CLI take five seconds, and the next runs some more
pytestmark = pytest.mark.timeout(300)


RARE = ["recover", "recover auto-named", "withdraw", "adopt"]


def stories(*titles: str) -> list[Story]:
    """Ways of killing these cases, on every engine.

    Unless the environment asks for more, what is rare meets one kill, and a provider goes on alone in creations only,
    as that takes long.
    """
    cases = product(["local", "cli"], titles)
    every = [Story(engine, title, kill) for engine, title in cases for kill in CASES[title].kills]
    return [one for one in every if EVERY_FAULT or _is_quick(one)]


def _is_quick(story: Story) -> bool:
    if story.title in RARE:
        return story.kill == PROVIDER
    return story.kill != ENGINE_ALONE or story.title == "create"


@pytest.fixture(scope="module", params=stories("create", "create auto-named, update", *RARE), ids=", ".join)
def killed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """A run that was killed, and the two that followed."""
    return play(request.param, tmp_path_factory)


def test_what_the_state_holds_still_works(killed: Killed) -> None:
    """Right after the kill, each declared key that the state knows is there, unchanged or as declared now."""
    wants = {want.resource: want for want in killed.case.after}
    for resource, id_ in killed.killed.current.items():
        if resource in wants:
            key = killed.after_kill[id_]
            assert id_ in killed.killed.given
            assert key == killed.before.get(id_) or wants[resource].is_met_by(key)


def test_a_key_is_deleted_only_when_it_has_a_successor(killed: Killed) -> None:
    """No old key is gone while the state has no new one for a resource that is still declared."""
    for want in killed.case.after:
        old = killed.known.current.get(want.resource)
        if old not in (None, *killed.after_kill):
            assert killed.killed.current.get(want.resource) not in (None, old)


def test_the_next_up_makes_all_as_declared(killed: Killed) -> None:
    """The next `up` succeeds: each resource has one key, as declared, and the output is its plaintext."""
    assert killed.next.ok, killed.next.text
    assert killed.outputs == killed.settled.current
    assert len(set(killed.outputs.values())) == len(killed.case.after)
    for want in killed.case.after:
        assert want.is_met_by(killed.after_up[killed.settled.current[want.resource]])


def test_an_adopted_key_is_as_it_was_or_as_declared(killed: Killed) -> None:
    """Right after the kill, a key that is being adopted is either unchanged or as declared."""
    for want in _adopting(killed):
        key = killed.after_kill[_adoptable(killed, want)]
        assert key == killed.before[key["id"]] or want.is_met_by(key)


def test_the_next_up_adopts_what_was_to_be_adopted(killed: Killed) -> None:
    """After the next `up` a resource that adopts a key has that one, and no other was made for it."""
    for want in _adopting(killed):
        assert killed.settled.current[want.resource] == _adoptable(killed, want)


def _adopting(killed: Killed) -> list[Want]:
    return [want for want in killed.case.after if want.adopts] or pytest.skip(
        "nothing is adopted in this case"
    )


def _adoptable(killed: Killed, want: Want) -> int:
    (id_,) = (id_ for id_, key in killed.before.items() if key["name"] == want.name)
    return id_


def test_replaced_and_removed_keys_are_gone_in_the_end(killed: Killed) -> None:
    """After the next `up` no key is left to be deleted, in the state or in the account."""
    assert killed.settled.doomed == []
    left = {key["id"] for key in killed.left()}
    assert left.isdisjoint(killed.before)


def test_what_is_left_has_a_plaintext_that_nobody_has(killed: Killed) -> None:
    """No plaintext of a key that is left behind was ever in a state or an output."""
    given = killed.killed.given | killed.settled.given | set(killed.outputs.values())
    assert given.isdisjoint(key["id"] for key in killed.left())


def test_reservations_that_are_left_can_spend_nothing(killed: Killed) -> None:
    """What is left under an exact name before the last call has credit limit 0, and expires within the lease."""
    for key in killed.reserved():
        assert key["credit_limit"] == 0
        assert key["expires_at"] <= utc_now() + timedelta(hours=1)


def test_a_key_completed_just_before_the_kill_is_left_enabled(killed: Killed) -> None:
    """A key whose last call was carried out is left as declared: that cannot be prevented."""
    # for an exact name that is the PATCH, for an auto-named key the POST
    completed = killed.completed()
    assert all(any(want.is_met_by(key) for want in killed.case.after) for key in completed)
    if killed.story.kill in (PROVIDER, ENGINE):
        assert len(completed) == sum(held.leaves == "key" for held in killed.case.held)


def test_what_is_left_is_what_the_moment_of_the_kill_leaves(killed: Killed) -> None:
    """A killed provider leaves what it has made; one that survives, or whose engine waits for it, leaves nothing.

    An engine does not know keys of lost responses; a provider that outlives its engine deletes what it has made.
    """
    kinds = Counter(reservation=len(killed.reserved()), key=len(killed.completed()))
    if killed.story.kill in (PROVIDER, ENGINE):
        assert kinds == Counter(held.leaves for held in killed.case.held if held.leaves)
    elif killed.story.kill == TWO_INTERRUPTS:  # how far the provider gets until it is ended is chance
        assert kinds.total() <= _begun(killed)
    else:
        assert kinds.total() == 0


def _begun(killed: Killed) -> int:
    return [operation for operation, _ in killed.killed.pending].count("creating")


def test_what_was_interrupted_is_told(killed: Killed) -> None:
    """The next `up` warns of each operation whose end the engine does not know."""
    warnings = [d.message for d in killed.next.diagnostics if d.severity == "warning"]
    assert len(warnings) == bool(killed.killed.pending)
    for operation, name in killed.killed.pending:
        assert f"::{name}, interrupted while {operation}\n" in warnings[0]


def test_what_was_being_created_stays_noted(killed: Killed) -> None:
    """The engine keeps pending creations in its state, and drops other pending operations."""
    assert killed.settled.pending == [pair for pair in killed.killed.pending if pair[0] == "creating"]


def test_operations_stay_pending_only_where_nobody_waited(killed: Killed) -> None:
    """An engine that learns of a failure, or waits for the end, has nothing pending; a killed one every held call."""
    if killed.story.kill in (PROVIDER, INTERRUPT):
        assert killed.killed.pending == []
    if killed.story.kill == ENGINE:
        assert len(killed.killed.pending) == len(killed.case.held)


def test_bystanders_are_untouched(killed: Killed) -> None:
    """Keys of equal and of similar names are as they were, field by field."""
    for account in (killed.after_kill, killed.after_up):
        assert {id_: account.get(id_) for id_ in killed.bystanders} == killed.bystanders


def test_a_further_up_changes_nothing(killed: Killed) -> None:
    """A second `up` finds all the same and makes no call."""
    assert killed.further.ok
    assert killed.further.changes == {"same": len(killed.case.after) + 1}
    assert killed.further_calls == []


def test_nothing_leaks(killed: Killed) -> None:
    """No output and no file contains a credential."""
    assert_clean(killed.told)
