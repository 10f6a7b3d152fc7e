"""What `pyproject.toml` promises of the package."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from email import message_from_bytes
from importlib.metadata import requires, version
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
EXTRAS = ["", "cli", "emulator", "testing", "report", "metrics"]
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
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    return folder


def relative_links(text: str) -> set[str]:
    """The links and pictures that lead nowhere without the files beside the text."""
    found = re.findall(
        r"""\]\(\s*<?([^)\s>]+)|\b(?:href|src)=["']?([^"'\s>]+)|^\[[^\]]+\]:\s*(\S+)""", text, re.MULTILINE
    )
    return {link for groups in found for link in groups if link and not link.startswith("https://")}


def test_links_work_on_an_index(dist: Path) -> None:
    """The description that a package index shows links to no file beside the README, and is the README else."""
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
