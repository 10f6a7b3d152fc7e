"""The rules about what a change does."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from pulumi_account.policy.rules import Settings
from pulumi_account.stacks.exports import StackState
from pulumi_account.stacks.resources import Urn, key_state, pending_urn
from tests.review.documents import (
    ROTATING,
    UNKNOWN,
    account,
    consumer,
    created,
    deleted,
    found,
    preview,
    reviewed,
    root,
    rotated,
    state,
    step,
    updated,
    urn,
)

USE = "10 requests, 3.00 USD in the last 30 days, last on 2026-05-31 or before"
OWN = account((1, "a", 50), used={1: "3"})


def test_a_key_in_use_is_deleted() -> None:
    """The finding has the key's requests, cost and last day."""
    got = reviewed(preview(deleted("a", 1)), facts=OWN)
    assert found(got, "delete-in-use") == [("a", f"is deleted, but in use: {USE}")]


def test_a_key_in_use_is_revoked() -> None:
    """A revocation counts as a deletion, under the name of the old key."""
    change = rotated("a", 1, reason="revoke changed")
    change["oldState"]["inputs"]["name"] = "a-1"
    assert found(reviewed(preview(change), facts=OWN), "delete-in-use") == [
        ("a-1", f"is revoked, but in use: {USE}")
    ]


def test_a_key_in_use_is_replaced() -> None:
    """Consumers in the same stack get the new key in time; without any, the users of the old key lose it."""
    alone = marked(state("a", 1), state("a"))
    assert found(reviewed(preview(root(), alone), facts=OWN), "delete-in-use") == [
        ("a", f"is replaced at once, but in use: {USE}")
    ]
    got = reviewed(preview(root(), alone, consumer("c", urn("a"))), facts=OWN)
    assert found(got, "delete-in-use") == []


def test_a_retired_key_in_use() -> None:
    """The deletion, revocation or disabling of a rotating key ends its retired keys, too."""
    retired = {"retired": [{"key_id": 8, "name": "a-0", "expires_at": "2026-06-02T00:00:00Z"}]}
    facts = account((1, "a-1", 50), (8, "a-0", 50), used={8: "3"})
    both = {"every": "30d", "generation": 1}
    old = state("a", 1, ROTATING, outputs=retired, **both)
    off = step("update", "a", old, state("a", None, ROTATING, is_enabled=False, **both))
    revoked = rotated("a", 1, "revoke changed", outputs=retired)
    for change, rule in [
        (step("delete", "a", old), "delete-in-use"),
        (revoked, "delete-in-use"),
        (off, "disable-in-use"),
    ]:
        ((_, text),) = found(reviewed(preview(change), facts=facts), rule)
        assert text.endswith(f"but in use: {USE}")
    gone = account((1, "a-1", 50), used={8: "3"})
    assert found(reviewed(preview(step("delete", "a", old)), facts=gone), "delete-in-use") == []


def test_requests_of_no_named_key() -> None:
    """The activity may not name each key that was used."""
    facts = replace(account((1, "a", 50)), unnamed=3)
    got = reviewed(preview(deleted("a", 1)), facts=facts)
    assert found(got, "delete-in-use") == [("", "? the use of 1 key is not known")]


def test_a_key_that_is_left_to_delete() -> None:
    """The export shows the replaced key that an earlier run could not delete; a preview shows it only on request."""
    key = key_state(state("a", 1), Urn.parse(urn("a")))
    left = StackState("keys/dev", {}, {pending_urn(urn("a"), key): key})
    assert found(reviewed(preview(root()), facts=OWN, states=(left,)), "delete-in-use") == [
        ("a", f"is deleted, but in use: {USE}")
    ]


def test_a_retained_key_in_use() -> None:
    """It stays on the server."""
    kept = {"retainOnDelete": True}
    steps = [step("delete", "a", {**state("a", 1), **kept}), marked(state("b", 2) | kept, state("b") | kept)]
    got = reviewed(preview(*steps), facts=account((1, "a", 50), (2, "b", 50), used={1: "3", 2: "3"}))
    assert found(got, "delete-in-use") == found(got, "gap-in-rotation") == []


def test_two_keys_of_one_name() -> None:
    """Each has its finding."""
    steps = [step("create", name, None, state("a")) for name in ("x", "y")]
    assert found(reviewed(preview(*steps)), "no-limit") == 2 * [("a", "has no credit limit")]


def test_an_unused_key_is_deleted() -> None:
    """A key of the account that the activity does not mention was not used."""
    assert found(reviewed(preview(deleted("a", 1)), facts=account((1, "a", 50))), "delete-in-use") == []


