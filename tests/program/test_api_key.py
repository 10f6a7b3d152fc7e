"""`ApiKey` as a program declares it: what the engine gets. Uses Pulumi's own mocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from pulumi_account import ApiKey, Provider

# the SDK's mocks make an event loop for each of their threads and do not close it
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_type_token_is_pinned() -> None:
    """Users' stacks contain exactly this type."""
    assert ApiKey._resource_type_name == "dynamic/account:ApiKey"


def test_an_import_is_refused() -> None:
    """The engine cannot import a dynamic resource, and would report that with a traceback."""
    with pytest.raises(pulumi.RunError, match=r"adopt the key with adopt_key_id and name$"):
        ApiKey("k", name="n", opts=pulumi.ResourceOptions(import_="1"))


def test_a_plaintext_that_is_needed(run: Callable[..., dict[str, Any]]) -> None:
    """`require_key` returns it."""
    found: list[str] = []
    run(lambda: ApiKey("k").require_key().apply(found.append))
    assert found == ["made"]


def test_a_plaintext_that_nobody_knows(run: Callable[..., dict[str, Any]]) -> None:
    """`require_key` reports what to do."""

    def program() -> None:
        ApiKey("k", name=ApiKey("bare", name="n", adopt_key_id=1).require_key())

    with pytest.raises(
        pulumi.RunError, match=r"^ApiKey 'bare': its plaintext is not known: adopt the key with"
    ):
        run(program)


def under(provider: Provider) -> pulumi.ResourceOptions:
    """A parent with the provider."""
    team = pulumi.ComponentResource("x:y:Team", "team", {}, pulumi.ResourceOptions(providers=[provider]))
    return pulumi.ResourceOptions(parent=team)


@pytest.mark.parametrize(
    "named",
    [
        lambda provider: pulumi.ResourceOptions(provider=provider),
        lambda provider: pulumi.ResourceOptions(providers=[provider]),
        lambda provider: pulumi.ResourceOptions(providers={"pulumi-python": provider}),
        under,
    ],
)
def test_the_instance_is_told(
    run: Callable[..., dict[str, Any]], named: Callable[[Provider], pulumi.ResourceOptions]
) -> None:
    """`check` gets the id of an explicit provider, wherever the resource gets the provider from."""

    def program() -> None:
        eu = Provider("eu", provisioning_key="p")
        ApiKey("k", name="n", opts=named(eu))

    assert run(program) == {"name": "n", "__instance_id": "1"}


def test_later_adoptions_are_told(run: Callable[..., dict[str, Any]]) -> None:
    """For a key that is deleted first, `check` gets the ids to adopt, also those of keys that are declared later."""

    def program() -> None:
        eu = pulumi.ResourceOptions(provider=Provider("eu", provisioning_key="p"))
        ApiKey("k", name="n", opts=pulumi.ResourceOptions(delete_before_replace=True))
        ApiKey("later", name="later", adopt_key_id=7)
        ApiKey("elsewhere", eu, name="elsewhere", adopt_key_id=8)

    assert run(program) == {"name": "n", "__adopting": [7]}


def test_provider_takes_a_secret(run: Callable[..., dict[str, Any]]) -> None:
    """A `Provider` keeps its provisioning key as a secret and marks itself as an explicit provider."""
    inputs = run(lambda: Provider("k", provisioning_key="p", endpoint="https://account.example"))
    assert inputs["account:instance"] == "k"
    assert inputs["account:endpoint"] == "https://account.example"
    assert inputs["account:provisioningKey"]["value"] == "p"
