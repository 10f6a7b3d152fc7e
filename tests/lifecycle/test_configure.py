"""Configuration, and errors as the engine gets them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pulumi.dynamic import ConfigureRequest

from pulumi_account.emulator import Emulator
from pulumi_account.exceptions import InternalError
from pulumi_account.lifecycle import ApiKeyLifecycle
from tests.lifecycle.conftest import instance
from tests.support.canaries import OTHER_PROVISIONING_KEY, PLAINTEXT, PROVISIONING_KEY, assert_clean
from tests.support.helpers import EXACT, made, refusal
from tests.support.provider_process import ProviderError, ProviderProcess


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


def test_an_instance_is_known_by_its_name(emulator: Emulator, tmp_path: Path) -> None:
    """The outputs name the instance, as they do in users' states, and then no call is made."""
    with ProviderProcess(instance(emulator), tmp_path, {}) as eu:
        key_id, inputs, outs = made(eu)
        assert outs["__instance"] == "eu"
        assert eu.diff(key_id, outs, inputs) == ("none", [])
        assert eu.read(key_id, outs).outs == outs
    assert emulator.calls.operations == ["create_key", "update_key", "get_key"]


def test_an_engine_that_is_gone_gets_no_key(emulator: Emulator, tmp_path: Path) -> None:
    """A provider that outlives its engine deletes what it makes, which would be lost."""
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
    """A wrong provisioning key is reported in one line that does not contain it."""
    config = {"account:provisioningKey": "prov-canary-wrong", "account:endpoint": emulator.url}
    with (
        ProviderProcess(config, tmp_path, {}) as provider,
        pytest.raises(ProviderError, match=r"^pulumi_account\.exceptions\.AuthenticationError: [^\n]*$"),
    ):
        provider.read("1")


def test_unforeseen_error_is_one_line_with_its_place(provider: ProviderProcess) -> None:
    """A defect is reported by kind and place, without a traceback and without any value."""
    with pytest.raises(
        ProviderError,
        match=r"^pulumi_account\.exceptions\.InternalError: unexpected InvalidOperation at properties\.py:\d+ < ",
    ) as caught:
        provider.update("1", {"credit_limit": PLAINTEXT}, EXACT)
    assert_clean(caught.value)


def test_an_unforeseen_error_is_forgotten() -> None:
    """The report of a defect does not lead back to its message, which may be a plaintext."""

    class Defective(dict[str, Any]):
        def get(self, name: str, default: Any = None) -> Any:
            raise ValueError(PLAINTEXT)

    request = ConfigureRequest(config=Defective())  # type: ignore[arg-type]
    refusal(
        InternalError, lambda: ApiKeyLifecycle().configure(request), "unexpected ValueError at test_configure"
    )


def test_secret_plaintexts_never_reach_the_log(provider: ProviderProcess, emulator: Emulator) -> None:
    """After all of this, the provider's standard error holds no credential and no traceback."""
    made(provider)
    assert_clean(provider.stderr)
    assert "Traceback" not in provider.stderr
