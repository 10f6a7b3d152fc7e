"""Rotating keys in the provider's process: what states hold of them, and what both kinds of key share."""

from __future__ import annotations

import base64
import pickle
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pulumi.dynamic.dynamic import serialize_provider

from pulumi_account import RotatingApiKey
from pulumi_account.core.properties import ROTATING_API_KEY_TYPE
from pulumi_account.emulator import Emulator, Fault
from pulumi_account.emulator.faults import Answer
from pulumi_account.lifecycle import RotatingApiKeyLifecycle
from pulumi_account.program import rotating_api_key
from tests.lifecycle.conftest import instance
from tests.support.helpers import made
from tests.support.provider_process import ROTATING_PROVIDER, UNKNOWN, ProviderProcess

BATCH: dict[str, Any] = {"name": "batch", "every": "30d", "overlap": "2d"}
FULL: dict[str, Any] = {
    **BATCH,
    "anchor": "2026-01-01T00:00:00Z",
    "rotate_now": "1",
    "revoke": "1",
    "credit_limit": 20.0,
    "labels": {"team": "search"},
    "delete_guard": "7d",
}


@pytest.fixture
def rotating(provider: ProviderProcess) -> ProviderProcess:
    """The provider's process, asked about rotating keys."""
    return provider.rotating()


def test_pickled_provider_is_pinned() -> None:
    """The serialized provider in users' states is these very bytes, whichever Python runs the program."""
    assert rotating_api_key.PROVIDER == ROTATING_PROVIDER


@pytest.mark.skipif(pickle.DEFAULT_PROTOCOL != 4, reason="the SDK pickles with this Python's own protocol")
def test_pinned_provider_is_what_the_sdk_pickles() -> None:
    """The pinned bytes are those that the SDK itself would make."""
    assert serialize_provider(RotatingApiKeyLifecycle()) == ROTATING_PROVIDER


def test_pinned_provider_is_a_reference() -> None:
    """The pinned bytes still load as the lifecycle class."""
    assert type(pickle.loads(base64.b64decode(ROTATING_PROVIDER))) is RotatingApiKeyLifecycle


def test_provider_is_no_secret() -> None:
    """The reference is stored in the open, so state need not be decrypted to find it."""
    assert RotatingApiKeyLifecycle.serialize_as_secret_always is False


def test_type_token_is_pinned() -> None:
    """Users' stacks contain exactly this type."""
    token = f"pulumi-python:{RotatingApiKey._resource_type_name}"
    assert token == ROTATING_API_KEY_TYPE == "pulumi-python:dynamic/account:RotatingApiKey"


def test_input_names_are_pinned(rotating: ProviderProcess) -> None:
    """The inputs that users' states hold have these names."""
    inputs, _ = rotating.check(FULL)
    assert set(inputs) == {*FULL, "is_enabled", "generation", "reason", "decided_at"}


def test_output_names_are_pinned(rotating: ProviderProcess) -> None:
    """The outputs that users' states hold have these names."""
    _, inputs, outs = made(rotating, **FULL)
    own = {"key", "key_id", "created_at", "rotated_at", "next_rotation_at", "retired"}
    assert set(outs) == {*inputs, *own}


def test_the_prefix_is_an_output(rotating: ProviderProcess) -> None:
    """The name of an auto-named key is made of it."""
    _, inputs, outs = made(rotating, name_prefix="ci-", every="30d")
    assert inputs["name_prefix"] == outs["name_prefix"] == "ci-"


def test_hidden_output_names_are_pinned(emulator: Emulator, tmp_path: Path) -> None:
    """So are the outputs that no display shows."""
    with ProviderProcess(instance(emulator), tmp_path, {"ACCOUNT_RETRY_DEADLINE": "0"}) as process:
        eu = process.rotating()
        _, inputs, outs = made(eu, **BATCH, __instance_id="5b1f")
        emulator.faults.add(Fault(Answer(500), operation="delete_key"))
        news, _ = eu.check({**BATCH, "revoke": "1", "__instance_id": "5b1f"}, inputs)
        outs = eu.update("id", outs, news)
    assert {name for name in outs if name.startswith("__")} == {"__revoked", "__instance", "__instance_id"}


