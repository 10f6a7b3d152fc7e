"""The rules as a policy pack, in its own process, as the engine drives it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.support import ROOT
from tests.support.helpers import FAR
from tests.support.policy_server import UNKNOWN, PolicyServer, key, secret

PACK = """
from pulumi_policy import PolicyPack
from pulumi_account.policy_pack import policies
PolicyPack("keys", policies(max_limit=500, max_lifetime="90d", name_pattern="[a-z]+(-[0-9a-f]+)*",
                            budgets={"": 800, "search": 300}, advisory=["no-expiry"], disabled=["no-limit"]))
"""
#: a key that keeps every rule
GOOD: dict[str, Any] = {
    "name": "ci",
    "credit_limit": 100,
    "expires_in": "30d",
    "labels": {"owner": "ada", "environment": "staging"},
}


def write_pack(folder: Path, program: str) -> Path:
    """A folder with a policy pack."""
    folder.mkdir()
    (folder / "PulumiPolicy.yaml").write_text("runtime: python\n")
    (folder / "__main__.py").write_text(program)
    return folder


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack with every setting."""
    return write_pack(tmp_path_factory.mktemp("pack") / "pack", PACK)


@pytest.fixture(scope="module")
def preview(pack: Path) -> Iterator[PolicyServer]:
    """The pack in a preview."""
    with PolicyServer(pack) as server:
        yield server


@pytest.fixture(scope="module")
def update(pack: Path) -> Iterator[PolicyServer]:
    """The pack in an update."""
    with PolicyServer(pack, preview=False) as server:
        yield server


def test_levels(preview: PolicyServer) -> None:
    """Each rule is a policy, and mandatory by default."""
    levels = dict.fromkeys(
        ("limit-too-high", "expires-too-late", "no-owner", "bad-name", "unprotected", "over-budget"),
        "mandatory",
    )
    assert preview.levels == levels | {"no-expiry": "advisory", "no-limit": "disabled"}


def test_a_key_that_keeps_the_rules(preview: PolicyServer) -> None:
    """There is nothing to report."""
    assert preview.analyze(key("k", GOOD)) == []


def test_other_resources(preview: PolicyServer) -> None:
    """The rules are about keys."""
    assert preview.analyze(key("k", {}, kind="aws:s3/bucket:Bucket")) == []


@pytest.mark.parametrize(
    ("changes", "level", "rule", "message"),
    [
        ({"credit_limit": 501}, "mandatory", "limit-too-high", "may spend more than 500.00 USD"),
        ({"expires_in": "91d"}, "mandatory", "expires-too-late", "lives longer than 90d"),
        ({"expires_in": None, "expires_at": FAR}, "mandatory", "expires-too-late", "lives longer than 90d"),
        ({"expires_in": None}, "advisory", "no-expiry", "never expires"),
        ({"labels": None}, "mandatory", "no-owner", "has no label owner"),
        ({"name": "Ä"}, "mandatory", "bad-name", "does not match [a-z]+(-[0-9a-f]+)*"),
        ({"every": "91d"}, "mandatory", "expires-too-late", "lives longer than 90d"),
    ],
)
def test_a_breach(
    preview: PolicyServer, changes: dict[str, Any], level: str, rule: str, message: str
) -> None:
    """A rule reports its own breach, and no other rule does."""
    inputs = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    assert preview.analyze(key("k", inputs)) == [(level, rule, message)]


@pytest.mark.parametrize("protect", [True, False])
def test_a_key_for_production(preview: PolicyServer, protect: bool) -> None:
    """It must be protected."""
    inputs = {**GOOD, "labels": {"owner": "ada", "environment": "production"}}
    message = "is for production, and the resource is not protected"
    expected = [] if protect else [("mandatory", "unprotected", message)]
    assert preview.analyze(key("k", inputs, protect=protect)) == expected


def test_a_rotating_key_expires(preview: PolicyServer) -> None:
    """It counts as an expiring one."""
    inputs = {**GOOD, "every": "30d"}
    del inputs["expires_in"]
    assert preview.analyze(key("k", inputs)) == []


def test_a_disabled_rule(preview: PolicyServer) -> None:
    """It is not checked."""
    assert preview.analyze(key("k", {name: v for name, v in GOOD.items() if name != "credit_limit"})) == []


def test_an_automatic_name_is_checked_in_the_preview(preview: PolicyServer) -> None:
    """Only its digits are not known."""
    inputs = {**GOOD, "name": UNKNOWN, "name_prefix": "Ci-"}
    assert [rule for _, rule, _ in preview.analyze(key("k", inputs))] == ["bad-name"]
    assert preview.analyze(key("k", {**inputs, "name_prefix": "ci-"})) == []


