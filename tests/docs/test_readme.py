"""What the README and the first steps show is what is printed."""

from __future__ import annotations

import ast
import json
import re
import textwrap
from pathlib import Path

import pytest

from pulumi_account.emulator import Emulator
from tests.cli.conftest import emulator as emulator  # fixtures
from tests.cli.conftest import shell as shell
from tests.support.canaries import PROVISIONING_KEY
from tests.support.pages import README, ROOT, Page
from tests.support.projects import Project
from tests.support.shell import Shell
from tests.testing.test_tryout import Newcomer

pytestmark = pytest.mark.timeout(300)


CONFIG = {"readme:environment": "production"}
EXAMPLE = Path("examples/environments")
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
    set_limit(newcomer, 80)
    assert settled(page.shown("transcript: preview")) <= settled(newcomer.make("preview"))


def test_a_budget_stops_the_preview(tmp_path: Path) -> None:
    """The getting-started page shows what the preview reports of its higher limit."""
    newcomer = Newcomer(tmp_path, with_cli=False)
    set_limit(newcomer, 180)
    (failure,) = Page("docs/getting-started.md").shown("over budget").splitlines()
    assert f"error: {failure}\n" in newcomer.make("preview", fails=True)


def set_limit(newcomer: Newcomer, limit: int) -> None:
    """Change the credit limit of the indexer in staging."""
    file = newcomer.project / EXAMPLE / "keys.yaml"
    before = file.read_text(encoding="utf-8")
    assert before.count("staging: {credit_limit: 10}") == 1
    file.write_text(before.replace("staging: {credit_limit: 10}", f"staging: {{credit_limit: {limit}}}"))


def settled(text: str) -> set[str]:
    """The lines, without what differs from run to run."""
    lines = [re.sub(r"-[0-9a-f]{7}\b", "-*", line) for line in text.splitlines()]
    return {re.sub(r"^\d+ +", "", line).rstrip() for line in lines}


@pytest.mark.parametrize("page", [README, Page("docs/index.md")], ids=str)
def test_the_example_is_the_pages(page: Page) -> None:
    """The page shows the key file that `make up` deploys, and its program without comments."""
    assert page.files("yaml") == [("keys.yaml", (ROOT / EXAMPLE / "keys.yaml").read_text(encoding="utf-8"))]
    program = ast.parse((ROOT / EXAMPLE / "__main__.py").read_text(encoding="utf-8"))
    assert isinstance(program.body.pop(0), ast.Expr)  # the docstring
    assert ast.dump(ast.parse(dict(page.files("python"))["__main__.py"])) == ast.dump(program)


def test_the_commands_run(
    tmp_path: Path, emulator: Emulator, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands of the main uses succeed, and name what a stack and an unmanaged key are."""
    monkeypatch.chdir(tmp_path)
    bench = with_key_file(tmp_path, emulator)
    bench.write(dict(README.files("python"))["__main__.py"], name="readme")
    assert bench.run("up", **CONFIG).ok
    for key in emulator.keys():
        emulator.add_usage(key["id"], "large", requests=3, cost="0.50")
    emulator.add("legacy")
    Path("production.json").write_text(json.dumps(bench.engine().export()))
    commands = re.findall(r"`pulumi-account (.*?)`", README.text)
    printed = {command.split()[0]: shell(*command.split()) for command in commands}
    assert [done.status for done in printed.values()] == [0, 0]
    assert "legacy" in (tmp_path / "adopted" / "keys.yaml").read_text()
    assert re.search(r"^search +2 ", printed["activity"].out, flags=re.MULTILINE)


def with_key_file(folder: Path, account: Emulator) -> Project:
    """A project that has the README's key file."""
    (folder / "keys.yaml").write_text(dict(README.files("yaml"))["keys.yaml"])
    return Project("local", folder, account)


def test_each_use_runs(tmp_path: Path) -> None:
    """The first program and the examples of the main uses deploy together, as one program."""
    first, *uses = re.findall(r"^ *```python\n(.*?)```", README.text, flags=re.DOTALL | re.MULTILINE)
    program = "\n".join([first, *map(textwrap.dedent, uses)])
    with Emulator(provisioning_key=PROVISIONING_KEY, balance="125.50") as emulator:
        bench = with_key_file(tmp_path, emulator)
        bench.options["secrets"] = {"readme:euProvisioningKey": PROVISIONING_KEY}
        endpoint = f'"eu", endpoint={emulator.url!r}'
        bench.write(program.replace('"eu"', endpoint), name="readme")
        result = bench.run("up", **CONFIG)
        assert result.ok, result.text
        assert "less than 200 USD" in result.text
        assert sorted(re.sub("-[0-9a-f]{7}", "-*", key["name"]) for key in emulator.keys()) == [
            "search-batch-production-0",
            "search-eu-*",
            "search-indexer-production",
            "support-chatbot-production",
        ]
