"""One more account: an explicit provider instance."""

from __future__ import annotations

import pulumi

__all__ = ["Provider"]


class Provider(pulumi.ProviderResource):
    """An account of its own for the resources that are given it as ``ResourceOptions(provider=…)``.

    Its own endpoint and provisioning key count; the stack's configuration and the environment do not reach it.

    A resource that is moved from one instance to another is replaced. An empty provisioning key or an endpoint
    that cannot be used is a `ConfigurationError` of the resources that use the instance. API calls: none of its own.

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
        super().__init__(
            "pulumi-python",
            resource_name,
            {
                "account:instance": resource_name,
                "account:provisioningKey": pulumi.Output.secret(provisioning_key),
                "account:endpoint": endpoint,
            },
            opts,
        )
