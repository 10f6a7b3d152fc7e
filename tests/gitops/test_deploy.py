"""`examples/gitops`: main is deployed, to staging first."""

from __future__ import annotations

import pytest

from tests.gitops.runner import EXAMPLE, Runner, event

pytestmark = pytest.mark.timeout(400)

SEARCH = (EXAMPLE / "teams/search.yaml").read_text(encoding="utf-8")
PRODUCTION = {"stack": "production"}


def names(runner: Runner) -> set[str]:
    """The names of the account's keys."""
    return {key["name"] for key in runner.account.keys()}


def test_staging_is_deployed_alone(runner: Runner) -> None:
    """The first job makes the keys of staging."""
    result = runner.job("deploy.yml", "staging")
    assert result.ok, result.log
    assert names(runner) == {"search-indexer-staging", "search-reranker-staging-0"}


def test_the_approver_sees_what_production_will_change(runner: Runner) -> None:
    """The run's summary has the review of production, and nothing is deployed yet."""
    result = runner.job("deploy.yml", "preview")
    assert result.ok, result.log
    assert "**3 keys created ·" in result.summary
    assert names(runner) == set()


def test_production_is_deployed(deployed: Runner) -> None:
    """The last job makes the keys of production, beside those of staging."""
    assert names(deployed) == {
        "search-indexer-staging", "search-reranker-staging-0",
        "customers-globex-production", "search-indexer-production", "search-reranker-production-0",
    }  # fmt: skip


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_a_late_approval_deploys_no_older_keys(runner: Runner, stack: str) -> None:
    """A run of a commit that is no longer the newest of main stops, and names the newest."""
    runner.shell("git tag old && git push --quiet origin old", runner.clone)
    (runner.clone / "teams/search.yaml").write_text(SEARCH.replace("300", "400"))
    newest = runner.commit("main")
    result = runner.job("deploy.yml", stack, github={"sha": runner.shell("git rev-parse old", runner.clone)})
    assert not result.ok
    assert f"main has moved on to {newest}" in result.log
    assert names(runner) == set()


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_the_policy_pack_stops_a_deployment(runner: Runner, stack: str) -> None:
    """A key that breaks a rule is not made, no matter who merged it."""
    (runner.clone / "teams/search.yaml").write_text(SEARCH.removeprefix("owner: search@example.com\n"))
    (runner.clone / "teams/customers.yaml").unlink()
    runner.commit("main")
    result = runner.job("deploy.yml", stack)
    assert not result.ok
    assert "has no label owner" in result.log
    assert names(runner) == set()


def test_a_breach_stops_all_keys(runner: Runner) -> None:
    """A key that breaks a rule also stops the keys that break none: the pack checks a preview first."""
    (runner.clone / "teams/search.yaml").write_text(
        SEARCH.replace("  reranker:", "  reranker:\n    name: Bad")
    )
    runner.commit("main")
    result = runner.job("deploy.yml", "production")
    assert not result.ok
    assert "bad-name" in result.log
    assert names(runner) == set()


def test_a_production_key_goes_in_two_steps(deployed: Runner) -> None:
    """Its preview fails while it is protected; the first change unprotects it, and the second deletes it."""
    name = "search-indexer-production"
    gone = SEARCH[: SEARCH.index("  indexer")] + SEARCH[SEARCH.index("  reranker") :]
    commit = deployed.pull_request(**{"teams/search.yaml": gone})
    refused = deployed.job("review.yml", "preview", github=event(commit), matrix=PRODUCTION)
    assert not refused.ok
    assert "cannot be deleted" in refused.log
    comments: list[str] = []
    for text in (
        SEARCH.replace("    credit_limit: 300\n", "    credit_limit: 300\n    protect: false\n"),
        gone,
    ):
        assert name in names(deployed)
        commit = deployed.pull_request(**{"teams/search.yaml": text})
        for job in ("policy", "preview", "review"):
            result = deployed.job("review.yml", job, github=event(commit), matrix=PRODUCTION)
            assert result.ok, result.log
        assert result.outputs == {"status": "0"}
        comments.append((deployed.artifacts / "comment" / "comment.md").read_text())
        (deployed.clone / "teams/search.yaml").write_text(text)
        deployed.commit("main")
        result = deployed.job("deploy.yml", "production")
        assert result.ok, result.log
    assert name not in names(deployed)
    assert f"⚠️ `{name}`: the resource is no longer protected · `protection-removed`" in comments[0]
    assert f"`{name}` deleted" in comments[1]
