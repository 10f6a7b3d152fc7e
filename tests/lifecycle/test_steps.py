"""The steps over gRPC: what the adapter adds to the core."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pulumi_account.emulator import Drop, Emulator, Fault
from tests.lifecycle.conftest import instance
from tests.support.helpers import AUTO, EXACT, made
from tests.support.provider_process import UNKNOWN, ProviderError, ProviderProcess


def test_check_reports_all_failures_at_once(provider: ProviderProcess) -> None:
    """Every broken rule is one sentence that begins with the property's name."""
    _, failures = provider.check(
        {
            "name": "",
            "credit_limit": -1.0,
            "is_enabled": "yes",
            "expires_at": "2099-01-01T00:00:00",
            "rotation_triggers": {"a": 1.0},
        }
    )
    assert [failure.split()[0] for failure in failures] == [
        "name", "credit_limit", "is_enabled", "expires_at", "rotation_triggers",
    ]  # fmt: skip


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_check_refuses_numbers_that_are_none(provider: ProviderProcess, number: float) -> None:
    """NaN and infinite limits are refused."""
    _, failures = provider.check({"name": "n", "credit_limit": number})
    assert failures == [
        f"credit_limit must be a number of USD, but {number} is not a finite number from 1e-300 to 1e300"
    ]


def test_check_passes_unknowns(provider: ProviderProcess) -> None:
    """What a preview does not know yet passes through, unknown."""
    news = {"name": UNKNOWN, "credit_limit": UNKNOWN, "is_enabled": UNKNOWN, "expires_at": UNKNOWN}
    inputs, failures = provider.check({**news, "rotation_triggers": {"a": "1", "b": UNKNOWN}})
    assert failures == []
    assert inputs == {**news, "rotation_triggers": {"a": "1", "b": UNKNOWN}}


def test_a_new_auto_name_is_unknown_in_a_preview(provider: ProviderProcess) -> None:
    """A preview shows no name that the deployment would not draw again."""
    inputs, _ = provider.check({**AUTO, "__preview": True})
    assert inputs == {**AUTO, "is_enabled": True, "name": UNKNOWN}


def test_created_key_is_as_declared(provider: ProviderProcess, emulator: Emulator) -> None:
    """The server has the declared key, and the plaintext returned unlocks it."""
    key_id, inputs, outs = made(provider, **EXACT, is_enabled=False)
    key = emulator.key(int(key_id))
    assert key is not None
    assert (key["name"], key["credit_limit"], key["is_enabled"]) == ("production", 500, False)
    assert emulator.key_of(outs["key"]) == outs["key_id"] == int(key_id)
    assert {name: outs[name] for name in inputs} == inputs


def test_recovery_is_told(provider: ProviderProcess, emulator: Emulator) -> None:
    """The user reads of a recovery: the key that was made and deleted."""
    emulator.faults.add(Fault(Drop(commit=True), operation="create_key"))
    made(provider, **AUTO)
    assert "it made key" in provider.stderr


def test_a_key_in_use_is_kept(next_run: ProviderProcess, emulator: Emulator) -> None:
    """The engine gets the error as one line, and the key stays."""
    key_id, _, outs = made(next_run, name="n", delete_guard="7d")
    emulator.add_usage(int(key_id))
    line = (
        rf"^pulumi_account\.exceptions\.KeyInUseError: key {key_id} \('n'\) is not deleted: .* for one run$"
    )
    with pytest.raises(ProviderError, match=line):
        next_run.delete(key_id, outs)
    assert emulator.key(int(key_id)) is not None


def test_the_environment_ignores_guards(emulator: Emulator, tmp_path: Path) -> None:
    """With `ACCOUNT_DELETE_GUARD=none`, a key in use is deleted."""
    with ProviderProcess(instance(emulator, ""), tmp_path, {"ACCOUNT_DELETE_GUARD": "none"}) as process:
        key_id, _, outs = made(process, name="n", delete_guard="7d")
        emulator.add_usage(int(key_id))
        process.delete(key_id, outs)
    assert emulator.key(int(key_id)) is None


def test_a_lost_answer_about_the_use_keeps_the_key(provider: ProviderProcess, emulator: Emulator) -> None:
    """Without the account's activity, nothing is deleted."""
    key_id, _, outs = made(provider, name="n", delete_guard="3d")
    emulator.faults.add(Fault(Drop(), operation="get_activity", times=None))
    with pytest.raises(ProviderError, match=r"its use is not known .*the answer was lost"):
        provider.delete(key_id, outs)
    assert emulator.key(int(key_id)) is not None


