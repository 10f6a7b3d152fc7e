"""Runs a project against the emulator, with the Pulumi CLI where it is there, else with LocalEngine.

Nothing of the user's own is touched: the account, the CLI's backend and its home are below ``.local`` in the
project's folder, and whatever account the environment names is replaced by the emulator.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pulumi_account.common.files import narrow, private_folder
from pulumi_account.emulator import Emulator, format_table

__all__ = ["main"]

STACK = "tryout"
PROVISIONING_KEY = "tryout-provisioning-key"
COMMANDS = ("preview", "up", "refresh", "destroy")
GET_THE_CLI = "https://www.pulumi.com/docs/install/"


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, start the emulator, run the engine, show the keys; the engine's exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m pulumi_account.testing.tryout",
        description="Run a project against an emulated account that is kept in its .local folder.",
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("project", nargs="?", type=Path, default=Path(), help="the folder with Pulumi.yaml")
    chosen = parser.parse_args(arguments)
    return run(chosen.command, chosen.project.resolve())


def run(command: str, project: Path) -> int:
    """Run one command of the engine over the project."""
    cli = shutil.which("pulumi") is not None
    # each engine has its own state, and so its own account: the other's keys would be strangers
    local = project / ".local" / ("pulumi" if cli else "local-engine")
    private_folder(local)
    for folder in (local.parent, local):
        narrow(folder)
    with Emulator(
        db=local / "account.sqlite", provisioning_key=PROVISIONING_KEY, balance="125.50"
    ) as emulator:
        engine = _cli if cli else _local_engine
        status = engine(command, project, local, _environment(emulator.url, local))
        print(f"\nThe account has these keys:\n{format_table(emulator.keys())}", flush=True)  # noqa: T201
    return status


def _cli(command: str, project: Path, _local: Path, env: dict[str, str]) -> int:
    _say("Engine: the Pulumi CLI on your PATH; account, backend and home are below .local.")
    select = ["pulumi", "stack", "select", STACK, "--create", "--non-interactive", "--cwd", str(project)]
    go_on = [] if command == "preview" else ["--yes"]
    run = ["pulumi", command, *go_on, "--stack", STACK, "--non-interactive", "--cwd", str(project)]
    return _call(select, env) or _call(run, env)


def _local_engine(command: str, project: Path, local: Path, env: dict[str, str]) -> int:
    _say(f"Engine: LocalEngine, for there is no `pulumi` on your PATH ({GET_THE_CLI}).")
    state = ["--stack", STACK, "--state", str(local / "state.json")]
    return _call([sys.executable, "-m", "pulumi_account.testing", command, str(project), *state], env)


def _environment(endpoint: str, local: Path) -> dict[str, str]:
    """The emulator's account, this very Python, and a backend and a home of the engine's own."""
    backend = local / "backend"
    private_folder(backend)
    env = {name: value for name, value in os.environ.items() if name != "PULUMI_ACCESS_TOKEN"}
    return env | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "ACCOUNT_ENDPOINT": endpoint,
        "ACCOUNT_PROVISIONING_KEY": PROVISIONING_KEY,
        "ACCOUNT_LOOPBACK_ONLY": "1",
        "PULUMI_BACKEND_URL": backend.as_uri(),
        "PULUMI_HOME": str(local / "home"),
        "PULUMI_CONFIG_PASSPHRASE": STACK,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


def _call(command: list[str], env: dict[str, str]) -> int:
    """Run a command to its end; an interrupt reaches it too, and it is waited for."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run(command, env=env, check=False).returncode  # noqa: S603
    finally:
        signal.signal(signal.SIGINT, before)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
