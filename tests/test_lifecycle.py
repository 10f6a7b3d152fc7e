"""`ApiKeyLifecycle` in the SDK's own provider process, called over gRPC as the engine calls it."""

from __future__ import annotations

import base64
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pulumi.dynamic import ConfigureRequest
from pulumi.dynamic.dynamic import serialize_provider

from pulumi_account.emulator import Answer, Drop, Emulator, Fault
from pulumi_account.exceptions import InternalError
from pulumi_account.lifecycle import OLDEST_SDK, ApiKeyLifecycle
from pulumi_account.program import api_key
from tests.support.canaries import OTHER_PROVISIONING_KEY, PLAINTEXT, PROVISIONING_KEY, assert_clean
from tests.support.helpers import FAR, refusal
from tests.support.provider_process import PROVIDER, UNKNOWN, ProviderError, ProviderProcess

EXACT = {"name": "production", "credit_limit": 500.0, "expires_at": "2099-01-01T00:00:00Z"}
AUTO = {"name_prefix": "ci-", "credit_limit": 5.0}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """The account."""
    with Emulator(provisioning_key=(PROVISIONING_KEY, OTHER_PROVISIONING_KEY)) as emulator:
        yield emulator


@pytest.fixture(autouse=True)
def _fresh(emulator: Emulator) -> None:
    """Each test begins with an account that has no keys."""
    emulator.faults.clear()
    for key in emulator.keys():
        emulator.remove(key["id"])
    emulator.calls.clear()


@pytest.fixture(scope="module")
def provider(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderProcess]:
    """The provider's process, which gives up at once instead of trying again."""
    env = {"ACCOUNT_ENDPOINT": emulator.url, "ACCOUNT_RETRY_DEADLINE": "0"}
    config = {"account:provisioningKey": PROVISIONING_KEY}
    with ProviderProcess(config, tmp_path_factory.mktemp("provider"), env) as provider:
        yield provider


def made(provider: ProviderProcess, **declared: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """A key made as the engine makes one: its id, normalized inputs and outputs."""
    inputs, failures = provider.check(declared or EXACT)
    assert failures == []
    key_id, outs = provider.create(inputs)
    return key_id, inputs, outs


# --- what users' states hold


def test_pickled_provider_is_pinned() -> None:
    """The serialized provider in users' states is these very bytes, whichever Python runs the program."""
    assert api_key.PROVIDER == PROVIDER


@pytest.mark.skipif(pickle.DEFAULT_PROTOCOL != 4, reason="the SDK pickles with this Python's own protocol")
def test_pinned_provider_is_what_the_sdk_pickles() -> None:
    """The pinned bytes are those that the SDK itself would make."""
    assert serialize_provider(ApiKeyLifecycle()) == PROVIDER


def test_pinned_provider_is_a_reference() -> None:
    """The pinned bytes still load as the lifecycle class."""
    assert type(pickle.loads(base64.b64decode(PROVIDER))) is ApiKeyLifecycle


def test_provider_is_no_secret() -> None:
    """The reference is stored in the open, so state need not be decrypted to find it."""
    assert ApiKeyLifecycle.serialize_as_secret_always is False


def test_output_names_are_pinned(provider: ProviderProcess) -> None:
    """The outputs that users' states hold have these names."""
    _, _, outs = made(provider, **EXACT, rotation_triggers={"q": "1"})
    assert set(outs) == {
        "created_at", "credit_limit", "expires_at", "is_enabled", "key", "key_id", "name", "rotation_triggers",
    }  # fmt: skip


def test_hidden_output_names_are_pinned(emulator: Emulator, tmp_path: Path) -> None:
    """So do the outputs that no display shows."""
    key_id, _ = emulator.add("n")
    with ProviderProcess(instance(emulator), tmp_path, {}) as eu:
        _, _, outs = made(eu, name="n", adopt_key_id=float(key_id), __instance_id="5b1f")
    assert {name for name in outs if name.startswith("__")} == {"__adoption", "__instance", "__instance_id"}


# --- secrets


def test_a_created_plaintext_is_a_secret(provider: ProviderProcess) -> None:
    """The provider itself answers with a secret: no option of the program is needed."""
    made(provider)
    assert provider.sealed == (set(), {"key"})


def test_an_adopted_plaintext_is_a_secret(provider: ProviderProcess, emulator: Emulator) -> None:
    """So are the argument and the output of an adoption, in inputs and outputs alike."""
    key_id, _ = emulator.add("n")
    inputs, _ = provider.check({"name": "n", "adopt_key_id": float(key_id), "adopt_key": PLAINTEXT})
    assert provider.sealed == ({"adopt_key"}, set())
    provider.create(inputs)
    assert provider.sealed == (set(), {"key", "adopt_key"})


def test_an_updated_plaintext_is_a_secret(provider: ProviderProcess) -> None:
    """An update returns the plaintext as a secret."""
    key_id, inputs, outs = made(provider)
    provider.update(key_id, outs, {**inputs, "credit_limit": 3.0})
    assert provider.sealed == (set(), {"key"})


def test_a_refreshed_plaintext_is_a_secret(provider: ProviderProcess, emulator: Emulator) -> None:
    """A refresh covers a plaintext that stands uncovered in the state."""
    key_id, _ = emulator.add("n")
    _, _, outs = made(provider, name="n", adopt_key_id=float(key_id), adopt_key=PLAINTEXT)
    provider.read(str(key_id), outs)
    assert provider.sealed == ({"adopt_key"}, {"key", "adopt_key"})


# --- the SDK

TOO_OLD = "pulumi {} is installed, but pulumi_account needs 3.268 or newer: pip install -U pulumi"


def with_sdk(version: str, folder: Path) -> dict[str, str]:
    """The environment of a Python that finds this version of the SDK."""
    (folder / "sitecustomize.py").write_text(
        "import semver, sys, types\n"
        f"found = types.SimpleNamespace(_VERSION={version!r}, version=semver.VersionInfo.parse({version!r}))\n"
        "sys.modules['pulumi._version'] = found\n"
    )
    return {"PYTHONPATH": str(folder)}


def imported(env: dict[str, str]) -> str:
    """The last line of what a program says that imports `ApiKey`."""
    code = "import pulumi\ntry:\n from pulumi_account import ApiKey\nexcept pulumi.RunError as e: print(e)"
    run = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **env}, capture_output=True, text=True, timeout=60
    )
    assert run.stderr == ""
    return run.stdout.rstrip("\n")


