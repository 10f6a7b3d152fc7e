"""`examples/gitops`: the comment on a pull request."""

from __future__ import annotations

import re

import pytest

from tests.gitops.runner import EXAMPLE, JobResult, Runner, event

pytestmark = pytest.mark.timeout(400)

SEARCH = (EXAMPLE / "teams/search.yaml").read_text(encoding="utf-8")
RAISED = SEARCH.replace("credit_limit: 300", "credit_limit: 350")


def preview(runner: Runner, commit: str, stack: str = "production") -> JobResult:
    """The job that previews."""
    return runner.job("review.yml", "preview", github=event(commit), matrix={"stack": stack})


def commented(runner: Runner, commit: str) -> JobResult:
    """The jobs that review and comment."""
    result = runner.job("review.yml", "review", github=event(commit))
    assert result.ok, result.log
    needs = {"review": {"result": "success", "outputs": result.outputs}}
    return runner.job("review.yml", "comment", github=event(commit), needs=needs)


def without_review(runner: Runner, commit: str, result: str = "skipped") -> JobResult:
    """The job that comments, after the review has not succeeded."""
    needs = {"review": {"result": result, "outputs": {"status": ""}}}
    return runner.job("review.yml", "comment", github=event(commit), needs=needs)


def test_a_pull_request_gets_one_comment(deployed: Runner) -> None:
    """The comment shows the changes of both stacks; a second commit replaces its text."""
    first = deployed.pull_request(**{"teams/search.yaml": RAISED})
    for stack in ("staging", "production"):
        assert preview(deployed, first, stack).ok
    assert commented(deployed, first).ok
    second = deployed.pull_request(**{"teams/search.yaml": RAISED.replace("10}", "20}")})
    for stack in ("staging", "production"):
        assert preview(deployed, second, stack).ok
    assert commented(deployed, second).ok
    (comment,) = deployed.github["issues/1/comments"]
    marker, _, headline, *rest = comment["body"].splitlines()
    assert marker == f"<!-- pulumi-account-review stack=keys/production,keys/staging commit={second} -->"
    assert headline == "**2 keys changed · exposure 465.00 → 525.00 USD (+60.00), balance 500.00 USD**"
    assert {found[0] for found in re.finditer(r"limit \S+ USD → \S+ USD", "\n".join(rest))} == {
        "limit 300.00 USD → 350.00 USD",
        "limit 10.00 USD → 20.00 USD",
    }


def policy(runner: Runner, commit: str, stack: str = "production") -> JobResult:
    """The job that checks the rules of the policy pack."""
    return runner.job("review.yml", "policy", github=event(commit), matrix={"stack": stack})


def test_the_policy_pack_stops_keys_without_an_owner(deployed: Runner) -> None:
    """Its job names each key and its breach, and fails; the review still writes its comment."""
    commit = deployed.pull_request(
        **{"teams/search.yaml": SEARCH.removeprefix("owner: search@example.com\n")}
    )
    result = policy(deployed, commit)
    assert not result.ok
    assert re.findall(r"\[mandatory\]  ([\w-]+)  \(\S+: ([\w-]+)\)", result.log) == [
        ("no-owner", "search-indexer"),
        ("no-owner", "search-reranker"),
    ]
    assert preview(deployed, commit).ok
    commented(deployed, commit)
    assert "`no-owner`" in deployed.github["issues/1/comments"][0]["body"]


def test_a_change_that_keeps_the_rules_passes_the_policy_pack(deployed: Runner) -> None:
    """The job succeeds, for both stacks."""
    commit = deployed.pull_request(**{"teams/search.yaml": RAISED})
    for stack in ("staging", "production"):
        result = policy(deployed, commit, stack)
        assert result.ok, result.log
        assert "account-keys@v1.0.0" in result.log


def test_a_pull_request_does_not_change_the_policy_pack(deployed: Runner) -> None:
    """The rules are those of the base branch."""
    costly = SEARCH.replace("credit_limit: 300", "credit_limit: 501").replace("budget: 600", "budget: 900")
    commit = deployed.pull_request(**{"policy/__main__.py": "", "teams/search.yaml": costly})
    result = policy(deployed, commit)
    assert not result.ok
    assert "may spend more than 500.00 USD" in result.log


