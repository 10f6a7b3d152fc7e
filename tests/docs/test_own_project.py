"""`docs/own-project.md`: what the page says of the real CLI is so."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
import venv
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pulumi_account.api import settings as api_settings
from pulumi_account.emulator import Emulator
from tests.support.canaries import PROVISIONING_KEY
from tests.support.environment import pulumi_environment
from tests.support.pages import PLAIN, Page, engine_of

pytestmark = pytest.mark.timeout(400)

PAGE = Page("docs/own-project.md")
PROGRAMS = dict(PAGE.files("python"))
PIP, UV = (text for name, text in PAGE.files() if name == "Pulumi.yaml")


@pytest.mark.parametrize("variable", ["ACCOUNT_ENDPOINT", "ACCOUNT_PROVISIONING_KEY", "ACCOUNT_RETRY_DEADLINE",
                                      "ACCOUNT_TIMEOUT", "ACCOUNT_DELETE_GUARD", "ACCOUNT_LOOPBACK_ONLY",
                                      "ACCOUNT_CLOCK_OFFSET"])  # fmt: skip
def test_configuration_is_complete(variable: str) -> None:
    """Every environment variable that is read is explained."""
    assert variable in Path(api_settings.__file__).read_text()
    assert f"`{variable}`" in PAGE.text


def test_requirements_admit_this_version() -> None:
    """Both requirements are met by this version of the package."""
    ((_, project),) = PAGE.files("toml")
    ((_, line),) = PAGE.files("text")
    (declared,) = re.findall(r'dependencies = \["(.*)"\]', project)
    assert declared == line.strip()
    assert Requirement(declared).specifier.contains(version("pulumi_account"))


# --- which Python runs the provider


def environment(folder: Path) -> Path:
    """A virtual environment that has the package."""
    venv.create(folder)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    (site / "package.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    return folder


def path_without_the_package(folder: Path) -> str:
    """A PATH whose `python3` has nothing installed; its `uv` is a stand-in that can tell its version alone."""
    venv.create(folder / "bare")
    stand_in = folder / "bare" / "bin" / "uv"
    stand_in.write_text("#!/bin/sh\necho uv 0.9.0\n")
    stand_in.chmod(0o755)
    cli = Path(shutil.which("pulumi") or "").parent
    return os.pathsep.join([str(stand_in.parent), str(cli), "/usr/bin", "/bin"])


ABOVE = UV + "    virtualenv: ../.venv\n"


@pytest.mark.parametrize(
    ("settings", "where", "failure"),
    [
        (PIP, "project/venv", None),
        (UV, "project/.venv", None),
        (ABOVE, ".venv", None),
        (UV, ".venv", "virtualenv' option in Pulumi.yaml is set to .* doesn't exist"),
        (PLAIN, "project/.venv", "No module named 'pulumi'"),
        (UV + "main: sub\n", "project/.venv", "virtualenv' option in Pulumi.yaml is set to .* doesn't exist"),
        (PIP + "main: sub\n", "project/venv", "virtualenv' option in Pulumi.yaml is set to .* doesn't exist"),
    ],
    ids=["pip", "uv", "above", "not told of above", "uv.lock alone", "subfolder, uv", "subfolder, pip"],
)
def test_the_providers_python(
    tmp_path: Path, account: Emulator, settings: str, where: str, failure: str | None
) -> None:
    """With nothing activated, each `Pulumi.yaml` runs a key, or fails as the page says."""
    project = tmp_path / "project"
    project.mkdir()
    environment(tmp_path / where)
    if "pip" not in settings:
        ((tmp_path / where).parent / "uv.lock").write_text("version = 1\n")
    path = path_without_the_package(tmp_path)
    engine = engine_of(project, account, PROGRAMS["__main__.py"], settings, PATH=path)
    result = engine.up()
    assert (len(account.keys()) == 1) == result.ok == (failure is None), result.text
    if failure:
        assert re.search(failure, result.text)
    else:
        assert engine.preview().changes == {"same": 2}


@pytest.mark.parametrize("activated", [True, False], ids=["activated", "PULUMI_PYTHON_CMD"])
def test_without_options_a_subfolder_is_no_problem(
    tmp_path: Path, account: Emulator, activated: bool
) -> None:
    """The activated environment is taken, or the Python that the variable names."""
    folder = environment(tmp_path / "venv") / "bin"
    path = path_without_the_package(tmp_path)
    env = (
        {"PATH": f"{folder}{os.pathsep}{path}"}
        if activated
        else {"PATH": path, "PULUMI_PYTHON_CMD": str(folder / "python")}
    )
    settings = PLAIN + "main: sub\n"
    result = engine_of(tmp_path / "project", account, PROGRAMS["__main__.py"], settings, **env).up()
    assert result.ok, result.text


def test_a_virtualenv_wins(tmp_path: Path, account: Emulator) -> None:
    """Over an activated environment, and over PULUMI_PYTHON_CMD."""
    project = tmp_path / "project"
    project.mkdir()
    environment(project / "venv")
    path = path_without_the_package(tmp_path)
    wrong = str(tmp_path / "bare" / "bin" / "python")
    engine = engine_of(project, account, PROGRAMS["__main__.py"], PIP, PATH=path, PULUMI_PYTHON_CMD=wrong)
    result = engine.up()
    assert result.ok, result.text


# --- the Automation API

CALL = """
import sys
from deploy import deploy
try:
    result = deploy({endpoint!r}, {provisioning_key!r})
