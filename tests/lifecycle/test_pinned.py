"""What users' states hold, and that plaintexts in it are secrets."""

from __future__ import annotations

import base64
import pickle
from pathlib import Path

import pytest
from pulumi.dynamic.dynamic import serialize_provider

from pulumi_account.emulator import Emulator
from pulumi_account.lifecycle import ApiKeyLifecycle
from pulumi_account.program import api_key
from tests.lifecycle.conftest import instance
from tests.support.canaries import PLAINTEXT
from tests.support.helpers import EXACT, made
from tests.support.provider_process import PROVIDER, ProviderProcess


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


def test_names_of_durations_and_labels_are_pinned(provider: ProviderProcess) -> None:
    """So do those that only some keys have."""
    declared = {"name": "n", "expires_in": "90d", "labels": {"team": "search"}, "delete_guard": "7d"}
    _, inputs, outs = made(provider, **declared)
    assert inputs == {**declared, "is_enabled": True}
    assert set(outs) - {"created_at", "key", "key_id"} == {*inputs, "expires_at"}


def test_hidden_output_names_are_pinned(emulator: Emulator, tmp_path: Path) -> None:
    """So do the outputs that no display shows."""
    key_id, _ = emulator.add("n")
    with ProviderProcess(instance(emulator), tmp_path, {}) as eu:
        _, _, outs = made(eu, name="n", adopt_key_id=float(key_id), __instance_id="5b1f")
    assert {name for name in outs if name.startswith("__")} == {"__adoption", "__instance", "__instance_id"}


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
