"""`examples/gitops`: what each job of its workflows may do."""

from __future__ import annotations

import json
import re
from importlib.metadata import metadata, version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.gitops.runner import EXAMPLE, SECRETS, WORKFLOWS

JOBS: dict[tuple[str, str], dict[str, Any]] = {
    (file, name): job for file, workflow in WORKFLOWS.items() for name, job in workflow["jobs"].items()
}
EACH = pytest.mark.parametrize("job", JOBS.values(), ids=map("/".join, JOBS))
WRITES = {("review.yml", "comment"): "pull-requests", ("nightly.yml", "issue"): "issues"}


def secrets(node: Any) -> set[str]:
    """The secrets that a job or a step names."""
    return set(re.findall(r"secrets\.(\w+)", json.dumps(node)))


@EACH
def test_secrets_are_those_of_the_environment(job: dict[str, Any]) -> None:
    """A job names all secrets of its environment, and no other; a job without an environment names none."""
    assert secrets(job) <= set(SECRETS.get(job.get("environment", ""), {}))


@pytest.mark.parametrize("file", WORKFLOWS)
def test_a_workflow_has_no_permissions_by_default(file: str) -> None:
    """Each job says what it may do."""
    assert WORKFLOWS[file]["permissions"] == {}


def test_two_jobs_can_write() -> None:
    """One writes the comment, one the issue; neither has a secret."""
    writers = {
        name: [scope for scope, access in job["permissions"].items() if access == "write"]
        for name, job in JOBS.items()
    }
    assert {name: scopes for name, scopes in writers.items() if scopes} == {
        name: [scope] for name, scope in WRITES.items()
    }
    assert [secrets(JOBS[name]) for name in WRITES] == [set(), set()]


def test_the_jobs_that_read_the_pull_request_do_not_know_the_account() -> None:
    """Of the jobs on a pull request, two have the state's secrets, and another the provisioning key."""
    jobs = WORKFLOWS["review.yml"]["jobs"]
    with_key = [name for name, job in jobs.items() if "ACCOUNT_PROVISIONING_KEY" in secrets(job)]
    with_pull_request = [name for name, job in jobs.items() if "take_keys.py" in json.dumps(job)]
    assert (with_key, with_pull_request) == (["review"], ["preview", "policy"])


@EACH
def test_no_job_checks_out_a_pull_request(job: dict[str, Any]) -> None:
    """Every checkout is that of the workflow's own commit, and keeps no token."""
    checkouts = [step["with"] for step in job["steps"] if "actions/checkout@" in step.get("uses", "")]
    assert checkouts
    assert all("ref" not in options and "repository" not in options for options in checkouts)
    assert all(options["persist-credentials"] is False for options in checkouts)


@EACH
def test_scripts_have_no_expressions(job: dict[str, Any]) -> None:
    """Values reach a script through its environment, so that none is run as code."""
    assert [step["run"] for step in job["steps"] if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("name", ["preview", "policy", "comment"])
def test_a_required_check_is_not_skipped(name: str) -> None:
    """A check that is skipped counts as passed: so a required one needs no other job, or always runs."""
    job = JOBS["review.yml", name]
    assert "needs" not in job or job["if"] == "always()"


def test_one_workflow_runs_on_pull_requests() -> None:
    """Its event runs the files of the base branch. (YAML 1.1 reads `on` as true.)"""
    events = {file: set(workflow[True]) for file, workflow in WORKFLOWS.items()}
    assert events == {
        "review.yml": {"pull_request_target"},
        "deploy.yml": {"push", "workflow_dispatch"},
        "nightly.yml": {"schedule", "workflow_dispatch"},
        "report.yml": {"schedule", "workflow_dispatch"},
    }


def test_deployments_are_not_canceled() -> None:
    """A newer run does not cancel a job that changes keys."""
    changing = [JOBS["deploy.yml", "staging"], JOBS["deploy.yml", "production"], JOBS["nightly.yml", "drift"]]
    assert [job["concurrency"]["cancel-in-progress"] for job in changing] == [False, False, False]


def test_every_job_is_run_by_a_test() -> None:
    """The scripts of all jobs run in these tests."""
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("[tc]*.py"))
    called = set(re.findall(r'\.job\("(\S+)", "?(\w+)', tests))
    called |= {
        (file, name) for file, name in JOBS if (file, "stack") in called and name in ("staging", "production")
    }
    assert set(JOBS) <= called


def test_requirements_admit_this_version() -> None:
    """The requirement is met by this version of the package, and its extras exist."""
    requirement = Requirement((EXAMPLE / "requirements.txt").read_text(encoding="utf-8").strip())
    assert requirement.specifier.contains(version("pulumi_account"))
    assert requirement.extras <= set(metadata("pulumi_account").get_all("Provides-Extra") or [])


def test_the_readme_lists_the_environments() -> None:
    """The README names each environment with secrets, and each secret and variable."""
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    used = json.dumps(WORKFLOWS)
    named = set(re.findall(r"(?:secrets|vars)\.(\w+)", used)) | set(SECRETS)
    assert {name for name in named if f"`{name}`" not in text} == set()