def test_a_key_of_another_account_is_deleted() -> None:
    """A key with the same id that was created at another time is another account's."""
    change = deleted("a", 1)
    change["oldState"]["outputs"]["created_at"] = "2026-02-01T00:00:00Z"
    got = reviewed(preview(change), facts=OWN)
    assert found(got, "delete-in-use") == [("", "? the use of 1 key is not known")]


def test_use_is_not_known_without_an_account() -> None:
    """One line counts the keys whose use is not known."""
    got = reviewed(preview(deleted("a", 1), deleted("b", 2)))
    assert found(got, "delete-in-use") == [("", "? the use of 2 keys is not known")]


def test_a_key_in_use_is_disabled() -> None:
    """Only the step from enabled to disabled counts."""
    got = reviewed(preview(updated("a", 1, {}, {"is_enabled": False})), facts=OWN)
    assert found(got, "disable-in-use") == [("a", f"is disabled, but in use: {USE}")]
    still = preview(updated("a", 1, {"is_enabled": False}, {"is_enabled": False, "credit_limit": 1}))
    assert found(reviewed(still, facts=OWN), "disable-in-use") == []


@pytest.mark.parametrize(("limit", "hit"), [(2.5, True), (3, False), (None, False)])
def test_a_limit_below_what_is_spent(limit: float | None, hit: bool) -> None:
    """A lowered limit is compared with the key's cost."""
    got = reviewed(preview(updated("a", 1, {"credit_limit": 50}, {"credit_limit": limit})), facts=OWN)
    assert bool(found(got, "limit-below-spent")) == hit


@pytest.mark.parametrize(
    ("before", "after", "factor", "hit"),
    [
        (5, 10, 2, False),
        (5, 10.01, 2, True),
        (5, 15, 3, False),
        (0, 1, 2, True),
        (5, None, 2, True),
        (None, 5, 2, False),
    ],
)
def test_a_raised_limit(before: Any, after: Any, factor: int, hit: bool) -> None:
    """More than the factor, or a limit that is removed."""
    one = preview(updated("a", 1, {"credit_limit": before}, {"credit_limit": after}))
    got = reviewed(one, thresholds={"raised": Decimal(factor)})
    assert bool(found(got, "limit-raised")) == hit


def test_a_limit_that_is_not_known() -> None:
    """It may rise, or fall below what the key in use has spent."""
    one = preview(updated("a", 1, {"credit_limit": 5}, {"credit_limit": UNKNOWN}))
    got = reviewed(one, facts=OWN)
    assert found(got, "limit-raised") == [("", "? the changed limit of 1 key is not known")]
    assert found(got, "limit-below-spent") == [("", "? the new limit of 1 key in use is not known")]


def test_a_secret_limit_that_stays() -> None:
    """There is nothing to check."""
    secret = {"credit_limit": "[secret]"}
    got = reviewed(preview(updated("a", 1, secret, {**secret, "is_enabled": False})), facts=OWN)
    assert found(got, "limit-raised") == found(got, "limit-below-spent") == []


def test_a_state_that_is_not_known() -> None:
    """A key in use may be disabled."""
    one = preview(updated("a", 1, {}, {"is_enabled": UNKNOWN}))
    text = "? the new state of 1 key in use is not known"
    assert found(reviewed(one, facts=OWN), "disable-in-use") == [("", text)]


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"expires_at": "2026-06-20T00:00:00Z"}, "expires 2026-06-20"),
        ({"expires_in": "7d"}, "expires 2026-06-08T12:00:00Z"),
        ({"expires_in": "31d"}, None),
        ({}, None),
    ],
)
def test_an_expiry_within_thirty_days(inputs: dict[str, Any], text: str | None) -> None:
    """The expiry of a new key that is declared as a duration counts from now."""
    assert found(reviewed(preview(created("a", **inputs))), "expires-soon") == ([("a", text)] if text else [])


def test_an_expiry_that_is_not_known() -> None:
    """It may be within thirty days."""
    got = reviewed(preview(created("a", expires_at="[secret]")))
    assert found(got, "expires-soon") == [("", "? the expiry of 1 key is not known")]


def test_an_expiry_in_use_becomes_earlier() -> None:
    """An expiry far ahead is reported if it was later and the key is in use."""
    one = preview(updated("a", 1, {}, {"expires_at": "2027-01-01T00:00:00Z"}))
    text = f"expires earlier, 2027-01-01, but is in use: {USE}"
    assert found(reviewed(one, facts=OWN), "expires-soon") == [("a", text)]
    assert found(reviewed(one, facts=account((1, "a", 50))), "expires-soon") == []


