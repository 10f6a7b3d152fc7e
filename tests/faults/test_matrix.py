"""The choice of cases: what whole programs meet without `PULUMI_ACCOUNT_EVERY_FAULT`."""

from __future__ import annotations

import pytest

from tests.faults.matrix import KEEPING, KINDS, MAKING, RECOVERY, ROTATING, Case, runs

SITES = (*MAKING, *RECOVERY, *KEEPING, *ROTATING)


@pytest.fixture(scope="module")
def met() -> list[Case]:
    """The cases that LocalEngine meets."""
    return [case for engine, case in runs(*SITES) if engine == "local"]


def test_whole_programs_meet_every_kind_of_fault(met: list[Case]) -> None:
    """Each kind occurs at some call."""
    assert {case.kind.name for case in met} == {kind.name for kind in KINDS}


def test_whole_programs_meet_faults_at_every_call(met: list[Case]) -> None:
    """Each call that engines make differently is hit."""
    assert {case.site.name for case in met} >= {site.name for site in SITES if not site.twin}


def test_the_process_meets_every_fault_at_each_call() -> None:
    """Each kind occurs at each call for which it makes sense."""
    met = {str(case) for engine, case in runs(*SITES) if engine == "grpc"}
    assert met == {str(Case(site, kind)) for site in SITES for kind in KINDS if site.method in kind.methods}