@pytest.mark.parametrize("version", ["3.267.9", "3.99.0", "2.999.0"])
def test_an_old_sdk_is_refused(version: str, tmp_path: Path) -> None:
    """A program that declares keys ends with one line, which says what to do, as Pulumi shows a `RunError`."""
    assert imported(with_sdk(version, tmp_path)) == TOO_OLD.format(version)


@pytest.mark.parametrize("version", ["3.268.0", "3.268.0-alpha.1", "3.1000.0", "4.0.0"])
def test_no_other_sdk_is_refused(version: str, tmp_path: Path) -> None:
    """Versions are compared as numbers."""
    assert imported(with_sdk(version, tmp_path)) == ""


def test_an_old_sdk_is_refused_in_the_providers_process(tmp_path: Path) -> None:
    """A refresh runs no program; the provider's process says the same, in one line, too."""
    with (
        ProviderProcess({}, tmp_path, with_sdk("3.267.0", tmp_path)) as provider,
        pytest.raises(ProviderError, match=r"^pulumi_account\.lifecycle\.OldSDKError: [^\n]*$") as caught,
    ):
        provider.read("1", {})
    assert str(caught.value).endswith(TOO_OLD.format("3.267.0"))


def test_an_sdk_that_hides_its_version_is_not_taken_for_an_old_one() -> None:
    """Where the module that is quick to ask is gone, the installed package's metadata is asked."""
    hidden = "import pulumi, sys; del pulumi._version; sys.modules['pulumi._version'] = None"
    subprocess.run(
        [sys.executable, "-c", f"{hidden}; import pulumi_account.lifecycle"], check=True, timeout=60
    )


def test_the_oldest_sdk_is_the_declared_one() -> None:
    """The bound that pip keeps is the one that is checked at the start."""
    declared = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    assert f'"pulumi>={".".join(map(str, OLDEST_SDK))},' in declared


# --- check


def test_check_normalizes_instants(provider: ProviderProcess) -> None:
    """An instant is stored in UTC, however it was written."""
    inputs, _ = provider.check({"name": "n", "expires_at": "2099-01-01T01:00:00+01:00"})
    assert inputs["expires_at"] == "2099-01-01T00:00:00Z"


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


def test_check_quotes_no_text(provider: ProviderProcess) -> None:
    """A value that may be a credential is not quoted, wherever it was put by mistake."""
    wrong = dict.fromkeys(["credit_limit", "is_enabled", "expires_at", "adopt_key_id"], PLAINTEXT)
    _, failures = provider.check({"name": 256 * "n", "rotation_triggers": PLAINTEXT, **wrong})
    assert len(failures) == 6
    assert_clean(failures)


def test_check_passes_unknowns(provider: ProviderProcess) -> None:
    """What a preview does not know yet passes through, unknown."""
    news = {"name": UNKNOWN, "credit_limit": UNKNOWN, "is_enabled": UNKNOWN, "expires_at": UNKNOWN}
    inputs, failures = provider.check({**news, "rotation_triggers": {"a": "1", "b": UNKNOWN}})
    assert failures == []
    assert inputs == {**news, "rotation_triggers": {"a": "1", "b": UNKNOWN}}


def test_check_validates_what_is_known_beside_unknowns(provider: ProviderProcess) -> None:
    """An unknown property does not hide a wrong one."""
    _, failures = provider.check({"name": UNKNOWN, "credit_limit": -1.0})
    assert failures == ["credit_limit must be 0 USD or more, not -1.0"]


def test_check_leaves_an_auto_name_unknown_while_its_prefix_is(provider: ProviderProcess) -> None:
    """An unknown prefix gives an unknown name."""
    inputs, _ = provider.check({"name_prefix": UNKNOWN})
    assert inputs["name"] == UNKNOWN


def test_a_new_auto_name_is_unknown_in_a_preview(provider: ProviderProcess) -> None:
    """A preview shows no name that the deployment would not draw again."""
    inputs, _ = provider.check({**AUTO, "__preview": True})
    assert inputs == {**AUTO, "is_enabled": True, "name": UNKNOWN}


def test_an_old_auto_name_is_known_in_a_preview(provider: ProviderProcess) -> None:
    """A name that the key has already is shown."""
    olds, _ = provider.check(AUTO)
    news, _ = provider.check({**AUTO, "__preview": True}, olds)
    assert news == olds


def test_auto_name_is_prefix_and_seven_hex_digits(provider: ProviderProcess) -> None:
    """An auto-name is the prefix and seven random hex digits."""
    inputs, _ = provider.check(AUTO)
    assert inputs["name"].startswith("ci-")
    assert len(inputs["name"]) == 10
    int(inputs["name"][3:], 16)


def test_auto_name_is_stable(provider: ProviderProcess) -> None:
    """An auto-name stays as it is at the next check."""
    olds, _ = provider.check(AUTO)
    news, _ = provider.check({**AUTO, "credit_limit": 6.0}, olds)
    assert news["name"] == olds["name"]


def test_auto_name_is_new_at_a_replacement(provider: ProviderProcess) -> None:
    """A check without old inputs, which a replacement makes, gives a new name."""
    olds, _ = provider.check(AUTO)
    news, _ = provider.check(AUTO)
    assert news["name"] != olds["name"]


@pytest.mark.parametrize(
    "olds",
    [
        {"name": "exact"},
        {"name": "ci-renamed elsewhere", "name_prefix": "ci-"},
        {"name": "ci-123456g", "name_prefix": "ci-"},
    ],
)
def test_auto_name_is_new_where_the_old_one_does_not_fit(
    provider: ProviderProcess, olds: dict[str, Any]
) -> None:
    """A name that auto-naming did not give from this prefix is not kept."""
    news, _ = provider.check(AUTO, olds)
    assert news["name"] != olds["name"]


def test_a_new_prefix_keeps_the_digits(provider: ProviderProcess) -> None:
    """Another prefix renames the key, in a preview as well; its digits stay."""
    olds, _ = provider.check(AUTO)
    for hints in ({}, {"__preview": True}):
        news, _ = provider.check({**AUTO, "name_prefix": "dev-", **hints}, olds)
        assert news == {**olds, "name_prefix": "dev-", "name": "dev-" + olds["name"][3:]}


