"""The repository, its account, and what runs its workflows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_account.emulator import Emulator
from tests.gitops.runner import Runner
from tests.support.canaries import PROVISIONING_KEY
from tests.support.cli import require_cli


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """The example as a repository, and an empty account."""
    require_cli()
    with Emulator(provisioning_key=PROVISIONING_KEY, balance="500") as account:
        yield Runner(tmp_path, account)


@pytest.fixture
def deployed(runner: Runner) -> Runner:
    """The repository, whose main has been deployed to both stacks."""
    commit = runner.shell("git rev-parse main", runner.origin)
    for number, stack in enumerate(["staging", "production"], start=1):
        result = runner.job("deploy.yml", stack)
        assert result.ok, result.log
        runner.github[f"deployments/{number}/statuses"] = [{"state": "success"}]
    runner.github["deployments"] = [{"id": 1, "sha": commit}]
    return runner
