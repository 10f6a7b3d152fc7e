"""Outputs of a key: what a preview knows where the SDK assumes that a value is unknown."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Mapping
from typing import Any

import pulumi
from pulumi.output import UNKNOWN


class Deferred:
    """A value that is computed when it is awaited, which the SDK does as it registers a resource.

    An Output also waits until then, but it takes longer and adds dependencies.
    """

    def __init__(self, compute: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._compute = compute

    def __await__(self) -> Generator[Any, None, Any]:
        return self._compute().__await__()


class PreviewedOutputs(dict[str, pulumi.Output[Any]]):
    """The outputs of one key in a preview.

    The engine omits an output that is None from a preview, and the SDK then assumes that the output is unknown. Here it
    is known if it follows from an input or from another output. Each Output is made on first use: most are never used,
    and making one takes time.

    :param outputs: the SDK's outputs, by name.
    :param declared: the inputs, by name.
    :ivar answered: the names of the properties in the engine's answer.
    """

    def __init__(self, outputs: Mapping[str, Any], declared: Mapping[str, Any]) -> None:
        super().__init__()
        self.answered: set[str] = set()
        self._outputs = outputs
        self._declared = declared

    def __missing__(self, name: str) -> pulumi.Output[Any]:
        known = self._outputs[name]

        async def value() -> Any:
            return await known.future() if await known.is_known() else await self._derive(name)

        async def is_known() -> bool:  # an unknown value makes the Output unknown
            return True

        async def is_secret() -> bool:
            given = self._declared.get(name)
            return await known.is_secret() or (isinstance(given, pulumi.Output) and await given.is_secret())

        self[name] = pulumi.Output(*map(Deferred, (known.resources, value, is_known, is_secret)))
        return self[name]

    async def _derive(self, name: str) -> Any:
        """Derive an output from the inputs or from other outputs; `UNKNOWN` if that is not possible."""
        outputs = self._outputs
        if name == "id":  # for a key that is only read, the CLI's preview has key_id but not id
            found = outputs["key_id"]
            return str(int(await found.future())) if await found.is_known() else UNKNOWN
        if name in ("key", "key_id"):
            key_id = await outputs["id"].future() if await outputs["id"].is_known() else None
            adopts = await outputs["adopt_key_id"].future() if key_id is None else None
            if name == "key_id":  # under mocks, an id may be any text
                return int(key_id) if key_id is not None and str(key_id).isdecimal() else adopts or UNKNOWN
            # an answer with created_at is the whole state, not just the inputs: no output is missing from it
            is_whole = await outputs["created_at"].is_known()
            return None if is_whole or (adopts and await self._derive("adopt_key") is None) else UNKNOWN
        if name == "expires_at" and await self._has_duration():
            return None if await outputs["created_at"].is_known() else UNKNOWN
        declared = self._declared[name]
        if isinstance(declared, pulumi.Output):
            return await declared.future() if await declared.is_known() else UNKNOWN
        is_plain = declared == {} or isinstance(declared, (str, int, float, type(None)))
        if not self.answered or name in self.answered or not is_plain:
            return UNKNOWN
        # SDKs carry numbers as floats
        return float(declared) if name == "credit_limit" and isinstance(declared, int) else declared

    async def _has_duration(self) -> bool:
        """Whether an ``expires_in`` may be in force, which counts from an instant that only the deployment knows."""
        known = self._outputs["expires_in"]
        in_force = await known.future() if await known.is_known() else await self._derive("expires_in")
        return in_force is not None


class PreviewedProperty:
    """An attribute of a key: the SDK's output, and in a preview that of `PreviewedOutputs`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, key: pulumi.Resource | None, owner: type[pulumi.Resource]) -> Any:
        if key is None or self._name not in vars(key):
            raise AttributeError(self._name)
        return (vars(key)["_previewed"] if pulumi.runtime.is_dry_run() else vars(key))[self._name]

    def __set__(self, key: pulumi.Resource, value: Any) -> None:
        vars(key)[self._name] = value
