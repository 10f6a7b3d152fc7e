"""Run a program under the SDK's mocks, or on a stand-in for an engine with a real account."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
from pulumi.runtime.settings import SETTINGS
from pulumi.runtime.stack import run_pulumi_func

from pulumi_account.program import mocks
from tests.support.helpers import activity_json, key_json, set_engine

ANSWERS: dict[str, Any] = {
    mocks.GET_BALANCE: {"balance": "125.50"},
    mocks.GET_ACTIVITY: activity_json(),
    mocks.GET_API_KEY: key_json(),
    mocks.GET_API_KEYS: {"keys": [key_json(), key_json(id=8, name="staging", credit_limit=None)]},
}


class Mocks(pulumi.runtime.Mocks):
    """Gives fixed answers and records the calls."""

    def __init__(self, answers: Mapping[str, Any] = ANSWERS) -> None:
        self.answers = answers
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.providers: list[str] = []
        self.made: list[pulumi.runtime.MockResourceArgs] = []

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        """Return the answer to a token, or raise it if it is an error."""
        self.calls.append((args.token, args.args))
        self.providers.append(args.provider)
        answer = self.answers[args.token]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """A resource whose outputs are its inputs."""
        self.made.append(args)
        return f"{args.name}-id", args.inputs


def run_under_mocks(
    program: Callable[[], Any], mock: pulumi.runtime.Mocks | None = None, *, preview: bool = False
) -> Any:
    """Run a program under mocks and return its result: the value of an Output, `...` if unknown."""
    given: list[Any] = []

    def noted() -> None:
        result = program()
        output = result if isinstance(result, pulumi.Output) else pulumi.Output.from_input([result])
        pulumi.Output.all(output).apply(given.extend)
        given.extend([] if isinstance(result, pulumi.Output) else [result])

    async def main() -> None:
        pulumi.runtime.set_mocks(mock or Mocks(), preview=preview)
        SETTINGS.outputs = set()
        await run_pulumi_func(noted)

    try:
        contextvars.copy_context().run(asyncio.run, main())
    finally:
        gc.collect()  # here, where warnings about the mocks' loops are ignored
    return given[0] if given else ...


def unknown() -> Any:
    """An unknown Output."""
    return pulumi.Output.from_input(pulumi.UNKNOWN)


class _Engine(pulumi.runtime.Mocks):
    """Makes each declared resource."""

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        """The engine gets no function calls."""
        raise NotImplementedError(args.token)

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """A resource with a number as its id."""
        return "1", args.inputs


def run_inline(program: Callable[[], Any]) -> Any:
    """Run a program like an inline program: in this process and in its own context. Return its result.

    An Output becomes its value, or a list with its value if it is a secret, or `...` if it is unknown.
    """

    async def main() -> Any:
        set_engine(_Engine())
        given = program()
        if not isinstance(given, pulumi.Output):
            return given
        value = await given.future()
        value = value if await given.is_known() else ...
        return [value] if await given.is_secret() else value

    try:
        return contextvars.copy_context().run(asyncio.run, main())
    finally:
        gc.collect()  # here, where warnings about the mocks' loops are ignored
