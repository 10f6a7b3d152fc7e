"""Runs that are killed while they replace and delete keys keep the same rules."""

from __future__ import annotations

import pytest

from tests.faults.killing import Killed, play
from tests.faults.test_kill import (  # noqa: F401 - they are run for these runs too
    pytestmark,
    stories,
    test_a_further_up_changes_nothing,
    test_a_key_completed_just_before_the_kill_is_left_enabled,
    test_a_key_is_deleted_only_when_it_has_a_successor,
    test_bystanders_are_untouched,
    test_nothing_leaks,
    test_operations_stay_pending_only_where_nobody_waited,
    test_replaced_and_removed_keys_are_gone_in_the_end,
    test_reservations_that_are_left_can_spend_nothing,
    test_the_next_up_makes_all_as_declared,
    test_what_is_left_has_a_plaintext_that_nobody_has,
    test_what_is_left_is_what_the_moment_of_the_kill_leaves,
    test_what_the_state_holds_still_works,
    test_what_was_being_created_stays_noted,
    test_what_was_interrupted_is_told,
)

TITLES = ["replace", "delete what was replaced or removed"]


@pytest.fixture(scope="module", params=stories(*TITLES), ids=", ".join)
def killed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """A run that was killed, and the two that followed."""
    return play(request.param, tmp_path_factory)


def test_old_keys_work_until_the_state_has_new_ones(killed: Killed) -> None:
    """Right after the kill each old key is there, unchanged, unless the state has its successor or forgot it."""
    for resource, id_ in killed.known.current.items():
        if killed.killed.current.get(resource) == id_ and resource in {w.resource for w in killed.case.after}:
            assert killed.after_kill.get(id_) == killed.before[id_]


def test_old_keys_that_a_replacement_has_left_are_noted(killed: Killed) -> None:
    """An old key that is still there, and no resource's any more, is one that the state knows it must delete."""
    known = {*killed.killed.current.values(), *killed.killed.doomed}
    assert {id_ for id_ in killed.before if id_ in killed.after_kill} <= known