@pytest.mark.parametrize(
    ("changes", "rule", "reason"),
    [
        ({"credit_limit": UNKNOWN}, "limit-too-high", "the limit is not known"),
        ({"expires_in": UNKNOWN}, "expires-too-late", "the expiry is not known"),
        ({"name": UNKNOWN}, "bad-name", "the name is not known"),
        ({"labels": {"owner": "ada", "environment": UNKNOWN}}, "unprotected", "the environment is not known"),
    ],
)
def test_an_unknown_value(preview: PolicyServer, changes: dict[str, Any], rule: str, reason: str) -> None:
    """The preview says what it could not check, and goes on."""
    (found,) = preview.analyze(key("k", {**GOOD, **changes}))
    assert found[:2] == ("advisory", rule)
    assert found[2].endswith(f"during preview: {reason}")


def test_an_unknown_owner_is_an_owner(preview: PolicyServer) -> None:
    """The label is there."""
    inputs = {**GOOD, "labels": {"owner": UNKNOWN, "environment": "staging"}}
    assert preview.analyze(key("k", inputs)) == []


def test_secrets_are_checked_and_not_shown(preview: PolicyServer) -> None:
    """The engine passes their values to every pack."""
    inputs = {**GOOD, "name": secret("Canary"), "credit_limit": secret(77321), "expires_in": secret("7732d")}
    found = preview.analyze(key("k", inputs))
    assert {rule for _, rule, _ in found} == {"limit-too-high", "expires-too-late", "bad-name"}
    assert "Canary" not in str(found)
    assert "7732" not in str(found)


def test_a_budget_of_the_stack(preview: PolicyServer) -> None:
    """All limits count, those of a rotating key twice."""
    keys = [key("a", {**GOOD, "credit_limit": 500}), key("b", {**GOOD, "every": "30d", "credit_limit": 200})]
    message = "this stack: the limits together are above the budget of 800.00 USD"
    assert preview.analyze_stack(*keys) == [("mandatory", "over-budget", message)]
    assert preview.analyze_stack(keys[0]) == []


def test_a_budget_of_a_team(preview: PolicyServer) -> None:
    """Its label counts."""
    keys = [key(name, {**GOOD, "credit_limit": 200, "labels": {"team": "search"}}) for name in "ab"]
    message = "search: the limits together are above the budget of 300.00 USD"
    assert preview.analyze_stack(*keys) == [("mandatory", "over-budget", message)]


def test_a_budget_with_a_key_without_a_limit(update: PolicyServer) -> None:
    """There is no sum, and the rule about limits is another one."""
    keys = [key("a", GOOD), key("b", {"name": "b"})]
    reason = "some keys have no limit, or one that is not known"
    assert update.analyze_stack(*keys) == [("not applicable", "over-budget", reason)]


def test_configuration_replaces_levels_and_settings(pack: Path) -> None:
    """Each policy has its own."""
    with PolicyServer(pack) as server:
        server.configure(
            {
                "limit-too-high": {"max_limit": 50, "enforcementLevel": "advisory"},
                "expires-too-late": {"max_lifetime": "7d"},
                "bad-name": {"name_pattern": "k"},
                "no-limit": {"enforcementLevel": "mandatory"},
                "unprotected": {"production": ["staging"]},
                "over-budget": {"budgets": {"": 99}},
            }
        )
        assert [found[:2] for found in server.analyze(key("k", GOOD))] == [
            ("advisory", "limit-too-high"),
            ("mandatory", "expires-too-late"),
            ("mandatory", "bad-name"),
            ("mandatory", "unprotected"),
        ]
        assert ("mandatory", "no-limit") in [found[:2] for found in server.analyze(key("k", {"name": "k"}))]
        assert [rule for _, rule, _ in server.analyze_stack(key("k", GOOD))] == ["over-budget"]


def test_a_wrong_setting_fails_the_run(pack: Path) -> None:
    """The error is one line."""
    with PolicyServer(pack) as server:
        server.configure({"expires-too-late": {"max_lifetime": "soon"}})
        with pytest.raises(grpc.RpcError, match="max_lifetime is not a duration such as 90d"):
            server.analyze(key("k", GOOD))


@pytest.mark.parametrize(
    ("rule", "name", "has"),
    [
        ("limit-too-high", "maximum", "max_limit"),
        ("expires-too-late", "max_limit", "max_lifetime"),
        ("no-owner", "owner", "none"),
    ],
)
def test_an_unknown_setting_fails_the_run(pack: Path, rule: str, name: str, has: str) -> None:
    """The error names the policy, and what settings it has."""
    with PolicyServer(pack) as server:
        server.configure({rule: {name: 5}})
        with pytest.raises(grpc.RpcError, match=f"{rule} has no setting '{name}': its settings are: {has}"):
            server.analyze(key("k", GOOD))


def test_the_example() -> None:
    """It has a policy for each rule; only one is advisory."""
    with PolicyServer(ROOT / "examples" / "policy") as server:
        assert [rule for rule, level in server.levels.items() if level != "mandatory"] == ["no-expiry"]
