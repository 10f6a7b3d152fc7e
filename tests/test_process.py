"""What every provider process shares, whatever front end it serves."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ASK = "from pulumi_account import process; print(process.is_provider(), process.engine_is_gone())"


def asked(*arguments: str, program: Sequence[str] = ("-c", ASK)) -> str:
    """What a process that was started with these arguments says of itself."""
    done = subprocess.run(
        [sys.executable, *program, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    "before", [(), ("--logtostderr", "-v=9"), ("--tracing", "http://127.0.0.1:9/trace")], ids=str
)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_provider_process_is_known_by_its_last_argument(before: Sequence[str], host: str) -> None:
    """An engine starts each provider with its own address as the last argument; options may precede it."""
    assert asked(*before, f"{host}:0") == "True False"


@pytest.mark.parametrize(
    "arguments",
    [(), ("--monitor", "127.0.0.1:1", "--engine", "127.0.0.1:2", "."), ("127.0.0.1",), ("127.0.0.1:x",)],
    ids=str,
)
def test_a_program_is_no_provider(arguments: Sequence[str]) -> None:
    """A program has the engine's address, too, but never as its last argument."""
    assert asked(*arguments) == "False False"


def test_an_engine_that_has_exited_is_noticed_in_any_provider(tmp_path: Path) -> None:
    """Not only in the SDK's process for dynamic providers, but in that of a plugin with a main module of its own."""
    plugin = tmp_path / "plugin.py"
    plugin.write_text(ASK)
    with socket.create_server(("127.0.0.1", 0)) as engine:
        address = f"127.0.0.1:{engine.getsockname()[1]}"
        assert asked(address, program=[str(plugin)]) == "True False"
    assert asked(address, program=[str(plugin)]) == "True True"
