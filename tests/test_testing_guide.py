"""`docs/testing.md` and the fixtures that it shows: what the page says is so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pulumi_account.api.models import Activity, Balance, Key, KeyList
from pulumi_account.program import mocks
from pulumi_account.testing import fixtures
from tests.program.test_mocks import real_account  # noqa: F401 - a fixture
from tests.test_imports import loads

PAGE = Path(__file__).parent.parent / "docs" / "testing.md"
TEXT = PAGE.read_text(encoding="utf-8")
FILES = dict(re.findall(r"```python\n# (\S+\.py)\n(.*?)```", TEXT, flags=re.DOTALL))
SHAPES: dict[str, Any] = {
    mocks.GET_BALANCE: Balance, mocks.GET_ACTIVITY: Activity, mocks.GET_API_KEY: Key, mocks.GET_API_KEYS: KeyList
}  # fmt: skip


def pytest_in(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of a folder in a pytest of their own, where every warning is an error."""
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *options]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=110)


@pytest.mark.usefixtures("real_account")
def test_the_pages_code_runs(tmp_path: Path) -> None:
    """All tests that the page shows pass as they stand, and ask no account that the environment names."""
    (tmp_path / "Pulumi.yaml").write_text("name: team\nruntime: python\n")
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    ran = pytest_in(tmp_path)
    tests = sum(text.count("\ndef test_") for text in FILES.values())
    assert tests > 6
    assert f"{tests} passed" in ran.stdout, ran.stdout


def test_the_pages_answers_have_the_right_shape() -> None:
    """Each token has an answer on the page, with all fields of its result and no others."""
    (block,) = re.findall(r"```json\n(.*?)```", TEXT, flags=re.DOTALL)
    answers = json.loads(block)
    assert set(answers) == set(SHAPES)
    for token, answer in answers.items():
        assert set(SHAPES[token].model_validate(answer).model_dump()) == set(answer)


def test_the_pages_tokens_are_the_functions() -> None:
    """The table of tokens is complete."""
    assert {token for token in SHAPES if f"| `{token}` |" in TEXT} == set(SHAPES)


def test_every_fixture_is_on_the_page() -> None:
    """The table of fixtures is complete."""
    table = TEXT.partition("| fixture |")[2].partition("## ")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)) == fixtures.__all__


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", TEXT))
def test_links_lead_somewhere(link: str) -> None:
    """Every relative link leads to a file."""
    assert (PAGE.parent / link).exists()


def test_pytest_is_not_needed() -> None:
    """Neither the package nor its tools for testing load pytest; only the fixtures do."""
    code = "from pulumi_account.testing import AccountMocks, LocalEngine; pulumi_account.ApiKey"
    assert loads(code, "pytest", "_pytest", "pulumi") == "pulumi"


# --- the fixtures themselves


def outcome(tmp_path: Path, test: str) -> str:
    """What pytest prints of a test that uses the fixtures."""
    (tmp_path / "conftest.py").write_text(FILES["conftest.py"])
    imports = "import gc, os, pulumi, pytest, threading\nimport pulumi_account as account\n"
    (tmp_path / "test_it.py").write_text(imports + test)
    return pytest_in(tmp_path).stdout


def test_what_is_not_waited_for_fails(tmp_path: Path) -> None:
    """A wrong value behind an Output, and an assertion in an `apply`, fail a test that waits for neither."""
    printed = outcome(
        tmp_path,
        "def test_key(account_mocks):\n"
        "    account.ApiKey('k', credit_limit=pulumi.Output.from_input(-1))\n"
        "def test_apply(account_mocks):\n"
        "    def check(name):\n"
        "        assert name == 'other'\n"
        "    account.ApiKey('k', name='n').name.apply(check)\n",
    )
    assert "InvalidInputError: credit_limit must be 0 USD or more, not -1.0" in printed
    assert "assert 'n' == 'other'" in printed
    assert "2 errors" in printed


def test_what_was_seen_is_not_raised_again(tmp_path: Path) -> None:
    """A test that expects a failure passes."""
    printed = outcome(
        tmp_path,
        "from pulumi_account.exceptions import InvalidInputError\n"
        "def test_key(account_mocks):\n"
        "    @pulumi.runtime.test\n"
        "    def program():\n"
        "        account.ApiKey('k', credit_limit=pulumi.Output.from_input(-1))\n"
        "    with pytest.raises(InvalidInputError):\n"
        "        program()\n",
    )
    assert "1 passed" in printed, printed


def test_mocks_end_with_their_test(tmp_path: Path) -> None:
    """The next test asks the account again, and each test has an account of its own."""
    printed = outcome(
        tmp_path,
        "def test_one(account_mocks):\n"
        "    account_mocks.balance = 7\n"
        "    account.ApiKey('k')\n"
        "def test_two(account_emulator):\n"
        "    account.get_balance()\n"
        "    assert account_emulator.calls.operations == ['get_balance']\n"
        "def test_three(account_mocks):\n"
        "    assert str(account.get_balance().balance) == '100.00'\n"
        "    assert account.get_api_keys().keys == []\n",
    )
    assert "3 passed" in printed, printed


def test_ids_are_given_in_the_order_of_the_program(tmp_path: Path) -> None:
    """However long a mock takes for a key, the same key has the same id whenever the test runs."""
    printed = outcome(
        tmp_path,
        "import time\n"
        "from pulumi_account.testing import AccountMocks\n"
        "class Slow(AccountMocks):\n"
        "    def new_resource(self, args):\n"
        "        time.sleep(0.5 if args.name == 'k0' else 0)\n"
        "        return super().new_resource(args)\n"
        "def test_it(account_mocks):\n"
        "    mocks = Slow()\n"
        "    pulumi.runtime.set_mocks(mocks, preview=False)\n"
        "    @pulumi.runtime.test\n"
        "    def program():\n"
        "        for i in range(5):\n"
        "            account.ApiKey(f'k{i}', name=f'{i}')\n"
        "    program()\n"
        "    assert [key.name for key in mocks.keys] == ['0', '1', '2', '3', '4']\n",
    )
    assert "1 passed" in printed, printed


def test_the_used_account(tmp_path: Path) -> None:
    """It is what the page says."""
    printed = outcome(
        tmp_path,
        "def test_it(used_account):\n"
        "    keys = account.get_api_keys().keys\n"
        "    assert [(key.name, key.credit_limit, key.is_enabled) for key in keys] == [\n"
        "        ('production', 500, True), ('staging', 50, False), ('expired', 10, True), ('by-hand', None, True)]\n"
        "    activity = account.get_activity()\n"
        "    assert len(activity.daily_stats) == 30\n"
        "    assert [(m.model_name, m.total_cost) for m in activity.top_models] == [('small', 15), ('large', 60)]\n",
    )
    assert "1 passed" in printed, printed
