"""`KeySet`: the keys of a key file as children, on LocalEngine and on the real CLI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

import pulumi_account as account
from pulumi_account.emulator import Emulator
from tests.support.projects import Project, ended_with
from tests.support.projects import project as project  # a fixture

# the SDK's mocks make an event loop for each of their threads and do not close it
pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PROGRAM = """
    import pulumi, pulumi_account as account
    keys = account.KeySet("keys", file="keys.yaml", environment="production")
    pulumi.export("keys", keys.keys)
    pulumi.export("names", {name: key.name for name, key in keys.api_keys.items()})
"""
KEYS = """
version: 1
environments: {production: {protect: true}, staging: {}}
teams:
  search:
    owner: search@example.com
    keys:
      indexer: {credit_limit: 300, expires_in: 90d, protect: false}
      batch: {rotate: {every: 30d}, environments: [staging]}
  sales:
    keys:
      mail: {rotate: {every: 30d, overlap: 2d}, credit_limit: 5, protect: false}
"""
DOCUMENT: dict[str, Any] = {
    "version": 1,
    "environments": {"production": {}, "staging": {}},
    "teams": {"t": {"keys": {"k": {"credit_limit": 0.1}}}},
}


def written(project: Project, keys: str = KEYS, program: str = PROGRAM) -> Project:
    """The project with this key file."""
    project.write(program)
    (project.folder / "keys.yaml").write_text(keys)
    return project


def test_keys_of_one_environment_are_made(project: Project) -> None:
    """With their labels; a second preview is empty, and the plaintexts are secrets."""
    made = written(project).run("up")
    assert made.ok, made.text
    assert made.outputs["names"] == {
        "search-indexer": "search-indexer-production",
        "sales-mail": "sales-mail-production-0",
    }
    assert sorted(key["name"] for key in project.emulator.keys()) == sorted(made.outputs["names"].values())
    plaintexts = project.engine().outputs(show_secrets=True)["keys"]
    assert all(project.emulator.key(n + 1) for n in range(2))
    assert len(set(plaintexts.values())) == 2
    state = {r["urn"].rpartition("::")[2]: r for r in project.engine().export()["deployment"]["resources"]}
    assert state["search-indexer"]["outputs"]["labels"] == {
        "team": "search", "environment": "production", "key": "indexer", "owner": "search@example.com",
    }  # fmt: skip
    assert state["keys"]["type"] == "account:index:KeySet"
    assert set(project.run("preview").changes) == {"same"}
    assert project.run("destroy").ok


def test_a_renamed_and_a_moved_key_are_not_deleted(project: Project) -> None:
    """`previously` names what they were: the preview shows updates only, and the keys keep their ids."""
    assert written(project).run("up").ok
    before = project.emulator.keys()
    keys = KEYS.replace("indexer: {", "crawler: {previously: [indexer], ")
    keys = keys.replace("  sales:\n", "  post:\n").replace("mail: {", "mail: {previously: [sales/mail], ")
    preview = written(project, keys).run("preview")
    assert preview.ok, preview.text
    assert set(preview.changes) == {"same", "update"}
    result = project.run("up")
    assert result.ok, result.text
    assert [key["id"] for key in project.emulator.keys()] == [key["id"] for key in before]
    assert set(result.outputs["names"]) == {"search-crawler", "post-mail"}
    assert set(project.run("preview").changes) == {"same"}


def test_a_renamed_team_keeps_its_keys(project: Project) -> None:
    """Its own `previously` is enough."""
    assert written(project).run("up").ok
    keys = KEYS.replace("  search:\n", "  find:\n    previously: [search]\n")
    assert set(written(project, keys).run("preview").changes) == {"same", "update"}


def test_everything_wrong_is_reported_in_the_preview(project: Project) -> None:
    """One line for each failure, and no call."""
    wrong = KEYS.replace("300", "lots").replace("5,", "5, credit_limits: 1,")
    shown = "\n".join(ended_with(written(project, wrong).run("preview")))
    assert "keys.yaml:8:31: credit_limit must be a number of USD, not text\n" in f"{shown}\n"
    assert "keys.yaml:12:66: unknown field credit_limits; did you mean credit_limit?\n" in f"{shown}\n"
    assert "Traceback" not in shown
    assert list(project.emulator.calls) == []


def test_a_protected_key_is_not_deleted(project: Project) -> None:
    """`protect` of the file protects it from the engine."""
    keys = KEYS.replace(", protect: false}", "}", 1)
    assert written(project, keys).run("up").ok
    assert not written(project, keys.replace("indexer:", "other:")).run("up").ok
    assert len(project.emulator.keys()) >= 2


def test_a_key_set_uses_its_provider(project: Project) -> None:
    """So do two sets of one program, if the second has a prefix."""
    program = """
        import pulumi, pulumi_account as account
        keys = {"version": 1, "environments": {"a": {}, "b": {}}, "teams": {"t": {"keys": {"k": {}}}}}
        account.KeySet("one", file=keys, environment="a")
        account.KeySet("two", file=keys, environment="b", prefix="b-")
    """
    made = written(project, program=program).run("up")
    assert made.ok, made.text
    assert sorted(key["name"] for key in project.emulator.keys()) == ["t-k-a", "t-k-b"]


Run = Callable[..., dict[str, Any]]


def test_children_are_declared_under_mocks(run: Run, emulator: Emulator) -> None:
    """Exact name, limit and labels reach the engine; names have the prefix."""
    inputs = run(
        lambda: account.KeySet("keys", file=DOCUMENT, environment="staging", prefix="p-"), of="p-t-k"
    )
    assert inputs["name"] == "t-k-staging"
    assert inputs["credit_limit"] == 0.1
    assert inputs["labels"] == {"team": "t", "environment": "staging", "key": "k"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"file": "missing.yaml"}, "KeySet 'keys': missing.yaml: No such file or directory"),
        ({"file": 3.5}, "KeySet 'keys': file must be a path or a dict"),
        ({"file": {}}, "the key file: the file needs environments\n"),
        (
            {"environment": "prod"},
            "KeySet 'keys': the file has no environment 'prod': it has production, staging",
        ),
    ],
)
def test_wrong_arguments_are_one_error(
    arguments: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `RunError`, which Pulumi shows without a traceback."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pulumi.RunError) as caught:
        account.KeySet("keys", **{"file": DOCUMENT, "environment": "production", **arguments})
    assert str(caught.value).startswith(message)
