"""Rotation under a simulated clock, with runs that are missed, late, repeated, failing or cut off."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from pulumi_account.common.instants import format_instant
from tests.faults.model import EXAMPLES
from tests.faults.rotations import BEGIN, Cut, Run, Simulation
from tests.support.canaries import assert_clean

pytestmark = pytest.mark.timeout(400)

HOUR = timedelta(hours=1)
simulated = settings(
    max_examples=60 * EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

CUTS = st.builds(
    Cut, st.sampled_from(["refused", "lost", "failed", "abandoned", "killed"]), st.integers(1, 7)
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "every": st.sampled_from(["6h", "24h", "72h", "30d"]),
        "overlap": st.sampled_from(["1h", "5h", "6h"]),
        "anchor": st.sampled_from([-1000, -31, 0, 5, 500]).map(
            lambda hours: format_instant(BEGIN + hours * HOUR)
        ),
        "credit_limit": st.sampled_from([1.0, 20.0]),
        "rotate_now": st.sampled_from(["a", "b"]),
        "revoke": st.sampled_from(["a", "b"]),
        "name": st.sampled_from(["batch", "jobs"]),
    },
)
#: hours until the run, what happens before it, what the program changes, what goes wrong, how often the run is
#: repeated, and how many hours its machine's clock is ahead
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.01, 1.0, 1.5, 5.0, 25.0, 200.0]),
        st.sampled_from([None, None, None, "refresh", "current is deleted", "retired are deleted"]),
        CHANGES,
        st.none() | CUTS,
        st.integers(1, 2),
        st.sampled_from([0.0, 0.0, -1.0, -0.3, 0.3, 1.0]),
    ),
    min_size=3,
    max_size=14,
)


def happens(simulation: Simulation, event: str | None, cut: Cut | None) -> None:
    """Something happens between two runs."""
    if event == "refresh":
        simulation.refresh(cut)
    elif event:
        current = simulation.known() - simulation.retired()
        simulation.delete_elsewhere(simulation.retired() if "retired" in event else current)


@simulated
@given(STEPS)
def test_a_consumer_always_holds_a_working_key(steps: list[Any]) -> None:
    """Whatever runs were missed, late, repeated, failing or cut off, and whatever the program changed."""
    with Simulation() as simulation:
        declared: dict[str, Any] = {"name": "batch", "every": "24h", "overlap": "5h"}
        assert simulation.run(declared).ok
        for hours, before, change, cut, times, ahead in steps:
            simulation.advance(hours * HOUR)
            assert simulation.broken_promises() == []
            happens(simulation, before, cut)
            declared |= change
            for _ in range(times):
                run = simulation.run(declared, cut, ahead=ahead * HOUR)
                event(f"{run.op}, {cut.kind if cut else 'no cut'}, {'ok' if run.ok else 'failed'}")
                assert simulation.broken_promises() == []
            assert_clean(simulation.outputs.get("retired"))


@simulated
@given(STEPS)
def test_revoked_keys_die(steps: list[Any]) -> None:
    """After a run that revokes, all older keys are deleted, or the next run that meets no fault deletes them."""
    with Simulation() as simulation:
        declared: dict[str, Any] = {"name": "batch", "every": "24h", "overlap": "5h"}
        assert simulation.run(declared).ok
        for number, (hours, before, change, cut, _, ahead) in enumerate(steps):
            simulation.advance(hours * HOUR)
            happens(simulation, before, cut)
            declared |= change | ({"revoke": str(number)} if "revoke" in change else {})
            simulation.run(declared, cut, ahead=ahead * HOUR)
            assert simulation.unrevoked() == set()
        happens(simulation, "refresh", None)
        assert simulation.run(declared).ok
        assert {key["id"] for key in simulation.alive()}.isdisjoint(simulation.revoked)


@simulated
@given(STEPS)
def test_a_run_without_faults_settles_all(steps: list[Any]) -> None:
    """After a refresh and a run, the current key works and never expires, retired ones do, and nothing else is due."""
    with Simulation() as simulation:
        declared: dict[str, Any] = {"name": "batch", "every": "24h", "overlap": "5h"}
        assert simulation.run(declared).ok
        for hours, before, change, cut, _, ahead in steps:
            simulation.advance(hours * HOUR)
            happens(simulation, before, cut)
            declared |= change
            simulation.run(declared, cut, ahead=ahead * HOUR)
        happens(simulation, "refresh", None)
        assert simulation.run(declared).ok
        assert simulation.unsettled() == []
        assert simulation.run(declared) == Run(True, "same", [])


@simulated
@given(STEPS)
def test_no_run_of_failures_leaves_keys_behind(steps: list[Any]) -> None:
    """The current key, the retired ones and one reservation live, what an error named, and what a kill completed."""
    with Simulation() as simulation:
        declared: dict[str, Any] = {"name": "batch", "every": "24h", "overlap": "5h"}
        assert simulation.run(declared).ok
        for hours, before, change, cut, _, _ in steps:
            simulation.advance(max(hours, 1.01) * HOUR)  # a reservation lives for an hour
            happens(simulation, before, None)
            declared |= change
            simulation.run(declared, cut)
            lost = {key["id"] for key in simulation.alive()} - simulation.known()
            assert lost <= simulation.named | simulation.orphans
            assert len(simulation.reservations()) <= 1


@settings(simulated, max_examples=20 * EXAMPLES)
@given(
    every=st.integers(2, 72),
    overlap=st.integers(1, 72),
    anchor=st.integers(-10_000, 100),
    missed=st.sets(st.integers(1, 150)),
)
def test_hourly_runs_rotate_once_a_period(every: int, overlap: int, anchor: int, missed: set[int]) -> None:
    """Each run that finds a later generation due rotates once; no other run makes a call but for retired keys."""
    with Simulation() as simulation:
        declared = {
            "name": "batch",
            "every": f"{every}h",
            "overlap": f"{min(overlap, every)}h",
            "anchor": format_instant(BEGIN + anchor * HOUR),
        }
        simulation.run(declared)
        for hour in range(1, 151):
            simulation.advance(HOUR)
            if hour in missed:
                continue
            before = int(simulation.outputs["generation"])
            due = max(0, (hour - anchor) // every)
            retired = len(simulation.outputs["retired"])
            run = simulation.run(declared)
            assert int(simulation.outputs["generation"]) == due
            if due > before:
                assert [request for request in run.requests if request.startswith("POST")] == [
                    "POST /v1/account/keys"
                ]
            elif run.op == "update":
                assert len(simulation.outputs["retired"]) < retired
                assert not [request for request in run.requests if not request.startswith(("GET", "DELETE"))]
            else:
                assert run.requests == []
