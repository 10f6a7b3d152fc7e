"""The pages of the command line: a transcript of some commands, and the help of all. `make reference` writes them."""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import datetime, timedelta, timezone
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from pulumi_account.cli import main
from pulumi_account.common.instants import utc_now
from pulumi_account.emulator import Emulator
from tools.sections import DOCS, fill

__all__ = [
    "COMMANDS",
    "HELP",
    "PAGE",
    "helps",
    "seed",
    "transcript",
    "write",
    "write_exports",
    "write_previews",
]

PAGE = DOCS / "command-line.md"
#: the pages of the commands' help
HELP = {
    PAGE: ("",),
    DOCS / "command-line" / "balance-and-activity.md": ("balance", "activity"),
    DOCS / "command-line" / "keys.md": ("keys", "keys list", "keys show", "keys unmanaged", "leftovers"),
    DOCS / "command-line" / "review.md": ("review",),
    DOCS / "command-line" / "monitoring.md": ("watch", "report", "metrics"),
    DOCS / "command-line" / "emulator.md": ("emulator",),
}
COMMANDS = (
    "pulumi-account balance",
    "pulumi-account activity --by model",
    "pulumi-account keys list",
    "pulumi-account keys unmanaged production.json",
)
_NOW = datetime(2026, 6, 1, 12, 0, tzinfo=timezone.utc)
_CREATED = "2026-01-0{id}T09:00:00Z"
_TYPE = "pulumi-python:dynamic/account:ApiKey"


def seed(emulator: Emulator) -> None:
    """Fill the account that the documents and the examples in the help show.

    :param emulator: the account, which has no keys yet.
    """
    emulator.balance = "125.50"
    keys = [("production", 500, "2040-01-01T00:00:00Z"), ("staging-1", 50, None), ("by hand", None, None)]
    for name, limit, expires_at in keys:
        key_id, _ = emulator.add(name, credit_limit=limit, expires_at=expires_at)
        emulator.edit(key_id, created_at=_CREATED.format(id=key_id))
    emulator.edit(2, is_enabled=False)
    days = [emulator.clock.now().date() - timedelta(days=ago) for ago in (0, 3, 20)]
    emulator.add_usage(
        1, "large", requests=410, cost="61.2", input_tokens=2_100_000, output_tokens=160_000, day=days[2]
    )
    emulator.add_usage(
        1, "small", requests=9200, cost="3.455", input_tokens=8_000_000, output_tokens=910_000, day=days[1]
    )
    emulator.add_usage(
        3, "small", requests=12, cost="0.0121", input_tokens=9_000, output_tokens=1_200, day=days[0]
    )


def write_exports(folder: Path) -> None:
    """Write what `pulumi stack export` would print of the stacks that manage the account's keys.

    :param folder: where the files are put.
    """
    for name, key_id in {"production": 1, "staging": 2}.items():
        outputs = {"created_at": _CREATED.format(id=key_id), "key": {"ciphertext": "v1:…"}}
        key = {"type": _TYPE, "urn": name, "custom": True, "id": str(key_id), "outputs": outputs}
        export = {"version": 3, "deployment": {"resources": [key]}}
        (folder / f"{name}.json").write_text(json.dumps(export))


def write_previews(folder: Path) -> None:
    """Write what `pulumi preview --json` would print of stacks to which keys are added.

    :param folder: where the files are put.
    """
    for name, stack in {"preview": "dev", "a": "a", "b": "b"}.items():
        state = {"type": _TYPE, "inputs": {"name": f"{stack}-new", "credit_limit": 10, "is_enabled": True}}
        step = {"op": "create", "urn": f"urn:pulumi:{stack}::keys::{_TYPE}::new", "newState": state}
        preview = {"steps": [step], "changeSummary": {"create": 1}}
        (folder / f"{name}.json").write_text(json.dumps(preview))
    export = {"version": 3, "deployment": {"resources": []}}
    (folder / "a-export.json").write_text(json.dumps(export))


def transcript() -> str:
    """What a shell shows of some commands, as Markdown."""
    with Emulator() as emulator, tempfile.TemporaryDirectory() as folder:
        emulator.clock.offset = _NOW - utc_now()  # the days that it prints must stay the same
        seed(emulator)
        write_exports(Path(folder))
        account = {"ACCOUNT_ENDPOINT": emulator.url, "ACCOUNT_PROVISIONING_KEY": emulator.provisioning_key}
        with patch.dict(os.environ, account), chdir(folder):
            shown = [f"$ {command}\n{_output(command)}" for command in COMMANDS]
    return "```console\n" + "\n".join(shown) + "```"


def helps(commands: Iterable[str]) -> str:
    """The help of some commands, as Markdown.

    :param commands: their names without the program's.
    """
    with patch.dict(os.environ, {"COLUMNS": "100"}):
        return "\n\n".join(map(_help, commands))


def write() -> None:
    """Fill the sections of all pages."""
    fill(PAGE, "transcript", transcript())
    for page, commands in HELP.items():
        fill(page, "help", helps(commands))


def _help(name: str) -> str:
    command = f"pulumi-account {name}".strip()
    return f"## `{command}`\n\n```text\n{_output(f'{command} --help').strip()}\n```"


def _output(command: str) -> str:
    """What a command prints to stdout; stderr has a warning that the clocks differ."""
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()):
        assert main(shlex.split(command)[1:]) == 0
    return out.getvalue()


@contextmanager
def chdir(folder: str) -> Iterator[None]:
    """Change to a folder for a while; contextlib can since Python 3.11."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


if __name__ == "__main__":
    write()
