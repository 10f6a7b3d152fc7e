"""Programs, policy packs and plain values get the same answer from the rules, for any declarations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pulumi
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pulumi_account as account
from pulumi_account.common.instants import utc_now
from pulumi_account.policy.facts import KeyFacts, key_facts
from pulumi_account.policy.requirements import sample_name
from pulumi_account.policy.rules import RULES, Settings, check
from tests.faults.model import EXAMPLES
from tests.support.policy_server import UNKNOWN, PolicyServer, key
from tests.support.program_runs import run_under_mocks, unknown

# the SDK's mocks make an event loop for each of their threads and do not close it
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

PACK = """
from pulumi_policy import PolicyPack
from pulumi_account.policy_pack import policies
PolicyPack("keys", policies())
"""
#: of each policy, its settings
SETTINGS = {
    "limit-too-high": "max_limit",
    "expires-too-late": "max_lifetime",
    "bad-name": "name_pattern",
    "over-budget": "budgets",
}
Found = set[tuple[str, str]]

amounts = st.integers(0, 20)
days = st.integers(1, 9).map("{}d".format)
names = st.sampled_from(["ci", "app", "App"])
labels = st.dictionaries(
    st.sampled_from(["owner", "environment", "team"]),
    st.sampled_from(["", "production", "search", ...]),
)
common = {
    "credit_limit": st.none() | amounts | st.just(...),
    "labels": labels,
    "protect": st.booleans(),
}
keys = st.fixed_dictionaries({**common, "every": days}, optional={"name": names}) | st.fixed_dictionaries(
    {**common, "expires_in": st.none() | days | st.just(...)}, optional={"name": names}
)
requirements = st.fixed_dictionaries(
    {},
    optional={
        "max_limit": amounts,
        "max_lifetime": days,
        "name_pattern": st.sampled_from(["[a-z]+.*", "k.*", "(app|ci)(-1)?"]),
        "budgets": st.dictionaries(st.sampled_from(["", "search"]), amounts),
    },
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PolicyServer]:
    """A pack without settings."""
    folder: Path = tmp_path_factory.mktemp("pack")
    (folder / "PulumiPolicy.yaml").write_text("runtime: python\n")
    (folder / "__main__.py").write_text(PACK)
    with PolicyServer(folder) as running:
        yield running


def filled(value: Any, mark: Any) -> Any:
    """A value with a mark where it is not known."""
    if isinstance(value, dict):
        return {name: filled(inner, mark) for name, inner in value.items()}
    return mark() if value is ... else value


def by_values(declared: list[dict[str, Any]], required: Mapping[str, Any]) -> Found:
    """The breaches of the rules on plain values."""
    facts: list[KeyFacts] = []
    for place, one in enumerate(declared):
        inputs = filled(inputs_of(one), object)
        inputs = {"name_prefix": f"k{place}-", **inputs} if "name" not in inputs else inputs
        rotates = "every" in one
        inputs["name"] = sample_name(inputs, rotates=rotates)
        facts.append(key_facts(f"k{place}", inputs, rotates=rotates, protect=one["protect"]))
    chosen = Settings(
        Decimal(required["max_limit"]) if "max_limit" in required else None,
        timedelta(days=int(required["max_lifetime"][:-1])) if "max_lifetime" in required else None,
        required.get("name_pattern"),
        budgets={team: Decimal(amount) for team, amount in required.get("budgets", {}).items()},
    )
    found = {("", f.rule) for f in check(facts, chosen, utc_now(), ["over-budget"]) if f.checked}
    single = [rule.name for rule in RULES if rule.name != "over-budget"]
    return found | {
        (one.resource, f.rule) for one in facts for f in check([one], chosen, utc_now(), single) if f.checked
    }


def inputs_of(declared: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs among what is declared."""
    return {name: value for name, value in declared.items() if name != "protect" and value is not None}


def by_program(declared: list[dict[str, Any]], required: Mapping[str, Any]) -> Found:
    """The breaches that `check_rules` reports."""

    def program() -> None:
        account.check_rules(**required)
        for place, one in enumerate(declared):
            kind: Any = account.RotatingApiKey if "every" in one else account.ApiKey
            opts = pulumi.ResourceOptions(protect=one["protect"])
            kind(f"k{place}", **filled(inputs_of(one), unknown), opts=opts)

    try:
        run_under_mocks(program, preview=True)
    except pulumi.RunError as error:
        lines = re.findall(r"^(.+?): .* \((.+)\)$", str(error), flags=re.MULTILINE)
        return {("" if rule == "over-budget" else subject, rule) for subject, rule in lines}
    return set()


def by_pack(server: PolicyServer, declared: list[dict[str, Any]], required: Mapping[str, Any]) -> Found:
    """The violations that a policy pack reports in a preview."""
    server.configure({rule: {name: required[name]} for rule, name in SETTINGS.items() if name in required})
    resources = []
    for place, one in enumerate(declared):
        inputs = filled(inputs_of(one), lambda: UNKNOWN)
        if "name" not in inputs:
            inputs |= {"name": UNKNOWN, "name_prefix": f"k{place}-"}
        elif "every" in one:
            inputs["name"] += "-1"
        resources.append(key(f"k{place}", inputs, protect=one["protect"]))
    found = {("", rule) for level, rule, _ in server.analyze_stack(*resources) if level == "mandatory"}
    for resource in resources:
        violations = server.analyze(resource)
        found |= {(resource["name"], rule) for level, rule, _ in violations if level == "mandatory"}
    return found


@settings(
    deadline=None, max_examples=20 * EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(declared=st.lists(keys, max_size=4), required=requirements)
def test_they_agree(server: PolicyServer, declared: list[dict[str, Any]], required: dict[str, Any]) -> None:
    """The breaches are the same, with unknown values among the inputs, too."""
    expected = by_values(declared, required)
    assert by_program(declared, required) == expected
    assert by_pack(server, declared, required) == expected