def test_digits_outlast_ignored_prefixes(provider: ProviderProcess) -> None:
    """`ignore_changes` had kept the name while the prefix changed; without it, the digits stay."""
    olds = {"name": "ci-1234567", "name_prefix": "dev-", "is_enabled": True}
    news, _ = provider.check({"name_prefix": "dev-", "__preview": True}, olds)
    assert news["name"] == "dev-1234567"


def test_a_default_prefix_is_for_new_keys(provider: ProviderProcess) -> None:
    """Pulumi may rename a resource without a change, so the key stays what it is."""
    olds, _ = provider.check({**AUTO, "__default_prefix": True})
    news, _ = provider.check({**AUTO, "name_prefix": "renamed-", "__default_prefix": True}, olds)
    assert news == olds


def test_a_rotation_names_anew(provider: ProviderProcess) -> None:
    """The check that the diff is made of has another name, which a preview does not know."""
    olds, _ = provider.check(AUTO)
    news, _ = provider.check({**AUTO, "rotation_triggers": {"a": "b"}}, olds)
    assert news["name"] != olds["name"]
    news, _ = provider.check({**AUTO, "rotation_triggers": {"a": "b"}, "__preview": True}, olds)
    assert news["name"] == UNKNOWN


def test_auto_name_survives_ignore_changes_and_a_new_prefix(provider: ProviderProcess) -> None:
    """The old auto-name beside another prefix is no conflict either."""
    olds, _ = provider.check(AUTO)
    news, failures = provider.check({**AUTO, "name": olds["name"], "name_prefix": "dev-"}, olds)
    assert failures == []
    assert news["name"] == olds["name"]


def test_auto_name_survives_ignore_changes(provider: ProviderProcess) -> None:
    """`ignore_changes` puts the old auto-name beside the prefix: that is no conflict."""
    olds, _ = provider.check(AUTO)
    news, failures = provider.check({**AUTO, "name": olds["name"]}, olds)
    assert failures == []
    assert news == olds


def test_expiry_in_the_past_is_refused_when_new(provider: ProviderProcess) -> None:
    """A new expiry must lie ahead; the line names both instants."""
    _, failures = provider.check({"name": "n", "expires_at": "2001-01-01T00:00:00Z"})
    assert len(failures) == 1
    assert failures[0].startswith(
        "expires_at 2001-01-01T00:00:00Z lies in the past: this machine's clock says 2"
    )


def test_expiry_in_the_past_passes_when_it_is_in_force(provider: ProviderProcess) -> None:
    """A key that expired last week does not block a deployment."""
    expired = {"name": "n", "expires_at": "2001-01-01T00:00:00Z"}
    inputs, failures = provider.check({**expired, "credit_limit": 1.0}, expired)
    assert failures == []
    assert inputs["expires_at"] == "2001-01-01T00:00:00Z"


def test_check_and_diff_make_no_call(provider: ProviderProcess, emulator: Emulator) -> None:
    """Neither check nor diff touches the network."""
    inputs, _ = provider.check(EXACT)
    provider.diff("1", {**inputs, "key_id": 1.0}, {**inputs, "credit_limit": 7.0})
    assert emulator.calls.operations == []


# --- create


def test_exact_name_is_reserved_then_committed(provider: ProviderProcess, emulator: Emulator) -> None:
    """An exact name costs a POST of a reservation and a PATCH."""
    made(provider)
    assert emulator.calls.operations == ["create_key", "update_key"]
    assert emulator.calls[0].json["credit_limit"] == 0
    assert emulator.calls[0].json["name"].startswith("pulumi-account-reservation-")


def test_auto_named_key_is_one_post(provider: ProviderProcess, emulator: Emulator) -> None:
    """An auto-named key costs one POST."""
    made(provider, **AUTO)
    assert emulator.calls.operations == ["create_key"]


def test_created_key_is_as_declared(provider: ProviderProcess, emulator: Emulator) -> None:
    """The server has the declared key, and the plaintext returned unlocks it."""
    key_id, inputs, outs = made(provider, **EXACT, is_enabled=False)
    key = emulator.key(int(key_id))
    assert key is not None
    assert (key["name"], key["credit_limit"], key["is_enabled"]) == ("production", 500, False)
    assert emulator.key_of(outs["key"]) == outs["key_id"] == int(key_id)
    assert {name: outs[name] for name in inputs} == inputs


@pytest.mark.parametrize("name", ["🔑🇩🇪 ключ", "مفتاح الإنتاج", "n" * 255, "🔑" * 255, " x ", "a\tb\nc"])
def test_names_go_through_unchanged(provider: ProviderProcess, emulator: Emulator, name: str) -> None:
    """Any name of 1 to 255 characters is used exactly as it is."""
    key_id, _, outs = made(provider, name=name)
    key = emulator.key(int(key_id))
    assert key is not None
    assert key["name"] == outs["name"] == name


def test_lost_post_leaves_one_key(provider: ProviderProcess, emulator: Emulator) -> None:
    """A POST whose answer was lost is found by its name, deleted and made again."""
    emulator.faults.add(Fault(Drop(commit=True), operation="create_key"))
    _, _, outs = made(provider, **AUTO)
    assert [key["id"] for key in emulator.keys()] == [outs["key_id"]]


def test_recovery_is_told(provider: ProviderProcess, emulator: Emulator) -> None:
    """The user reads of a recovery: the key that was made and deleted."""
    emulator.faults.add(Fault(Drop(commit=True), operation="create_key"))
    made(provider, **AUTO)
    assert "it had made key" in provider.stderr


def test_failed_patch_leaves_no_key(provider: ProviderProcess, emulator: Emulator) -> None:
    """When the PATCH fails for good, the key just made is deleted and the error raised."""
    emulator.faults.add(Fault(Answer(403), operation="update_key"))
    inputs, _ = provider.check(EXACT)
    with pytest.raises(ProviderError, match=r"^pulumi_account\.exceptions\.PermissionDeniedError: PATCH "):
        provider.create(inputs)
    assert emulator.keys() == []


# --- adopt


def test_adopted_key_is_made_as_declared(provider: ProviderProcess, emulator: Emulator) -> None:
    """Adoption GETs the key and PATCHes what differs; the plaintext is the one that was given."""
    key_id, _ = emulator.add("old name", credit_limit=1)
    adopted_id, _, outs = made(provider, name="new", adopt_key_id=float(key_id), adopt_key=PLAINTEXT)
    assert adopted_id == str(key_id)
    assert emulator.calls.operations == ["get_key", "update_key"]
    assert emulator.calls[1].json == {"name": "new", "credit_limit": None}
    assert outs["key"] == PLAINTEXT


