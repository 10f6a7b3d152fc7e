"""What the README and the first steps show is what is printed."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from pulumi_account.emulator import Emulator
from tests.support.canaries import PROVISIONING_KEY
from tests.support.pages import README, Page
from tests.support.projects import Project
from tests.testing.test_tryout import Newcomer

pytestmark = pytest.mark.timeout(300)


EACH = pytest.mark.parametrize("page", [README, Page("docs/getting-started.md")], ids=str)


@EACH
def test_make_up_prints_it(tmp_path: Path, page: Page) -> None:
    """The transcript is what `make up` ends with, but for random digits and the order of creation."""
    printed = Newcomer(tmp_path, with_cli=False).make("up")
    assert settled(page.shown("transcript: up")) <= settled(printed)


@EACH
def test_make_preview_prints_it(tmp_path: Path, page: Page) -> None:
    """The transcript is what `make preview` prints after the change that the page names."""
    newcomer = Newcomer(tmp_path, with_cli=False)
    newcomer.make("up")
    (program,) = newcomer.project.rglob("environments/__main__.py")
    before = program.read_text(encoding="utf-8")
    program.write_text(before.replace("credit_limit=50,", "credit_limit=80,"), encoding="utf-8")
    assert settled(page.shown("transcript: preview")) <= settled(newcomer.make("preview"))


def settled(text: str) -> set[str]:
    """The lines, without what differs from run to run."""
    lines = [re.sub(r"-[0-9a-f]{7}\b", "-*", line) for line in text.splitlines()]
    return {re.sub(r"^\d+ +", "", line).rstrip() for line in lines}


def test_each_use_runs(tmp_path: Path) -> None:
    """The first program and the examples of the main uses deploy together, as one program."""
    first, *uses = re.findall(r"^ *```python\n(.*?)```", README.text, flags=re.DOTALL | re.MULTILINE)
    program = "\n".join([first, *map(textwrap.dedent, uses)]).replace("adopt_key_id=42", "adopt_key_id=1")
    with Emulator(provisioning_key=PROVISIONING_KEY, balance="125.50") as emulator:
        emulator.add("legacy")
        bench = Project("local", tmp_path, emulator)
        bench.options["secrets"] = {"readme:euProvisioningKey": PROVISIONING_KEY}
        endpoint = f'"eu", endpoint={emulator.url!r}'
        bench.write(program.replace('"eu"', endpoint), name="readme")
        result = bench.run("up")
        assert result.ok, result.text
        assert "less than 200 USD" in result.text
        assert len(emulator.keys()) == 4
