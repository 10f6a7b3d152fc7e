"""Runs the jobs of `examples/gitops` without GitHub: their shell steps as they are, and actions by what they do."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pulumi_account.emulator import Emulator
from tests.support import ROOT
from tests.support.canaries import PROVISIONING_KEY, assert_clean
from tests.support.environment import pulumi_environment, python_path

__all__ = ["EXAMPLE", "PASSPHRASE", "WORKFLOWS", "JobResult", "Runner", "event"]

EXAMPLE = ROOT / "examples" / "gitops"
PASSPHRASE = "passphrase-canary"
#: each workflow, by its file's name
WORKFLOWS: dict[str, dict[Any, Any]] = {
    path.name: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((EXAMPLE / ".github" / "workflows").glob("*.yml"))
}
_STAND_INS = Path(__file__).parent / "stand_ins"
_STATE = {
    "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
    "AWS_ACCESS_KEY_ID": "id",
    "AWS_SECRET_ACCESS_KEY": "secret",
}
_ACCOUNT = {"ACCOUNT_PROVISIONING_KEY": PROVISIONING_KEY}
#: the secrets of each environment, as the README lists them
SECRETS = {
    "review": _STATE,
    "account": _ACCOUNT,
    "staging": _STATE | _ACCOUNT,
    "production": _STATE | _ACCOUNT,
    "nightly": _STATE | _ACCOUNT,
}


@dataclass(frozen=True)
class JobResult:
    """How a job ended."""

    ok: bool
    log: str
    outputs: dict[str, str]
    summary: str


def event(commit: str) -> dict[str, Any]:
    """What an event of pull request 1 holds."""
    return {"event": {"pull_request": {"number": 1, "head": {"sha": commit}}}}


@dataclass
class Runner:
    """A repository on a server, its artifacts, its account, and what GitHub's API knows."""

    folder: Path
    account: Emulator
    github: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.artifacts = self.folder / "artifacts"
        self._api = self.folder / "github.json"
        self.env = {
            **pulumi_environment(self.folder),
            "HOME": str(self.folder),
            "PATH": f"{_STAND_INS}{os.pathsep}{python_path()}",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "PYTHONDONTWRITEBYTECODE": "1",
            "ACCOUNT_ENDPOINT": self.account.url,
            "ACCOUNT_RETRY_DEADLINE": "0",
            "ACCOUNT_LOOPBACK_ONLY": "1",
            "GITHUB_REPOSITORY": "example/keys",
            "GITHUB_API_STAND_IN": str(self._api),
            **{
                f"GIT_{who}_{what}": "a@example.com"
                for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            },
        }
        self.backend = self.env.pop("PULUMI_BACKEND_URL")
        del self.env["PULUMI_CONFIG_PASSPHRASE"]
        self.origin, self.clone = self.folder / "origin.git", self.folder / "clone"

    def make_repository(self) -> None:
        """Make a bare repository with the example and two stacks' configuration, and a clone, in which users work."""
        self.shell("git init --quiet --bare --initial-branch main origin.git", self.folder)
        self.shell("git config uploadpack.allowAnySHA1InWant true", self.origin)
        shutil.copytree(EXAMPLE, self.clone, ignore=shutil.ignore_patterns("__pycache__", ".mypy_cache"))
        stacks = "for stack in staging production; do pulumi stack init $stack; done"
        access = {"PULUMI_BACKEND_URL": self.backend, "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE}
        self.shell(stacks, self.clone, **access)
        self.shell(
            "git init --quiet --initial-branch main && git remote add origin ../origin.git", self.clone
        )
        self.commit("main")

    def shell(self, command: str, folder: Path, **env: str) -> str:
        """What a command prints; it must succeed."""
        done = subprocess.run(
            ["bash", "-ec", command],
            cwd=folder,
            env=self.env | env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def commit(self, branch: str) -> str:
        """Commit and push all of the clone; returns the commit."""
        self.shell(f"git add -A && git commit --quiet -m change && git push --quiet --force origin HEAD:{branch}",
                   self.clone)  # fmt: skip
        return self.shell("git rev-parse HEAD", self.clone)

    def pull_request(self, **files: str) -> str:
        """Push a pull request with number 1 that has these files; returns its commit, and goes back to main."""
        self.shell("git checkout --quiet -B change main", self.clone)
        for name, text in files.items():
            (self.clone / name).write_text(text)
        commit = self.commit("refs/pull/1/head")
        self.shell("git checkout --quiet main", self.clone)
        self.github["pulls/1"] = {"head": {"sha": commit}}
        changed = self.shell(f"git diff --name-only main...{commit}", self.clone).splitlines()
        self.github["pulls/1/files"] = [{"filename": name} for name in changed]
        return commit

    def job(self, workflow: str, name: str, **contexts: Any) -> JobResult:
        """Run a job in a new workspace.

        :param contexts: what expressions can name: ``matrix``, ``needs``, ``github``.
        """
        job = WORKFLOWS[workflow]["jobs"][name]
        known = {
            "vars": {"PULUMI_BACKEND_URL": self.backend, "AWS_REGION": "eu-central-1"},
            "secrets": SECRETS.get(job.get("environment", ""), {}),
            **contexts,
            "github": {"token": "token", **contexts.get("github", {})},
        }
        return _Job(self, WORKFLOWS[workflow], job, known).run()

    def run_step(self, script: str, env: dict[str, str], workspace: Path) -> tuple[bool, str]:
        """Run a step's script as GitHub does."""
        self._api.write_text(json.dumps(self.github))
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=workspace, env=self.env | env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )  # fmt: skip
        self.github.update(json.loads(self._api.read_text()))
        assert_clean(done.stdout)
        assert PASSPHRASE not in done.stdout
        return done.returncode == 0, done.stdout


@dataclass
class _Job:
    """One run of a job."""

    runner: Runner
    workflow: dict[Any, Any]
    job: dict[str, Any]
    known: dict[str, Any]

    def run(self) -> JobResult:
        self.workspace = self.runner.folder / "workspace"
        shutil.rmtree(self.workspace, ignore_errors=True)
        self.workspace.mkdir()
        self.files = {name: self.runner.folder / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for path in self.files.values():
            path.write_text("")
        log = ""
        for step in self.job["steps"]:
            ok, printed = self._step(step) if self._holds(step.get("if", "")) else (True, "")
            log += printed
            if not ok:
                break
        outputs = dict(line.split("=", 1) for line in self.files["GITHUB_OUTPUT"].read_text().splitlines())
        return JobResult(ok, log, outputs, self.files["GITHUB_STEP_SUMMARY"].read_text())

    def _step(self, step: dict[str, Any]) -> tuple[bool, str]:
        if "run" not in step:
            action = re.split("[@/]", step["uses"].removeprefix("actions/"))[0]
            options = {key: self.filled(value) for key, value in step.get("with", {}).items()}
            return bool(getattr(self, f"_{action.replace('-', '_').replace('$', 'own')}")(options)), ""
        levels = [self.workflow, self.job, step]
        env = {key: self.filled(value) for level in levels for key, value in level.get("env", {}).items()}
        head = self.known["github"].get("sha") or self.runner.shell("git rev-parse main", self.runner.origin)
        files = {name: str(path) for name, path in self.files.items()}
        return self.runner.run_step(step["run"], {"GITHUB_SHA": head, **files, **env}, self.workspace)

    def _holds(self, condition: str) -> bool:
        """Whether a step runs: its condition, if any, names the result of another job."""
        name, _, result = condition.replace(".result == ", " ").partition(" ")
        return not condition or self.filled(f"${{{{ {name}.result }}}}") == result.strip("'")

    def filled(self, text: Any) -> str:
        """A text with the values of its expressions; a secret that does not exist is empty, as on GitHub."""

        def value(found: re.Match[str]) -> str:
            node: Any = self.known
            for part in found[1].split("."):
                node = node.get(part, "") if node is self.known["secrets"] else node[part]
            return str(node)

        return re.sub(r"\$\{\{ ([\w.-]+) \}\}", value, str(text))

    def _checkout(self, options: dict[str, str]) -> bool:
        assert options["persist-credentials"] == "False"
        assert set(options) <= {"persist-credentials", "fetch-depth"}
        depth = "" if options.get("fetch-depth") == "0" else "--depth 1"
        self.runner.shell(f"git clone --quiet {depth} {self.runner.origin.as_uri()} .", self.workspace)
        return True

    def _own(self, _options: dict[str, str]) -> bool:
        return True  # Python and the CLI are there

    def _upload_artifact(self, options: dict[str, str]) -> bool:
        source, target = self.workspace / options["path"], self.runner.artifacts / options["name"]
        shutil.rmtree(target, ignore_errors=True)
        if not source.exists():
            return options["if-no-files-found"] == "ignore"
        target.mkdir(parents=True)
        shutil.copy(source, target)
        assert_clean(source.read_text())
        return True

    def _download_artifact(self, options: dict[str, str]) -> bool:
        target = self.workspace / options.get("path", ".")
        target.mkdir(exist_ok=True)
        assert "name" in options or options["merge-multiple"] == "True"
        for artifact in self.runner.artifacts.glob(options.get("name") or options["pattern"]):
            shutil.copytree(artifact, target, dirs_exist_ok=True)
        return True
