"""The keys that a program declares, for the rules about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import pulumi
from pulumi.runtime.settings import get_monitor

from pulumi_account.program.outputs import Deferred

__all__ = ["Declaration", "Declarations", "declarations", "declare"]

#: the input that delays a registration until the rules are checked; its value is None, so the engine does not get it
_RULES = "__rules"


@dataclass
class Declaration:
    """A key as its program declares it, before transforms change it."""

    resource: pulumi.Resource
    name: str
    inputs: Mapping[str, Any]
    _resolved: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def waiting(self) -> list[str]:
        """The names of the inputs that are Outputs."""
        return [name for name, value in self.inputs.items() if _waits(value)]

    @property
    def is_resolved(self) -> bool:
        """Whether all inputs have been awaited."""
        return len(self._resolved) == len(self.waiting)

    @property
    def known(self) -> dict[str, Any]:
        """The inputs with the values that are known so far; ``pulumi.UNKNOWN`` stands for the others."""
        return {**self.inputs, **dict.fromkeys(self.waiting, pulumi.UNKNOWN), **self._resolved}

    async def resolve(self) -> None:
        """Wait for the inputs that are Outputs."""
        for name in self.waiting:
            self._resolved[name] = await _resolved(self.inputs[name])


def _waits(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_waits, value.values()))
    return isinstance(value, pulumi.Output)


async def _resolved(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: await _resolved(inner) for name, inner in value.items()}
    if not isinstance(value, pulumi.Output):
        return value
    try:
        return await value.future() if await value.is_known() else pulumi.UNKNOWN
    except Exception:  # noqa: BLE001  the program fails with this error elsewhere
        return pulumi.UNKNOWN


@dataclass
class Declarations:
    """All keys of a program so far.

    :ivar watchers: are called for each further key; each returns a function that the key's registration awaits.
    """

    keys: list[Declaration] = field(default_factory=list)
    watchers: list[Callable[[Declaration], Callable[[], Awaitable[None]]]] = field(default_factory=list)


#: by the connection of each program in this process to its engine
_programs: WeakKeyDictionary[Any, Declarations] = WeakKeyDictionary()


def declarations() -> Declarations:
    """Those of the running program."""
    return _programs.setdefault(get_monitor(), Declarations())


def declare(resource: pulumi.Resource, name: str, inputs: Mapping[str, Any]) -> dict[str, Deferred]:
    """Note a key.

    :returns: what to add to the resource's inputs.
    """
    program, declaration = declarations(), Declaration(resource, name, inputs)
    program.keys.append(declaration)
    waits = [watcher(declaration) for watcher in program.watchers]
    if not waits:
        return {}

    async def wait() -> None:
        for one in waits:
            await one()

    return {_RULES: Deferred(wait)}
