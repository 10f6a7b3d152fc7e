"""What a real terminal gets."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import termios
from collections.abc import Iterator
from contextlib import closing, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from pulumi_account.cli.options import Form
from pulumi_account.cli.output import emit
from pulumi_account.cli.tables import Column
from pulumi_account.emulator import Emulator, Fault
from tests.support.canaries import PROVISIONING_KEY
from tests.support.shell import Shell, in_terminal

ODD = "[red]x[/red] \x1b[35m:smile: \u202e\x07"
SHOWN = "[red]x[/red] [U+001B][35m:smile: [U+202E][U+0007]"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An account with a model and a key with an odd name."""
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
        emulator.add(ODD)
        emulator.add_usage(1, ODD, cost=4)
        emulator.add_usage(1, "half", cost=2)
        emulator.add_usage(1, "some", cost="0.001")
        yield emulator


def write_stack(file: Path) -> None:
    """An export of a stack without keys."""
    file.write_text(json.dumps({"version": 3, "deployment": {"resources": []}}))


def plain(text: str) -> str:
    """A text without its colors."""
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def test_bars_and_colors(emulator: Emulator) -> None:
    """A bar is as long as its share of the largest, and visible unless it is zero; names are never markup."""
    status, shown = in_terminal(emulator, "activity", "--by", "model", columns=160)
    assert status == 0
    assert "\x1b[36m" in shown
    assert "\x1b[35m" not in shown
    assert "\x07" not in shown
    bars = [line.count("█") + line.count("▏") for line in plain(shown).splitlines() if " 1 " in line]
    assert bars == [30, 15, 1]
    assert SHOWN in plain(shown)


def test_no_color(emulator: Emulator) -> None:
    """NO_COLOR removes the colors, but not the bars."""
    shown = in_terminal(emulator, "activity", "--by", "model", columns=160, NO_COLOR="1")[1]
    assert "█" in shown
    assert not re.search(r"\x1b\[3\d", shown)


def test_long_names_are_shortened(emulator: Emulator) -> None:
    """A name that is too long for the terminal ends in an ellipsis; other cells are shown in full."""
    emulator.edit(1, name="n" * 200, credit_limit="1234567.125", expires_at="2040-01-01T00:00:00Z")
    lines = plain(in_terminal(emulator, "keys", "list", columns=100)[1]).splitlines()
    (line,) = [line for line in lines if "nnn" in line]
    assert re.fullmatch(
        r" *1   n{20,}…   1234567\.125   active   2040-01-01T00:00:00Z   +6\.001   <0\.1% *", line
    )


@pytest.mark.parametrize(
    ("columns", "titles"),
    [
        (100, ["ID", "NAME", "LIMIT USD", "STATE", "EXPIRES", "SPEND USD", "USED"]),
        (60, ["ID", "NAME", "STATE", "EXPIRES"]),
        (40, ["ID", "NAME", "STATE"]),
        (24, ["ID", "NAME"]),
    ],
)
@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_the_least_important_columns_are_left_out(
    columns: int, titles: list[str], term: str, emulator: Emulator
) -> None:
    """In a narrow terminal, with and without colors; a line below names them, and every line fits."""
    emulator.edit(1, name="a-key-with-a-long-name", expires_at="2040-01-01T00:00:00Z")
    lines = plain(in_terminal(emulator, "keys", "list", columns=columns, TERM=term)[1]).splitlines()
    (head,) = [line for line in lines if "NAME" in line]
    assert re.split(r"  +", head.strip()) == titles
    assert max(map(len, lines)) <= columns
    assert ("no room for LIMIT USD" in " ".join(lines)) == (columns < 100)


