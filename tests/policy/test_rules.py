"""The rules about declared keys."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from pulumi_account.policy.facts import KeyFacts, key_facts
from pulumi_account.policy.rules import RULES, Settings, check

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)
STRICT = Settings(
    max_limit=Decimal(100),
    max_lifetime=timedelta(days=90),
    name_pattern="[a-z]+",
    production=["production", "live"],
    budgets={"": Decimal(150), "search": Decimal(50)},
)
GOOD = {"name": "good", "credit_limit": 10, "expires_in": "30d", "labels": {"owner": "anna"}}


def key(rotates: bool = False, protect: bool = False, **inputs: Any) -> KeyFacts:
    """A key that keeps every rule, but for these inputs."""
    bag = {name: value for name, value in {**GOOD, **inputs}.items() if value is not None}
    return key_facts("resource", bag, rotates=rotates, protect=protect, stack="keys/dev")


def found(*keys: KeyFacts, settings: Settings = STRICT) -> list[tuple[str, str, bool]]:
    """The findings: rule, text, and whether it could be checked."""
    return [(one.rule, one.text, one.checked) for one in check(keys, settings, NOW)]


@pytest.mark.parametrize(
    "one",
    [
        key(),
        key(rotates=True, expires_in=None, every="30d"),
        key(labels={"owner": "anna", "environment": "staging"}),
        key(protect=True, labels={"owner": "anna", "environment": "production"}),
        key(labels={"owner": "[secret]"}),
        key(credit_limit=100.0, expires_at="2026-08-30T00:00:00Z", expires_in=None),
    ],
)
def test_a_key_that_keeps_every_rule(one: KeyFacts) -> None:
    """No rule finds anything."""
    assert found(one) == []


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (key(credit_limit=None), ("no-limit", "has no credit limit")),
        (
            key(credit_limit=100.01),
            ("limit-too-high", "may spend 100.01 USD; at most 100.00 USD are allowed"),
        ),
        (key(expires_in=None), ("no-expiry", "never expires")),
        (
            key(expires_in="91d"),
            ("expires-too-late", "expires 91d after its creation; at most 90d are allowed"),
        ),
        (
            key(expires_in=None, expires_at="2031-01-01T00:00:00Z"),
            ("expires-too-late", "expires 2031-01-01T00:00:00Z; at most 90d are allowed"),
        ),
        (
            key(rotates=True, expires_in=None, every="91d"),
            ("expires-too-late", "rotates every 91d; at most 90d are allowed"),
        ),
        (key(labels=None), ("no-owner", "has no label owner")),
        (key(labels={"owner": " "}), ("no-owner", "has no label owner")),
        (key(name="BAD"), ("bad-name", "does not match [a-z]+")),
        (
            key(labels={"owner": "anna", "environment": "live"}),
            ("unprotected", "is for production, and the resource is not protected"),
        ),
        (
            key(credit_limit=60, labels={"owner": "anna", "team": "search"}),
            ("over-budget", "limits of 60.00 USD together; the budget is 50.00 USD"),
        ),
    ],
)
def test_a_key_that_breaks_a_rule(one: KeyFacts, expected: tuple[str, str]) -> None:
    """Each rule finds what it describes."""
    assert (*expected, True) in found(one)


@pytest.mark.parametrize(
    ("inputs", "rule"),
    [
        ({"credit_limit": "[secret]"}, "limit-too-high"),
        ({"credit_limit": {"4dabf18193072939515e22adb298388d": "…", "ciphertext": "v1:…"}}, "limit-too-high"),
        ({"expires_in": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"}, "expires-too-late"),
        ({"expires_in": None, "expires_at": "[secret]"}, "expires-too-late"),
        ({"labels": "[secret]"}, "no-owner"),
        ({"labels": {"4dabf18193072939515e22adb298388d": "…"}}, "no-owner"),
        ({"name": "[secret]"}, "bad-name"),
        ({"labels": {"owner": "anna", "environment": "[secret]"}}, "unprotected"),
        ({"credit_limit": object()}, "over-budget"),
    ],
)
def test_a_value_that_is_not_known(inputs: dict[str, Any], rule: str) -> None:
    """The rule says that it could not be checked, and has no violation."""
    checked = {one[0]: one[2] for one in found(key(**inputs))}
    assert checked[rule] is False
    assert not any(checked.values())


def test_rules_without_a_setting_find_nothing() -> None:
    """By default only rules that need no setting apply."""
    bad = key(credit_limit=10**6, expires_in="3000d", name="BAD")
    assert found(bad, settings=Settings()) == []


def test_a_budget_is_one_stacks() -> None:
    """Keys of several stacks do not share a budget."""
    settings = Settings(budgets={"": Decimal(15)})
    one, other = key(), key_facts("r", GOOD, rotates=False, stack="keys/prod")
    assert found(one, other, settings=settings) == []
    assert [text[0] for text in found(one, one, settings=settings)] == ["over-budget"]


def test_some_rules_alone() -> None:
    """A caller may choose rules."""
    bad = key(credit_limit=None, labels=None)
    assert [one.rule for one in check([bad], STRICT, NOW, ["no-owner"])] == ["no-owner"]


def test_every_rule_has_a_line() -> None:
    """The description is one line without a full stop."""
    assert all(rule.description and rule.description[-1] != "." for rule in RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_a_finding_has_the_name_of_the_key() -> None:
    """The subject is the name on the server or, if it is secret, the resource's."""
    assert check([key(labels=None)], STRICT, NOW)[0].subject == "good"
    assert check([key(name="[secret]", labels=None)], Settings(), NOW)[0].subject == "resource"


def test_the_rules_are_quick_to_import() -> None:
    """A program and a policy pack load them without Pulumi, HTTP and pydantic."""
    code = (
        "import sys, pulumi_account.policy.rules; print(*{'pulumi', 'httpx', 'pydantic'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == ""
