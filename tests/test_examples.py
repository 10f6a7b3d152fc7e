"""Each example runs as it is, and a second run changes nothing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_account.emulator import Emulator
from tests.support import ROOT
from tests.support.canaries import OTHER_PROVISIONING_KEY, PROVISIONING_KEY, assert_clean
from tests.support.cli import require_cli
from tests.support.pages import pytest_in
from tests.support.projects import ENGINES, Project

#: examples with tests of their own, in tests/gitops and tests/test_handing_on.py: they need stacks and other providers
OTHERS = {Path("examples/gitops"), Path("examples/handing_on")}
#: the programs; a policy pack is none
EXAMPLES = sorted(
    path.parent.relative_to(ROOT)
    for path in ROOT.glob("examples/*/__main__.py")
    if path.parent.relative_to(ROOT) not in OTHERS and not (path.parent / "PulumiPolicy.yaml").exists()
)


@pytest.fixture(params=ENGINES)
def kind(request: pytest.FixtureRequest) -> str:
    """The engine's kind."""
    return str(request.param)


@pytest.fixture
def emulators() -> Iterator[tuple[Emulator, Emulator]]:
    """Two accounts."""
    with (
        Emulator(provisioning_key=PROVISIONING_KEY) as account,
        Emulator(provisioning_key=OTHER_PROVISIONING_KEY) as eu,
    ):
        yield account, eu


def copied(example: Path, folder: Path) -> Path:
    """A copy of what the example needs of the repository; returns the folder of its Pulumi.yaml."""
    shutil.copytree(
        ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns(".*", "Pulumi.*.yaml")
    )
    shutil.copy(ROOT / "Pulumi.yaml", folder)
    inside = folder / example
    return inside if (inside / "Pulumi.yaml").exists() else folder


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_example_runs_and_settles(
    example: Path, kind: str, tmp_path: Path, emulators: tuple[Emulator, Emulator]
) -> None:
    """`up` makes the keys, a second `up` changes nothing, `destroy` leaves none."""
    if kind == "cli":
        require_cli()
    account, eu = emulators
    project = Project(kind, copied(example, tmp_path), account)
    project.options["secrets"] = {"several-accounts:euProvisioningKey": OTHER_PROVISIONING_KEY}
    config = {"several-accounts:euEndpoint": eu.url}
    made = project.run("up", **config)
    assert made.ok, made.text
    assert account.keys()
    assert set(project.run("up", **config).changes) == {"same"}
    assert_clean(project.files())
    assert project.run("destroy", **config).ok
    assert account.keys() == eu.keys() == []


def test_the_tests_of_an_example_pass(tmp_path: Path) -> None:
    """The tests in the example of unit tests pass."""
    folder = copied(Path("examples/unit_tests"), tmp_path)
    ran = pytest_in(folder)
    assert ran.returncode == 0, ran.stdout
    assert re.search(r"^5 passed", ran.stdout, flags=re.MULTILINE)


def test_there_are_examples() -> None:
    """The examples are found."""
    assert Path("examples/environments") in EXAMPLES
