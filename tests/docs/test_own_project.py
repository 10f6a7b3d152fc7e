"""`docs/setup.md`: what the page says of the real CLI is so."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from packaging.requirements import Requirement

from pulumi_account.emulator import Emulator
from tests.end_to_end.test_keys import Bench
from tests.end_to_end.test_keys import bench as bench
from tests.support.canaries import OTHER_PROVISIONING_KEY, PROVISIONING_KEY
from tests.support.cli import CliEngine, require_cli

pytestmark = pytest.mark.timeout(400)

PAGE = Path(__file__).parent.parent / "docs" / "setup.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n# (\S+)\n(.*?)```", TEXT, flags=re.DOTALL)
PROGRAMS = {name: text for kind, name, text in BLOCKS if kind == "python"}
PIP, UV = (text for kind, name, text in BLOCKS if name == "Pulumi.yaml")
SERVICE = "urn:pulumi:local::keys::pulumi-python:dynamic/account:ApiKey::service"


# --- the page itself


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_are_python(name: str) -> None:
    """What the page calls a program is one."""
    compile(PROGRAMS[name], name, "exec")


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", TEXT))
def test_links_lead_somewhere(link: str) -> None:
    """Every link leads to a file or an https page."""
    assert link.startswith("https://") or (PAGE.parent / link).exists()


@pytest.mark.parametrize(
    "anchor",
    re.findall(r"docs/setup\.md#([\w-]+)", (PAGE.parent.parent / "README.md").read_text(encoding="utf-8")),
)
def test_the_readme_links_to_sections(anchor: str) -> None:
    """Each section that the README names is on the page."""
    headings = re.findall(r"^## (.*)$", TEXT, flags=re.MULTILINE)
    assert anchor in [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]


def test_requirements_admit_this_version() -> None:
    """Both requirements are met by this version of the package."""
    (project,) = (text for kind, _, text in BLOCKS if kind == "toml")
    (line,) = (text for _, name, text in BLOCKS if name == "requirements.txt")
    (declared,) = re.findall(r'dependencies = \["(.*)"\]', project)
    assert declared == line.strip()
    assert Requirement(declared).specifier.contains(version("pulumi_account"))


# --- which Python runs the provider


@pytest.fixture
def account() -> Iterator[Emulator]:
    """An empty account, for a test on the CLI."""
    require_cli()
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
        yield emulator


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


def engine_of(project: Path, account: Emulator, program: str, settings: str, **env: str) -> CliEngine:
    """The stack of a project with this program and `Pulumi.yaml`."""
    project.mkdir(exist_ok=True)
    (project / "Pulumi.yaml").write_text(settings)
    folder = project / (re.findall(r"^main: (.*)$", settings, flags=re.MULTILINE) or ["."])[0]
    folder.mkdir(exist_ok=True)
    (folder / "__main__.py").write_text(program)
    secrets = {"account:provisioningKey": PROVISIONING_KEY}
    return CliEngine(
        project, project.parent / "cli", env={"ACCOUNT_ENDPOINT": account.url, **env}, secrets=secrets
    )


PLAIN = "name: keys\nruntime: python\n"
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
    (tmp_path / "backend").mkdir()
    call = CALL.format(endpoint=account.url, provisioning_key=PROVISIONING_KEY)
    (tmp_path / "call.py").write_text(call)
    cli = {
        "PATH": path_without_the_package(tmp_path),
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'backend'}",
        "PULUMI_CONFIG_PASSPHRASE": "",
    }
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


# --- keys of other stacks


def test_a_consumer_has_the_deleted_key_until_it_is_deployed(tmp_path: Path, account: Emulator) -> None:
    """A rotation in another stack changes nothing of it, and its preview shows the new id."""
    program = """