def test_a_matched_rule_fails_the_check(deployed: Runner) -> None:
    """The comment is written, and then the job fails."""
    commit = deployed.pull_request(**{"teams/search.yaml": SEARCH[: SEARCH.index("  reranker")]})
    (used,) = [key["id"] for key in deployed.account.keys() if key["name"] == "search-reranker-staging-0"]
    deployed.account.add_usage(used, requests=34, cost="2.50")
    assert preview(deployed, commit, "staging").ok
    result = commented(deployed, commit)
    assert not result.ok
    assert "is deleted, but in use: 34 requests, 2.50 USD" in deployed.github["issues/1/comments"][0]["body"]


def test_a_protected_key_fails_the_preview(deployed: Runner) -> None:
    """The preview of production stops, and the log says which resource is protected."""
    commit = deployed.pull_request(**{"teams/search.yaml": SEARCH[: SEARCH.index("  reranker")]})
    result = preview(deployed, commit)
    assert not result.ok
    assert "search-reranker" in result.log
    assert "cannot be deleted" in result.log


def test_the_preview_calls_nothing_and_keeps_the_state(deployed: Runner) -> None:
    """The preview reads the state alone: the account gets no call, and no file of the backend changes."""
    commit = deployed.pull_request(**{"teams/search.yaml": RAISED})
    files = sorted(path for path in (deployed.folder / "backend").rglob("*") if path.is_file())
    before = [(path, path.stat().st_mtime_ns) for path in files]
    deployed.account.stop()
    try:
        result = preview(deployed, commit)
    finally:
        deployed.account.start()
    assert result.ok, result.log
    after = sorted(path for path in (deployed.folder / "backend").rglob("*") if path.is_file())
    assert [(path, path.stat().st_mtime_ns) for path in after] == before


def test_an_older_review_overwrites_no_newer_one(deployed: Runner) -> None:
    """A run that ends late drops its review."""
    old = deployed.pull_request(**{"teams/search.yaml": RAISED})
    assert preview(deployed, old).ok
    deployed.pull_request(**{"teams/search.yaml": RAISED.replace("350", "360")})
    result = commented(deployed, old)
    assert result.ok
    assert "no longer the newest commit" in result.log
    assert "calls" not in deployed.github


@pytest.mark.parametrize("result", ["failure", "cancelled", "skipped"])
def test_no_review_fails_the_check(deployed: Runner, result: str) -> None:
    """A required check that is skipped counts as passed: so the job runs, and fails."""
    commit = deployed.pull_request(**{"teams/search.yaml": RAISED})
    assert not without_review(deployed, commit, result).ok


def test_a_failed_preview_leaves_no_older_comment(deployed: Runner) -> None:
    """The comment of the commit before is replaced by one that says that there is no review."""
    first = deployed.pull_request(**{"teams/search.yaml": RAISED})
    assert preview(deployed, first).ok
    assert commented(deployed, first).ok
    second = deployed.pull_request(**{"teams/search.yaml": "keys: 1\n"})
    assert not preview(deployed, second).ok
    without_review(deployed, second)
    (comment,) = deployed.github["issues/1/comments"]
    assert comment["body"].splitlines() == [
        f"<!-- pulumi-account-review commit={second} -->",
        "",
        "**There is no review of this commit: its checks say why.**",
    ]


def test_the_comment_counts_files_that_were_not_run(deployed: Runner) -> None:
    """The preview does not run a changed program, so the comment asks its readers to read it."""
    commit = deployed.pull_request(
        **{"__main__.py": "", "policy/__main__.py": "", "teams/search.yaml": RAISED}
    )
    assert preview(deployed, commit).ok
    assert commented(deployed, commit).ok
    (comment,) = deployed.github["issues/1/comments"]
    assert comment["body"].endswith("\n**Files other than key files: 2.** They were not run: read them.\n")


