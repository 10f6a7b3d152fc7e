"""`report`."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from pulumi_account.emulator import Emulator
from tests.report.pages import Page
from tests.support.helpers import mode, umask
from tests.support.shell import Shell, run


def test_a_file_that_cannot_be_written(shell: Shell, tmp_path: Path) -> None:
    """One line names it."""
    done = shell("report", "--out", str(tmp_path))
    assert (done.status, done.out) == (1, "")
    assert done.err == f"error: {tmp_path}: Is a directory\n"


@pytest.mark.parametrize("mask", [0, 0o022])
def test_a_report_is_private(mask: int, shell: Shell, tmp_path: Path) -> None:
    """It contains names and spending, so only its owner can open it, whatever the umask is."""
    with umask(mask):
        done = shell("report", "--out", str(tmp_path / "page.html"))
    assert done.err == f"wrote {tmp_path / 'page.html'}\n"
    assert mode(tmp_path / "page.html") == 0o600


def test_a_report_that_others_can_open_is_told(shell: Shell, tmp_path: Path) -> None:
    """An existing file keeps its mode, which a web server may need; the line says so."""
    page = tmp_path / "page.html"
    page.touch()
    page.chmod(0o644)
    assert shell("report", "--out", str(page)).err == (
        f"wrote {page}; other users can open it: an existing file keeps its mode\n"
    )
    assert mode(page) == 0o644


def test_a_report_may_go_to_a_device(shell: Shell) -> None:
    """A device keeps its mode, and the line does not mention it."""
    before = mode(Path(os.devnull))
    assert shell("report", "--out", os.devnull).err == f"wrote {os.devnull}\n"
    assert mode(Path(os.devnull)) == before


def test_a_report_goes_to_standard_output(emulator: Emulator, tmp_path: Path) -> None:
    """A hyphen is stdout, which gets the bytes of the file in any encoding; no file is created and no line printed."""
    emulator.add("clé", expires_at="2020-01-01T00:00:00Z")
    script = f"cd {tmp_path} && pulumi-account report --out - > page.html && ls"
    done = run(emulator, "sh", "-c", script, PYTHONIOENCODING="latin-1")
    assert (done.status, done.out, done.err) == (0, "page.html\n", "")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert page.endswith("</html>\n")
    assert "clé expired on 1 Jan 2020" in page


def test_a_report_says_which_account_it_is_about(shell: Shell, emulator: Emulator) -> None:
    """The title has the endpoint's host."""
    page = shell("report", "--out", "-").out
    assert f"<title>Account report, {emulator.url.removeprefix('http://')}, " in page


@pytest.mark.parametrize("days", ["1", "7", "30"])
def test_a_report_compares_limits_with_thirty_days(days: str, shell: Shell, emulator: Emulator) -> None:
    """A key at 113 % of its limit is on the page, for any period."""
    key_id, _ = emulator.add("spendthrift", credit_limit=100)
    for ago in (2, 20):
        day = emulator.clock.now().date() - timedelta(days=ago)
        emulator.add_usage(key_id, cost="56.5", day=day)
    assert "spendthrift has used 113.0% of its limit." in shell("report", "--out", "-", "--days", days).out


GROUP = ("--group", "team=^(?P<team>[^-]+)-")


def test_a_section_by_a_label(shell: Shell, emulator: Emulator) -> None:
    """Each --by adds a section; a key that no source knows is unassigned."""
    for name in ("ads-1", "web-1"):
        emulator.add_usage(emulator.add(name)[0], cost=3)
    page = Page(shell("report", "--out", "-", "--by", "team", "--by", "label:customer", *GROUP).out)
    assert [row[:3] for row in page.rows["Spend by team"]] == [
        ["Team", "Keys", "Spend, USD"],
        ["ads", "1", "3.00"],
        ["web", "1", "3.00"],
    ]
    assert [row[:3] for row in page.rows["Spend by label customer"][1:]] == [["unassigned", "2", "6.00"]]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--by", "team"], "--by needs --stack"),
        (["--by", "key", *GROUP], "must be team, environment, owner or label:NAME"),
        ([*GROUP], "need --by team, environment, owner or label:NAME"),
    ],
)
def test_wrong_usage(arguments: list[str], problem: str, shell: Shell, emulator: Emulator) -> None:
    """Status 2, a line that says what is wrong, and no call."""
    done = shell("report", "--out", "-", *arguments)
    assert (done.status, done.out, emulator.calls.operations) == (2, "", [])
    assert problem in " ".join(done.err.replace("\u2502", " ").split())
