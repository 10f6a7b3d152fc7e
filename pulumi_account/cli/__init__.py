"""The command line: ``pulumi-account``, and ``python -m pulumi_account``. Needs `pulumi_account[cli]`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status, one of those in ``pulumi-account --help``."""
    try:
        from pulumi_account.cli.app import run
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        if missing == "pulumi_account":
            raise
        sys.stderr.write(f"error: {missing} is missing: pip install 'pulumi_account[cli]'\n")
        return 1
    return run(arguments)
