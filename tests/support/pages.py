"""The pages that users read: what stands on them, and projects that do what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pulumi_account.emulator import Emulator
from tests.support.canaries import OTHER_PROVISIONING_KEY, PROVISIONING_KEY
from tests.support.cli import CliEngine, require_cli

ROOT = Path(__file__).parent.parent.parent
#: a `Pulumi.yaml` that says no more than it must
PLAIN = "name: keys\nruntime: python\n"


@dataclass(frozen=True)
class Page:
    """A page, by its path from the project's folder."""

    path: str

    def __str__(self) -> str:
        return self.path

    @property
    def text(self) -> str:
        """All of it."""
        return (ROOT / self.path).read_text(encoding="utf-8")

    def files(self, kind: str = r"\w+") -> list[tuple[str, str]]:
        """The blocks that begin with a file's name, in the language ``kind``: each name and text."""
        return re.findall(rf"```{kind}\n# (\S+\.\w+)\n(.*?)```", self.text, flags=re.DOTALL)

    def shown(self, marker: str) -> str:
        """The block that follows a hidden marker."""
        found = re.search(rf"<!-- {marker} -->\n```\w+\n(.*?)```", self.text, flags=re.DOTALL)
        assert found, f"{self.path} has no block that is marked as {marker!r}"
        return found[1]

    @property
    def links(self) -> list[str]:
        """Where its links and pictures lead, each once."""
        prose = re.sub(r"```.*?```", "", self.text, flags=re.DOTALL)
        return sorted(set(re.findall(r"\]\(([^)\s]+)\)", prose)))

    @property
    def anchors(self) -> set[str]:
        """What a link to one of its headings may name."""
        prose = re.sub(r"```.*?```", "", self.text, flags=re.DOTALL)
        headings = re.findall(r"^#+ (.*)$", prose, flags=re.MULTILINE)
        return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


README = Page("README.md")
#: all but the reference, which shows signatures and is made from docstrings
PAGES = [
    README,
    *(
        Page(path.relative_to(ROOT).as_posix())
        for path in sorted((ROOT / "docs").rglob("*.md"))
        if path.parent.name != "reference"
    ),
]


def pytest_in(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of a folder in a pytest of their own, where every warning is an error, without coverage."""
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *options]
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=110)


def engine_of(project: Path, account: Emulator, program: str, settings: str, **env: str) -> CliEngine:
    """The stack of a project with this program and `Pulumi.yaml`, on the real CLI."""
    project.mkdir(exist_ok=True)
    (project / "Pulumi.yaml").write_text(settings)
    folder = project / (re.findall(r"^main: (.*)$", settings, flags=re.MULTILINE) or ["."])[0]
    folder.mkdir(exist_ok=True)
    (folder / "__main__.py").write_text(program)
    secrets = {"account:provisioningKey": PROVISIONING_KEY}
    return CliEngine(
        project, project.parent / "cli", env={"ACCOUNT_ENDPOINT": account.url, **env}, secrets=secrets
    )


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
