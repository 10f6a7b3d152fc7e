"""`docs/taking-over.md`: its commands put an account's keys into a stack, on the CLI and on LocalEngine."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from pulumi_account.cli import adopt
from pulumi_account.emulator import Emulator
from pulumi_account.keyfile import load
from tests.support.canaries import PLAINTEXT, assert_clean
from tests.support.cli import require_cli
from tests.support.environment import account_environment, pulumi_environment, python_path
from tests.support.pages import PLAIN, Page

pytestmark = pytest.mark.timeout(400)

PAGE = Page("docs/taking-over.md")


def shell(folder: Path, account: Emulator, *commands: str) -> str:
    """What these commands print, run one after the other as a user runs them."""
    environment = account_environment(account.url, PATH=python_path(), **pulumi_environment(folder.parent))
    done = subprocess.run(
        ["bash", "-euc", "\n".join(commands)],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert_clean(done.stdout, done.stderr)
    return done.stdout


def commands(marker: str) -> list[str]:
    """The commands that the page shows."""
    return [line.removeprefix("$ ") for line in PAGE.shown(f"commands: {marker}").splitlines()]


@pytest.fixture
def folder(tmp_path: Path, account: Emulator) -> Path:
    """A project without a program, and an account with two keys."""
    account.add("search-indexer", credit_limit="50")
    account.add("by hand")
    project = tmp_path / "keys"
    project.mkdir()
    (project / "Pulumi.yaml").write_text(PLAIN)
    return project


def test_the_commands_import_what_no_stack_manages(folder: Path, account: Emulator) -> None:
    """An account with a production stack; the new stack gets the other keys, and its preview is empty."""
    (folder / "__main__.py").write_text("import pulumi_account\npulumi_account.ApiKey('k', name='managed')\n")
    shell(folder, account, "pulumi stack init production", "pulumi up --yes --skip-preview", "rm __main__.py")
    before = account.keys()
    printed = shell(folder, account, *commands("files"), "pulumi stack init new", *commands("import"))
    assert printed.count("search-indexer") > 1
    assert "managed" not in printed
    assert "3 unchanged" in printed
    assert account.keys() == before


def test_the_commands_import_a_key_file(folder: Path, account: Emulator) -> None:
    """The keys come below the page's KeySet, which is the one that the command prints; the preview is empty."""
    ((_, program),) = PAGE.files("python")
    (folder / "__main__.py").write_text(program)
    before = account.keys()
    printed = shell(folder, account, "pulumi stack init new", *commands("keyfile"))
    assert program.splitlines()[-1].removeprefix("keys = ") in printed
    assert {key.team for key in load(folder / "keys.yaml").keys} == {"search"}
    assert "4 unchanged" in shell(folder, account, *commands("import keyfile"))
    assert account.keys() == before


def test_the_commands_with_plaintexts_encrypt_them(folder: Path, account: Emulator) -> None:
    """In the end, no file has the plaintext in clear."""
    (folder / "plaintexts.json").write_text(json.dumps({"search-indexer": PLAINTEXT}))
    shell(folder, account, "pulumi stack init new", *commands("plaintexts"))
    shell(
        folder,
        account,
        "mv adopted/__main__.py .",
        "pulumi preview --expect-no-changes",
        "pulumi stack export",
    )
    environment = {**os.environ, **pulumi_environment(folder.parent), "PATH": python_path()}
    show = ["pulumi", "stack", "export", "--show-secrets"]
    clear = subprocess.run(show, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    assert PLAINTEXT in clear.stdout


def test_the_commands_without_the_cli(folder: Path, account: Emulator) -> None:
    """LocalEngine reports the same."""
    require_cli()
    shell(folder, account, "pulumi-account adopt --out adopted", "cp adopted/__main__.py .")
    assert "3 unchanged" in shell(folder, account, *commands("local"))


def test_the_marks_are_explained() -> None:
    """The table has every mark."""
    source = Path(adopt.__file__).read_text()
    for mark in ("expired", "disabled", "no limit", "dormant"):
        assert f'"{mark}": ' in source
        assert f"| `{mark}` |" in PAGE.text
