"""API keys of an AI gateway account as Pulumi resources.

`ApiKey` is a key, `Provider` one more account, and `get_balance`, `get_api_key` and `get_api_keys` ask the
account. The client and its models stand on their own: they are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pulumi_account.api_key import ApiKey, ApiKeyArgs
from pulumi_account.exceptions import AccountError
from pulumi_account.functions import (
    FunctionError,
    GetApiKeysResult,
    get_api_key,
    get_api_key_output,
    get_api_keys,
    get_api_keys_output,
    get_balance,
    get_balance_output,
)
from pulumi_account.provider import Provider

if TYPE_CHECKING:
    from pulumi_account.client import AccountClient
    from pulumi_account.models import Activity, Balance, CreatedKey, Key

__all__ = [
    "AccountClient",
    "AccountError",
    "Activity",
    "ApiKey",
    "ApiKeyArgs",
    "Balance",
    "CreatedKey",
    "FunctionError",
    "GetApiKeysResult",
    "Key",
    "Provider",
    "get_api_key",
    "get_api_key_output",
    "get_api_keys",
    "get_api_keys_output",
    "get_balance",
    "get_balance_output",
]

#: loaded on first use: a program that declares keys needs neither httpx nor pydantic
_LAZY = {
    "AccountClient": "client",
    "Activity": "models",
    "Balance": "models",
    "CreatedKey": "models",
    "Key": "models",
}


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
