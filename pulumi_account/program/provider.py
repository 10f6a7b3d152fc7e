"""`Provider`: another account, as an explicit provider; and which provider a resource or a function uses."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from weakref import WeakSet

import pulumi
from pulumi.runtime.config import is_config_secret
from pulumi.runtime.settings import get_monitor, get_root_resource

from pulumi_account.core.properties import API_KEY_TYPE
from pulumi_account.program.mock_checks import check_under_mocks, mocked

__all__ = ["Provider", "configuration", "provider_of", "warn_about_plain_text_key"]

_PROVISIONING_KEY = "account:provisioningKey"


class Provider(pulumi.ProviderResource):
    """Another account, for the resources and functions whose option ``provider`` names it.

    It uses only its own arguments, not the stack's configuration or the environment. A resource that is moved from one
    provider to another is replaced. API calls: none.

    An empty provisioning key or an invalid endpoint is a `ConfigurationError` of the resources that use the provider,
    and a `FunctionError` of the functions. Under Pulumi's mocks, it is a `ConfigurationError` of the provider.

    :param resource_name: the provider's name, such as ``"eu"``.
    :param provisioning_key: the account's provisioning key. The state keeps it as a secret.
    :param endpoint: the base URL of the account's API. Default: ``https://api.naga.ac``.
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
        # functions need the key in the program: a secret Output, which no repr shows and the SDK refuses to pickle
        self._configuration: dict[str, Any] = {
            "account:instance": resource_name,
            _PROVISIONING_KEY: pulumi.Output.secret(provisioning_key),
            "account:endpoint": None if endpoint is None else pulumi.Output.from_input(endpoint),
        }
        given = {_PROVISIONING_KEY: provisioning_key, "account:endpoint": endpoint}
        checks = check_under_mocks({**self._configuration, **given}, _refuse)
        super().__init__("pulumi-python", resource_name, {**self._configuration, **checks}, opts)


def _refuse(known: Mapping[str, Any], unknown: Collection[str]) -> None:
    """Raise the `ConfigurationError` of the provider's process, if there is one; the environment does not matter."""
    from pulumi_account.api.settings import resolve

    resolve({**dict.fromkeys(unknown, "https://not-known-yet"), **known}, {})


def configuration(provider: Provider) -> pulumi.Output[dict[str, Any]]:
    """The arguments of a provider under the names of the stack's configuration; a secret."""
    return pulumi.Output.all(**provider._configuration)


def provider_of(opts: pulumi.ResourceOptions | pulumi.InvokeOptions | None) -> pulumi.ProviderResource | None:
    """The explicit provider of the options or of their parent, as the SDK selects it; None if there is none."""
    if opts is None:
        return None
    several = getattr(opts, "providers", None) or ()
    several = several.values() if isinstance(several, Mapping) else several
    found: pulumi.ProviderResource | None
    for found in (opts.provider, *several):
        if found and found.package == "pulumi-python":
            return found
    found = opts.provider
    return opts.parent.get_provider(API_KEY_TYPE) if found is None and opts.parent else found


#: the connections to the engine of the runs that have shown the warning
_warned: WeakSet[Any] = WeakSet()


def warn_about_plain_text_key(opts: pulumi.ResourceOptions | pulumi.InvokeOptions | None) -> None:
    """Warn, once in a run, if these options use the stack's provisioning key and it is not a secret."""
    if mocked() or get_root_resource() is None or get_monitor() in _warned or provider_of(opts) is not None:
        return
    _warned.add(get_monitor())
    if pulumi.runtime.get_config(_PROVISIONING_KEY) and not is_config_secret(_PROVISIONING_KEY):
        pulumi.log.warn(
            f"{_PROVISIONING_KEY} is in plain text in the stack's file and its state: "
            f"`pulumi config set --secret {_PROVISIONING_KEY}`, then replace the key"
        )