def test_names_of_a_retired_key_are_pinned(rotating: ProviderProcess) -> None:
    """A plaintext is not among them."""
    _, inputs, outs = made(rotating, **BATCH)
    news, _ = rotating.check({**BATCH, "rotate_now": "1"}, inputs)
    (entry,) = rotating.update("id", outs, news)["retired"]
    assert set(entry) == {"key_id", "name", "expires_at"}


def test_a_plaintext_is_a_secret(rotating: ProviderProcess) -> None:
    """After the creation, a rotation, and a refresh."""
    _, inputs, outs = made(rotating, **BATCH)
    assert rotating.sealed == (set(), {"key"})
    news, _ = rotating.check({**BATCH, "rotate_now": "1"}, inputs)
    outs = rotating.update("id", outs, news)
    assert rotating.sealed == (set(), {"key"})
    rotating.read("id", outs, news)
    assert rotating.sealed == (set(), {"key"})


def test_a_rotation_is_for_the_engine_to_show(rotating: ProviderProcess) -> None:
    """The engine compares the inputs and names the changed ones."""
    _, inputs, outs = made(rotating, **BATCH)
    news, _ = rotating.check({**BATCH, "rotate_now": "1"}, inputs)
    assert rotating.diff("id", outs, news) == ("unknown", [])


def test_a_deletion_that_is_due_is_a_change(rotating: ProviderProcess, emulator: Emulator) -> None:
    """No input shows it, so the provider reports an update itself."""
    _, inputs, outs = made(rotating, **BATCH)
    news, _ = rotating.check({**BATCH, "rotate_now": "1"}, inputs)
    outs = rotating.update("id", outs, news)
    outs["retired"][0]["expires_at"] = "2020-01-01T00:00:00Z"
    assert rotating.diff("id", outs, news) == ("some", [])


def test_a_second_up_changes_nothing(rotating: ProviderProcess, emulator: Emulator) -> None:
    """No call, before and after a refresh."""
    _, inputs, outs = made(rotating, **FULL)
    emulator.calls.clear()
    again, _ = rotating.check(FULL, inputs)
    assert again == inputs
    assert rotating.diff("id", outs, again).changes == "none"
    assert emulator.calls.operations == []
    assert rotating.read("id", outs, inputs) == ("id", outs, inputs)


def test_check_passes_unknowns(rotating: ProviderProcess) -> None:
    """What a preview does not know yet passes through, unknown, and so is the generation."""
    inputs, failures = rotating.check({"name": UNKNOWN, "every": UNKNOWN, "__preview": True})
    assert failures == []
    assert inputs == {
        **dict.fromkeys(["name", "every", "generation", "reason", "anchor"], UNKNOWN),
        "is_enabled": True,
    }


def test_a_refresh_keeps_a_key_deleted_elsewhere(rotating: ProviderProcess, emulator: Emulator) -> None:
    """The resource stays, without its key."""
    _, inputs, outs = made(rotating, **BATCH)
    emulator.remove(outs["key_id"])
    found = rotating.read("id", outs, inputs)
    assert found.id == "id"
    assert "key" not in found.outs
    assert found.inputs == {**inputs, "deleted_elsewhere": True}


@pytest.mark.parametrize("share", [1, 30, 60])
def test_a_refresh_of_both_kinds_takes_few_calls(
    next_run: ProviderProcess, emulator: Emulator, share: int
) -> None:
    """Three GETs and one LIST for any mix of 61 keys: both kinds share one client."""
    plain, rotating = next_run, next_run.rotating()
    keys = [made(plain, name_prefix=f"p{n}-") for n in range(share)]
    rotated = [made(rotating, name_prefix=f"r{n}-", every="30d") for n in range(61 - share)]
    emulator.calls.clear()
    todo = [(plain, *one) for one in keys] + [(rotating, *one) for one in rotated]

    def refresh(one: Any) -> None:
        process, key_id, inputs, outs = one
        assert process.read(key_id, outs, inputs) == (key_id, outs, inputs)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(refresh, todo))
    assert Counter(emulator.calls.operations) == {"get_key": 3, "list_keys": 1}


def test_both_kinds_share_an_account(next_run: ProviderProcess, emulator: Emulator) -> None:
    """A plain key cannot adopt the key of a rotating one."""
    rotating = next_run.rotating()
    id_, inputs, outs = made(rotating, **BATCH)
    rotating.diff(id_, outs, inputs)
    _, failures = next_run.check({"name": "n", "adopt_key_id": float(outs["key_id"])})
    (line,) = failures
    assert "already manages this key" in line
