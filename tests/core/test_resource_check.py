"""Check: what is normalized, what is refused, and which names are drawn."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_account.emulator import Emulator
from tests.support.canaries import PLAINTEXT, assert_clean
from tests.support.front_end import UNKNOWN, FrontEnd
from tests.support.helpers import AUTO, EXACT


def test_check_normalizes_instants(resource: FrontEnd) -> None:
    """An instant is stored in UTC, however it was written."""
    inputs, _ = resource.check({"name": "n", "expires_at": "2099-01-01T01:00:00+01:00"})
    assert inputs["expires_at"] == "2099-01-01T00:00:00Z"


def test_check_quotes_no_text(resource: FrontEnd) -> None:
    """A value that may be a credential is not quoted, wherever it was put by mistake."""
    wrong = dict.fromkeys(["credit_limit", "is_enabled", "expires_at", "adopt_key_id"], PLAINTEXT)
    _, failures = resource.check({"name": 256 * "n", "rotation_triggers": PLAINTEXT, **wrong})
    assert len(failures) == 6
    assert_clean(failures)


def test_check_validates_what_is_known_beside_unknowns(resource: FrontEnd) -> None:
    """An unknown property does not hide a wrong one."""
    _, failures = resource.check({"name": UNKNOWN, "credit_limit": -1.0})
    assert failures == ["credit_limit must be 0 USD or more, not -1.0"]


def test_check_leaves_an_auto_name_unknown_while_its_prefix_is(resource: FrontEnd) -> None:
    """An unknown prefix gives an unknown name."""
    inputs, _ = resource.check({"name_prefix": UNKNOWN})
    assert inputs["name"] == UNKNOWN


def test_an_old_auto_name_is_known_in_a_preview(resource: FrontEnd) -> None:
    """A name that the key has already is shown."""
    olds, _ = resource.check(AUTO)
    news, _ = resource.check({**AUTO}, olds, preview=True)
    assert news == olds


def test_auto_name_is_prefix_and_seven_hex_digits(resource: FrontEnd) -> None:
    """An auto-name is the prefix and seven random hex digits."""
    inputs, _ = resource.check(AUTO)
    assert inputs["name"].startswith("ci-")
    assert len(inputs["name"]) == 10
    int(inputs["name"][3:], 16)


def test_auto_name_is_stable(resource: FrontEnd) -> None:
    """An auto-name stays as it is at the next check."""
    olds, _ = resource.check(AUTO)
    news, _ = resource.check({**AUTO, "credit_limit": 6.0}, olds)
    assert news["name"] == olds["name"]


def test_auto_name_is_new_at_a_replacement(resource: FrontEnd) -> None:
    """A check without old inputs, which a replacement makes, gives a new name."""
    olds, _ = resource.check(AUTO)
    news, _ = resource.check(AUTO)
    assert news["name"] != olds["name"]


@pytest.mark.parametrize(
    "olds",
    [
        {"name": "exact"},
        {"name": "ci-renamed elsewhere", "name_prefix": "ci-"},
        {"name": "ci-123456g", "name_prefix": "ci-"},
    ],
)
def test_auto_name_is_new_where_the_old_one_does_not_fit(resource: FrontEnd, olds: dict[str, Any]) -> None:
    """A name that auto-naming did not give from this prefix is not kept."""
    news, _ = resource.check(AUTO, olds)
    assert news["name"] != olds["name"]


def test_a_new_prefix_keeps_the_digits(resource: FrontEnd) -> None:
    """Another prefix renames the key, in a preview as well; its digits stay."""
    olds, _ = resource.check(AUTO)
    for hints in ({}, {"__preview": True}):
        news, _ = resource.check({**AUTO, "name_prefix": "dev-", **hints}, olds)
        assert news == {**olds, "name_prefix": "dev-", "name": "dev-" + olds["name"][3:]}


def test_digits_outlast_ignored_prefixes(resource: FrontEnd) -> None:
    """`ignore_changes` had kept the name while the prefix changed; without it, the digits stay."""
    olds = {"name": "ci-1234567", "name_prefix": "dev-", "is_enabled": True}
    news, _ = resource.check({"name_prefix": "dev-"}, olds, preview=True)
    assert news["name"] == "dev-1234567"


def test_a_default_prefix_is_for_new_keys(resource: FrontEnd) -> None:
    """Pulumi may rename a resource without a change, so the key stays what it is."""
    olds, _ = resource.check({**AUTO, "__default_prefix": True})
    news, _ = resource.check({**AUTO, "name_prefix": "renamed-", "__default_prefix": True}, olds)
    assert news == olds


def test_a_rotation_names_anew(resource: FrontEnd) -> None:
    """The check that the diff is made of has another name, which a preview does not know."""
    olds, _ = resource.check(AUTO)
    news, _ = resource.check({**AUTO, "rotation_triggers": {"a": "b"}}, olds)
    assert news["name"] != olds["name"]
    news, _ = resource.check({**AUTO, "rotation_triggers": {"a": "b"}}, olds, preview=True)
    assert news["name"] == UNKNOWN


def test_auto_name_survives_ignore_changes_and_a_new_prefix(resource: FrontEnd) -> None:
    """The old auto-name beside another prefix does not conflict with it either."""
    olds, _ = resource.check(AUTO)
    news, failures = resource.check({**AUTO, "name": olds["name"], "name_prefix": "dev-"}, olds)
    assert failures == []
    assert news["name"] == olds["name"]


def test_auto_name_survives_ignore_changes(resource: FrontEnd) -> None:
    """`ignore_changes` puts the old auto-name beside the prefix, which does not conflict."""
    olds, _ = resource.check(AUTO)
    news, failures = resource.check({**AUTO, "name": olds["name"]}, olds)
    assert failures == []
    assert news == olds


def test_expiry_in_the_past_is_refused_when_new(resource: FrontEnd) -> None:
    """A new expiry must lie ahead; the line names both instants."""
    _, failures = resource.check({"name": "n", "expires_at": "2001-01-01T00:00:00Z"})
    assert len(failures) == 1
    assert failures[0].startswith(
        "expires_at 2001-01-01T00:00:00Z is in the past: this machine's clock says 2"
    )


def test_expiry_in_the_past_passes_when_it_is_in_force(resource: FrontEnd) -> None:
    """A key that expired last week does not block a deployment."""
    expired = {"name": "n", "expires_at": "2001-01-01T00:00:00Z"}
    inputs, failures = resource.check({**expired, "credit_limit": 1.0}, expired)
    assert failures == []
    assert inputs["expires_at"] == "2001-01-01T00:00:00Z"


def test_check_and_diff_make_no_call(resource: FrontEnd, emulator: Emulator) -> None:
    """Neither check nor diff touches the network."""
    inputs, _ = resource.check(EXACT)
    resource.diff("1", {**inputs, "key_id": 1.0}, {**inputs, "credit_limit": 7.0})
    assert emulator.calls.operations == []