import pulumi, pulumi_account as account
key = account.ApiKey("service", rotation_triggers={"turn": pulumi.Config().require("turn")})
pulumi.export("key", key.key)
pulumi.export("key_id", key.key_id)
"""
    keys, consumer = two_stacks(tmp_path, account, program)
    keys.configure({"turn": "1"}, {})
    assert keys.up().ok
    assert consumer.up().ok
    assert consumer.outputs() == {"key": "[secret]", "key_id": 1}
    keys.configure({"turn": "2"}, {})
    assert keys.up().changes["replace"] == 1
    assert consumer.refresh().ok
    assert account.key_of(used_by(consumer)) is None
    text = consumer.preview().text
    assert "~ key_id: 1 => 2" in text
    assert consumer.up().ok
    assert account.key_of(used_by(consumer)) == 2


def test_two_keys_rotate_without_a_gap(tmp_path: Path, account: Emulator) -> None:
    """At each step of the page, what the consumer has works; in the end the old plaintext does not."""
    keys, consumer = two_stacks(tmp_path, account, PROGRAMS["two_keys.py"])
    keys.configure({"inUse": "blue", "blueTurn": "1", "greenTurn": "1"}, {})
    assert keys.up().ok
    assert consumer.up().ok
    old = used_by(consumer)
    keys.configure({"inUse": "green"}, {})
    assert keys.up().changes == {"same": 3}
    assert account.key_of(used_by(consumer)) is not None
    assert consumer.up().ok
    new = used_by(consumer)
    keys.configure({"blueTurn": "2"}, {})
    assert keys.up().changes["replace"] == 1
    assert account.key_of(old) is None
    assert account.key_of(new) is not None
    assert consumer.preview().changes == {"same": 1}


def two_stacks(tmp_path: Path, account: Emulator, program: str) -> tuple[CliEngine, CliEngine]:
    """The stack with the keys, and the page's consumer, in one backend."""
    keys = engine_of(tmp_path / "keys", account, program, PLAIN)
    consumer = PROGRAMS["consumer.py"].replace("keys/dev", "keys/local")
    return keys, engine_of(tmp_path / "consumer", account, consumer, PLAIN.replace("keys", "consumer"))


def used_by(consumer: CliEngine) -> str:
    """The plaintext that a consumer has."""
    return str(consumer.outputs(show_secrets=True)["key"])


def test_a_rotation_may_leave_the_old_key(tmp_path: Path, account: Emulator) -> None:
    """With `retain_on_delete` it lives on, and the stack does not know it."""
    program = """
import pulumi, pulumi_account as account
account.ApiKey("service", rotation_triggers={"turn": pulumi.Config().require("turn")},
               opts=pulumi.ResourceOptions(retain_on_delete=True))
"""
    engine = engine_of(tmp_path / "keys", account, program, PLAIN)
    for turn in "12":
        engine.configure({"turn": turn}, {})
        assert engine.up().ok
    assert [key["id"] for key in account.keys()] == [1, 2]
    ids = [resource.get("id") for resource in engine.export()["deployment"]["resources"]]
    assert "2" in ids
    assert "1" not in ids


# --- protected keys

PROTECTED = """
import pulumi, pulumi_account as account
key = account.ApiKey("service", rotation_triggers={"turn": pulumi.Config().require("turn")},
                     opts=pulumi.ResourceOptions(protect=True))
pulumi.export("key_id", key.key_id)
"""


@pytest.mark.parametrize("command", ["preview", "up"])
def test_a_protected_key_is_not_rotated(bench: Bench, command: str) -> None:
    """The line is the page's, and the account is as before; without the protection, one deployment rotates."""
    bench.write(PROTECTED, name="keys")
    assert bench.run("up", turn="1").ok
    before = bench.emulator.keys()
    result = bench.run(command, turn="2")
    assert not result.ok
    shown = re.findall(r"```text\nerror: (unable .*\n.*)\n```", TEXT)[0].replace(":dev::", ":local::")
    assert " ".join(shown.split()) in " ".join(result.text.split())
    assert bench.emulator.keys() == before
    bench.write(PROTECTED.replace("True", "False"), name="keys")
    assert bench.run("up", turn="2").changes["replace"] == 1
    assert len(bench.emulator.keys()) == 1


def test_a_key_unprotected_in_the_state_is_rotated(tmp_path: Path, account: Emulator) -> None:
    """The program still protects it, so the new key is protected."""
    engine = engine_of(tmp_path / "keys", account, PROTECTED, PLAIN)
    engine.configure({"turn": "1"}, {})
    assert engine.up().ok
    engine.configure({"turn": "2"}, {})
    engine.unprotect(SERVICE)
    assert engine.up().changes["replace"] == 1
    assert [key["id"] for key in account.keys()] == [2]
    assert engine.preview().changes == {"same": 2}
    assert not engine.destroy().ok


