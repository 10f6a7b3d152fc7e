"""Read-only functions: the account's balance and its keys, asked while a program runs, in previews too.

A failure is a `FunctionError`, which Pulumi shows as one line instead of a traceback.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import pulumi

from pulumi_account.exceptions import AccountError

if TYPE_CHECKING:
    from pulumi_account.client import AccountClient
    from pulumi_account.models import Balance, Key

__all__ = [
    "FunctionError",
    "GetApiKeysResult",
    "get_api_key",
    "get_api_key_output",
    "get_api_keys",
    "get_api_keys_output",
    "get_balance",
    "get_balance_output",
]

_T = TypeVar("_T")


class FunctionError(AccountError, pulumi.RunError):
    """A function failed; ``cause`` is the error that says how, one of the tree in `exceptions`."""

    def __init__(self, cause: AccountError) -> None:
        super().__init__(str(cause))
        self.cause = cause


@dataclass(frozen=True)
class GetApiKeysResult:
    """The account's keys, in the API's order, without their plaintexts."""

    keys: list[Key]


def get_balance() -> Balance:
    """What is left in the account: ``balance``, in USD, as ``Decimal``. GET ``/v1/account/balance``.

    :raises FunctionError: the account could not be asked.
    """
    return _ask(lambda client: client.get_balance())


def get_balance_output() -> pulumi.Output[Balance]:
    """`get_balance` as an Output."""
    return _ask_output(None, lambda _: get_balance())


def get_api_key(key_id: int | str) -> Key:
    """A key of the account, without its plaintext. GET ``/v1/account/keys/{key_id}``.

    :param key_id: the key's id, as a number or, as a resource's ``id`` is, as text.
    :raises FunctionError: there is no such key, or the account could not be asked.
    """
    return _ask(lambda client: client.get_key(_key_id(key_id)))


def get_api_key_output(key_id: pulumi.Input[int | str]) -> pulumi.Output[Key]:
    """`get_api_key` as an Output, for an id that may be an Output itself."""
    return _ask_output(key_id, get_api_key)


def get_api_keys() -> GetApiKeysResult:
    """All keys of the account, without their plaintexts. GET ``/v1/account/keys``.

    :raises FunctionError: the account could not be asked.
    """
    return GetApiKeysResult(_ask(lambda client: client.list_keys()))


def get_api_keys_output() -> pulumi.Output[GetApiKeysResult]:
    """`get_api_keys` as an Output."""
    return _ask_output(None, lambda _: get_api_keys())


def _key_id(value: object) -> int:
    from pulumi_account.models import parse_key_id

    return parse_key_id("key_id", value)


def _ask(question: Callable[[AccountClient], _T]) -> _T:
    """One question to the account that the program's configuration and environment name."""
    from pulumi_account.client import AccountClient
    from pulumi_account.config import ENDPOINT, PROVISIONING_KEY, resolve

    try:
        given = {name: pulumi.runtime.get_config(name) for name in (ENDPOINT, PROVISIONING_KEY)}
        settings = resolve(given, os.environ)
        with AccountClient(
            settings.endpoint,
            settings.provisioning_key,
            retry_deadline=settings.retry_deadline,
            timeout=settings.timeout,
        ) as client:
            return question(client)
    except AccountError as error:
        raise FunctionError(error) from None


def _ask_output(argument: Any, function: Callable[[Any], _T]) -> pulumi.Output[_T]:
    """Asked in a thread, so that the program's event loop goes on."""
    return pulumi.Output.from_input(argument).apply(lambda value: asyncio.to_thread(function, value))
