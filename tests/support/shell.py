"""The command line in tests: in this process, in one of its own, and in a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pulumi_account.cli import main
from pulumi_account.emulator import Emulator
from tests.support.canaries import assert_clean
from tests.support.environment import account_environment, python_path

PYTHON = Path(sys.executable)


@dataclass(frozen=True)
class Done:
    """A command's status and output."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The result, as a program reads it."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        """The result's lines."""
        return self.out.splitlines()

    @property
    def csv(self) -> list[str]:
        """The lines of CSV, in which each field is quoted, without the quotes."""
        assert all(line.startswith('"') and line.endswith('"') for line in self.lines)
        return [line[1:-1].replace('","', ",") for line in self.lines]


def environment(emulator: Emulator) -> dict[str, str]:
    """The variables that a command needs."""
    return account_environment(emulator.url, PATH=python_path())


class Shell:
    """Runs commands in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Done:
        self._capsys.readouterr()
        status = main(arguments)
        done = Done(status, *self._capsys.readouterr())
        assert_clean(done.out, done.err)
        return done


def run(emulator: Emulator, *command: str, **environ: str) -> Done:
    """A command in a process of its own, as a user runs it; its first word may be any program."""
    env = {**environment(emulator), **environ}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert_clean(done.stdout, done.stderr)
    return Done(done.returncode, done.stdout, done.stderr)


def in_terminal(emulator: Emulator, *arguments: str, columns: int = 120, **environ: str) -> tuple[int, str]:
    """A command in a real terminal: how it ended, and all that the terminal got."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {**environment(emulator), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **environ}
    command = [sys.executable, "-m", "pulumi_account", *arguments]
    with subprocess.Popen(command, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 65536):
                shown += chunk
        except OSError:  # a terminal raises it once the last writer has closed it
            pass
    os.close(ours)
    assert_clean(shown.decode())
    return process.returncode, shown.decode().replace("\r\n", "\n")
