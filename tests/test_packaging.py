"""What `pyproject.toml` promises of the package."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
from email import message_from_bytes
from importlib.metadata import requires, version
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from pulumi_account.emulator import Emulator
from tests.support.canaries import PROVISIONING_KEY
from tests.support.cli import CliEngine, require_cli
from tools.dist import build

ROOT = Path(__file__).parent.parent
EXTRAS = ["", "cli", "emulator", "testing", "keyfile", "report", "metrics"]
DECLARED = [
    found
    for found in map(Requirement, requires("pulumi_account") or [])
    if not found.marker or any(found.marker.evaluate({"extra": extra}) for extra in EXTRAS)
]
NEEDED = {found.name: found.specifier for found in DECLARED if not found.extras}


@pytest.mark.parametrize("name", NEEDED)
def test_every_dependency_has_a_lower_bound(name: str) -> None:
    """Of each dependency at run time, there is a version that is the oldest."""
    assert [bound.operator for bound in NEEDED[name]].count(">=") == 1


@pytest.mark.skipif(os.environ.get("PULUMI_ACCOUNT_LOWEST") != "1", reason="only `make lowest` installs them")
@pytest.mark.parametrize("name", NEEDED)
def test_the_oldest_version_is_installed(name: str) -> None:
    """`make lowest` tests the very versions that are promised: nothing has pushed a newer one in."""
    (oldest,) = [bound.version for bound in NEEDED[name] if bound.operator == ">="]
    assert Version(version(name)) == Version(oldest)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the distributions, as they are uploaded."""
    folder = tmp_path_factory.mktemp("dist")
    build(folder, "--no-isolation")
    return folder


def test_a_strangers_project_installs_and_runs(dist: Path, tmp_path: Path) -> None:
    """On the real CLI, with the built wheel in the project's own environment: nothing is downloaded for it."""
    require_cli()
    (wheel,) = dist.glob("*.whl")
    venv.create(tmp_path / "venv")
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(tmp_path / "venv")}))
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(site),
    ]
    subprocess.run([*pip, str(wheel)], check=True, timeout=60)
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))
    (tmp_path / "Pulumi.yaml").write_text(
        "name: theirs\nruntime:\n  name: python\n  options:\n    virtualenv: venv\n"
    )
    (tmp_path / "__main__.py").write_text(
        "import pulumi, pulumi_account as account\n"
        "account.ApiKey('k')\n"
        "pulumi.export('package', account.__file__)\n"
    )
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
        env = {"ACCOUNT_ENDPOINT": emulator.url}
        secrets = {"account:provisioningKey": PROVISIONING_KEY}
        engine = CliEngine(tmp_path, tmp_path / "cli", env=env, secrets=secrets)
        assert "account" not in engine.install()
        result = engine.up()
        assert result.ok, result.text
        assert not [line for line in result.diagnostics if line.severity != "info"]
        assert result.outputs["package"] == str(site / "pulumi_account" / "__init__.py")
        assert engine.preview().changes == {"same": 2}


def relative_links(text: str) -> set[str]:
    """The links and pictures that lead nowhere without the files beside the text."""
    found = re.findall(
        r"""\]\(\s*<?([^)\s>]+)|\b(?:href|src)=["']?([^"'\s>]+)|^\[[^\]]+\]:\s*(\S+)""", text, re.MULTILINE
    )
    return {link for groups in found for link in groups if link and not link.startswith("https://")}


def test_links_work_on_an_index(dist: Path) -> None:
    """The description that a package index shows links to no file beside the README, and is otherwise the README."""
    (wheel,) = dist.glob("*.whl")
    with ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = message_from_bytes(archive.read(name))
    description = metadata.get_payload(decode=True).decode()  # type: ignore[union-attr]
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert relative_links(description) == set()
    readme = (ROOT / "README.md").read_text()
    assert relative_links(readme)
    assert len(description.splitlines()) > 0.98 * len(readme.splitlines())


def test_files_that_are_linked_are_in_the_source_distribution(dist: Path) -> None:
    """What the README links to comes with it."""
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {link.partition("#")[0] for link in relative_links((ROOT / "README.md").read_text())} <= names
