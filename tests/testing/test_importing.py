"""LocalEngine's import of existing resources from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pulumi_account.testing import StateError
from tests.support.programs.workbench import Workbench
from tests.testing.conftest import command, engine_for, state_file

THING = "pulumi-python:dynamic/account:Thing"
GROUP = "proj:Group"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"hunter22"'}


def thing(name: str, **fields: Any) -> dict[str, Any]:
    """An entry."""
    return {"type": THING, "name": name, "id": name, "inputs": {"size": 1}, "outputs": {"size": 1}, **fields}


def import_file(bench: Workbench, *resources: dict[str, Any], **more: Any) -> Path:
    """A file that lists these resources."""
    path = bench.project / "import.json"
    path.write_text(json.dumps({"resources": resources, **more}))
    return path


def entries(bench: Workbench) -> dict[str, dict[str, Any]]:
    """The entries of the state by the last part of the URN, in its order."""
    found = json.loads(state_file(bench).read_text())["deployment"]["resources"]
    return {entry["urn"].rpartition("::")[2]: entry for entry in found}


def test_the_command_imports_a_file(bench: Workbench) -> None:
    """It prints how many resources are new, protects them by default, and runs nothing."""
    bench.write("raise SystemExit('not run')")
    import_file(bench, thing("a"), thing("b"))
    done = command(bench, "import", "--file", "import.json")
    assert (done.returncode, done.stdout, done.stderr) == (0, "imported 2 resources\n", "")
    assert [name for name, entry in entries(bench).items() if entry.get("protect")] == ["a", "b"]
    import_file(bench, thing("b"), thing("c"))
    assert (
        command(bench, "import", "--file", "import.json", "--protect=false").stdout
        == "imported 1 resources\n"
    )
    assert "protect" not in entries(bench)["c"]
    assert bench.calls() == []


def test_parents_come_first(bench: Workbench) -> None:
    """A new state has the stack and the default provider; a component comes before its children."""
    children = [thing("a", parent="g"), {"type": GROUP, "name": "g", "component": True}]
    assert engine_for(bench).import_resources(import_file(bench, *children)) == 2
    found = entries(bench)
    assert list(found) == ["proj-local", "default", "g", "a"]
    assert found["a"]["urn"] == f"urn:pulumi:local::proj::{GROUP}${THING}::a"
    assert found["a"]["parent"] == found["g"]["urn"]
    assert found["a"]["provider"] == f"{found['default']['urn']}::{found['default']['id']}"


def test_secrets_are_encrypted(bench: Workbench) -> None:
    """A value that is marked as secret, and the configuration that the default provider gets."""
    file = import_file(bench, thing("a", outputs={"size": 1, "pw": SECRET}))
    engine = engine_for(bench, secrets={"account:token": "hunter23"})
    engine.import_resources(file)
    text = state_file(bench).read_text()
    assert text.count("ciphertext") == 3
    assert "hunter2" not in text
    assert "hunter22" in json.dumps(engine.export(show_secrets=True))


def test_the_name_table_names_a_provider(bench: Workbench) -> None:
    """An explicit provider must be in the state."""
    engine = engine_for(bench)
    bench.write('pulumi.ProviderResource("pulumi-python", "eu", {})')
    assert engine.up().ok
    eu = entries(bench)["eu"]
    file = import_file(bench, thing("a", provider="eu"), nameTable={"eu": eu["urn"]})
    engine.import_resources(file)
    assert entries(bench)["a"]["provider"] == f"{eu['urn']}::{eu['id']}"
    file = import_file(bench, thing("b", provider="eu"), nameTable={"eu": eu["urn"] + "x"})
    with pytest.raises(StateError, match="the provider of b is not in the state: deploy it first"):
        engine.import_resources(file)


@pytest.mark.parametrize(
    ("resources", "problem"),
    [
        ([thing("a", id="other")], "resource '.*::a' already exists"),
        ([thing("b"), thing("b")], "resource '.*::b' already exists"),
        ([thing("b", parent="g")], "the parent 'g' of b has no entry"),
        ([thing("b", version="1")], "b: LocalEngine does not support version"),
        ([thing("b", outputs={})], "b: LocalEngine imports resources with an id and outputs only"),
        ([thing("")], "a resource has no type or no name"),
        (["b"], "not a file for `pulumi import --file`"),
    ],
)
def test_what_cannot_be_imported_changes_nothing(bench: Workbench, resources: Any, problem: str) -> None:
    """The error names the resource; the state is as before."""
    engine = engine_for(bench)
    engine.import_resources(import_file(bench, thing("a")))
    before = state_file(bench).read_text()
    with pytest.raises(StateError, match=problem):
        engine.import_resources(import_file(bench, *resources))
    assert state_file(bench).read_text() == before


def test_another_endpoint_is_refused(bench: Workbench) -> None:
    """As in every run, only an endpoint on this machine is accepted."""
    import_file(bench, thing("a"))
    done = command(
        bench, "import", "--file", "import.json", "--config", "account:endpoint=https://api.invalid"
    )
    assert "accepts loopback endpoints only" in done.stderr
    assert not state_file(bench).exists()


def test_a_file_that_is_missing_or_garbage(bench: Workbench) -> None:
    """One line, which quotes nothing of the file."""
    assert (
        command(bench, "import", "--file", "nowhere").stderr == "error: nowhere: No such file or directory\n"
    )
    for text in ("hunter22", '["hunter22"]', '{"resources": {"hunter22": 1}}', '{"resources": 7}'):
        (bench.project / "bad").write_text(text)
        done = command(bench, "import", "--file", "bad")
        assert done.stderr == "error: bad: not a file for `pulumi import --file`\n"