def test_adopted_key_that_fits_is_not_written(provider: ProviderProcess, emulator: Emulator) -> None:
    """A key that is as declared already is adopted with one GET; without a plaintext there is no `key`."""
    key_id, _ = emulator.add("n", credit_limit=1)
    _, _, outs = made(provider, name="n", credit_limit=1.0, adopt_key_id=float(key_id))
    assert emulator.calls.operations == ["get_key"]
    assert "key" not in outs


def test_adoption_of_a_missing_key_fails(provider: ProviderProcess) -> None:
    """An id that the account does not have is one clear line."""
    inputs, _ = provider.check({"name": "n", "adopt_key_id": 999_999.0})
    with pytest.raises(
        ProviderError, match=r"AdoptionError: adopt_key_id 999999: the account has no such key$"
    ):
        provider.create(inputs)


def test_a_key_is_adopted_once(provider: ProviderProcess, emulator: Emulator) -> None:
    """Two resources of a stack cannot adopt the same key."""
    key_id, _ = emulator.add("n")
    _, inputs, _ = made(provider, name="n", adopt_key_id=float(key_id))
    with pytest.raises(
        ProviderError, match=f"AdoptionError: adopt_key_id {key_id}: .* managed by a resource"
    ):
        provider.create(inputs)


def test_a_managed_key_is_not_adopted(provider: ProviderProcess) -> None:
    """A key that a resource of the stack has cannot be adopted by another, and the preview says so."""
    key_id, olds, outs = made(provider)
    provider.diff(key_id, outs, olds)
    _, failures = provider.check({"name": "n", "adopt_key_id": float(key_id)})
    assert failures == [
        f"adopt_key_id {key_id}: this key is managed by a resource of this stack already; "
        "if it is the one to be replaced, remove adopt_key_id from it first"
    ]


def test_an_adopted_key_survives_its_former_resource(provider: ProviderProcess, emulator: Emulator) -> None:
    """A key that this run adopted is not deleted with the resource that had it before; the user is told."""
    key_id, _ = emulator.add("n")
    former = provider.read(str(key_id)).outs
    made(provider, name="n", adopt_key_id=float(key_id))
    provider.delete(str(key_id), former)
    assert emulator.key(key_id) is not None
    assert f"key {key_id} is kept" in provider.stderr


def test_a_managed_key_is_not_adopted_in_the_other_order_either(
    provider: ProviderProcess, emulator: Emulator
) -> None:
    """The same where the adopting resource is declared before the one that has the key from an earlier run."""
    key_id, _ = emulator.add("n")
    outs = provider.read(str(key_id)).outs
    _, failures = provider.check({"name": "n", "adopt_key_id": float(key_id)})
    assert failures == []
    with pytest.raises(
        ProviderError, match=rf"AdoptionError: key {key_id} is this resource's, and another one"
    ):
        provider.diff(str(key_id), outs, outs)


def test_a_key_whose_adoption_failed_is_not_deleted(provider: ProviderProcess, emulator: Emulator) -> None:
    """When its new resource could not adopt a key, the deletion of its old one fails, and the key lives."""
    key_id, _ = emulator.add("old name")
    inputs, _ = provider.check({"name": "n", "adopt_key_id": float(key_id)})
    emulator.faults.add(Fault(Answer(403), operation="update_key"))
    with pytest.raises(ProviderError, match="PermissionDeniedError"):
        provider.create(inputs)
    with pytest.raises(ProviderError, match=rf"AdoptionError: key {key_id} is not deleted"):
        provider.delete(str(key_id), inputs)
    assert emulator.key(key_id) is not None


def test_a_plaintext_that_the_api_gave_is_not_overwritten(provider: ProviderProcess) -> None:
    """`adopt_key` beside the own id does not replace the plaintext of a key that was made here."""
    key_id, olds, outs = made(provider)
    news, _ = provider.check({**EXACT, "adopt_key_id": float(key_id), "adopt_key": PLAINTEXT}, olds)
    assert provider.update(key_id, outs, news)["key"] == outs["key"]


def test_adopting_another_key_replaces(provider: ProviderProcess, emulator: Emulator) -> None:
    """Another `adopt_key_id` replaces the resource."""
    key_id, inputs, outs = made(provider)
    news, _ = provider.check({**EXACT, "adopt_key_id": 1e9}, inputs)
    assert provider.diff(key_id, outs, news) == ("unknown", ["adopt_key_id"])


@pytest.mark.parametrize("adopt", [True, False])
def test_naming_or_dropping_the_own_id_replaces_nothing(provider: ProviderProcess, adopt: bool) -> None:
    """`adopt_key_id` may be added for the key that the resource has, and removed once it is adopted."""
    key_id, inputs, outs = made(provider)
    adopting = {**EXACT, "adopt_key_id": float(key_id)}
    news, _ = provider.check(adopting if adopt else EXACT, inputs)
    olds = outs if adopt else {**outs, "adopt_key_id": float(key_id)}
    assert provider.diff(key_id, olds, news) == ("unknown", [])


def test_a_forced_replacement_of_an_adopted_key_is_refused(
    provider: ProviderProcess, emulator: Emulator, next_run: ProviderProcess
) -> None:
    """A replacement that no diff asks for is checked a second time, without old inputs: the preview says no."""
    key_id, _ = emulator.add("n")
    adopting = {"name": "n", "adopt_key_id": float(key_id)}
    _, inputs, _ = made(provider, **adopting)
    assert next_run.check(adopting, inputs)[1] == []
    assert "remove adopt_key_id from it first" in next_run.check(adopting)[1][0]


def test_a_key_that_is_yet_to_be_adopted_is_not_deleted(
    provider: ProviderProcess, emulator: Emulator, next_run: ProviderProcess
) -> None:
    """A tainted resource is checked once, and then deleted before it would adopt its key again: the key lives."""
    key_id, _ = emulator.add("n")
    adopting = {"name": "n", "adopt_key_id": float(key_id)}
    _, _, outs = made(provider, **adopting)
    next_run.check(adopting)
    with pytest.raises(ProviderError, match=rf"AdoptionError: key {key_id} is not deleted"):
        next_run.delete(str(key_id), outs)
    assert emulator.key(key_id) is not None


