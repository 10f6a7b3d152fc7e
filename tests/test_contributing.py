"""What contributors are asked to do is what the project's own commands and workflows do."""

from __future__ import annotations

import re
import shlex
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
GUIDES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("CONTRIBUTING.md", "SECURITY.md")}
CI = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))


def tool(command: str) -> str:
    """The program that a command runs, with its subcommand if it has one."""
    program, *arguments = shlex.split(command)
    return " ".join([Path(program).name, *(found for found in arguments[:1] if found.isalpha())])


def test_the_hooks_run_the_tools_of_lint() -> None:
    """Each tool of `make lint` is a hook of pre-commit, and each hook is a tool of `make lint`."""
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, flags=re.MULTILINE)
    assert recipe
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    linted = {tool(found) for found in re.findall(r"^\t(\$\(BIN\)/.*)$", recipe[1], flags=re.MULTILINE)}
    assert {tool(hook["entry"]) for hook in hooks} == linted
    assert {hook["language"] for hook in hooks} == {"system"}  # so the versions are the same, too


@pytest.mark.parametrize("guide", GUIDES)
def test_links_lead_somewhere(guide: str) -> None:
    """Every relative link of a guide leads to a file."""
    links = set(re.findall(r"\]\((?!https://)([^)#]+)", GUIDES[guide]))
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_files_that_are_named_exist() -> None:
    """Every path that CONTRIBUTING.md names is a file or a folder."""
    paths = set(
        re.findall(
            r"`((?:pulumi_account|tests|tools|docs|examples|\.ci)/[\w/.]*)`", GUIDES["CONTRIBUTING.md"]
        )
    )
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_make_targets_exist() -> None:
    """Every `make` command that CONTRIBUTING.md and the pull request's checklist name is in the Makefile."""
    template = (ROOT / ".github/pull_request_template.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|^)make (\w+)", GUIDES["CONTRIBUTING.md"] + template, flags=re.MULTILINE))
    assert {"lint", "test", "lowest", "dist"} <= named
    assert named <= set(re.findall(r"^(\w+):", MAKEFILE, flags=re.MULTILINE))


# --- workflows ---------------------------------------------------------------------------------------------


def test_ci_skips_nothing_for_want_of_a_program() -> None:
    """Each variable with which tests demand a program is set in the workflow and listed in CONTRIBUTING.md."""
    demanded = {
        variable
        for file in (ROOT / "tests").rglob("*.py")
        for variable in re.findall(r"\"(PULUMI_ACCOUNT_REQUIRE_\w+)\"", file.read_text(encoding="utf-8"))
    }
    assert demanded
    assert CI["env"] == dict.fromkeys(demanded, "1")
    assert demanded <= set(re.findall(r"\w+", GUIDES["CONTRIBUTING.md"]))


def test_ci_installs_the_packages_that_it_demands() -> None:
    """They come before the tests."""
    commands = [step.get("run") for step in CI["jobs"]["test"]["steps"]]
    assert commands.index("make providers") < commands.index("bash .ci/run")


def test_ci_runs_every_python_of_the_package() -> None:
    """Linux and macOS, with each version of Python that the package names."""
    classifiers = metadata("pulumi_account").get_all("Classifier") or []
    versions = [found[1] for line in classifiers if (found := re.search(r"Python :: (3\.\d+)$", line))]
    assert CI["jobs"]["test"]["strategy"]["matrix"] == {
        "os": ["ubuntu-latest", "macos-latest"],
        "python": versions,
    }


def uses(node: Any) -> list[str]:
    """Every action and workflow that is used, however deep."""
    if isinstance(node, dict):
        own = [node["uses"]] if isinstance(node.get("uses"), str) else []
        return own + [found for value in node.values() for found in uses(value)]
    return [found for value in node for found in uses(value)] if isinstance(node, list) else []


@pytest.mark.parametrize(
    "file",
    sorted(
        path.relative_to(ROOT)
        for folder in (ROOT, ROOT / "examples" / "gitops")
        for path in (folder / ".github").rglob("*.yml")
    ),
    ids=str,
)
def test_actions_are_pinned(file: Path) -> None:
    """An action of others is named by its commit's full hash, with its version in a comment."""
    text = (ROOT / file).read_text(encoding="utf-8")
    foreign = [action for action in uses(yaml.safe_load(text)) if not action.startswith("$/")]
    assert [action for action in foreign if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action)] == []
    assert [
        action for action in foreign if not re.search(rf"{action} # v\d+\.\d+\.\d+$", text, re.MULTILINE)
    ] == []


def test_one_job_has_an_identity() -> None:
    """Of the release, only the job that publishes may ask for an identity token, and it can do nothing else."""
    release = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
    assert release["permissions"] == CI["permissions"] == {}
    with_identity = {name for name, job in release["jobs"].items() if "id-token" in job["permissions"]}
    assert with_identity == {"publish"}
    assert release["jobs"]["publish"]["permissions"] == {"id-token": "write"}
    assert release["jobs"]["publish"]["environment"] == "release"
