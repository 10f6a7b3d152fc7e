"""Keys that `pulumi-account adopt` puts into a stack, on both engines: no key is changed, and previews are empty."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pulumi_account.cli import main
from pulumi_account.emulator import Emulator
from tests.cli.conftest import shell as shell
from tests.support.canaries import PLAINTEXT, PROVISIONING_KEY, assert_clean
from tests.support.helpers import mode
from tests.support.projects import Project
from tests.support.shell import Shell, environment

pytestmark = pytest.mark.timeout(400)

FIFTY = 50
#: fields of a state's entry that differ between two runs or two engines
_VOLATILE = {"created", "modified", "sourcePosition", "stackTrace", "provider"}
#: fields that only a program gives, which an import does not know
_OF_PROGRAM = {"additionalSecretOutputs", "propertyDependencies"}


@pytest.fixture
def emulator(project: Project) -> Emulator:
    """The account of the project, which the commands read."""
    return project.emulator


def fill(account: Emulator) -> None:
    """Add keys of every kind, some with equal names."""
    kinds: list[dict[str, Any]] = [
        {},
        {"credit_limit": "12.50"},
        {"credit_limit": "0.1", "expires_at": "2099-01-01T00:00:00Z"},
        {"is_enabled": False, "credit_limit": "0"},
        {"expires_at": "2020-01-01T00:00:00Z"},
    ]
    for number in range(FIFTY):
        account.add(f'key "{number % 40}" {{é}}', **kinds[number % len(kinds)])
    account.calls.clear()


def adopted(project: Project, shell: Shell, *options: str) -> Path:
    """The file to import; the program of the project is the written one."""
    folder = project.folder / "adopted"
    done = shell("adopt", "--out", str(folder), *options)
    assert done.status == 0, done.err
    project.write((folder / "__main__.py").read_text())
    return folder / "import.json"


def imported(project: Project, file: Path, **options: bool) -> None:
    """Import a file into the project's stack."""
    assert_clean(project.engine().import_resources(file, **{"protect": False, **options}))


def resources(project: Project, *, without: set[str] = _VOLATILE) -> dict[str, Any]:
    """The entries of the state by URN, in clear."""
    exported = project.engine().export(show_secrets=True)
    return {
        entry["urn"]: {name: value for name, value in entry.items() if name not in without}
        for entry in exported["deployment"]["resources"]
        if "ApiKey" in entry["type"]
    }


def test_fifty_keys_are_imported_without_a_change(project: Project, emulator: Emulator, shell: Shell) -> None:
    """Only GETs; the previews before and after a deployment and a refresh of four calls are empty."""
    fill(emulator)
    before = emulator.keys()
    imported(project, adopted(project, shell))
    unchanged = {"same": FIFTY + 1}
    assert project.run("preview").changes == unchanged
    assert project.run("up").changes == unchanged
    assert emulator.calls.operations == ["list_keys", "get_activity"]
    emulator.calls.clear()
    assert project.run("refresh").changes == unchanged
    assert Counter(emulator.calls.operations) == {"get_key": 3, "list_keys": 1}
    assert project.run("preview").changes == unchanged
    assert emulator.keys() == before


def test_changes_and_a_destroy_follow_an_import(project: Project, emulator: Emulator, shell: Shell) -> None:
    """A changed limit is one PATCH for each key; a destroy deletes the keys."""
    fill(emulator)
    imported(project, adopted(project, shell))
    program = (project.folder / "__main__.py").read_text()
    project.write(program.replace("credit_limit=12.5", "credit_limit=13"))
    emulator.calls.clear()
    assert project.run("up").changes == {"same": 41, "update": 10}
    assert emulator.calls.operations == ["update_key"] * 10
    assert project.run("destroy").ok
    assert emulator.keys() == []


def plaintexts_file(project: Project, **plaintexts: str) -> str:
    """A file of plaintexts by name, which only its owner can open."""
    path = project.folder / "plaintexts.json"
    path.write_text(json.dumps(plaintexts))
    path.chmod(0o600)
    return str(path)


def remove(*files: Path) -> None:
    """Delete the files that contain plaintexts."""
    for file in files:
        file.unlink()


def test_an_imported_state_is_that_of_a_deployment(
    project: Project, emulator: Emulator, shell: Shell
) -> None:
    """Every property is as a deployment writes it, the plaintext included; so is the rest, after one more `up`."""
    project.write(
        "import pulumi_account as account\n"
        'account.ApiKey("made", name="made", credit_limit=2.5, expires_at="2099-01-01T00:00:00Z")\n'
    )
    assert project.run("up").ok
    ((urn, deployed),) = resources(project).items()
    plaintext = json.loads(deployed["outputs"]["key"]["plaintext"])
    file = adopted(project, shell, "--plaintexts", plaintexts_file(project, made=plaintext))
    other = Project(project.kind, project.folder / "other", emulator)
    other.write((project.folder / "__main__.py").read_text())
    imported(other, file)
    remove(file, project.folder / "plaintexts.json")
    assert resources(other)[urn] == {k: v for k, v in deployed.items() if k not in _OF_PROGRAM}
    assert other.run("up").changes == {"same": 2}
    assert resources(other)[urn] == deployed


