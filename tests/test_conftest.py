"""What the tests themselves need of their environment."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support import ROOT


@pytest.mark.parametrize("workers", ["0", "1"])
def test_ignored_signals_are_no_failure(workers: str) -> None:
    """The tests run where signals are ignored, as under nohup: they restore the handlers."""
    interrupted = "tests/cli/test_app.py::test_interrupted"
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", workers, interrupted]
    done = subprocess.run(
        ["sh", "-c", "trap '' INT TERM HUP; exec \"$@\"", "sh", *pytest_],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout
