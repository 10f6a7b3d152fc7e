"""Which SDKs are refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pulumi_account.lifecycle import OLDEST_SDK
from tests.support import ROOT
from tests.support.provider_process import ProviderError, ProviderProcess

TOO_OLD = "pulumi {} is installed, but pulumi_account needs 3.268 or newer: pip install -U pulumi"


def with_sdk(version: str, folder: Path) -> dict[str, str]:
    """The environment of a Python that finds this version of the SDK."""
    (folder / "sitecustomize.py").write_text(
        "import semver, sys, types\n"
        f"found = types.SimpleNamespace(_VERSION={version!r}, version=semver.VersionInfo.parse({version!r}))\n"
        "sys.modules['pulumi._version'] = found\n"
    )
    return {"PYTHONPATH": str(folder)}


def imported(env: dict[str, str]) -> str:
    """The last line of what a program says that imports `ApiKey`."""
    code = "import pulumi\ntry:\n from pulumi_account import ApiKey\nexcept pulumi.RunError as e: print(e)"
    run = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **env}, capture_output=True, text=True, timeout=60
    )
    assert run.stderr == ""
    return run.stdout.rstrip("\n")


@pytest.mark.parametrize("version", ["3.267.9", "3.99.0", "2.999.0"])
def test_an_old_sdk_is_refused(version: str, tmp_path: Path) -> None:
    """A program that declares keys ends with one line, which says what to do, as Pulumi shows a `RunError`."""
    assert imported(with_sdk(version, tmp_path)) == TOO_OLD.format(version)


@pytest.mark.parametrize("version", ["3.268.0", "3.268.0-alpha.1", "3.1000.0", "4.0.0"])
def test_no_other_sdk_is_refused(version: str, tmp_path: Path) -> None:
    """Versions are compared as numbers."""
    assert imported(with_sdk(version, tmp_path)) == ""


def test_an_old_sdk_is_refused_in_the_providers_process(tmp_path: Path) -> None:
    """A refresh runs no program; the provider's process says the same, in one line, too."""
    with (
        ProviderProcess({}, tmp_path, with_sdk("3.267.0", tmp_path)) as provider,
        pytest.raises(ProviderError, match=r"^pulumi_account\.lifecycle\.OldSDKError: [^\n]*$") as caught,
    ):
        provider.read("1", {})
    assert str(caught.value).endswith(TOO_OLD.format("3.267.0"))


def test_an_sdk_that_hides_its_version_is_not_taken_for_an_old_one() -> None:
    """Where the module that is quick to ask is gone, the installed package's metadata is asked."""
    hidden = "import pulumi, sys; del pulumi._version; sys.modules['pulumi._version'] = None"
    subprocess.run(
        [sys.executable, "-c", f"{hidden}; import pulumi_account.lifecycle"], check=True, timeout=60
    )


def test_the_oldest_sdk_is_the_declared_one() -> None:
    """The bound that pip keeps is the one that is checked at the start."""
    declared = (ROOT / "pyproject.toml").read_text()
    assert f'"pulumi>={".".join(map(str, OLDEST_SDK))},' in declared