def test_a_plaintext_is_encrypted(project: Project, emulator: Emulator, shell: Shell) -> None:
    """It is in the import file, which only its owner can open, and then in the state, encrypted."""
    emulator.add("search")
    file = adopted(project, shell, "--plaintexts", plaintexts_file(project, search=PLAINTEXT))
    assert PLAINTEXT in file.read_text()
    assert (mode(file), mode(file.parent)) == (0o600, 0o700)
    imported(project, file)
    remove(file, project.folder / "plaintexts.json")
    assert_clean(project.files(), json.dumps(project.engine().export()))
    export_of(project, "search.require_key()")
    assert project.run("up").outputs == {"found": "[secret]"}
    assert project.engine().outputs(show_secrets=True) == {"found": PLAINTEXT}


def export_of(project: Project, expression: str) -> None:
    """Let the program export a value."""
    program = (project.folder / "__main__.py").read_text()
    project.write(f'{program}\nimport pulumi\npulumi.export("found", {expression})\n')


def test_without_a_plaintext_the_key_is_none(project: Project, emulator: Emulator, shell: Shell) -> None:
    """The output says so, and `require_key` fails with what to do."""
    emulator.add("search")
    imported(project, adopted(project, shell))
    export_of(project, "pulumi.Output.unsecret(search.key).apply(lambda key: key is None)")
    assert project.run("up").outputs == {"found": True}
    export_of(project, "search.require_key()")
    assert "its plaintext is not known" in project.run("preview").text


def test_a_second_import_adds_what_is_new(project: Project, emulator: Emulator, shell: Shell) -> None:
    """Keys that the state has stay as they are; a stack's export leaves them out of the files."""
    emulator.add("first")
    imported(project, file := adopted(project, shell))
    before = resources(project, without=set())
    imported(project, file)
    assert resources(project, without=set()) == before
    export = project.folder / "export.json"
    export.write_text(json.dumps(project.engine().export()))
    emulator.add("later")
    done = shell("adopt", "--out", str(project.folder / "second"), "--stack", str(export))
    assert done.lines[1].split()[1] == "later"
    imported(project, project.folder / "second" / "import.json")
    project.write(
        (project.folder / "__main__.py").read_text()
        + (project.folder / "second" / "__main__.py").read_text().partition("\n\n")[2]
    )
    assert project.run("preview").changes == {"same": 3}


def test_protected_by_default(project: Project, emulator: Emulator, shell: Shell) -> None:
    """As `pulumi import` does; a program that does not protect the keys ends that silently."""
    emulator.add("search")
    imported(project, adopted(project, shell), protect=True)
    assert all(entry["protect"] for entry in resources(project).values())
    assert project.run("up").changes == {"same": 2}
    assert not any("protect" in entry for entry in resources(project).values())


def test_fifty_keys_of_a_key_file_are_imported(project: Project, emulator: Emulator, shell: Shell) -> None:
    """They are the children of a KeySet, with its labels; the previews before and after a deployment are empty."""
    for number in range(FIFTY):
        emulator.add(f'key "{number}" {{team}}', credit_limit=number or None, is_enabled=number % 3 > 0)
    before = emulator.keys()
    folder = project.folder / "adopted"
    assert shell("adopt", "--out", str(folder), "--format", "keyfile").status == 0
    (folder / "keys.yaml").rename(project.folder / "keys.yaml")
    project.write(
        "import pulumi_account as account\n"
        'account.KeySet("keys", file="keys.yaml", environment="production")\n'
    )
    imported(project, folder / "import.json")
    for command in ("preview", "up", "refresh", "preview"):
        assert project.run(command).changes == {"same": FIFTY + 2}
    assert emulator.keys() == before


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255), max_size=12))
@example(
    ["\"'", '"""', "\\", "a\r\nb", "\x00\x1b[2J", "{name}", "${a}", "\u202e\u2028", "😀", "a", "a", "a-11"]
)
def test_a_key_of_any_name_is_imported(names: list[str]) -> None:
    """The program evaluates to the very names that the account has: nothing changes."""
    with (
        Emulator(provisioning_key=PROVISIONING_KEY) as account,
        TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as environ,
    ):
        for name in names:
            account.add(name)
        for variable, value in environment(account).items():
            environ.setenv(variable, value)
        files = Path(folder) / "adopted"
        assert main(["adopt", "--out", str(files)]) == 0
        if names:
            project = Project("local", Path(folder), account)
            project.write((files / "__main__.py").read_text(encoding="utf-8"))
            imported(project, files / "import.json")
            assert project.run("preview").changes == {"same": len(names) + 1}