def test_an_expiry_in_the_past_fails_the_preview(provider: ProviderProcess, emulator: Emulator) -> None:
    """The diff refuses a changed duration that has passed, in one line."""
    key_id, inputs, outs = made(provider, name="n", expires_in="90d")
    olds = {**outs, "created_at": "2020-01-01T00:00:00Z"}
    with pytest.raises(
        ProviderError, match=r"InvalidInputError: expires_in 30d counts from .* is in the past"
    ):
        provider.diff(key_id, olds, {**inputs, "expires_in": "30d"})


def test_an_adopted_key_survives_its_former_resource(provider: ProviderProcess, emulator: Emulator) -> None:
    """A key that this run adopted is not deleted with the resource that had it before; a warning reports it."""
    key_id, _ = emulator.add("n")
    former = provider.read(str(key_id)).outs
    made(provider, name="n", adopt_key_id=float(key_id))
    provider.delete(str(key_id), former)
    assert emulator.key(key_id) is not None
    assert f"key {key_id} is kept" in provider.stderr


@pytest.mark.parametrize("older", [False, True])
def test_a_renamed_resource_keeps_the_key_that_it_adopted(
    provider: ProviderProcess, emulator: Emulator, next_run: ProviderProcess, older: bool
) -> None:
    """A run failed before it deleted the old resource; the arguments are removed since: the key lives."""
    key_id, _ = emulator.add("n")
    adopting = {"name": "n", "adopt_key_id": float(key_id)}
    _, inputs, new = made(provider, **adopting)
    old = {**new, "__adoption": "another"}
    if older:  # as a version wrote them that drew no tokens
        del old["__adoption"], new["__adoption"]
    news, _ = next_run.check({"name": "n"}, inputs)
    assert next_run.diff(str(key_id), new, news) == ("unknown", [])
    next_run.update(str(key_id), new, news)
    next_run.delete(str(key_id), old)
    assert f"key {key_id} is kept" in next_run.stderr
    assert emulator.key(key_id) is not None


def test_a_preview_says_what_an_adoption_changes(next_run: ProviderProcess, emulator: Emulator) -> None:
    """One line reports each property, including defaults that the program does not set, and nothing is written."""
    key_id, _ = emulator.add("old", expires_at="2033-01-01T00:00:00Z", is_enabled=False)
    emulator.calls.clear()
    declared = {"name": "chk", "credit_limit": 7.0, "adopt_key_id": float(key_id)}
    _, failures = next_run.check({**declared, "__preview": True})
    assert failures == []
    assert emulator.calls.operations == ["get_key"]
    assert next_run.stderr.splitlines() == [
        f"adopt_key_id {key_id}: name 'old' => 'chk'",
        f"adopt_key_id {key_id}: credit_limit none => 7",
        f"adopt_key_id {key_id}: is_enabled false => true",
        f"adopt_key_id {key_id}: expires_at 2033-01-01T00:00:00Z => never",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"credit_limit": 0.0},
        {"credit_limit": None},
        {"expires_at": None},
        {"is_enabled": False},
        {"name": "x"},
    ],
)
def test_changes_are_for_the_engine_to_name(provider: ProviderProcess, change: dict[str, Any]) -> None:
    """A change of a field leaves the comparison to the engine, which names the field."""
    key_id, inputs, outs = made(provider)
    declared = {name: value for name, value in {**EXACT, **change}.items() if value is not None}
    news, _ = provider.check(declared, inputs)
    assert provider.diff(key_id, outs, news) == ("unknown", [])


@pytest.mark.parametrize(
    "same",
    [
        {"expires_at": "2099-01-01T01:00:00+01:00"},
        {"expires_at": "2098-12-31T19:00:00-0500"},
        {"credit_limit": 500},
        {"is_enabled": True},
    ],
)
def test_another_way_to_write_it_is_no_change(provider: ProviderProcess, same: dict[str, Any]) -> None:
    """The same instant, the same money and the default are no change."""
    key_id, inputs, outs = made(provider)
    news, _ = provider.check({**EXACT, **same}, inputs)
    assert provider.diff(key_id, outs, news) == ("none", [])
    assert news == inputs


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255)
declarations = st.fixed_dictionaries(
    {},
    optional={
        "credit_limit": st.one_of(st.just(0.0), st.decimals(0, 10**9, places=2).map(float)),
        "is_enabled": st.booleans(),
        "expires_at": st.sampled_from(
            ["2099-01-01T00:00:00Z", "2099-06-01T12:30:00.123456+05:30", "2098-12-31T23:59:59.5-11:00"]
        ),
        "rotation_triggers": st.dictionaries(st.text("abc", min_size=1), st.text("xyz"), max_size=2),
    },
)
either_name = st.one_of(
    st.fixed_dictionaries({"name": names}),
    st.fixed_dictionaries({"name_prefix": st.text("abc-🔑", min_size=1, max_size=248)}),
)
many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@many
@given(name=either_name, rest=declarations)
def test_second_up_changes_nothing(
    provider: ProviderProcess, emulator: Emulator, name: dict[str, Any], rest: dict[str, Any]
) -> None:
    """For every combination of arguments, the next check and diff find no change, before and after a refresh."""
    key_id, inputs, outs = made(provider, **name, **rest)
    again, _ = provider.check({**name, **rest}, inputs)
    assert again == inputs
    assert provider.diff(key_id, outs, again).changes == "none"
    refreshed = provider.read(key_id, outs)
    assert refreshed == (key_id, outs, inputs)


