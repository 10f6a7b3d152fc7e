"""Dependencies of a function's ``_output`` form: the resources that it waits for."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.runtime.rpc import _expand_dependencies


def depends_on(opts: pulumi.InvokeOptions | None) -> pulumi.Output[Any]:
    """Wait for the resources of the option ``depends_on``. The result depends on them; its value has no meaning."""

    def urns(found: Any) -> pulumi.Output[Any]:
        resources = [found] if isinstance(found, pulumi.Resource) else found or ()
        return pulumi.Output.all(*(resource.urn for resource in resources))

    named = opts.depends_on if isinstance(opts, pulumi.InvokeOutputOptions) else None
    return pulumi.Output.from_input(named).apply(urns)


def made_resources(asked: pulumi.Output[Any]) -> pulumi.Output[frozenset[str]]:
    """The URNs of the resources that an Output depends on, with the children of components; unknown until all are made.

    The SDK has no public function for this. Its own functions of the engine do the same.
    """

    async def expand() -> Any:
        return await _expand_dependencies(await asked.resources(), None)

    def urns(found: dict[str, pulumi.Resource]) -> pulumi.Output[frozenset[str]]:
        ids = [resource.__dict__.get("id") for resource in found.values()]
        return pulumi.Output.all(*ids).apply(lambda _: frozenset(found))

    expanded: pulumi.Output[Any] = pulumi.Output.from_input(expand())
    return expanded.apply(urns)
