"""How a function reaches its account: it asks at once, or as an Output that waits for what it depends on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env
from pulumi.runtime.rpc import UNKNOWN
from pulumi.runtime.sync_await import _sync_await

from pulumi_account.exceptions import AccountError, ConfigurationError
from pulumi_account.program.dependencies import depends_on, made_resources
from pulumi_account.program.mock_checks import mocked
from pulumi_account.program.provider import Provider, configuration, provider_of, warn_about_plain_text_key

if TYPE_CHECKING:
    pass

__all__ = ["FunctionError", "invoke", "invoke_output"]

_T = TypeVar("_T")
#: under mocks, the only entry of a configuration: the reference of the provider, empty for the default one
_MOCKED = "mocked"


class FunctionError(AccountError, pulumi.RunError):
    """A function failed. Pulumi shows the error as one line.

    ``cause`` is the reason: an error of the tree in `exceptions`, or an `InsufficientBalanceError`.
    """

    def __init__(self, cause: AccountError) -> None:
        super().__init__(str(cause))
        self.cause = cause


@contextmanager
def _function_errors() -> Iterator[None]:
    try:
        yield
    except AccountError as error:
        raise FunctionError(error) from None


def invoke(question: Callable[..., _T], opts: pulumi.InvokeOptions | None, **arguments: object) -> _T:
    """Ask and wait for the answer; first wait for the provider's arguments, as Pulumi's own functions do.

    :raises FunctionError: the account cannot be asked, or asking it failed.
    """
    given = _configuration(opts)
    if isinstance(given, pulumi.Output):
        given = _known(given)
    return _ask(question, given, frozenset(), arguments)


def invoke_output(
    question: Callable[..., _T], opts: pulumi.InvokeOptions | None, **arguments: object
) -> pulumi.Output[_T]:
    """Ask once all arguments are known and all dependencies are made; until then, the answer is unknown.

    The answer is a secret if an argument is one; a secret provisioning key does not make it one. A thread waits for
    the answer, so that the program's event loop goes on.

    :raises FunctionError: the account cannot be asked.
    """
    given = pulumi.Output.unsecret(pulumi.Output.from_input(_configuration(opts)))
    asked = pulumi.Output.all(arguments=arguments, given=given, after=depends_on(opts))

    def ask(found: dict[str, Any]) -> pulumi.Output[_T]:
        return made_resources(asked).apply(
            lambda after: asyncio.to_thread(_ask, question, found["given"], after, found["arguments"])
        )

    return asked.apply(ask)


@_function_errors()
def _ask(
    question: Callable[..., _T],
    configuration: Mapping[str, object],
    after: frozenset[str],
    arguments: Mapping[str, object],
) -> _T:
    """Put the question to the mocks, or to the account of the configuration after some resources are made."""
    if _MOCKED in configuration:
        from pulumi_account.program.mocks import MockedAccount

        return question(MockedAccount(str(configuration[_MOCKED])), **arguments)
    from pulumi_account.api.settings import resolve
    from pulumi_account.program.invoke_cache import CachedAccount, answers_of_this_run

    with answers_of_this_run() as answers:
        return question(CachedAccount(answers, resolve(configuration, os.environ), after), **arguments)


@_function_errors()
def _configuration(opts: pulumi.InvokeOptions | None) -> dict[str, Any] | pulumi.Output[dict[str, Any]]:
    """The configuration of the account: that of an explicit provider, or the stack's."""
    provider = provider_of(opts)
    if provider is not None and not isinstance(provider, Provider):
        raise ConfigurationError(
            "opts: the provider must be a pulumi_account.Provider: functions cannot read the account of another kind"
        )
    if provider is not None:
        given = configuration(provider)
        if not mocked():
            return given
        return pulumi.Output.all(given, _reference(provider)).apply(lambda found: {_MOCKED: found[1]})
    if mocked():
        return {_MOCKED: ""}
    from pulumi_account.api.settings import ENDPOINT, PROVISIONING_KEY

    warn_about_plain_text_key(opts)
    stack = {name: pulumi.runtime.get_config(name) for name in (ENDPOINT, PROVISIONING_KEY)}
    names = dict.fromkeys([*CONFIG.get(), *get_config_env()])
    return names | {name: value for name, value in stack.items() if value is not None}


async def _reference(provider: Provider) -> str:
    """The provider as Pulumi names it when it calls a mock."""
    return f"{await provider.urn.future()}::{await provider.id.future() or UNKNOWN}"


@_function_errors()
def _known(given: pulumi.Output[dict[str, Any]]) -> dict[str, Any]:
    found = _sync_await(given.future())
    if found is None or not _sync_await(given.is_known()):
        raise ConfigurationError(
            "opts: the provider's endpoint or provisioning key is not known yet: ask with the _output form"
        )
    return found