def test_an_adoption_of_a_key_in_use() -> None:
    """It changes a key that has consumers: what is dangerous is compared with what the account has."""
    harmful = {"credit_limit": 2, "is_enabled": False, "expires_at": "2026-06-20T00:00:00Z"}
    got = reviewed(preview(created("a", adopt_key_id=1, **harmful)), facts=OWN)
    assert found(got, "disable-in-use") == [("a", f"is disabled, but in use: {USE}")]
    assert len(found(got, "limit-below-spent")) == 1
    assert found(got, "expires-soon") == [("a", f"expires earlier, 2026-06-20, but is in use: {USE}")]
    raised = reviewed(preview(created("a", adopt_key_id=1, credit_limit=101)), facts=OWN)
    assert found(raised, "limit-raised") == [
        ("a", "the limit rises 50.00 USD → 101.00 USD, more than 2 times as high")
    ]


def test_a_limit_that_is_removed() -> None:
    """No factor describes it."""
    one = preview(updated("a", 1, {"credit_limit": 50}, {}))
    assert found(reviewed(one), "limit-raised") == [("a", "the limit of 50.00 USD is removed")]


def test_an_adoption_without_an_account() -> None:
    """What it changes is not known."""
    harmful = {"credit_limit": 2, "is_enabled": False, "expires_at": "2028-06-20T00:00:00Z"}
    got = reviewed(preview(created("a", adopt_key_id=1, **harmful)))
    assert found(got, "disable-in-use") == [("", "? the use of 1 key is not known")]
    assert found(got, "limit-below-spent") == [("", "? what 1 key spent is not known")]
    assert found(got, "limit-raised") == [("", "? the changed limit of 1 key is not known")]
    assert found(got, "expires-soon") == [("", "? the use of 1 key that may expire earlier is not known")]


def test_a_duration_counts_from_the_creation() -> None:
    """The expiry of an existing key that is declared as a duration counts from its creation."""
    one = preview(updated("a", 1, {}, {"expires_in": "180d"}))
    assert found(reviewed(one), "expires-soon") == [("a", "expires 2026-06-30")]


def test_protection_is_removed() -> None:
    """The resource was protected, and no longer is."""
    one = preview(updated("a", 1, {"protect": True}, {}))
    assert found(reviewed(one), "protection-removed") == [("a", "the resource is no longer protected")]
    only = step("same", "a", state("a", 1, protect=True), state("a", 1))
    assert found(reviewed(preview(only)), "protection-removed") == [
        ("a", "the resource is no longer protected")
    ]
    gone = deleted("a", 1, protect=True)
    assert found(reviewed(preview(gone)), "protection-removed") == [
        ("a", "the protected resource is removed")
    ]


@pytest.mark.parametrize(("removed", "kept", "hit"), [(1, 0, False), (2, 6, False), (3, 6, True)])
def test_mass_removal(removed: int, kept: int, hit: bool) -> None:
    """More than a quarter of the stack's keys; a single key is always allowed."""
    steps = [deleted(f"d{n}", n) for n in range(removed)]
    steps += [step("same", f"k{n}", state(f"k{n}", 100 + n), state(f"k{n}", 100 + n)) for n in range(kept)]
    assert bool(found(reviewed(preview(*steps)), "mass-removal")) == hit


def test_mass_removal_of_an_unknown_number() -> None:
    """A preview that leaves out unchanged resources does not say how many keys there are."""
    got = reviewed(preview(deleted("a", 1), deleted("b", 2), same=5))
    assert found(got, "mass-removal") == [("", "? 2 keys are deleted, of an unknown number")]


def test_mass_removal_with_an_account() -> None:
    """The account's keys count if the stack's are not known."""
    facts = account(*((n, str(n), 1) for n in range(7)))
    got = reviewed(preview(deleted("a", 1), deleted("b", 2), same=5), facts=facts)
    assert found(got, "mass-removal") == [("", "2 of 7 keys are deleted; at most 25% are allowed")]


def test_exposure_rises_above_the_balance() -> None:
    """A change that lowers the exposure is not stopped."""
    rise = preview(created("a", credit_limit=1001))
    text = "the keys may spend 1,001.00 USD; the balance is 1,000.00 USD"
    assert found(reviewed(rise, facts=account()), "exposure-over-balance") == [("", text)]
    facts = account((1, "a", 5000))
    fall = preview(updated("a", 1, {"credit_limit": 5000}, {"credit_limit": 4000}))
    assert found(reviewed(fall, facts=facts), "exposure-over-balance") == []