def test_a_key_that_may_be_adopted_again_is_not_deleted(
    provider: ProviderProcess, emulator: Emulator
) -> None:
    """The engine deletes first what depends on a replaced resource, before `adopt_key_id` is known again."""
    key_id, _ = emulator.add("n")
    _, inputs, outs = made(provider, name="n", adopt_key_id=float(key_id))
    assert provider.diff(str(key_id), outs, {**inputs, "adopt_key_id": UNKNOWN}).replaces == ["adopt_key_id"]
    with pytest.raises(ProviderError, match=rf"AdoptionError: key {key_id} is not deleted"):
        provider.delete(str(key_id), outs)
    assert emulator.key(key_id) is not None


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


def test_a_key_of_two_resources_is_not_deleted_with_one(
    provider: ProviderProcess, emulator: Emulator, next_run: ProviderProcess
) -> None:
    """The same where nothing is updated: it is enough that another resource was seen to keep the key."""
    key_id, _ = emulator.add("n")
    _, inputs, new = made(provider, name="n", adopt_key_id=float(key_id))
    next_run.diff(str(key_id), {**new, "adopt_key_id": None}, {**inputs, "adopt_key_id": None})
    next_run.delete(str(key_id), {**new, "__adoption": "another"})
    assert emulator.key(key_id) is not None


def test_whose_key_it_is_may_not_be_known(
    provider: ProviderProcess, emulator: Emulator, next_run: ProviderProcess
) -> None:
    """Two resources that an older version let adopt one key cannot be told apart: nothing is deleted."""
    key_id, _ = emulator.add("n")
    _, inputs, outs = made(provider, name="n", adopt_key_id=float(key_id))
    del outs["__adoption"]
    next_run.diff(str(key_id), outs, {**inputs, "adopt_key_id": None})
    with pytest.raises(ProviderError, match=rf"AdoptionError: key {key_id} is not deleted"):
        next_run.delete(str(key_id), outs)
    assert emulator.key(key_id) is not None


def test_the_last_of_two_resources_deletes_their_key(
    provider: ProviderProcess, emulator: Emulator, next_run: ProviderProcess
) -> None:
    """Where both go after a refresh, which looks at both, the first leaves the key to the second."""
    key_id, _ = emulator.add("n")
    _, inputs, outs = made(provider, name="n", adopt_key_id=float(key_id))
    former = {**outs, "__adoption": "another"}
    for entry in (outs, former):
        next_run.read(str(key_id), entry)
        assert next_run.diff(str(key_id), entry, inputs) == ("none", [])
    next_run.delete(str(key_id), former)
    assert emulator.key(key_id) is not None
    next_run.delete(str(key_id), outs)
    assert emulator.key(key_id) is None


def test_a_refresh_takes_no_key_from_who_is_to_adopt_it(
    provider: ProviderProcess, emulator: Emulator, next_run: ProviderProcess
) -> None:
    """`up --refresh` looks at the resource that the program no longer declares, and then lets another adopt its key."""
    key_id, inputs, outs = made(provider)
    next_run.read(key_id, outs)
    next_run.diff(key_id, outs, inputs)
    made(next_run, name="n", adopt_key_id=float(key_id))
    next_run.delete(key_id, outs)
    assert emulator.key(int(key_id)) is not None


def test_a_preview_says_what_an_adoption_changes(next_run: ProviderProcess, emulator: Emulator) -> None:
    """It says so in a line for each property, defaults that nobody wrote down included, and writes nothing."""
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


def test_a_preview_says_what_an_adoption_may_change(provider: ProviderProcess, emulator: Emulator) -> None:
    """What is not known yet is said to be so."""
    key_id, _ = emulator.add("chk", credit_limit="3.5")
    declared = {"name": "chk", "credit_limit": UNKNOWN, "adopt_key_id": float(key_id), "__preview": True}
    provider.check(declared)
    told = [line for line in provider.stderr.splitlines() if line.startswith(f"adopt_key_id {key_id}: ")]
    assert told == [f"adopt_key_id {key_id}: credit_limit 3.5 => not known yet"]


def test_a_preview_of_an_adoption_asks_for_a_missing_key(provider: ProviderProcess) -> None:
    """An id that the account does not have fails in the preview."""
    _, failures = provider.check({"name": "n", "adopt_key_id": 888_888.0, "__preview": True})
    assert failures == ["adopt_key_id 888888: the account has no such key"]


def test_rotation_of_a_key_still_being_adopted_is_refused(
    provider: ProviderProcess, emulator: Emulator
) -> None:
    """A rotation that would adopt again the key it deletes is stopped in the preview."""
    key_id, _ = emulator.add("n")
    _, inputs, outs = made(provider, name="n", adopt_key_id=float(key_id))
    with pytest.raises(
        ProviderError, match=r"AdoptionError: rotation_triggers changed.*remove adopt_key_id$"
    ):
        provider.diff(str(key_id), outs, {**inputs, "rotation_triggers": {"q": "1"}})


# --- diff


def test_rotation_triggers_replace(provider: ProviderProcess) -> None:
    """A changed trigger replaces the key."""
    key_id, inputs, outs = made(provider, **EXACT, rotation_triggers={"q": "1"})
    assert provider.diff(key_id, outs, {**inputs, "rotation_triggers": {"q": "2"}}).replaces == [
        "rotation_triggers"
    ]


def test_unknown_trigger_replaces(provider: ProviderProcess) -> None:
    """A trigger that the preview does not know yet shows the replacement it may bring."""
    key_id, inputs, outs = made(provider, **EXACT, rotation_triggers={"q": "1"})
    assert provider.diff(key_id, outs, {**inputs, "rotation_triggers": {"q": UNKNOWN}}).replaces


def test_empty_triggers_are_none(provider: ProviderProcess) -> None:
    """An empty map of triggers is the same as none."""
    key_id, inputs, outs = made(provider)
    news, _ = provider.check({**EXACT, "rotation_triggers": {}}, inputs)
    assert provider.diff(key_id, outs, news) == ("none", [])


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


# --- update


def test_update_sends_only_what_changed(provider: ProviderProcess, emulator: Emulator) -> None:
    """One PATCH says just what changed; null removes a limit and an expiry."""
    key_id, inputs, outs = made(provider)
    emulator.calls.clear()
    provider.update(key_id, outs, {"name": "production", "is_enabled": inputs["is_enabled"]})
    assert emulator.calls.operations == ["update_key"]
    assert emulator.calls[0].json == {"credit_limit": None, "expires_at": None}