# --- a rotated provisioning key

OWN = "import pulumi_account as account\naccount.ApiKey('service')\n"
EXPLICIT = """
import os, pulumi, pulumi_account as account
eu = account.Provider("eu", endpoint=os.environ["ACCOUNT_ENDPOINT"],
                      provisioning_key=pulumi.Config("account").require_secret("provisioningKey"))
account.ApiKey("service", opts=pulumi.ResourceOptions(provider=eu))
"""


@contextmanager
def rotated(tmp_path: Path, program: str) -> Iterator[tuple[CliEngine, Emulator]]:
    """A stack with a key, and its account, which has another provisioning key now; the configuration has it, too."""
    require_cli()
    db = tmp_path / "account.db"
    with Emulator(provisioning_key=PROVISIONING_KEY, db=db) as account:
        engine = engine_of(tmp_path / "keys", account, program, PLAIN)
        assert engine.up().ok
        port = urlsplit(account.url).port or 0
    with Emulator(provisioning_key=OTHER_PROVISIONING_KEY, db=db, port=port) as account:
        engine.configure({}, {"account:provisioningKey": OTHER_PROVISIONING_KEY})
        yield engine, account


@pytest.mark.parametrize("program", [OWN, EXPLICIT], ids=["own", "explicit"])
def test_a_deployment_stores_the_new_provisioning_key(tmp_path: Path, program: str) -> None:
    """A refresh fails before a deployment that changes no key, and succeeds after it."""
    with rotated(tmp_path, program) as (engine, _):
        refused = engine.refresh()
        assert not refused.ok
        assert "status 401" in refused.text
        assert engine.preview().ok
        assert engine.up().ok
        refreshed = engine.refresh()
        assert refreshed.ok, refreshed.text


@pytest.mark.parametrize("program", [OWN, EXPLICIT], ids=["own", "explicit"])
def test_run_program_reads_the_new_provisioning_key(tmp_path: Path, program: str) -> None:
    """A refresh with it stores the key, too."""
    with rotated(tmp_path, program) as (engine, _):
        assert engine.refresh("--run-program").ok
        assert engine.refresh().ok


@pytest.mark.parametrize("program", [OWN, EXPLICIT], ids=["own", "explicit"])
def test_run_program_destroys(tmp_path: Path, program: str) -> None:
    """A destruction fails without it, and the key stays; with it the key is deleted."""
    with rotated(tmp_path, program) as (engine, account):
        assert not engine.destroy().ok
        assert len(account.keys()) == 1
        assert engine.destroy("--run-program").ok
        assert account.keys() == []


@pytest.mark.parametrize(("program", "reached"), [(OWN, True), (EXPLICIT, False)], ids=["own", "explicit"])
def test_the_environments_provisioning_key(tmp_path: Path, program: str, reached: bool) -> None:
    """It wins for the stack's own provider, and is not stored; it does not reach an explicit one."""
    with rotated(tmp_path, program) as (engine, account):
        env = {"ACCOUNT_ENDPOINT": account.url, "ACCOUNT_PROVISIONING_KEY": OTHER_PROVISIONING_KEY}
        assert CliEngine(tmp_path / "keys", tmp_path / "cli", env=env).refresh().ok == reached
        assert not engine.refresh().ok


# --- dates


def test_the_cli_quotes_a_date(tmp_path: Path, account: Emulator) -> None:
    """`pulumi config set` writes the page's line, and a key takes it."""
    program = """
import pulumi, pulumi_account as account
account.ApiKey("service", expires_at=pulumi.Config().require("expires"))
"""
    engine = engine_of(tmp_path / "keys", account, program, PLAIN)
    engine.configure({"expires": "2040-01-01T00:00:00Z"}, {})
    (shown,) = (text for _, name, text in BLOCKS if name == "Pulumi.dev.yaml")
    assert shown.partition("config:\n")[2] in (tmp_path / "keys" / "Pulumi.local.yaml").read_text()
    assert engine.preview().ok
