"""Build the distributions, check their metadata, and run the README's first command from the wheel: `make dist`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["build"]

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"


def build(folder: Path, *options: str) -> tuple[Path, Path]:
    """Build the source distribution, and the wheel from it.

    :param folder: where they go; it is empty or does not exist.
    :param options: of `python -m build`.
    :return: the source distribution and the wheel.
    """
    subprocess.run(
        [sys.executable, "-m", "build", *options, "--outdir", str(folder), str(ROOT)],
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=300,
    )
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def deploy_from(wheel: Path, folder: Path) -> None:
    """Deploy the example twice, with the wheel in a new environment and the source tree out of reach.

    :param wheel: what a user would install.
    :param folder: for the environment and the project.
    """
    venv.create(folder / "venv", with_pip=True)
    python = Path(sysconfig.get_path("scripts", "venv", {"base": str(folder / "venv")})) / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, f"{wheel}[testing]"], check=True, timeout=300)
    project = folder / "project"
    shutil.copytree(ROOT / "examples" / "environments", project / "examples" / "environments")
    shutil.copy(ROOT / "Pulumi.yaml", project)
    up = [str(python), "-I", "-m", "pulumi_account.testing.tryout", "up", str(project)]
    for expected in ("+ 5 created", "5 unchanged"):
        done = subprocess.run(up, cwd=folder, stdout=subprocess.PIPE, text=True, check=True, timeout=120)
        if expected not in done.stdout:
            sys.exit(f"the example deployed from the wheel does not print {expected!r}:\n{done.stdout}")


def main() -> None:
    """Leave the two distributions in `dist`, checked and tried."""
    shutil.rmtree(DIST, ignore_errors=True)
    both = build(DIST)
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *map(str, both)], check=True)
    with TemporaryDirectory() as folder:
        deploy_from(both[1], Path(folder))
    print(f"{both[1].name} deploys the example.")


if __name__ == "__main__":
    main()