except Exception as error:
    sys.exit(str(error))
print(result.summary.resource_changes, sorted(result.outputs), result.outputs["key"].secret)
"""


def automated(tmp_path: Path, account: Emulator, *changes: tuple[str, str], **env: str) -> str:
    """What the page's script prints with these changes, in an environment that is not activated."""
    python = environment(tmp_path / "venv") / "bin" / "python"
    script = PROGRAMS["deploy.py"]
    for old, new in changes:
        assert old in script
        script = script.replace(old, new)
    (tmp_path / "deploy.py").write_text(script)
    call = CALL.format(endpoint=account.url, provisioning_key=PROVISIONING_KEY)
    (tmp_path / "call.py").write_text(call)
    cli = {**pulumi_environment(tmp_path), "PATH": path_without_the_package(tmp_path)}
    done = subprocess.run(
        [python, "call.py"],
        cwd=tmp_path,
        env={**os.environ, **cli, **env},
        capture_output=True,
        text=True,
        timeout=110,
    )
    return done.stdout + done.stderr


def test_an_inline_program_runs(tmp_path: Path, account: Emulator) -> None:
    """The page's script deploys in an environment that is not activated."""
    printed = automated(tmp_path, account)
    assert "{'create': 2} ['balance', 'key'] True" in printed, printed


COMMAND = 'env_vars={"PULUMI_PYTHON_CMD": sys.executable}'


@pytest.mark.parametrize(
    "instead",
    [
        "",
        'work_dir="infra"',
        'project_settings=automation.ProjectSettings("keys", automation.ProjectRuntimeInfo("python", '
        '{"virtualenv": sys.prefix}))',
    ],
    ids=["nothing", "work_dir", "settings"],
)
def test_an_inline_program_needs_the_variable(tmp_path: Path, account: Emulator, instead: str) -> None:
    """A virtual environment that Pulumi.yaml or the settings name is not looked at."""
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "Pulumi.yaml").write_text(PIP.replace("virtualenv: venv", "virtualenv: ../venv"))
    printed = automated(tmp_path, account, (COMMAND, instead))
    assert "No module named 'pulumi'" in printed
    assert account.keys() == []


def test_an_environment_without_the_package_is_named(tmp_path: Path, account: Emulator) -> None:
    """The provider's Python that has Pulumi's SDK alone fails for want of the package."""
    sdk = Path(sysconfig.get_path("purelib"))
    path = environment(tmp_path / "sdk") / "bin"
    (site,) = (tmp_path / "sdk").rglob("package.pth")
    site.write_text(
        "".join(f"{folder}\n" for folder in [sdk])
    )  # which leaves out what is installed as editable
    env = {"PULUMI_PYTHON_CMD": str(path / "python")}
    printed = automated(tmp_path, account, (COMMAND, ""), **env)
    assert "No module named 'pulumi_account'" in printed


def test_a_local_program_needs_only_its_virtualenv(tmp_path: Path, account: Emulator) -> None:
    """The environment of the script's own Python does not matter to it."""
    project = tmp_path / "project"
    project.mkdir()
    environment(project / "venv")
    (project / "Pulumi.yaml").write_text(PIP)
    (project / "__main__.py").write_text(PROGRAMS["__main__.py"] + 'pulumi.export("balance", "")\n')
    inline = 'project_name="keys",\n        program=program,\n'
    printed = automated(tmp_path, account, (inline, 'work_dir="project",\n'), (COMMAND, ""))
    assert "{'create': 2} ['balance', 'key'] True" in printed, printed


def test_variables_of_the_workspace_reach_no_function(tmp_path: Path, account: Emulator) -> None:
    """The resource is made, and the function, which runs in the script's process, finds no provisioning key."""
    given = f', "ACCOUNT_PROVISIONING_KEY": "{PROVISIONING_KEY}", "ACCOUNT_ENDPOINT": "{account.url}"}}'
    config = re.findall(r"    stack\.set_config\(.*\n", PROGRAMS["deploy.py"])
    printed = automated(tmp_path, account, (COMMAND, COMMAND[:-1] + given), *((line, "") for line in config))
    assert "no provisioning key: set it with" in printed
    assert len(account.keys()) == 1
