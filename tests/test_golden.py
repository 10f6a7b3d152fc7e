"""Today's code works with the state and the accounts that every release left behind, on both engines."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pulumi_account.testing import Result
from tests.golden import PROGRAM, accounts, current_version, folders, restore
from tests.golden.__main__ import main
from tests.support.canaries import assert_clean
from tests.support.cli import CliEngine, require_cli
from tests.support.projects import ENGINES, Engine, engine_for

# a visit is a few runs of the CLI
pytestmark = pytest.mark.timeout(400)


@dataclass
class Visit:
    """What today's code makes of a kept state: each run's result, and the keys that remain."""

    resources: int
    preview: Result
    calls_of_preview: list[str | None]
    refresh: Result
    drifted: list[str]
    destroy: Result
    left: dict[str, Any]


@pytest.fixture(scope="module", params=folders(), ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    """A kept release."""
    found: Path = request.param
    return found


@pytest.fixture(scope="module", params=ENGINES)
def visit(
    folder: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visit]:
    """Preview, refresh and destroy, once for each release and engine."""
    if request.param == "cli":
        require_cli()
    project = tmp_path_factory.mktemp("golden")
    with accounts() as both:
        state = restore(folder, project, both)
        engine = load(request.param, project, state, both.settings)
        preview = engine.preview()
        calls = [*both.own.calls.operations, *both.eu.calls.operations]
        before = contents(engine)
        refresh = engine.refresh()
        after = contents(engine)
        drifted = [urn for urn in before | after if before.get(urn) != after.get(urn)]
        kept = "".join(f.read_text(errors="replace") for f in project.rglob("*") if f.is_file())
        destroy = engine.destroy()
        assert_clean(
            kept, *(text for r in (preview, refresh, destroy) for text in (r.text, r.steps, r.outputs))
        )
        resources = [r for r in state["deployment"]["resources"] if "::default" not in r["urn"]]
        yield Visit(len(resources), preview, calls, refresh, drifted, destroy, both.keys())


def load(kind: str, project: Path, state: dict[str, Any], settings: dict[str, Any]) -> Engine:
    """An engine that has the state."""
    if kind == "local":
        (project / "state.json").write_text(json.dumps(state))
    engine = engine_for(kind, project, **settings)
    if isinstance(engine, CliEngine):
        engine.import_state(state)
    return engine


def contents(engine: Engine) -> dict[str, Any]:
    """What the state says of each resource."""
    resources = engine.export(show_secrets=True)["deployment"]["resources"]
    return {r["urn"]: (r.get("id"), r.get("inputs"), r.get("outputs")) for r in resources}


def test_this_version_is_kept() -> None:
    """There is a folder for the version in pyproject.toml."""
    assert current_version() in [folder.name for folder in folders()]


def test_nothing_kept_is_in_plain_text(folder: Path) -> None:
    """No file of a release contains a readable credential, and its state no readable secret."""
    texts = [file.read_text(encoding="utf-8") for file in folder.iterdir() if file.is_file()]
    assert_clean(*texts)
    assert '"plaintext"' not in "".join(texts)


def test_preview_is_empty(visit: Visit) -> None:
    """The preview shows no change."""
    assert visit.preview.ok, visit.preview.text
    assert visit.preview.changes == {"same": visit.resources}


def test_preview_asks_nothing(visit: Visit) -> None:
    """The preview makes no call."""
    assert visit.calls_of_preview == []


def test_refresh_changes_nothing(visit: Visit) -> None:
    """The refresh finds the keys as the state has them, including plaintexts."""
    assert visit.refresh.ok, visit.refresh.text
    assert visit.refresh.changes == {"same": visit.resources}
    assert visit.drifted == []


def test_destroy_leaves_nothing(visit: Visit) -> None:
    """All keys of both accounts are deleted."""
    assert visit.destroy.ok, visit.destroy.text
    assert visit.left == {"own": [], "eu": []}


def test_a_kept_state_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An existing release is not overwritten by accident."""
    kept = tmp_path / current_version() / "__main__.py"
    kept.parent.mkdir()
    shutil.copy(PROGRAM, kept)
    with pytest.raises(SystemExit):
        main([], home=tmp_path)
    assert "is kept already: bump the version, or say --overwrite" in capsys.readouterr().err
    assert [file.name for file in kept.parent.iterdir()] == ["__main__.py"]