def test_zero_is_a_limit(provider: ProviderProcess, emulator: Emulator) -> None:
    """A limit of 0 is sent as 0, which is not the same as no limit."""
    key_id, inputs, outs = made(provider)
    updated = provider.update(key_id, outs, {**inputs, "credit_limit": 0.0})
    assert emulator.calls[-1].json == {"credit_limit": 0}
    assert updated["credit_limit"] == 0


def test_update_without_changes_on_the_server_makes_no_call(
    provider: ProviderProcess, emulator: Emulator
) -> None:
    """An update that the server need not know of makes no call, and keeps all outputs."""
    key_id, inputs, outs = made(provider)
    emulator.calls.clear()
    updated = provider.update(key_id, {**outs, "adopt_key_id": float(key_id)}, inputs)
    assert updated == {**outs, "__adoption": updated["__adoption"]}
    assert emulator.calls.operations == []


def test_update_of_a_key_deleted_elsewhere_says_what_to_do(
    provider: ProviderProcess, emulator: Emulator
) -> None:
    """The one line names the key and `pulumi refresh`."""
    key_id, inputs, outs = made(provider)
    emulator.remove(int(key_id))
    with pytest.raises(
        ProviderError, match=f"^pulumi_account.*KeyGoneError: key {key_id} .*`pulumi refresh`"
    ):
        provider.update(key_id, outs, {**inputs, "credit_limit": 1.0})


# --- read


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


@pytest.mark.parametrize("body", ["html", "detail", "empty"])
def test_refresh_does_not_believe_a_strangers_404(
    provider: ProviderProcess, emulator: Emulator, body: Any
) -> None:
    """A 404 that is not the API's own is an error, never "gone"."""
    key_id, _, outs = made(provider)
    emulator.remove(int(key_id))
    emulator.faults.add(Fault(Answer(404, body=body), operation="get_key"))
    with pytest.raises(ProviderError, match="UnexpectedResponseError"):
        provider.read(key_id, outs)


def test_refresh_keeps_what_the_server_does_not_know(provider: ProviderProcess, emulator: Emulator) -> None:
    """Prefix, triggers and adoption come back as they were declared."""
    key_id, _ = emulator.add("n")
    extra = {"rotation_triggers": {"q": "1"}, "adopt_key": PLAINTEXT, "adopt_key_id": float(key_id)}
    _, inputs, outs = made(provider, name="n", **extra)
    assert provider.read(str(key_id), outs).inputs == inputs


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


def test_an_expired_key_is_told(provider: ProviderProcess, emulator: Emulator) -> None:
    """It cannot be used, and its diff would say nothing, as nothing has changed."""
    key_id, inputs, outs = made(provider, name="n", expires_at=FAR)
    over = {"expires_at": "2020-01-01T00:00:00Z"}
    for _ in range(2):
        provider.diff(key_id, outs | over, inputs | over)
    line = f"key {key_id} expired at 2020-01-01T00:00:00Z: change expires_at, or remove it"
    assert provider.stderr.count(line) == 1


def test_an_expired_key_is_not_rotated(provider: ProviderProcess) -> None:
    """The new key would be expired, too: the first check says what to do."""
    olds = {"name": "n", "is_enabled": True, "expires_at": "2020-01-01T00:00:00Z"}
    _, failures = provider.check({**olds, "rotation_triggers": {"a": "b"}}, olds)
    assert failures == ["expires_at 2020-01-01T00:00:00Z is over: a new key needs a later one, or none"]


def test_get_of_a_missing_key_is_an_error(provider: ProviderProcess) -> None:
    """`ApiKey.get` of an id that the account does not have fails in one line."""
    with pytest.raises(ProviderError, match=r"^pulumi_account\.exceptions\.NotFoundError: .* no key 999999$"):
        provider.read("999999")


def test_get_of_no_id_is_an_error(provider: ProviderProcess) -> None:
    """`ApiKey.get` of something that is no id fails in one line."""
    with pytest.raises(
        ProviderError, match=r"InvalidInputError: id must be the id of a key, a whole number$"
    ):
        provider.read(PLAINTEXT)


@pytest.mark.parametrize(
    "method",
    [
        lambda provider: provider.diff(PLAINTEXT, EXACT, EXACT),
        lambda provider: provider.update(PLAINTEXT, EXACT, EXACT),
        lambda provider: provider.delete(PLAINTEXT, EXACT),
    ],
    ids=["diff", "update", "delete"],
)
def test_a_state_whose_id_is_none(
    provider: ProviderProcess, method: Callable[[ProviderProcess], object]
) -> None:
    """An id that somebody has edited into the state is refused in one line, too."""
    with pytest.raises(
        ProviderError, match=r"InvalidInputError: id must be the id of a key, a whole number$"
    ):
        method(provider)


# --- delete


def test_delete_is_one_call(provider: ProviderProcess, emulator: Emulator) -> None:
    """DELETE, and the key is gone."""
    key_id, _, outs = made(provider)
    emulator.calls.clear()
    provider.delete(key_id, outs)
    assert emulator.calls.operations == ["delete_key"]
    assert emulator.keys() == []


def test_delete_of_a_key_deleted_elsewhere_succeeds(provider: ProviderProcess, emulator: Emulator) -> None:
    """The API's own 404 is success."""
    key_id, _, outs = made(provider)
    emulator.remove(int(key_id))
    provider.delete(key_id, outs)


def test_delete_does_not_believe_a_strangers_404(provider: ProviderProcess, emulator: Emulator) -> None:
    """A 404 that is not the API's own is no proof that the key is gone."""
    key_id, _, outs = made(provider)
    emulator.faults.add(Fault(Answer(404, body="html"), operation="delete_key"))
    with pytest.raises(ProviderError, match="UnexpectedResponseError"):
        provider.delete(key_id, outs)


# --- configuration and errors


def test_missing_provisioning_key_names_both_places(tmp_path: Path) -> None:
    """Without a provisioning key, check fails in one line that names both places it is looked for."""
    with (
        ProviderProcess({}, tmp_path, {"ACCOUNT_PROVISIONING_KEY": ""}) as provider,
        pytest.raises(ProviderError) as caught,
    ):
        provider.check(EXACT)
    assert "account:provisioningKey" in str(caught.value)
    assert "ACCOUNT_PROVISIONING_KEY" in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_environment_wins_over_configuration(emulator: Emulator, tmp_path: Path) -> None:
    """A refresh uses the configuration of the last update, so the environment must win."""
    key_id, _ = emulator.add("n")
    env = {"ACCOUNT_ENDPOINT": emulator.url, "ACCOUNT_PROVISIONING_KEY": PROVISIONING_KEY}
    with ProviderProcess({"account:provisioningKey": "prov-canary-revoked"}, tmp_path, env) as provider:
        assert provider.read(str(key_id)).outs["name"] == "n"


