"""What `pyproject.toml` promises of the package."""

from __future__ import annotations

import os
from importlib.metadata import requires, version

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

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