def test_comments_of_others_stay(deployed: Runner) -> None:
    """A comment that only looks like the review's is not overwritten."""
    commit = deployed.pull_request(**{"teams/search.yaml": RAISED})
    theirs = {
        "id": 9,
        "user": {"login": "mallory"},
        "body": "<!-- pulumi-account-review stack=keys commit=0 -->",
    }
    deployed.github["issues/1/comments"] = [theirs]
    assert preview(deployed, commit).ok
    assert commented(deployed, commit).ok
    assert [call[:2] for call in deployed.github["calls"]] == [["POST", "issues/1/comments"]]
    assert deployed.github["issues/1/comments"][0] == theirs


def test_the_pull_request_runs_no_code(deployed: Runner) -> None:
    """Its program, scripts and packages are not those that run."""
    harmful = dict.fromkeys(["__main__.py", "scripts/take_keys.py", "yaml.py"], "raise SystemExit('harm')\n")
    commit = deployed.pull_request(**harmful, **{"teams/search.yaml": RAISED})
    result = preview(deployed, commit)
    assert result.ok, result.log
    assert "harm" not in result.log


@pytest.mark.parametrize("where", ["keys.yaml", "teams/search.yaml", "teams"])
def test_links_are_refused(deployed: Runner, where: str) -> None:
    """A link in the place of a key file is not followed."""
    deployed.shell(f"git checkout --quiet -B change main && rm -r {where} && ln -s /etc/passwd {where}",
                   deployed.clone)  # fmt: skip
    commit = deployed.commit("refs/pull/1/head")
    result = preview(deployed, commit)
    assert not result.ok
    assert f"'{where}' is not a plain YAML file" in result.log
    assert "root:" not in result.log


def test_other_files_in_teams_are_refused(deployed: Runner) -> None:
    """A file that is not YAML stops the preview."""
    commit = deployed.pull_request(**{"teams/module.py": ""})
    assert "'teams/module.py' is not a plain YAML file" in preview(deployed, commit).log


@pytest.mark.parametrize("name", ["t\tb.yaml", "n\nl.yaml", "$(id).yaml", "-x.yaml", "x.yml"])
def test_unusual_names_are_refused(deployed: Runner, name: str) -> None:
    """A name with other characters than letters, digits, `.`, `_` and `-` stops the preview, and is quoted."""
    commit = deployed.pull_request(**{f"teams/{name}": "keys: {}\n"})
    assert preview(deployed, commit).log.endswith(f"{f'teams/{name}'!r} is not a plain YAML file\n")


def test_an_executable_is_refused(deployed: Runner) -> None:
    """A key file whose mode changes stops the preview."""
    deployed.shell("git checkout --quiet -B change main && chmod +x teams/search.yaml", deployed.clone)
    commit = deployed.commit("refs/pull/1/head")
    assert "'teams/search.yaml' is not a plain YAML file" in preview(deployed, commit).log


def test_an_invalid_key_file_is_reported_by_its_lines(deployed: Runner) -> None:
    """The check names file, line and column, and the preview does not start."""
    commit = deployed.pull_request(**{"teams/search.yaml": SEARCH.replace("owner:", "ownr:")})
    result = preview(deployed, commit)
    assert not result.ok
    assert "teams/search.yaml:1:1: unknown field ownr; did you mean owner?" in result.log


def test_the_preview_is_that_of_the_merge(deployed: Runner) -> None:
    """A key that main has gained since the pull request began is not shown as deleted."""
    commit = deployed.pull_request(**{"teams/search.yaml": RAISED})
    (deployed.clone / "teams/support.yaml").write_text("owner: support@example.com\nkeys: {bot: {}}\n")
    deployed.commit("main")
    assert deployed.job("deploy.yml", "production").ok
    assert preview(deployed, commit).ok
    assert commented(deployed, commit).ok
    comment = deployed.github["issues/1/comments"][0]["body"]
    assert "**1 key changed ·" in comment


def test_a_conflict_is_reported(deployed: Runner) -> None:
    """A pull request that cannot be merged has no preview."""
    commit = deployed.pull_request(**{"teams/search.yaml": RAISED})
    (deployed.clone / "teams/search.yaml").write_text(RAISED.replace("350", "360"))
    deployed.commit("main")
    assert "resolve its conflicts first" in preview(deployed, commit).log
