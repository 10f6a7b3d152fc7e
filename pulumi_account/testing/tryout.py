"""Runs a project against the emulator, with the Pulumi CLI if it is installed, else with LocalEngine.

It touches nothing of the user's: the account, the CLI's backend and its home are below ``.local`` in the project's
folder, and the emulator replaces the account that the environment names.
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

STACK = "tryout"
PROVISIONING_KEY = "tryout-provisioning-key"
GET_THE_CLI = "https://www.pulumi.com/docs/install/"


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, start the emulator, run the engine, show the keys; returns the engine's exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m pulumi_account.testing.tryout",
        description="Run a project against an emulated account that is kept in its .local folder.",
    )
    parser.add_argument("command", choices=("preview", "up", "refresh", "destroy"))
    parser.add_argument("project", nargs="?", type=Path, default=Path(), help="the folder with Pulumi.yaml")
    chosen = parser.parse_args(arguments)
    return run(chosen.command, chosen.project.resolve())


def run(command: str, project: Path) -> int:
    """Run one command of the engine on the project."""
    cli = shutil.which("pulumi") is not None
    # each engine has its own state, and so its own account: in it, the other's keys would be unknown
    local = project / ".local" / ("pulumi" if cli else "local-engine")
    private_folder(local / "backend")
    for folder in (local.parent, local):
        narrow(folder)
    account = local / "account.sqlite"
    with Emulator(db=account, provisioning_key=PROVISIONING_KEY, balance="125.50") as emulator:
        env = _environment(emulator.url, local)
        status = _cli(command, project, env) if cli else _local_engine(command, project, local, env)
        _say(f"\nThe account has these keys:\n{format_table(emulator.keys())}")
    return status


def _cli(command: str, project: Path, env: dict[str, str]) -> int:
    _say("Engine: the Pulumi CLI on your PATH; account, backend and home are below .local.")
    options = ["--non-interactive", "--cwd", str(project)]
    select = ["pulumi", "stack", "select", STACK, "--create", *options]
    yes = [] if command == "preview" else ["--yes"]
    return _call(select, env) or _call(["pulumi", command, *yes, "--stack", STACK, *options], env)


def _local_engine(command: str, project: Path, local: Path, env: dict[str, str]) -> int:
    _say(f"Engine: LocalEngine, because there is no `pulumi` on your PATH ({GET_THE_CLI}).")
    state = ["--stack", STACK, "--state", str(local / "state.json")]
    return _call([sys.executable, "-m", "pulumi_account.testing", command, str(project), *state], env)


def _environment(endpoint: str, local: Path) -> dict[str, str]:
    """The user's environment with the emulator's account, this Python, and the engine's own backend and home."""
    env = {name: value for name, value in os.environ.items() if name != "PULUMI_ACCESS_TOKEN"}
    return env | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "ACCOUNT_ENDPOINT": endpoint,
        "ACCOUNT_PROVISIONING_KEY": PROVISIONING_KEY,
        "ACCOUNT_LOOPBACK_ONLY": "1",
        "PULUMI_BACKEND_URL": (local / "backend").as_uri(),
        "PULUMI_HOME": str(local / "home"),
        "PULUMI_CONFIG_PASSPHRASE": STACK,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


def _call(command: list[str], env: dict[str, str]) -> int:
    """Run a command to its end; an interrupt reaches it as well, and the engine ends in its own time."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run(command, env=env, check=False).returncode  # noqa: S603
    finally:
        signal.signal(signal.SIGINT, before)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