def test_environment_does_not_reach_an_explicit_instance(emulator: Emulator, tmp_path: Path) -> None:
    """An explicit instance uses its own inputs alone."""
    key_id, _ = emulator.add("n")
    config = {
        "account:instance": "eu",
        "account:endpoint": emulator.url,
        "account:provisioningKey": OTHER_PROVISIONING_KEY,
    }
    env = {"ACCOUNT_ENDPOINT": "http://127.0.0.1:9", "ACCOUNT_PROVISIONING_KEY": "prov-canary-revoked"}
    with ProviderProcess(config, tmp_path, env) as provider:
        assert provider.read(str(key_id)).outs["name"] == "n"


def instance(emulator: Emulator, name: str = "eu") -> dict[str, str]:
    """What an explicit provider instance for an account is configured with."""
    return {
        "account:instance": name,
        "account:endpoint": emulator.url,
        "account:provisioningKey": PROVISIONING_KEY,
    }


@pytest.fixture
def next_run(emulator: Emulator, tmp_path: Path) -> Iterator[ProviderProcess]:
    """A process that knows nothing of what came before."""
    with ProviderProcess(instance(emulator, ""), tmp_path, {}) as process:
        yield process


@pytest.fixture
def another() -> Iterator[Emulator]:
    """Another account."""
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
        yield emulator


def test_a_key_of_another_instance_is_replaced(
    provider: ProviderProcess, another: Emulator, tmp_path: Path
) -> None:
    """A resource that is given another account's provider instance gets a new key there."""
    key_id, inputs, outs = made(provider)
    with ProviderProcess(instance(another), tmp_path, {}) as eu:
        assert eu.diff(key_id, outs, inputs) == ("some", ["provider"])
        with pytest.raises(ProviderError, match=r"AdoptionError: provider changed.*remove adopt_key_id$"):
            eu.diff(key_id, outs, {**inputs, "adopt_key_id": float(key_id)})


def test_an_instance_is_known_by_its_name(emulator: Emulator, tmp_path: Path) -> None:
    """The outputs name the instance, as they do in users' states, and then no call is made."""
    with ProviderProcess(instance(emulator), tmp_path, {}) as eu:
        key_id, inputs, outs = made(eu)
        assert outs["__instance"] == "eu"
        assert eu.diff(key_id, outs, inputs) == ("none", [])
        assert eu.read(key_id, outs).outs == outs
    assert emulator.calls.operations == ["create_key", "update_key", "get_key"]


IDS = {"__instance_id": "5b1f"}


def test_a_key_of_another_instance_of_the_same_name_is_replaced(
    emulator: Emulator, another: Emulator, tmp_path: Path
) -> None:
    """Two instances may bear one name under different parents: the id that the engine gave them tells them apart."""
    with ProviderProcess(instance(emulator), tmp_path, {}) as one:
        key_id, inputs, outs = made(one, **EXACT, **IDS)
    with ProviderProcess(instance(another), tmp_path, {}) as other:
        news, _ = other.check({**EXACT, "__instance_id": "77c0"}, inputs)
        assert other.diff(key_id, outs, news) == ("some", ["provider"])


def test_old_inputs_tell_of_another_instance_of_the_same_name(
    emulator: Emulator, another: Emulator, tmp_path: Path
) -> None:
    """The same where outputs hold no id: an unchanged deployment since has put it into the inputs."""
    with ProviderProcess(instance(emulator), tmp_path, {}) as one:
        key_id, inputs, outs = made(one)
        inputs, _ = one.check({**EXACT, **IDS}, inputs)
        assert one.diff(key_id, outs, inputs) == ("none", [])
    with ProviderProcess(instance(another), tmp_path, {}) as other:
        news, _ = other.check({**EXACT, "__instance_id": "77c0"}, inputs)
        assert other.diff(key_id, outs, news) == ("some", ["provider"])


def test_an_instance_that_is_not_there_yet_is_asked(
    emulator: Emulator, another: Emulator, tmp_path: Path
) -> None:
    """The preview of a new instance, whose id is not known yet, says already that the key is replaced."""
    with ProviderProcess(instance(emulator), tmp_path, {}) as one:
        key_id, inputs, outs = made(one)
    with ProviderProcess(instance(another), tmp_path, {}) as other:
        news, _ = other.check({**EXACT, "__instance_id": UNKNOWN}, inputs)
        assert other.diff(key_id, outs, news) == ("some", ["provider"])


@pytest.mark.parametrize(
    ("former", "present"),
    [
        ({"__instance": "eu"}, {}),
        ({"__instance": "eu", **IDS}, IDS),
        ({"__instance": "eu", **IDS}, {"__instance_id": "77c0"}),
        ({"__instance": "eu", **IDS}, {"__instance_id": UNKNOWN}),
        ({}, IDS),
        ({}, {}),
    ],
)
def test_another_name_of_an_instance_replaces_nothing(
    emulator: Emulator, tmp_path: Path, former: dict[str, str], present: dict[str, str]
) -> None:
    """Whatever an instance is called now, and whatever an SDK has dropped, a key that its account has stays."""
    with ProviderProcess(instance(emulator, "europe"), tmp_path, {}) as europe:
        key_id, inputs, outs = made(europe)
        del outs["__instance"]
        news, _ = europe.check({**EXACT, **present}, inputs)
        assert europe.diff(key_id, {**outs, **former}, news) == ("none", [])


def test_a_refresh_by_another_instance_forgets_nothing(
    emulator: Emulator, another: Emulator, tmp_path: Path
) -> None:
    """`refresh --run-program` asks the account that the key is to move to: that has no such key, the other one has."""
    with ProviderProcess(instance(emulator), tmp_path, {}) as eu:
        key_id, _, outs = made(eu)
    with (
        ProviderProcess(instance(another, "us"), tmp_path, {}) as us,
        pytest.raises(
            ProviderError,
            match=rf"ConfigurationError: the account has no key {key_id}, but another provider made",
        ),
    ):
        us.read(key_id, outs)


