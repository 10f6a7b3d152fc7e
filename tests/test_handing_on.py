"""`examples/handing_on`, under Pulumi's mocks: what each place gets."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import runpy
from pathlib import Path
from typing import Any

import pulumi
import pytest

from pulumi_account.common.durations import parse_duration
from pulumi_account.testing import AccountMocks

PROGRAM = Path(__file__).parent.parent / "examples" / "handing_on" / "__main__.py"
PACKAGES = ["pulumi_kubernetes", "pulumi_github", "pulumi_aws", "pulumi_pulumiservice"]
PLAINTEXT = "mocked-key-of-batch"
#: marks a value as a secret for the engine
SIGN = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


@pytest.fixture(scope="module")
def declared() -> dict[str, Any]:
    """The inputs of each resource of the program, by its type."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        reason = f"`make providers` installs {', '.join(missing)}"
        if (
            os.environ.get("PULUMI_ACCOUNT_REQUIRE_PROVIDERS")
            == "1"
            != os.environ.get("PULUMI_ACCOUNT_LOWEST")
        ):
            pytest.fail(reason)
        pytest.skip(reason)
    mocks = AccountMocks()
    values = {"namespace": "default", "repository": "batch", "organization": "example"}
    asyncio.set_event_loop(asyncio.new_event_loop())
    pulumi.runtime.set_mocks(mocks, project="handing-on")
    pulumi.runtime.set_all_config({f"handing-on:{name}": value for name, value in values.items()})

    async def run() -> None:
        runpy.run_path(str(PROGRAM))

    pulumi.runtime.test(run)()  # type: ignore[no-untyped-call]
    return {resource.typ: resource.inputs for resource in mocks.resources}


def secret(value: object) -> dict[str, object]:
    """The value, as a secret."""
    return {**SIGN, "value": value}


def test_kubernetes_has_the_key(declared: dict[str, Any]) -> None:
    """The Secret has the key, as a secret."""
    assert declared["kubernetes:core/v1:Secret"]["stringData"] == secret({"ACCOUNT_API_KEY": PLAINTEXT})


def test_each_generation_has_a_secret(declared: dict[str, Any]) -> None:
    """Kubernetes replaces a Secret with the same name by deleting it first: pods could not start meanwhile."""
    assert declared["kubernetes:core/v1:Secret"]["metadata"]["name"] == "batch-key-0"


def test_pods_start_again_at_a_rotation(declared: dict[str, Any]) -> None:
    """The pods' template names the generation's Secret, and nothing else of the key."""
    template = declared["kubernetes:apps/v1:Deployment"]["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "batch-key-0"}}]
    assert PLAINTEXT not in json.dumps(template)


def test_github_has_the_key(declared: dict[str, Any]) -> None:
    """The repository's secret has the key, as a secret."""
    assert declared["github:index/actionsSecret:ActionsSecret"]["value"] == secret(PLAINTEXT)


def test_aws_has_the_key(declared: dict[str, Any]) -> None:
    """The secret's version has the key, as a secret."""
    assert declared["aws:secretsmanager/secretVersion:SecretVersion"]["secretString"] == secret(PLAINTEXT)


def test_esc_has_the_key(declared: dict[str, Any]) -> None:
    """The environment sets the variable to the key, as a secret of ESC."""
    yaml = declared["pulumiservice:index:Environment"]["yaml"]
    text = yaml["value"].text
    assert yaml == secret(yaml["value"])
    assert json.loads(text) == {
        "values": {"environmentVariables": {"ACCOUNT_API_KEY": {"fn::secret": PLAINTEXT}}}
    }


def test_the_overlap_leaves_a_day_to_reload(declared: dict[str, Any]) -> None:
    """The replaced key works for two days."""
    rotating = declared["pulumi-python:dynamic/account:RotatingApiKey"]
    assert parse_duration(rotating["overlap"]) == parse_duration("2d")
