"""The environment variables of the processes that tests and benchmarks start."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.canaries import PROVISIONING_KEY

__all__ = ["account_environment", "pulumi_environment", "python_path", "unmeasured"]


def account_environment(endpoint: str, **more: str) -> dict[str, str]:
    """An emulated account, one attempt for each call, and these variables."""
    return {
        "ACCOUNT_ENDPOINT": endpoint,
        "ACCOUNT_PROVISIONING_KEY": PROVISIONING_KEY,
        "ACCOUNT_RETRY_DEADLINE": "0",
        **more,
    }


def pulumi_environment(folder: Path, passphrase: str = "") -> dict[str, str]:
    """A home and a backend for the Pulumi CLI in a folder; it looks for no newer version of itself."""
    backend = folder / "backend"
    backend.mkdir(parents=True, exist_ok=True)
    return {
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_BACKEND_URL": backend.as_uri(),
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_CONFIG_PASSPHRASE": passphrase,
    }


def python_path() -> str:
    """A PATH on which this Python and its commands come first."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def unmeasured() -> Iterator[None]:
    """Measure the coverage of no process that tests of pages start: that takes as long as the process runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield
