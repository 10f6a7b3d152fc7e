"""`docs/rules.md`: what the page says of programs and of policy packs on the real CLI is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pulumi_account.emulator import Emulator
from pulumi_account.policy.rules import RULES
from tests.support import ROOT
from tests.support.cli import CliEngine
from tests.support.pages import PLAIN, Page, engine_of
from tests.support.projects import Project, ended_with
from tests.support.projects import project as project  # a fixture

pytestmark = pytest.mark.timeout(400)

PAGE = Page("docs/rules.md")
FILES = dict(PAGE.files())
GOOD = FILES["checked.py"]
#: the change of which the page speaks
BAD = re.sub(r'"ci", .*', '"ci", credit_limit=800)', GOOD)
EXAMPLE = ROOT / "examples" / "policy"


def unchecked(program: str) -> str:
    """The program without rules of its own."""
    return re.sub(r"account\.check_rules\(.*?\n\)\n", "", program, flags=re.DOTALL)


def with_pack(folder: Path, account: Emulator, program: str) -> CliEngine:
    """A project with the page's policy pack in it."""
    engine = engine_of(folder / "keys", account, unchecked(program), PLAIN)
    pack = folder / "keys" / "examples" / "policy"
    pack.mkdir(parents=True)
    for name in ("PulumiPolicy.yaml", "__main__.py"):
        (pack / name).write_text(FILES[name])
    return engine


def test_the_table_has_every_rule() -> None:
    """Each with its own description."""
    rows = re.findall(r"^\| `([\w-]+)` \| (.+?) \|", PAGE.text, flags=re.MULTILINE)
    assert rows == [(rule.name, rule.description) for rule in RULES]


def test_the_error_of_a_program(project: Project) -> None:
    """The preview has the page's lines."""
    project.write(BAD, name="keys")
    result = project.run("preview")
    warnings = [f"warning: {d.message.strip()}" for d in result.diagnostics if d.severity == "warning"]
    errors = [f"error: {line}" for line in ended_with(result)]
    assert "\n".join([*warnings, *errors]) == PAGE.shown("breach").strip()


def test_the_violations_of_a_preview(project: Project) -> None:
    """They are the page's, with the CLI and without; without it, the result has them."""
    project.write(unchecked(BAD), name="keys")
    result = project.engine().preview(policy_packs=[EXAMPLE])
    (shown,) = re.findall(r"\$ pulumi preview .*\n(Policies:\n.*?)```", PAGE.text, flags=re.DOTALL)
    assert shown in re.sub(r"\(local: .*?(examples/policy)\)", r"(local: \1)", result.text)
    if project.kind == "local":
        found = [(violation.policy, violation.level) for violation in result.violations]
        assert sorted(found) == [
            ("limit-too-high", "mandatory"),
            ("no-expiry", "advisory"),
            ("no-owner", "mandatory"),
        ]


def test_a_deployment_makes_no_key_that_breaks_a_rule(tmp_path: Path, account: Emulator) -> None:
    """It stops at the first violation."""
    result = with_pack(tmp_path, account, BAD).up("--policy-pack", "examples/policy")
    assert not result.ok
    assert "ci" not in [key["name"].partition("-")[0] for key in account.keys()]


def test_the_pages_program_keeps_the_rules_of_the_example(tmp_path: Path, account: Emulator) -> None:
    """It deploys under the pack, and the next preview shows no change."""
    engine = with_pack(tmp_path, account, GOOD)
    result = engine.up("--policy-pack", str(EXAMPLE))
    assert result.ok, result.text
    assert set(engine.preview("--policy-pack", str(EXAMPLE)).changes) == {"same"}


def test_the_configuration_of_the_page() -> None:
    """It lies beside the example."""
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE.text, flags=re.DOTALL)
    assert shown == (EXAMPLE / "strict.json").read_text()


def test_a_configuration_replaces_levels_and_settings(tmp_path: Path, account: Emulator) -> None:
    """The preview reports what it did not report before."""
    program = GOOD.replace('expires_in="30d", ', "")
    options = ("--policy-pack", str(EXAMPLE), "--policy-pack-config", str(EXAMPLE / "strict.json"))
    result = with_pack(tmp_path, account, program).preview(*options)
    assert not result.ok
    for line in ("no-expiry", "limit-too-high", "over-budget"):
        assert f"[mandatory]  {line} " in result.text
    assert "may spend more than 40.00 USD" in result.text
    assert "the limits together are above the budget of 100.00 USD" in result.text


def test_the_engine_refuses_a_wrong_setting(tmp_path: Path, account: Emulator) -> None:
    """It names the setting."""
    config = tmp_path / "wrong.json"
    config.write_text(json.dumps({"limit-too-high": {"max_limit": "much"}}))
    engine = with_pack(tmp_path, account, GOOD)
    result = engine.preview("--policy-pack", str(EXAMPLE), "--policy-pack-config", str(config))
    assert not result.ok
    assert "max_limit" in result.text
    assert result.steps == ()


def test_a_budget_is_checked_at_the_end_of_a_deployment(tmp_path: Path, account: Emulator) -> None:
    """It fails after the keys are made, so look at the preview."""
    config = tmp_path / "budget.json"
    config.write_text(json.dumps({"over-budget": {"budgets": {"": 100}}}))
    engine = with_pack(tmp_path, account, GOOD)
    result = engine.up("--policy-pack", str(EXAMPLE), "--policy-pack-config", str(config))
    assert not result.ok
    assert len(account.keys()) == 2


def test_no_secret_is_shown(tmp_path: Path, account: Emulator) -> None:
    """A pack checks secret values, and its violations do not have them."""
    program = (
        "import pulumi, pulumi_account as account\n"
        "account.ApiKey('k', name=pulumi.Output.secret('Canary!'), credit_limit=pulumi.Output.secret(77321.5))\n"
    )
    result = with_pack(tmp_path, account, program).preview("--policy-pack", str(EXAMPLE))
    assert "[mandatory]  limit-too-high" in result.text
    assert "[mandatory]  bad-name" in result.text
    assert "Canary" not in result.text
    assert "77321" not in result.text.replace(",", "")
