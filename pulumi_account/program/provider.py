"""One more account: an explicit provider instance."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from weakref import WeakSet

import pulumi
from pulumi.runtime.config import is_config_secret
from pulumi.runtime.settings import get_monitor, get_root_resource

from pulumi_account.core.properties import API_KEY_TYPE
from pulumi_account.program.mocks import checked, mocked

__all__ = ["Provider", "configuration", "provider_of", "warn_of_a_plain_key"]

_PROVISIONING_KEY = "account:provisioningKey"


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
            _PROVISIONING_KEY: pulumi.Output.secret(provisioning_key),
            "account:endpoint": None if endpoint is None else pulumi.Output.from_input(endpoint),
        }
        given = {_PROVISIONING_KEY: provisioning_key, "account:endpoint": endpoint}
        hold = checked({**self._configuration, **given}, _refuse)
        super().__init__("pulumi-python", resource_name, {**self._configuration, **hold}, opts)


def _refuse(known: Mapping[str, Any], unknown: Collection[str]) -> None:
    """Refuse what the provider's process refuses when it is configured, whatever this machine's environment is.

    :raises ConfigurationError: the endpoint or the provisioning key cannot be used.
    """
    from pulumi_account.api.settings import resolve

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


#: the runs that were warned, each known by its connection to the engine
_warned: WeakSet[Any] = WeakSet()


def warn_of_a_plain_key(opts: pulumi.ResourceOptions | pulumi.InvokeOptions | None) -> None:
    """Say once in a run that the stack's provisioning key is not a secret, if these options use it."""
    if mocked() or get_root_resource() is None or get_monitor() in _warned or provider_of(opts) is not None:
        return
    _warned.add(get_monitor())
    if pulumi.runtime.get_config(_PROVISIONING_KEY) and not is_config_secret(_PROVISIONING_KEY):
        pulumi.log.warn(
            f"{_PROVISIONING_KEY} is in plain text in the stack's file and its state: "
            f"`pulumi config set --secret {_PROVISIONING_KEY}`, and have the account give you another one"
        )
