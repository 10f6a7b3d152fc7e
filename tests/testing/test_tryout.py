"""`make up` and its companions, without make: the first lap of a newcomer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.canaries import leaks
from tests.support.cli import require_cli
from tests.support.helpers import mode
from tests.test_examples import copied

pytestmark = pytest.mark.timeout(300)


class Newcomer:
    """Somebody with a clone, with or without the CLI, and with a real account in the environment."""

    def __init__(self, folder: Path, *, with_cli: bool) -> None:
        self.project = copied(Path("examples/environments"), folder)
        path = [
            p for p in os.environ["PATH"].split(os.pathsep) if with_cli or not (Path(p) / "pulumi").exists()
        ]
        self._env = {
            **os.environ,
            "PATH": os.pathsep.join(path),
            "ACCOUNT_PROVISIONING_KEY": "prov-canary-real",
            "ACCOUNT_ENDPOINT": "https://account.example",
        }

    def make(self, command: str, *, fails: bool = False) -> str:
        """Run it; nothing that it prints is a credential."""
        done = subprocess.run(
            [sys.executable, "-m", "pulumi_account.testing.tryout", command, str(self.project)],
            env=self._env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        assert not leaks(done.stdout + done.stderr)
        return done.stdout


@pytest.fixture(params=["local", "cli"])
def newcomer(request: pytest.FixtureRequest, tmp_path: Path) -> Newcomer:
    """One without the CLI, and one with."""
    if request.param == "cli":
        require_cli()
    return Newcomer(tmp_path, with_cli=request.param == "cli")


def test_the_lap(newcomer: Newcomer) -> None:
    """`up` twice, `preview`, `refresh` and `destroy` succeed, and the second `up` changes nothing."""
    first = newcomer.make("up")
    assert "+ 5 created" in first
    assert len(re.findall(r"^\d+ +(?:search|support)-", first, flags=re.MULTILINE)) == 3
    for command in ("up", "preview", "refresh"):
        assert "    5 unchanged" in newcomer.make(command)
    last = newcomer.make("destroy")
    assert "- 5 deleted" in last
    assert "search-indexer-staging" not in last.partition("The account has these keys:")[2]


def test_everything_stays_in_the_ignored_folder(newcomer: Newcomer) -> None:
    """State, account, backend and the CLI's home are below `.local`, which is private; only the stack's file is not."""
    before = set(newcomer.project.iterdir())
    local = newcomer.project / ".local"
    local.mkdir(mode=0o755)  # as an earlier version made it
    newcomer.make("up")
    (engine,) = local.iterdir()
    assert (mode(local), mode(engine)) == (0o700, 0o700)
    assert mode(engine / "account.sqlite") == 0o600
    new = {path.name for path in set(newcomer.project.iterdir()) - before}
    assert new - {"Pulumi.tryout.yaml"} == {".local"}


def test_no_cli_is_told(tmp_path: Path) -> None:
    """Without the CLI it says which engine runs, and where to get the CLI."""
    printed = Newcomer(tmp_path, with_cli=False).make("preview")
    assert printed.startswith("Engine: LocalEngine, because there is no `pulumi` on your PATH (https://")


def test_failure_is_the_exit_status(tmp_path: Path) -> None:
    """A program that fails makes the command fail."""
    (tmp_path / "Pulumi.yaml").write_text("name: broken\nruntime: python\n")
    (tmp_path / "__main__.py").write_text("raise SystemExit(3)")
    done = subprocess.run(
        [sys.executable, "-m", "pulumi_account.testing.tryout", "up", str(tmp_path)],
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0
