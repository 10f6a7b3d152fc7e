"""How a program's questions reach the account: at once, or as Outputs that wait for what they depend on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env
from pulumi.runtime.rpc import UNKNOWN, _expand_dependencies
from pulumi.runtime.sync_await import _sync_await

from pulumi_account.exceptions import AccountError, ConfigurationError, InvalidInputError, NotFoundError
from pulumi_account.program.mocks import MockedAccount, mocked
from pulumi_account.program.provider import Provider, configuration, provider_of, warn_of_a_plain_key

if TYPE_CHECKING:
    from datetime import datetime

    from pulumi_account.api.client import AccountClient
    from pulumi_account.api.models import Activity, Balance, Key
    from pulumi_account.api.settings import Settings
    from pulumi_account.program.invoke_cache import Answers

__all__ = ["Account", "FunctionError", "later", "now", "only"]

_T = TypeVar("_T")
#: the most ids that an error lists of keys that share a name
_MOST_IDS = 20
#: stands in place of a configuration under mocks, with the reference of the provider, empty for the default one
_MOCKED = "mocked"


class FunctionError(AccountError, pulumi.RunError):
    """A function failed.

    ``cause`` is the error that says how: one of the tree in `exceptions`, or an `InsufficientBalanceError`.
    """

    def __init__(self, cause: AccountError) -> None:
        super().__init__(str(cause))
        self.cause = cause


@dataclass(frozen=True)
class RealAccount:
    """An account as it is after some resources were made; each answer is asked for once in a run."""

    answers: Answers
    settings: Settings
    after: frozenset[str]

    def balance(self) -> Balance:
        """The balance."""
        return self._ask("balance", lambda client: client.get_balance())

    def activity(self, days: int) -> Activity:
        """The usage of the last days."""
        return self._ask(("activity", days), lambda client: client.get_activity(days))

    def now(self) -> datetime:
        """The present instant by the account's clock."""
        return self._ask("now", lambda client: client.now())

    def key(self, key_id: int) -> Key:
        """One key."""
        return self._ask(("key", key_id), lambda client: client.get_key(key_id))

    def key_named(self, name: str) -> Key:
        """The one key of a name."""
        return only(name, [key for key in self.keys() if key.name == name])

    def keys(self, **_filters: object) -> list[Key]:
        """All keys: the API has no filters."""
        return self._ask("keys", lambda client: client.list_keys())

    def _ask(self, question: Hashable, call: Callable[[AccountClient], _T]) -> _T:
        return self.answers.ask(self.settings, (question, self.after), call)


#: what a question is put to
Account = RealAccount | MockedAccount


def only(name: str, found: list[Key]) -> Key:
    """The one key that was found; the name is not quoted: a plaintext may have been put there by mistake."""
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFoundError(
            f"the account has no key of the name that was asked for, which has {len(name)} characters",
            status=404,
        )
    ids = ", ".join(str(key.id) for key in found[:_MOST_IDS])
    more = f" or {len(found) - _MOST_IDS} others" if len(found) > _MOST_IDS else ""
    raise InvalidInputError([f"name is that of {len(found)} keys: give key_id, one of {ids}{more}"])


def now(question: Callable[..., _T], opts: pulumi.InvokeOptions | None, **arguments: object) -> _T:
    """Wait for the answer. What a provider was given is waited for, too, as it is by Pulumi's own functions."""
    try:
        given = _given(opts)
        settled = _sync_await(_known(given)) if isinstance(given, pulumi.Output) else given
    except AccountError as error:
        raise FunctionError(error) from None
    return _put(question, settled, frozenset(), arguments)


def later(
    question: Callable[..., _T], opts: pulumi.InvokeOptions | None, **arguments: object
) -> pulumi.Output[_T]:
    """Ask when all that is asked, and all that is depended on, is there; unknown while one of these is.

    The answer is no secret because the provisioning key is one, but it is where an argument is. It is waited for
    in a thread, so that the program's event loop goes on.
    """
    try:
        given = pulumi.Output.unsecret(pulumi.Output.from_input(_given(opts)))
    except AccountError as error:
        raise FunctionError(error) from None
    asked = pulumi.Output.all(arguments=arguments, given=given, after=_depended_on(opts))

    def ask(found: dict[str, Any]) -> pulumi.Output[_T]:
        return _made(asked).apply(
            lambda after: asyncio.to_thread(_put, question, found["given"], after, found["arguments"])
        )

    return asked.apply(ask)


