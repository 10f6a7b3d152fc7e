"""Every fault at every call by which a key is kept: update, delete, read, adopt, rotate."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.matrix import KEEPING, Case, runs
from tests.faults.workshop import Hold, all_held, selected
from tests.support.cli import require_cli

# all cases run before the first test reports, and every fault takes long on the CLI
pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def held(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hold]:
    """Holds a case."""
    with all_held(selected(request), tmp_path_factory.mktemp("keep")) as hold:
        yield hold


@pytest.mark.parametrize(("engine", "case"), runs(*KEEPING), ids=str)
def test_a_fault_while_a_key_is_kept(held: Hold, engine: str, case: Case) -> None:
    """The run recovers or reports one line; the next run leaves one key as declared, and no other key changed."""
    if engine == "cli":
        require_cli()
    held(engine, case)