@pytest.mark.parametrize("columns", [60, 40])
@pytest.mark.parametrize(
    "command",
    [
        "keys list",
        "activity",
        "activity --by model",
        "activity --by key",
        "activity --by team --group team=(?P<team>.+)",
        "leftovers",
        "keys unmanaged s.json",
    ],
)
def test_no_line_is_broken_by_the_terminal(
    columns: int, command: str, emulator: Emulator, tmp_path: Path
) -> None:
    """Every table fits, and so do the lines below it."""
    write_stack(tmp_path / "s.json")
    emulator.add(f"pulumi-account-reservation-{'0f' * 16}", credit_limit=0, expires_at="2040-01-01T00:00:00Z")
    emulator.edit(1, name="team-payments-production-eu-west-1-batch", credit_limit="12345.50")
    emulator.add_usage(1, "vendor/very-large-model-2026-05-01-preview", cost="1234.5678", requests=10**7)
    arguments = command.replace("s.json", str(tmp_path / "s.json")).split()
    status, shown = in_terminal(emulator, *arguments, columns=columns)
    assert status == 0
    assert max(map(len, plain(shown).splitlines())) <= columns


def test_machines_get_everything(shell: Shell, emulator: Emulator) -> None:
    """A pipe gets the whole table, even if the command runs in a narrow terminal."""
    emulator.edit(1, name="n" * 200)
    assert "n" * 200 in shell("keys", "list").out
    for form in ("--json", "--csv"):
        shown = in_terminal(emulator, "keys", "list", form, columns=40)[1]
        assert shown == shell("keys", "list", form).out


class Terminal(StringIO):
    """A stream that claims to be a terminal with this many columns."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self._ours, self._theirs = pty.openpty()
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def isatty(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """The terminal that has the size."""
        return self._theirs

    def close(self) -> None:
        """Close the terminal."""
        os.close(self._ours)
        os.close(self._theirs)
        super().close()


COLUMNS = [
    Column("id", "ID", right=True),
    Column("name", "NAME", wide=True),
    Column("cost", "COST USD", right=True, bar=True),
    Column("state", "STATE", drop=1),
    Column("tokens", "TOKENS", right=True, drop=2),
]
TEXTS = st.text(max_size=60) | st.text("日本語-a e\u0301", max_size=60)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.integers(0, 10**6),
            "name": TEXTS,
            "cost": st.decimals(0, 10**9, places=4),
            "state": st.sampled_from(["active", "disabled", ""]),
            "tokens": st.integers(0, 10**15),
        }
    ),
    min_size=1,
    max_size=4,
)


@given(ROWS, st.lists(st.text("abc ", max_size=90), max_size=2), st.integers(16, 130), st.booleans())
def test_any_table_fits(rows: list[Any], notes: list[str], columns: int, is_dumb: bool) -> None:
    """With any content and any width: one line for each row, and no line wider than the terminal."""
    with (
        patch.dict(os.environ, {"TERM": "dumb" if is_dumb else "xterm-256color"}),
        closing(Terminal(columns)) as out,
    ):
        with redirect_stdout(out):
            emit(COLUMNS, rows, Form.TEXT, notes=notes)
        lines = plain(out.getvalue()).splitlines()
    assert max(map(cell_len, lines)) <= columns
    ids = [str(row["id"]) for row in rows]
    shown = [line for line in lines if line.strip()[:1].isdigit()]
    assert len(shown) == len(ids)


def test_plain_where_nothing_else_can_be_shown(shell: Shell, emulator: Emulator) -> None:
    """A terminal without colors gets the same text as a pipe."""
    piped = shell("keys", "list").out
    assert in_terminal(emulator, "keys", "list", columns=120, TERM="dumb") == (0, piped)


def test_a_spinner_for_what_takes_long(shell: Shell, emulator: Emulator) -> None:
    """It appears after a second, only on a terminal, and disappears at the end."""
    emulator.faults.add(Fault(operation="get_balance", latency=1.3, times=None))
    status, shown = in_terminal(emulator, "balance")
    assert status == 0
    assert "reading the account" in shown
    assert plain(shown).endswith("100.00 USD\n")
    assert shell("balance").err == ""