@many
@given(name=either_name, before=declarations, after=declarations)
def test_update_makes_the_key_as_declared(
    provider: ProviderProcess,
    emulator: Emulator,
    name: dict[str, Any],
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    """From any declaration to any other, what comes out of an update is what was declared, plaintext and all."""
    before.pop("rotation_triggers", None)
    after.pop("rotation_triggers", None)
    key_id, olds, outs = made(provider, **name, **before)
    news, _ = provider.check({**name, **after}, olds)
    updated = provider.update(key_id, outs, news)
    assert updated["key"] == outs["key"]
    assert provider.read(key_id, updated) == (key_id, updated, news)


def test_update_sends_only_what_changed(provider: ProviderProcess, emulator: Emulator) -> None:
    """One PATCH says just what changed; null removes a limit and an expiry."""
    key_id, inputs, outs = made(provider)
    emulator.calls.clear()
    provider.update(key_id, outs, {"name": "production", "is_enabled": inputs["is_enabled"]})
    assert emulator.calls.operations == ["update_key"]
    assert emulator.calls[0].json == {"credit_limit": None, "expires_at": None}


def test_refresh_shows_drift(provider: ProviderProcess, emulator: Emulator) -> None:
    """Inputs come back as the server has them, so the next preview shows the drift."""
    key_id, inputs, outs = made(provider)
    emulator.edit(int(key_id), credit_limit=None, is_enabled=False, name="renamed")
    read = provider.read(key_id, outs)
    assert read.inputs == {"name": "renamed", "is_enabled": False, "expires_at": inputs["expires_at"]}
    assert read.outs["key"] == outs["key"]


def test_refresh_of_a_key_deleted_elsewhere_is_gone(provider: ProviderProcess, emulator: Emulator) -> None:
    """The API's own 404 means gone."""
    key_id, _, outs = made(provider)
    emulator.remove(int(key_id))
    assert provider.read(key_id, outs) == ("", {}, {})


@pytest.mark.parametrize("outs", [None, {}], ids=["newer engines", "older engines"])
def test_get_reads_a_key(provider: ProviderProcess, emulator: Emulator, outs: dict[str, Any] | None) -> None:
    """`ApiKey.get`, which passes no outputs, reads a key without a plaintext and without inputs."""
    key_id, _ = emulator.add("n", credit_limit="12.5")
    read = provider.read(str(key_id), outs)
    assert read.outs["name"] == "n"
    assert read.outs["credit_limit"] == 12.5
    assert "key" not in read.outs
    assert read.inputs == {}


def test_a_refresh_gives_no_inputs_to_a_key_that_is_read(
    provider: ProviderProcess, emulator: Emulator
) -> None:
    """`ApiKey.get` has none, so the preview after the refresh would show that they go."""
    key_id, _ = emulator.add("n")
    found = provider.read(str(key_id), provider.read(str(key_id)).outs)
    assert found.outs["name"] == "n"
    assert found.inputs == {}


def test_get_of_a_missing_key_is_an_error(provider: ProviderProcess) -> None:
    """`ApiKey.get` of an id that the account does not have fails in one line."""
    with pytest.raises(ProviderError, match=r"^pulumi_account\.exceptions\.NotFoundError: .* no key 999999$"):
        provider.read("999999")


def test_delete_is_one_call(provider: ProviderProcess, emulator: Emulator) -> None:
    """DELETE, and the key is gone."""
    key_id, _, outs = made(provider)
    emulator.calls.clear()
    provider.delete(key_id, outs)
    assert emulator.calls.operations == ["delete_key"]
    assert emulator.keys() == []
