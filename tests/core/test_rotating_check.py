"""Check of a rotating key: which generation is due and why, its name, and what a preview knows."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_account.common.instants import format_instant, read_instant
from pulumi_account.core.naming import SUFFIX_DIGITS
from pulumi_account.emulator import Emulator
from tests.core.rotating import BATCH
from tests.support.front_end import UNKNOWN, RotatingStack

DAY = 86_400.0
AUTO: dict[str, Any] = {"name_prefix": "ci-", "every": "30d"}


def test_inputs_are_normalized(emulator: Emulator) -> None:
    """Durations have their largest unit, instants are in UTC."""
    _, inputs = RotatingStack(emulator).preview(
        name="batch", every="P2W", overlap="48h", anchor="2026-01-01T01:00:00+01:00", delete_guard="168h"
    )
    shown = {name: inputs[name] for name in ("every", "overlap", "anchor", "delete_guard")}
    assert shown == {
        "every": "14d", "overlap": "2d", "anchor": "2026-01-01T00:00:00Z", "delete_guard": "7d",
    }  # fmt: skip


@pytest.mark.parametrize(("every", "overlap"), [("30d", "1d"), ("1d", "1d"), ("4s", "4s")])
def test_the_default_overlap_is_a_day_or_the_period(emulator: Emulator, every: str, overlap: str) -> None:
    """A shorter period is the overlap."""
    assert RotatingStack(emulator).preview(name="n", every=every)[1]["overlap"] == overlap


def test_a_shorter_period_shortens_the_default_overlap(emulator: Emulator) -> None:
    """A default is computed anew in each run."""
    stack = RotatingStack(emulator, name="n", every="30d")
    assert stack.preview(name="n", every="6h")[1]["overlap"] == "6h"


def test_the_first_deployment_is_the_anchor(stack: RotatingStack, emulator: Emulator) -> None:
    """It stays, whenever later runs come."""
    anchor = stack.outputs["anchor"]
    emulator.clock.advance(DAY)
    assert stack.up(**BATCH) == "same"
    assert stack.inputs["anchor"] == anchor


def test_a_preview_does_not_know_the_first_anchor(emulator: Emulator) -> None:
    """The deployment comes later, so its anchor is another one; the generation is known."""
    _, inputs = RotatingStack(emulator).preview(**BATCH)
    assert inputs["anchor"] is UNKNOWN
    assert (inputs["generation"], inputs["name"], inputs["reason"]) == (0, "batch-0", "first key")


def test_a_preview_knows_a_declared_anchor(emulator: Emulator) -> None:
    """It decides the first generation, too."""
    anchor = format_instant(emulator.clock.now().replace(microsecond=0))
    assert RotatingStack(emulator).preview(**BATCH, anchor=anchor)[1]["anchor"] == anchor


def test_a_declared_anchor_gives_the_first_generation(emulator: Emulator) -> None:
    """The periods since the anchor count, although no key was made in them."""
    anchor = emulator.clock.now().replace(year=emulator.clock.now().year - 2, day=1, microsecond=0)
    periods = (emulator.clock.now() - anchor).days // 30
    stack = RotatingStack(emulator, **BATCH, anchor=format_instant(anchor))
    assert stack.outputs["name"] == f"batch-{periods}"


def test_nothing_is_due_before_the_period_ends(stack: RotatingStack, emulator: Emulator) -> None:
    """The same inputs, so no preview shows anything."""
    before = dict(stack.inputs)
    emulator.clock.advance(29.9 * DAY)
    assert stack.preview(**BATCH) == ("same", before)


def test_the_reason_says_since_when_a_generation_is_due(stack: RotatingStack, emulator: Emulator) -> None:
    """It names the first instant that was missed, not that of the run."""
    due = stack.outputs["next_rotation_at"]
    emulator.clock.advance(31 * DAY)
    op, inputs = stack.preview(**BATCH)
    assert (op, inputs["generation"], inputs["reason"]) == ("update", 1, f"due since {due}")


def test_preview_and_deployment_agree(stack: RotatingStack, emulator: Emulator) -> None:
    """Both show the same generation, name and reason."""
    emulator.clock.advance(31 * DAY)
    _, previewed = stack.preview(**BATCH)
    stack.up(**BATCH)
    for name in ("generation", "name", "reason", "anchor"):
        assert stack.outputs[name] == previewed[name]


def test_missed_periods_are_one_rotation(stack: RotatingStack, emulator: Emulator) -> None:
    """The generation is the one that is due now."""
    emulator.clock.advance(100 * DAY)
    stack.up(**BATCH)
    assert stack.outputs["name"] == "batch-3"
    assert stack.up(**BATCH) == "same"


def test_the_next_rotation_is_announced(stack: RotatingStack, emulator: Emulator) -> None:
    """It counts from the anchor, not from a late rotation."""
    first = read_instant(stack.outputs["next_rotation_at"])
    emulator.clock.advance(40 * DAY)
    stack.up(**BATCH)
    second = read_instant(stack.outputs["next_rotation_at"])
    assert first
    assert second
    assert (second - first).days == 30


@pytest.mark.parametrize("name", ["rotate_now", "revoke"])
def test_a_text_that_is_set_rotates(stack: RotatingStack, name: str) -> None:
    """The reason names the property."""
    op, inputs = stack.preview(**BATCH, **{name: "leak"})
    assert (op, inputs["generation"], inputs["reason"]) == ("update", 1, f"{name} changed")


@pytest.mark.parametrize("name", ["rotate_now", "revoke"])
def test_a_text_that_is_changed_rotates_again(stack: RotatingStack, name: str) -> None:
    """Each text is one rotation."""
    stack.up(**BATCH, **{name: "1"})
    assert stack.preview(**BATCH, **{name: "1"})[0] == "same"
    assert stack.preview(**BATCH, **{name: "2"})[1]["generation"] == 2


@pytest.mark.parametrize("name", ["rotate_now", "revoke"])
def test_a_text_that_is_removed_does_not_rotate(stack: RotatingStack, name: str) -> None:
    """The update that forgets the text makes no key."""
    stack.up(**BATCH, **{name: "1"})
    op, inputs = stack.preview(**BATCH)
    assert (op, inputs["generation"]) == ("update", 1)


@pytest.mark.parametrize("name", ["rotate_now", "revoke"])
def test_a_text_of_a_first_deployment_makes_one_key(emulator: Emulator, name: str) -> None:
    """There is nothing to rotate yet."""
    stack = RotatingStack(emulator, **BATCH, **{name: "1"})
    assert stack.outputs["generation"] == 0
    assert stack.up(**BATCH, **{name: "1"}) == "same"


def test_revoke_is_the_reason_when_both_are_set(stack: RotatingStack) -> None:
    """It does more than the other."""
    assert stack.preview(**BATCH, rotate_now="1", revoke="1")[1]["reason"] == "revoke changed"


def test_generations_count_on_after_rotations_in_between(stack: RotatingStack, emulator: Emulator) -> None:
    """A rotation in between takes the next number, and the next one that is due takes a higher one."""
    stack.up(**BATCH, rotate_now="1")
    emulator.clock.advance(31 * DAY)
    stack.up(**BATCH, rotate_now="1")
    assert stack.outputs["generation"] == 2


@pytest.mark.parametrize(
    "change",
    [{"every": "7d"}, {"every": "60d"}, {"anchor": "2020-01-01T00:00:00Z"}, {"overlap": "1h"}],
    ids=lambda change: ",".join(change),
)
def test_a_changed_schedule_alone_does_not_rotate(stack: RotatingStack, change: dict[str, Any]) -> None:
    """The next generation is due at the next instant of the new schedule."""
    op, inputs = stack.preview(**{**BATCH, **change})
    assert (op, inputs["generation"], inputs["name"]) == ("update", 0, "batch-0")


def test_a_changed_period_counts_from_the_anchor(stack: RotatingStack, emulator: Emulator) -> None:
    """A shorter period announces an earlier rotation, which then comes."""
    stack.up(**{**BATCH, "every": "7d"})
    emulator.clock.advance(7.1 * DAY)
    op, inputs = stack.preview(**{**BATCH, "every": "7d"})
    assert (op, inputs["generation"]) == ("update", 1)


def test_a_change_that_comes_with_a_due_rotation_is_one_rotation(
    stack: RotatingStack, emulator: Emulator
) -> None:
    """The new schedule decides: a boundary of it has passed since the last decision."""
    emulator.clock.advance(31 * DAY)
    stack.up(**{**BATCH, "every": "10d"})
    assert stack.outputs["generation"] == 3
    assert stack.up(**{**BATCH, "every": "10d"}) == "same"


def test_a_clock_that_goes_back_does_not_rotate(stack: RotatingStack, emulator: Emulator) -> None:
    """A second machine whose clock is behind finds nothing due."""
    emulator.clock.advance(31 * DAY)
    stack.up(**BATCH)
    emulator.clock.advance(-2 * DAY)
    assert stack.preview(**BATCH)[0] == "same"


def test_a_new_name_renames_the_key(stack: RotatingStack, emulator: Emulator) -> None:
    """The generation and the plaintext stay."""
    before = stack.outputs
    assert stack.up(**{**BATCH, "name": "jobs"}) == "update"
    assert emulator.key(before["key_id"])["name"] == "jobs-0"  # type: ignore[index]
    assert stack.outputs["key"] == before["key"]


def test_an_auto_name_has_generation_and_digits(emulator: Emulator) -> None:
    """The prefix, the generation, a hyphen and seven random hex digits."""
    name = RotatingStack(emulator, **AUTO).outputs["name"]
    assert name.startswith("ci-0-")
    int(name.removeprefix("ci-0-"), 16)
    assert len(name) == len("ci-0-") + SUFFIX_DIGITS


def test_an_auto_name_stays_until_the_rotation(emulator: Emulator) -> None:
    """The rotation draws new digits."""
    stack = RotatingStack(emulator, **AUTO)
    first = stack.outputs["name"]
    assert stack.preview(**AUTO)[1]["name"] == first
    stack.up(**AUTO, rotate_now="1")
    assert stack.outputs["name"][-SUFFIX_DIGITS:] != first[-SUFFIX_DIGITS:]


def test_a_preview_does_not_know_a_new_auto_name(emulator: Emulator) -> None:
    """The deployment draws the digits."""
    stack = RotatingStack(emulator, **AUTO)
    assert stack.preview(**AUTO, rotate_now="1")[1]["name"] is UNKNOWN


def test_a_new_prefix_keeps_the_digits(emulator: Emulator) -> None:
    """It renames the key."""
    stack = RotatingStack(emulator, **AUTO)
    digits = stack.outputs["name"][-SUFFIX_DIGITS:]
    assert stack.preview(**{**AUTO, "name_prefix": "cd-"})[1]["name"] == f"cd-0-{digits}"


def test_a_default_prefix_stays_when_the_resource_is_renamed(emulator: Emulator) -> None:
    """Only a prefix that is declared renames the key."""
    stack = RotatingStack(emulator, **{**AUTO, "name_prefix": "old-"}, __default_prefix=True)
    assert stack.preview(**{**AUTO, "name_prefix": "new-"}, __default_prefix=True)[0] == "same"


def test_an_ignored_generation_never_rotates(stack: RotatingStack, emulator: Emulator) -> None:
    """`ignore_changes=["generation"]` suspends the schedule and `rotate_now`."""
    emulator.clock.advance(100 * DAY)
    assert stack.preview(ignore=["generation"], **BATCH)[0] == "same"
    op, inputs = stack.preview(ignore=["generation"], **BATCH, rotate_now="1")
    assert (op, inputs["generation"]) == ("update", 0)


@pytest.mark.parametrize("declared", [BATCH, AUTO], ids=["exact", "auto"])
def test_an_ignored_name_keeps_what_it_is_made_of(emulator: Emulator, declared: dict[str, Any]) -> None:
    """`ignore_changes=["name"]` passes the name with its generation, and the next one is not added to it."""
    stack = RotatingStack(emulator, **declared)
    assert stack.preview(ignore=["name"], **declared)[0] == "same"
    emulator.clock.advance(31 * DAY)
    stack.up(ignore=["name"], **declared)
    assert stack.outputs["name"].startswith("batch-1" if "name" in declared else "ci-1-")


def test_an_ignored_name_hides_a_new_one(stack: RotatingStack) -> None:
    """A changed name renames nothing then."""
    assert stack.preview(ignore=["name"], **{**BATCH, "name": "jobs"})[0] == "same"


@pytest.mark.parametrize("name", ["every", "anchor", "rotate_now", "revoke"])
def test_what_is_unknown_leaves_the_generation_open(stack: RotatingStack, name: str) -> None:
    """A preview cannot know whether the run rotates, nor why, nor the name."""
    _, inputs = stack.preview(**{**BATCH, name: UNKNOWN})
    assert [inputs[part] for part in ("generation", "reason", "name", name)] == [UNKNOWN] * 4


def test_an_unknown_name_leaves_the_generation_known(stack: RotatingStack) -> None:
    """Only the name is open then."""
    _, inputs = stack.preview(**{**BATCH, "name": UNKNOWN})
    assert (inputs["name"], inputs["generation"]) == (UNKNOWN, 0)


def test_an_unknown_label_stays_beside_known_ones(stack: RotatingStack) -> None:
    """A map may be known in part."""
    labels = {"team": "search", "owner": UNKNOWN}
    assert stack.preview(**BATCH, labels=labels)[1]["labels"] == labels


def test_a_program_cannot_give_what_is_drawn(emulator: Emulator) -> None:
    """A generation of a new resource comes from the clock alone."""
    _, inputs = RotatingStack(emulator).preview(**BATCH, generation=7.0, reason="x", decided_at="y")
    assert (inputs["generation"], inputs["reason"]) == (0, "first key")


def test_a_failed_check_names_every_reason(emulator: Emulator) -> None:
    """Nothing is drawn for a wrong declaration."""
    with RotatingStack(emulator).process() as process:
        inputs, failures = process.check({"name": "", "every": "x"})
    assert len(failures) == 2
    assert "generation" not in inputs


def test_check_makes_no_call(stack: RotatingStack, emulator: Emulator) -> None:
    """Nor does the comparison, whether a rotation is due or not."""
    emulator.calls.clear()
    stack.preview(**BATCH)
    emulator.clock.advance(31 * DAY)
    stack.preview(**BATCH)
    assert emulator.calls.operations == []
