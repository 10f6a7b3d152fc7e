"""What a real terminal gets."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from pulumi_account.emulator import Emulator, Fault
from tests.canaries import PROVISIONING_KEY
from tests.shell import Shell, environment, in_terminal

ODD = "[red]x[/red] \x1b[35m:smile: \u202e\x07"
SHOWN = "[red]x[/red] [U+001B][35m:smile: [U+202E][U+0007]"


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An account with a model and a key of an odd name."""
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
        emulator.add(ODD)
        emulator.add_usage(1, ODD, cost=4)
        emulator.add_usage(1, "half", cost=2)
        emulator.add_usage(1, "some", cost="0.001")
        for name, value in environment(emulator).items():
            monkeypatch.setenv(name, value)
        yield emulator


@pytest.fixture
def shell(emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Commands without a terminal."""
    return Shell(capsys)


def plain(text: str) -> str:
    """A text without its colours."""
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def test_bars_and_colours(emulator: Emulator) -> None:
    """A bar is as long as its share of the largest, and what is not nothing is seen; names are only shown."""
    status, shown = in_terminal(emulator, "activity", "--by", "model", columns=160)
    assert status == 0
    assert "\x1b[36m" in shown
    assert "\x1b[35m" not in shown
    assert "\x07" not in shown
    bars = [line.count("█") + line.count("▏") for line in plain(shown).splitlines() if " 1 " in line]
    assert bars == [30, 15, 1]
    assert SHOWN in plain(shown)


def test_no_color(emulator: Emulator) -> None:
    """NO_COLOR takes the colours away, not the bars."""
    shown = in_terminal(emulator, "activity", "--by", "model", columns=160, NO_COLOR="1")[1]
    assert "█" in shown
    assert not re.search(r"\x1b\[3\d", shown)


def test_names_are_folded_not_cut(emulator: Emulator) -> None:
    """A name that is too long for the terminal goes on in the next line; numbers stay in one."""
    emulator.edit(1, name="n" * 200, credit_limit="1234567.125", expires_at="2040-01-01T00:00:00Z")
    shown = plain(in_terminal(emulator, "keys", "list", columns=80)[1])
    assert shown.count("n") - shown.count("none") >= 200
    assert "1234567.125" in shown
    assert "2040-01-01T00:00:00Z" in shown


@pytest.mark.parametrize(("columns", "term"), [(30, "xterm-256color"), (120, "dumb")])
def test_plain_where_nothing_else_can_be_shown(
    columns: int, term: str, shell: Shell, emulator: Emulator
) -> None:
    """A terminal that is too narrow or that knows no colours gets what a pipe gets."""
    piped = shell("keys", "list").out
    assert in_terminal(emulator, "keys", "list", columns=columns, TERM=term) == (0, piped)


def test_a_spinner_for_what_takes_long(shell: Shell, emulator: Emulator) -> None:
    """After a second, on a terminal only; then it is gone."""
    emulator.faults.add(Fault(operation="get_balance", latency=1.3, times=None))
    status, shown = in_terminal(emulator, "balance")
    assert status == 0
    assert "asking the account" in shown
    assert plain(shown).endswith("100.00 USD\n")
    assert shell("balance").err == ""
