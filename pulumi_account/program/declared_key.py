"""What every resource with a key has in common: how a program registers it, and what its previews know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import Resource
from pulumi.runtime.rpc import UNKNOWN

from pulumi_account.core.properties import INSTANCE_ID, PLAINTEXTS
from pulumi_account.program.declarations import declare
from pulumi_account.program.outputs import Deferred, PreviewedOutputs, PreviewedProperty
from pulumi_account.program.provider import provider_of, warn_about_plain_text_key

__all__ = ["DeclaredKey", "previewed"]


class DeclaredKey(Resource):
    """A resource whose output ``key`` is the plaintext of a key."""

    if TYPE_CHECKING:
        key: pulumi.Output[str | None]

    def require_key(self) -> pulumi.Output[str]:
        """The plaintext, always a secret; an unknown plaintext is an error, not None.

        :raises pulumi.RunError: the state has no plaintext: the key was adopted without ``adopt_key``, only read, or
            deleted elsewhere.
        """

        def require(key: str | None) -> str:
            if key is None:
                raise pulumi.RunError(
                    f"{type(self).__name__} {self._name!r}: its plaintext is not known: adopt the key with adopt_key, "
                    "or rotate it"
                )
            return key

        return self.key.apply(require)

    def _register(
        self,
        provider_bytes: str,
        resource_name: str,
        inputs: Mapping[str, Any],
        opts: pulumi.ResourceOptions | None,
        *,
        outputs: Iterable[str],
        instead_of_import: str,
    ) -> None:
        """Register the resource.

        :param provider_bytes: the pickled provider.
        :param outputs: the names of the outputs that are not inputs.
        """
        if opts is not None and opts.import_ is not None:
            raise pulumi.RunError(
                f"{type(self).__name__} {resource_name!r}: import_ cannot work for a dynamic resource: "
                f"{instead_of_import}"
            )
        warn_about_plain_text_key(opts)
        self._previewed = PreviewedOutputs(vars(self), inputs)
        properties = {**inputs, **dict.fromkeys(outputs), "__provider": provider_bytes, **_instance_id(opts)}
        if opts is None or opts.id is None:  # a key that is only read declares nothing
            properties |= declare(self, resource_name, inputs)
        secrets = list(PLAINTEXTS)
        if properties.get("adopt_key") is None:  # the SDK makes an Output of each property, which is slow
            properties.pop(secrets.pop(), None)
        pulumi.CustomResource.__init__(
            self,
            f"pulumi-python:{self._resource_type_name}",
            resource_name,
            properties,
            pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=secrets)),
        )

    def translate_output_property(self, prop: str) -> str:
        """Note that the engine's answer has the property; its name is the same in Python."""
        self._previewed.answered.add(prop)
        return prop


def _instance_id(opts: pulumi.ResourceOptions | None) -> dict[str, Deferred]:
    """The input that names an explicit provider instance; it takes time, so it is added only if needed."""
    provider = provider_of(opts)
    if provider is None:
        return {}

    async def instance_id() -> str | None:
        return await provider.id.future() if await provider.id.is_known() else UNKNOWN

    return {INSTANCE_ID: Deferred(instance_id)}


def previewed(resource: type[DeclaredKey], *names: str) -> None:
    """Let these outputs be known in a preview if they follow from what it knows."""
    for name in names:
        setattr(resource, name, PreviewedProperty(name))