def test_an_instance_keeps_its_id_through_a_refresh(emulator: Emulator, tmp_path: Path) -> None:
    """The id stands in the inputs and the outputs that a refresh returns."""
    with ProviderProcess(instance(emulator), tmp_path, {}) as eu:
        key_id, _, outs = made(eu, **EXACT, **IDS)
        found = eu.read(key_id, outs)
    assert (found.inputs["__instance_id"], found.outs["__instance_id"]) == ("5b1f", "5b1f")


def test_refresh_does_not_take_another_accounts_key(provider: ProviderProcess, emulator: Emulator) -> None:
    """A key with the same id that was made at another instant is another account's: nothing is taken over."""
    key_id, _, outs = made(provider)
    with pytest.raises(
        ProviderError, match=rf"ConfigurationError: key {key_id} was made at .* another account$"
    ):
        provider.read(key_id, {**outs, "created_at": "2020-01-01T00:00:00Z"})


def test_update_does_not_take_another_accounts_key(provider: ProviderProcess) -> None:
    """The answer to a PATCH tells that it was another account's key: one line says so, and that it is changed."""
    key_id, inputs, outs = made(provider)
    with pytest.raises(
        ProviderError, match=r"ConfigurationError: .* another account; it has been changed there$"
    ):
        provider.update(
            key_id, {**outs, "created_at": "2020-01-01T00:00:00Z"}, {**inputs, "credit_limit": 1.0}
        )


def test_an_engine_that_is_gone_gets_no_key(emulator: Emulator, tmp_path: Path) -> None:
    """A provider that outlives its engine deletes what it makes: nobody would know of it."""
    config = {"account:provisioningKey": PROVISIONING_KEY, "account:endpoint": emulator.url}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        engine = f"127.0.0.1:{listening.getsockname()[1]}"
        with ProviderProcess(config, tmp_path, {}, engine) as provider:
            made(provider, **EXACT)
            listening.close()
            with pytest.raises(
                ProviderError, match=r"AbandonedError: the engine that requested key \d+ has exited"
            ):
                made(provider, **EXACT)
    assert [key["name"] for key in emulator.keys()] == ["production"]


def test_loopback_only_refuses_a_real_account(tmp_path: Path) -> None:
    """With ACCOUNT_LOOPBACK_ONLY, which LocalEngine sets, no real account can be reached."""
    config = {"account:provisioningKey": PROVISIONING_KEY}
    env = {"ACCOUNT_LOOPBACK_ONLY": "1", "ACCOUNT_ENDPOINT": "https://account.example"}
    with (
        ProviderProcess(config, tmp_path, env) as provider,
        pytest.raises(
            ProviderError, match=r"ConfigurationError: .*https://account\.example is not on this machine"
        ),
    ):
        provider.check(EXACT)


def test_a_proxy_of_no_use_is_told_before_any_call(tmp_path: Path) -> None:
    """A proxy that cannot be used fails the check, so in the preview already."""
    config = {"account:provisioningKey": PROVISIONING_KEY}
    env = {"ACCOUNT_ENDPOINT": "https://account.example", "HTTPS_PROXY": "gopher://proxy.example"}
    with (
        ProviderProcess(config, tmp_path, env) as provider,
        pytest.raises(ProviderError, match="ConfigurationError: HTTPS_PROXY must be http://host:port"),
    ):
        provider.check(EXACT)


def test_certificates_of_no_use_are_told_before_any_call(tmp_path: Path) -> None:
    """Certificates that cannot be read fail the check, so in the preview already, and are no defect."""
    config = {"account:provisioningKey": PROVISIONING_KEY}
    env = {"ACCOUNT_ENDPOINT": "https://account.example", "SSL_CERT_FILE": "/nowhere.pem"}
    with (
        ProviderProcess(config, tmp_path, env) as provider,
        pytest.raises(
            ProviderError,
            match=r"^pulumi_account\.exceptions\.ConfigurationError: SSL_CERT_FILE is /nowhere\.pem, .*$",
        ),
    ):
        provider.check(EXACT)


def test_the_client_is_made_at_the_first_call() -> None:
    """A preview, which makes no call, does not wait for a client: that takes long to make."""
    code = """
import sys
from pulumi.dynamic import Config, ConfigureRequest
from pulumi_account.lifecycle import OLDEST_SDK, ApiKeyLifecycle

lifecycle = ApiKeyLifecycle()
lifecycle.configure(ConfigureRequest(Config({}, "project")))
assert not lifecycle.check({}, {"name": "n"}).failures
print("httpx" in sys.modules)
"""
    env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    env |= {"ACCOUNT_ENDPOINT": "http://127.0.0.1:9", "ACCOUNT_PROVISIONING_KEY": PROVISIONING_KEY}
    run = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.strip() == "False"


def test_refused_provisioning_key_is_one_line_without_it(emulator: Emulator, tmp_path: Path) -> None:
    """A wrong provisioning key is told in one line that does not hold it."""
    config = {"account:provisioningKey": "prov-canary-wrong", "account:endpoint": emulator.url}
    with (
        ProviderProcess(config, tmp_path, {}) as provider,
        pytest.raises(ProviderError, match=r"^pulumi_account\.exceptions\.AuthenticationError: [^\n]*$"),
    ):
        provider.read("1")


def test_unforeseen_error_is_one_line_with_its_place(provider: ProviderProcess) -> None:
    """A defect is told by kind and place, without a traceback and without any value."""
    with pytest.raises(
        ProviderError,
        match=r"^pulumi_account\.exceptions\.InternalError: unexpected InvalidOperation at properties\.py:\d+ < ",
    ) as caught:
        provider.update("1", {"credit_limit": PLAINTEXT}, EXACT)
    assert_clean(caught.value)


def test_an_unforeseen_error_is_forgotten() -> None:
    """What is told of a defect does not lead back to it: its words may be a plaintext."""

    class Defective(dict[str, Any]):
        def get(self, name: str, default: Any = None) -> Any:
            raise ValueError(PLAINTEXT)

    request = ConfigureRequest(config=Defective())  # type: ignore[arg-type]
    refusal(
        InternalError, lambda: ApiKeyLifecycle().configure(request), "unexpected ValueError at test_lifecycle"
    )


def test_secret_plaintexts_never_reach_the_log(provider: ProviderProcess, emulator: Emulator) -> None:
    """After all of this, the provider's standard error holds no credential and no traceback."""
    made(provider)
    assert_clean(provider.stderr)
    assert "Traceback" not in provider.stderr
