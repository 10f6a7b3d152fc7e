"""Unit tests under ``pulumi.runtime.set_mocks``: resources fail there on inputs that the provider refuses.

There is no provider process under mocks. So plain inputs are checked when the resource is declared, and inputs with
Outputs when it is registered. The resource itself goes to ``Mocks.new_resource``, like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from inspect import isawaitable
from typing import Any

import pulumi
from pulumi.runtime.mocks import MockEngine, MockMonitor
from pulumi.runtime.settings import get_engine, get_monitor

from pulumi_account.program.outputs import Deferred

#: the input that delays a registration until the Outputs are checked; its value is None, so no mock gets it
_CHECKED = "__checked"


def mocked() -> bool:
    """Whether mocks are set for this thread or, if it has no settings of its own, for the process."""
    return isinstance(get_monitor(), MockMonitor) or isinstance(get_engine(), MockEngine)


def check_under_mocks(
    inputs: Mapping[str, Any], refuse: Callable[[Mapping[str, Any], Collection[str]], object]
) -> dict[str, Any]:
    """Under mocks, check the inputs of a resource, now or, if some are Outputs, at its registration.

    :param inputs: the inputs, by name.
    :param refuse: raises an error for wrong inputs; it gets the known inputs and the names of the unknown ones.
    :returns: what to add to the resource's inputs.
    """
    if not mocked():
        return {}
    if not any(map(_waits, inputs.values())):
        refuse(_carried(inputs), ())
        return {}

    async def check() -> None:
        outputs = {name: pulumi.Output.from_input(value) for name, value in inputs.items()}
        unknown = [name for name, output in outputs.items() if not await output.is_known()]
        known = {name: await outputs[name].future() for name in outputs if name not in unknown}
        refuse(_carried(known), unknown)

    return {_CHECKED: Deferred(check)}


def _waits(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_waits, value.values()))
    return isinstance(value, pulumi.Output) or isawaitable(value)


def _carried(value: Any) -> Any:
    """Convert a value as the engine does on the way to `check`: a number becomes a float."""
    if isinstance(value, Mapping):
        return {name: _carried(inner) for name, inner in value.items()}
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return list(value) if isinstance(value, tuple) else value
