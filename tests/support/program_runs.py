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
    """Gives the answers that it has, and notes what was asked."""

    def __init__(self, answers: Mapping[str, Any] = ANSWERS) -> None:
        self.answers = answers
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.providers: list[str] = []
        self.made: list[pulumi.runtime.MockResourceArgs] = []

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        """The answer to a token; an error is raised."""
        self.calls.append((args.token, args.args))
        self.providers.append(args.provider)
        answer = self.answers[args.token]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """A resource with its inputs as its outputs."""
        self.made.append(args)
        return f"{args.name}-id", args.inputs


def run_under_mocks(
    program: Callable[[], Any], told: pulumi.runtime.Mocks | None = None, *, preview: bool = False
) -> Any:
    """What a program gives under mocks, once all is done; an Output as its value, unknown as `...`."""
    given: list[Any] = []

    def noted() -> None:
        result = program()
        output = result if isinstance(result, pulumi.Output) else pulumi.Output.from_input([result])
        pulumi.Output.all(output).apply(given.extend)
        given.extend([] if isinstance(result, pulumi.Output) else [result])

    async def main() -> None:
        pulumi.runtime.set_mocks(told or Mocks(), preview=preview)
        SETTINGS.outputs = set()
        await run_pulumi_func(noted)

    try:
        contextvars.copy_context().run(asyncio.run, main())
    finally:
        gc.collect()  # here, where the mocks' loops are no news
    return given[0] if given else ...


def unknown() -> Any:
    """What a preview does not know yet."""
    return pulumi.Output.from_input(pulumi.UNKNOWN)


class _Engine(pulumi.runtime.Mocks):
    """Makes whatever is declared."""

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        """No function goes through the engine."""
        raise NotImplementedError(args.token)

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """A resource has a number for its id."""
        return "1", args.inputs


def run_inline(program: Callable[[], Any]) -> Any:
    """Run a program as inline programs are run: in this process, with a context of its own; what it gives.

    An Output is told as its value, and as a list of one where it is a secret; unknown is `...`.
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
        gc.collect()  # here, where the mocks' loops are no news
