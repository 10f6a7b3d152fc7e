"""What a program or a policy pack requires of its keys."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from pulumi_account.exceptions import InvalidInputError
from pulumi_account.policy.facts import key_facts
from pulumi_account.policy.requirements import Requirements, sample_name, words
from pulumi_account.policy.rules import RULES, Finding, Settings, check
from tests.support.helpers import NOW


def test_settings_are_read_as_people_write_them() -> None:
    """Amounts are numbers, a duration is a text."""
    given = {"max_limit": 500, "max_lifetime": "90d", "budgets": {"": 0.5}, "production": ["live"]}
    settings = Requirements(given).settings()
    assert settings == Settings(Decimal(500), timedelta(days=90), None, ("live",), {"": Decimal("0.5")})


def test_none_counts_as_absent() -> None:
    """The defaults apply."""
    assert Requirements({"production": None, "budgets": None}).settings() == Settings()


def test_more_settings_replace_the_given_ones() -> None:
    """The configuration of a policy wins."""
    assert Requirements({"max_limit": 5}).settings({"max_limit": 7}).max_limit == 7


def test_all_wrong_arguments_are_reported_at_once() -> None:
    """One sentence each."""
    given: dict[str, Any] = {
        "max_limit": -1,
        "max_lifetime": "soon",
        "name_pattern": "(",
        "production": "production",
        "budgets": {"a": "much"},
    }
    with pytest.raises(InvalidInputError) as caught:
        Requirements(given, advisory=["no-limits"])
    assert [failure.partition(" ")[0] for failure in caught.value.failures] == [
        "there", "max_limit", "max_lifetime", "name_pattern", "production", "budgets",
    ]  # fmt: skip


@pytest.mark.parametrize("wrong", ["no-limit", 5, [5]])
@pytest.mark.parametrize("argument", ["advisory", "disabled"])
def test_rules_are_named_in_a_list(argument: str, wrong: Any) -> None:
    """A text alone is not one."""
    with pytest.raises(InvalidInputError, match=f"^{argument} must be a list of texts$"):
        Requirements({}, **{argument: wrong})


def test_each_wrong_budget_is_named() -> None:
    """With its team."""
    with pytest.raises(InvalidInputError, match=r"^budgets for 'a' .*, for 'c' must be 0 or more$"):
        Requirements({"budgets": {"a": "much", "b": 5, "c": -1}})


def test_environments_are_named_in_a_list() -> None:
    """A number is not one."""
    with pytest.raises(InvalidInputError, match=r"^production must be a list of texts$"):
        Requirements({"production": 5})


def test_an_unknown_rule_is_refused() -> None:
    """The message names the rules."""
    with pytest.raises(InvalidInputError, match="there is no rule 'no-limits': the rules are no-limit, "):
        Requirements({}, disabled=["no-limits"])


@pytest.mark.parametrize(
    ("rule", "level"), [("no-limit", "mandatory"), ("no-owner", "advisory"), ("bad-name", "disabled")]
)
def test_levels(rule: str, level: str) -> None:
    """A rule is mandatory unless its name is given."""
    assert Requirements({}, advisory=["no-owner"], disabled=["bad-name"]).level(rule) == level


def test_words_quote_no_value_of_a_key() -> None:
    """Any of them may be a secret."""
    settings = Settings(Decimal(5), timedelta(days=1), "x+", ("production",), {"": Decimal(5)})
    inputs = {
        "name": "canary-name",
        "credit_limit": 77321,
        "expires_in": "77321d",
        "labels": {"environment": "production", "team": "canary-team"},
    }
    keys = [key_facts("k", inputs, rotates=False), key_facts("l", {}, rotates=False)]
    findings = check(keys, settings, NOW)
    assert {finding.rule for finding in findings} == {rule.name for rule in RULES}
    text = " ".join(words(finding, settings) for finding in findings)
    assert "canary" not in text
    assert "77321" not in text
    assert "77,321" not in text


def test_a_finding_that_is_not_checked_says_why() -> None:
    """Its text has no values."""
    assert words(Finding("bad-name", "k", "the name is not known", checked=False), Settings()) == (
        "the name is not known"
    )


@pytest.mark.parametrize(
    ("inputs", "rotates", "name"),
    [
        ({"name": "ci"}, False, "ci"),
        ({"name": "ci"}, True, "ci-1"),
        ({"name_prefix": "ci-"}, False, "ci-0a1b2c3"),
        ({"name_prefix": "ci-"}, True, "ci-1-0a1b2c3"),
        ({}, True, None),
    ],
)
def test_sample_names(inputs: dict[str, str], rotates: bool, name: str | None) -> None:
    """They look like those on the server."""
    assert sample_name(inputs, rotates=rotates) == name


def test_a_rotating_key_counts_twice_in_a_budget() -> None:
    """In an overlap, two generations have the whole limit each."""
    key = key_facts("k", {"credit_limit": 60, "every": "30d"}, rotates=True)
    settings = Settings(budgets={"": Decimal(100)})
    assert [finding.rule for finding in check([key], settings, NOW, ["over-budget"])] == ["over-budget"]
