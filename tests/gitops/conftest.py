"""The repository, its account, and what runs its workflows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_account.emulator import Emulator
from tests.gitops.runner import Runner
from tests.support.canaries import PROVISIONING_KEY
from tests.support.cli import require_cli


def account(folder: Path) -> Emulator:
    """The account, whose keys are in the folder."""
    return Emulator(provisioning_key=PROVISIONING_KEY, balance="500", db=folder / "account.db")


@pytest.fixture(scope="session")
def new_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a repository that has never been deployed."""
    require_cli()
    folder = tmp_path_factory.mktemp("new")
    with account(folder) as emulator:
        Runner(folder, emulator).make_repository()
    return folder


@pytest.fixture(scope="session")
def deployed_repository(new_repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a repository whose main has been deployed to both stacks."""
    folder = tmp_path_factory.mktemp("deployed") / "copy"
    shutil.copytree(new_repository, folder)
    with account(folder) as emulator:
        runner = Runner(folder, emulator)
        for stack in ("staging", "production"):
            result = runner.job("deploy.yml", stack)
            assert result.ok, result.log
    return folder


@pytest.fixture
def runner(new_repository: Path, tmp_path: Path) -> Iterator[Runner]:
    """The example as a repository, and an empty account."""
    folder = tmp_path / "copy"
    shutil.copytree(new_repository, folder)
    with account(folder) as emulator:
        yield Runner(folder, emulator)


@pytest.fixture
def deployed(deployed_repository: Path, tmp_path: Path) -> Iterator[Runner]:
    """The repository, whose main has been deployed to both stacks."""
    folder = tmp_path / "copy"
    shutil.copytree(deployed_repository, folder)
    with account(folder) as emulator:
        runner = Runner(folder, emulator)
        commit = runner.shell("git rev-parse main", runner.origin)
        runner.github |= {
            "deployments": [{"id": 1, "sha": commit}],
            "deployments/1/statuses": [{"state": "success"}],
        }
        yield runner