def _put(
    question: Callable[..., _T],
    configuration: Mapping[str, object],
    after: frozenset[str],
    arguments: Mapping[str, object],
) -> _T:
    """Put the question to the account that a configuration names, or to the mocks."""
    try:
        if _MOCKED in configuration:
            return question(MockedAccount(str(configuration[_MOCKED])), **arguments)
        return _really(question, configuration, after, arguments)
    except AccountError as error:
        raise FunctionError(error) from None


def _really(
    question: Callable[..., _T],
    configuration: Mapping[str, object],
    after: frozenset[str],
    arguments: Mapping[str, object],
) -> _T:
    from pulumi_account.api.settings import resolve
    from pulumi_account.program.invoke_cache import of_this_run

    with of_this_run() as answers:
        return question(RealAccount(answers, resolve(configuration, os.environ), after), **arguments)


def _given(opts: pulumi.InvokeOptions | None) -> dict[str, Any] | pulumi.Output[dict[str, Any]]:
    """The configuration of the account: the stack's, or that of an explicit instance."""
    from pulumi_account.api.settings import ENDPOINT, PROVISIONING_KEY

    provider = provider_of(opts)
    if provider is None and mocked():
        return {_MOCKED: ""}
    if provider is None:
        warn_of_a_plain_key(opts)
        given = {name: pulumi.runtime.get_config(name) for name in (ENDPOINT, PROVISIONING_KEY)}
        named = dict.fromkeys([*CONFIG.get(), *get_config_env()])
        return named | {name: value for name, value in given.items() if value is not None}
    if not isinstance(provider, Provider):
        raise ConfigurationError(
            "opts: the provider must be a pulumi_account.Provider: only that one tells functions which account it is"
        )
    if mocked():
        return pulumi.Output.all(configuration(provider), _reference(provider)).apply(
            lambda found: {_MOCKED: found[1]}
        )
    return configuration(provider)


async def _reference(provider: Provider) -> str:
    """A provider as the engine's own functions name it."""
    return f"{await provider.urn.future()}::{await provider.id.future() or UNKNOWN}"


async def _known(given: pulumi.Output[dict[str, Any]]) -> dict[str, Any]:
    found = await given.future()
    if found is None or not await given.is_known():
        raise ConfigurationError(
            "opts: the provider's endpoint or provisioning key is not known yet: ask with the _output form"
        )
    return found


def _depended_on(opts: pulumi.InvokeOptions | None) -> pulumi.Output[Any]:
    """Waits for the resources that ``depends_on`` names, and carries them."""
    named = opts.depends_on if isinstance(opts, pulumi.InvokeOutputOptions) else None

    def urns(found: Any) -> pulumi.Output[Any]:
        return pulumi.Output.all(*(resource.urn for resource in _listed(found)))

    return pulumi.Output.from_input(named).apply(urns)


def _listed(found: Any) -> list[Any]:
    if found is None:
        return []
    return [found] if isinstance(found, pulumi.Resource) else list(found)


def _made(asked: pulumi.Output[Any]) -> pulumi.Output[frozenset[str]]:
    """The resources behind what is asked, those that components are made of included; unknown before they are made.

    The SDK has no public function for it; this is how it does it for functions of the engine.
    """

    async def behind() -> Any:
        return await _expand_dependencies(await asked.resources(), None)

    def ids(found: dict[str, pulumi.Resource]) -> pulumi.Output[frozenset[str]]:
        made = [resource.__dict__.get("id") for resource in found.values()]
        return pulumi.Output.all(*made).apply(lambda _: frozenset(found))

    expanded: pulumi.Output[Any] = pulumi.Output.from_input(behind())
    return expanded.apply(ids)
