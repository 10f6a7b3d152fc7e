"""`examples/gitops`: what its README says to do if something goes wrong."""

from __future__ import annotations

import re
import subprocess
import time

import pytest

from pulumi_account.emulator import Fault, Hang
from tests.gitops.runner import EXAMPLE, SECRETS, Runner

pytestmark = pytest.mark.timeout(400)

README = (EXAMPLE / "README.md").read_text(encoding="utf-8")
SEARCH = (EXAMPLE / "teams/search.yaml").read_text(encoding="utf-8")


def names(runner: Runner) -> set[str]:
    """The names of the account's keys."""
    return {key["name"] for key in runner.account.keys()}


def deploy_and_kill(runner: Runner, access: dict[str, str]) -> None:
    """Kill a deployment of production while it creates a key."""
    hang = Fault(Hang(seconds=2), operation="create_key")
    runner.account.faults.add(hang)
    command = ["pulumi", "up", "--yes", "--skip-preview", "--stack", "production"]
    process = subprocess.Popen(command, cwd=runner.clone, env=runner.env | access, stdout=subprocess.DEVNULL)
    try:
        while not runner.account.faults.hits(hang):
            assert process.poll() is None
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()


def test_a_job_that_dies_halfway(deployed: Runner) -> None:
    """The commands unlock the stack and list no key of another stack; then the key is deployed."""
    access = {**SECRETS["production"], "PULUMI_BACKEND_URL": deployed.backend}
    (deployed.clone / "teams/support.yaml").write_text("owner: support@example.com\nkeys: {bot: {}}\n")
    deployed.commit("main")
    deploy_and_kill(deployed, access)
    assert "the stack is currently locked" in deployed.job("deploy.yml", "production").log
    (block,) = re.findall(r"```console\n(\$ pulumi cancel.*?)```", README, flags=re.DOTALL)
    commands = block.replace("$ ", "").replace("--clear-pending-creates", "--clear-pending-creates --yes")
    printed = deployed.shell(f"exec 2>&1; {commands}", deployed.clone, **access)
    assert printed.endswith("no unmanaged keys")
    result = deployed.job("deploy.yml", "production")
    assert result.ok, result.log
    assert "support-bot-production" in names(deployed)


def test_a_leaked_key_is_replaced_in_two_steps(deployed: Runner) -> None:
    """It is disabled, and then deleted, although it is for production and in use."""
    name = "search-indexer-production"
    (leaked,) = [key["id"] for key in deployed.account.keys() if key["name"] == name]
    deployed.account.add_usage(leaked, requests=34, cost="2.50")
    first = "    is_enabled: false\n    protect: false\n    delete_guard: null\n"
    assert all(f"`{line.strip()}`" in README for line in first.splitlines())
    limit = "    credit_limit: 300\n"
    for text in (SEARCH.replace(limit, limit + first), SEARCH.replace("indexer", "indexer2")):
        assert name in names(deployed)
        (deployed.clone / "teams/search.yaml").write_text(text)
        deployed.commit("main")
        result = deployed.job("deploy.yml", "production")
        assert result.ok, result.log
    assert names(deployed) & {name, "search-indexer2-production"} == {"search-indexer2-production"}


def test_a_leaked_rotating_key_is_revoked(deployed: Runner) -> None:
    """The text in `revoke` makes a new key and deletes the old one, although it is in use."""
    (leaked,) = [
        key["id"] for key in deployed.account.keys() if key["name"] == "search-reranker-production-0"
    ]
    deployed.account.add_usage(leaked, requests=34, cost="2.50")
    (deployed.clone / "teams/search.yaml").write_text(SEARCH.replace("2d}", "2d, revoke: leak}"))
    deployed.commit("main")
    result = deployed.job("deploy.yml", "production")
    assert result.ok, result.log
    assert deployed.account.key(leaked) is None
    assert "search-reranker-production-1" in names(deployed)