def marked(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """A replacement that deletes the old key last."""
    return step("replace", "a", {**old, "delete": True}, new)


REPLACED = marked(state("a", 1), state("a"))


def test_a_rotation_with_all_consumers_in_the_stack() -> None:
    """The run updates them, before it deletes the old key."""
    assert found(reviewed(preview(root(), REPLACED, consumer("c", urn("a")))), "gap-in-rotation") == []


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([root(), REPLACED], "this stack has no consumer of it"),
        ([root(k="[secret]"), REPLACED, consumer("c", urn("a"))], "this stack has secret outputs"),
        ([root(), REPLACED, consumer("c", urn("a"), op="same")], "this stack has no consumer of it"),
        (
            [root(), step("replace", "a", state("a", 1), state("a")), consumer("c", urn("a"))],
            "it is deleted before the new one exists",
        ),
    ],
)
def test_a_rotation_with_consumers_elsewhere(steps: list[Any], reason: str) -> None:
    """A consumer may be in another stack, none of Pulumi's, not a target of the run, or get the new key too late."""
    ((subject, text),) = found(reviewed(preview(*steps)), "gap-in-rotation")
    assert (subject, text.rpartition(": ")[2]) == ("a", reason)


def test_another_stack_reads_the_stack() -> None:
    """A consumer of a stack reference in another preview counts."""
    reference = "urn:pulumi:app::app::pulumi:pulumi:StackReference::organization/keys/dev"
    other = consumer("c", reference, stack="app")
    got = reviewed(preview(REPLACED, consumer("c", urn("a"))), preview(other))
    assert found(got, "gap-in-rotation")[0][1].endswith(": another of these stacks reads this one")


def test_a_rotation_with_an_overlap() -> None:
    """The old key works until the overlap ends."""
    assert found(reviewed(preview(rotated("a", 1))), "gap-in-rotation") == []


def test_rules_about_declared_keys() -> None:
    """They hold for keys that are created or changed, not for those that stay or are deleted."""
    same = step("same", "s", state("s", 3), state("s", 3))
    got = reviewed(preview(created("c"), updated("u", 1, {"credit_limit": 1}, {}), deleted("d", 2), same))
    assert found(got, "no-limit") == [("c", "has no credit limit"), ("u", "has no credit limit")]


def test_a_budget_counts_keys_that_stay() -> None:
    """The sum is the whole stack's, as it will be."""
    same = step("same", "s", state("s", 3, credit_limit=60), state("s", 3, credit_limit=60))
    steps = [same, created("c", credit_limit=50), deleted("d", 1, credit_limit=500)]
    settings = Settings(budgets={"": Decimal(100)})
    got = reviewed(preview(*steps), thresholds={"policy": settings})
    assert found(got, "over-budget") == [
        ("keys/dev", "limits of 110.00 USD together; the budget is 100.00 USD")
    ]
    unclear = reviewed(preview(*steps, same=9), thresholds={"policy": Settings(budgets={"": Decimal(200)})})
    assert found(unclear, "over-budget") == [("", "? the limits of the keys that stay are not known")]


def test_failing() -> None:
    """`fail_on` fails if a rule finds something; `deny` also if the rule cannot be checked."""
    one = preview(deleted("a", 1))
    assert reviewed(one, fail_on=["delete-in-use"]).failed == ()
    assert reviewed(one, deny=["delete-in-use"]).failed == ("delete-in-use",)
    assert reviewed(one, fail_on=["delete-in-use"], facts=OWN).failed == ("delete-in-use",)
    assert reviewed(one, deny=["delete-in-use"], facts=account((1, "a", 1))).failed == ()


def test_a_key_of_a_provider_of_another_account() -> None:
    """Without the instant of its creation, the other keys of its provider decide."""
    eu = {"provider": "urn:eu::1"}
    other = step("same", "o", state("o", 2) | eu, state("o", 2) | eu)
    other["oldState"]["outputs"]["created_at"] = "2026-02-01T00:00:00Z"
    change = step("delete", "a", state("a", 7, outputs={"created_at": "[secret]"}) | eu)
    facts = account((2, "x", 5), (7, "y", 5))
    got = reviewed(preview(other, change), facts=facts)
    assert found(got, "delete-in-use") == [("", "? the use of 1 key is not known")]
