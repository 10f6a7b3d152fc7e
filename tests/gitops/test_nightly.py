"""`examples/gitops`: what runs every night and every week."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from tests.gitops.runner import EXAMPLE, JobResult, Runner

pytestmark = pytest.mark.timeout(400)

SEARCH = (EXAMPLE / "teams/search.yaml").read_text(encoding="utf-8")


def nightly(runner: Runner, stacks: Sequence[str] = ("production",)) -> JobResult:
    """Both jobs of the night; returns the result of the first."""
    result = JobResult(False, "", {}, "")
    for stack in stacks:
        result = runner.job("nightly.yml", "drift", matrix={"stack": stack})
        assert result.ok, result.log
    issue = runner.job("nightly.yml", "issue")
    assert issue.ok, issue.log
    return result


def key_id(runner: Runner, name: str) -> int:
    """The id of a key."""
    (found,) = [key["id"] for key in runner.account.keys() if key["name"] == name]
    return int(found)


def wait(runner: Runner, days: int) -> None:
    """Let days pass."""
    runner.account.clock.advance(days * 24 * 3600)
    offset = int(runner.env.get("ACCOUNT_CLOCK_OFFSET", "0")) + days * 24 * 3600
    runner.env["ACCOUNT_CLOCK_OFFSET"] = str(offset)


def test_a_quiet_night_writes_nothing(deployed: Runner) -> None:
    """Without drift, there is no issue."""
    nightly(deployed, ["staging", "production"])
    assert "calls" not in deployed.github


def test_drift_is_one_issue(deployed: Runner) -> None:
    """The first night opens the issue, the second updates it, and a night without drift closes it."""
    indexer = key_id(deployed, "search-indexer-production")
    deployed.account.edit(indexer, credit_limit=999)
    nightly(deployed)
    deployed.account.remove(key_id(deployed, "customers-globex-production"))
    nightly(deployed)
    (issue,) = deployed.github["issues"]
    assert "limit 999.00 USD → 300.00 USD" in issue["body"]
    assert re.search("`customers-globex[^`]*` created", issue["body"]), issue["body"]
    assert deployed.job("deploy.yml", "production").ok
    nightly(deployed)
    assert issue != deployed.github["issues"][0]
    assert deployed.github["issues"][0]["state"] == "closed"
    assert [call[0] for call in deployed.github["calls"]] == ["POST", "PATCH", "PATCH"]


def test_drift_is_reported_and_not_undone(deployed: Runner) -> None:
    """The account keeps the change until somebody deploys."""
    indexer = key_id(deployed, "search-indexer-production")
    deployed.account.edit(indexer, is_enabled=False)
    nightly(deployed)
    found = deployed.account.key(indexer)
    assert found
    assert found["is_enabled"] is False


def test_a_second_night_undoes_nothing(deployed: Runner) -> None:
    """A rotating key that was disabled by hand stays disabled, also when the state knows it."""
    reranker = key_id(deployed, "search-reranker-production-0")
    deployed.account.edit(reranker, is_enabled=False)
    for _ in range(2):
        nightly(deployed)
    found = deployed.account.key(reranker)
    assert found
    assert found["is_enabled"] is False


def test_a_key_that_was_changed_by_hand_is_not_rotated(deployed: Runner) -> None:
    """Its rotation would undo the change, so the issue reports it."""
    reranker = key_id(deployed, "search-reranker-production-0")
    deployed.account.edit(reranker, is_enabled=False)
    wait(deployed, 31)
    nightly(deployed)
    found = deployed.account.key(reranker)
    assert found
    assert found["is_enabled"] is False
    assert "state disabled → enabled" in deployed.github["issues"][0]["body"]


def test_a_retired_key_is_deleted_after_the_overlap(deployed: Runner) -> None:
    """A later night deletes the replaced key, which is not drift."""
    wait(deployed, 31)
    nightly(deployed)
    wait(deployed, 3)
    nightly(deployed)
    names = {key["name"] for key in deployed.account.keys()}
    assert "search-reranker-production-1" in names
    assert "search-reranker-production-0" not in names
    assert "calls" not in deployed.github


def test_a_commit_that_is_not_on_main_is_not_run(deployed: Runner) -> None:
    """Somebody who can push can also report a deployment; the night runs nothing of that commit."""
    deployed.shell("git checkout --quiet -B change main", deployed.clone)
    (deployed.clone / "scripts/rotate_and_compare").write_text("#!/bin/sh\necho harm\n")
    commit = deployed.commit("change")
    deployed.shell("git checkout --quiet main", deployed.clone)
    deployed.github["deployments"] = [{"id": 1, "sha": commit}]
    result = deployed.job("nightly.yml", "drift", matrix={"stack": "production"})
    assert not result.ok
    assert f"{commit} is not on main" in result.log
    assert "harm" not in result.log


def test_due_keys_are_rotated(deployed: Runner) -> None:
    """A key whose generation is due is rotated, which is not drift; the replaced key works until the overlap ends."""
    wait(deployed, 31)
    nightly(deployed)
    names = {key["name"] for key in deployed.account.keys()}
    assert {"search-reranker-production-0", "search-reranker-production-1"} <= names
    assert "calls" not in deployed.github


def test_what_waits_for_approval_is_not_deployed(deployed: Runner) -> None:
    """The night runs the commit that was deployed last: newer limits are neither drift nor deployed."""
    (deployed.clone / "teams/search.yaml").write_text(
        SEARCH.replace("300", "400").replace("30d", "4s, anchor: 2020-01-01T00:00:00Z")
    )
    deployed.commit("main")
    before = deployed.account.keys()
    nightly(deployed)
    assert deployed.account.keys() == before
    assert "calls" not in deployed.github


def test_a_stack_that_was_never_deployed_fails(runner: Runner) -> None:
    """There is no commit to compare with."""
    result = runner.job("nightly.yml", "drift", matrix={"stack": "production"})
    assert "production has never been deployed" in result.log


def test_a_failed_deployment_is_passed_over(deployed: Runner) -> None:
    """The newest deployment that succeeded counts."""
    deployed.github["deployments"].insert(0, {"id": 7, "sha": "0" * 40})
    deployed.github["deployments/7/statuses"] = [{"state": "failure"}, {"state": "success"}]
    nightly(deployed)


def test_the_weekly_report_names_teams(deployed: Runner) -> None:
    """The report is an artifact with the spending of each team."""
    deployed.account.add_usage(
        key_id(deployed, "search-indexer-production"), "large", requests=3, cost="0.50"
    )
    result = deployed.job("report.yml", "report")
    assert result.ok, result.log
    report = (deployed.artifacts / "report" / "report.html").read_text()
    assert ">search<" in report


def test_the_weekly_run_lists_keys_that_expire_soon(deployed: Runner) -> None:
    """A key that ends within thirty days is in the run's summary; before, and if it rotates, it is not."""
    wait(deployed, 149)
    assert "search" not in deployed.job("report.yml", "report").summary
    wait(deployed, 2)
    summary = deployed.job("report.yml", "report").summary
    assert "search-indexer-production" in summary
    assert "search-reranker" not in summary
