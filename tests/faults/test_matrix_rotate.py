"""Every fault at every call by which a rotating key is made, rotated, revoked, read and deleted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.matrix import ROTATING, Case, runs
from tests.faults.workshop import Hold, all_held, selected
from tests.support.cli import require_cli

# all cases run before the first test reports, and every fault takes long on the CLI
pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def held(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hold]:
    """Holds a case."""
    with all_held(selected(request), tmp_path_factory.mktemp("rotate")) as hold:
        yield hold


@pytest.mark.parametrize(("engine", "case"), runs(*ROTATING, every=False), ids=str)
def test_a_fault_while_a_key_rotates(held: Hold, engine: str, case: Case) -> None:
    """The run recovers or reports one line; consumers have a working key, and the next run leaves all as declared."""
    if engine == "cli":
        require_cli()
    held(engine, case)
