"""Keep the state of the current version: run `python -m tests.golden` once for each release, before it is tagged.

What a release left behind must not change, so an existing folder is replaced only with `--overwrite`.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from pulumi_account.testing import LocalEngine
from tests.golden import HOME, PROGRAM, Accounts, accounts, current_version, write
from tests.support.projects import write_project


def main(arguments: list[str] | None = None, *, home: Path = HOME) -> None:
    """Parse, refuse or make."""
    parser = argparse.ArgumentParser("python -m tests.golden", description="Keep the state of this version.")
    parser.add_argument("--overwrite", action="store_true", help="as long as the version is not released")
    chosen = parser.parse_args(arguments)
    folder = home / current_version()
    if folder.exists() and not chosen.overwrite:
        parser.error(f"{folder.name} is kept already: bump the version, or say --overwrite")
    with accounts() as both, tempfile.TemporaryDirectory() as scratch:
        make(folder, both, Path(scratch))
    print(f"{folder.name} is kept")


def make(folder: Path, accounts: Accounts, scratch: Path) -> None:
    """Run the program and keep what it makes."""
    write_project(scratch, PROGRAM.read_text(encoding="utf-8"), "golden")
    accounts.own.add("legacy", credit_limit=5)
    settings = accounts.settings
    first = {**settings, "env": {**settings["env"], "ROTATE_NOW": "1"}}
    for given in (first, settings):  # the second run rotates
        engine = LocalEngine(scratch, **given)
        result = engine.up()
        if not result.ok:
            raise SystemExit(result.text)
    folder.mkdir(exist_ok=True)
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(scratch / name, folder)
    write(folder, engine.export(), accounts)


if __name__ == "__main__":
    main()
