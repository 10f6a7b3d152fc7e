"""One more account: an explicit provider instance."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pulumi

from pulumi_account.mocks import checked
from pulumi_account.values import API_KEY_TYPE

__all__ = ["Provider", "configuration", "provider_of"]


class Provider(pulumi.ProviderResource):
    """An account of its own for the resources and functions that are given it as their option ``provider``.

    Its own endpoint and provisioning key count; the stack's configuration and the environment do not reach it.

    A resource that is moved from one instance to another is replaced. An empty provisioning key or an endpoint
    that cannot be used is a `ConfigurationError` of the resources that use the instance, and a `FunctionError` of
    the functions; under Pulumi's mocks, a `ConfigurationError` of the instance. API calls: none of its own.

    :param resource_name: the instance's name, such as ``"eu"``.
    :param provisioning_key: the account's provisioning key. Kept as a secret in the state.
    :param endpoint: base URL of the account's API; by default ``https://api.naga.ac``.
    :param opts: resource options.
    """

    def __init__(
        self,
        resource_name: str,
        *,
        provisioning_key: pulumi.Input[str],
        endpoint: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        # kept for functions, which the program itself calls: as a secret Output, which no repr shows, and which the
        # SDK refuses to pickle
        self._configuration: dict[str, Any] = {
            "account:instance": resource_name,
            "account:provisioningKey": pulumi.Output.secret(provisioning_key),
            "account:endpoint": None if endpoint is None else pulumi.Output.from_input(endpoint),
        }
        given = {"account:provisioningKey": provisioning_key, "account:endpoint": endpoint}
        hold = checked({**self._configuration, **given}, _refuse)
        super().__init__("pulumi-python", resource_name, {**self._configuration, **hold}, opts)


def _refuse(known: Mapping[str, Any], unknown: Collection[str]) -> None:
    """Refuse what the provider's process refuses when it is configured, whatever this machine's environment is.

    :raises ConfigurationError: the endpoint or the provisioning key cannot be used.
    """
    from pulumi_account.config import resolve

    resolve({**dict.fromkeys(unknown, "https://not-known-yet"), **known}, {})


def configuration(provider: Provider) -> pulumi.Output[dict[str, Any]]:
    """What an instance was given, under the names of a stack's configuration; a secret."""
    return pulumi.Output.all(**provider._configuration)


def provider_of(opts: pulumi.ResourceOptions | pulumi.InvokeOptions | None) -> pulumi.ProviderResource | None:
    """The explicit provider that options name, by themselves or by a parent, as the SDK settles it."""
    if opts is None:
        return None
    several = getattr(opts, "providers", None) or ()
    several = several.values() if isinstance(several, Mapping) else several
    mine = [
        provider for provider in (opts.provider, *several) if provider and provider.package == "pulumi-python"
    ]
    found: pulumi.ProviderResource | None = opts.provider
    if mine:
        found = mine[0]
    elif found is None and opts.parent:
        found = opts.parent.get_provider(API_KEY_TYPE)
    return found
