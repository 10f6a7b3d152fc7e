"""API keys of an AI gateway account as Pulumi resources.

`ApiKey` is a key, `Provider` one more account; `get_balance`, `get_activity`, `get_api_key`, `get_api_keys` and
`runway` ask the account, and `require_balance` stops a deployment that it cannot pay for. Each is loaded when it is
first used: the client and its models stand on their own, without an engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pulumi_account.exceptions import AccountError

if TYPE_CHECKING:
    from pulumi_account.api.client import AccountClient
    from pulumi_account.api.models import Activity, Balance, CreatedKey, Key
    from pulumi_account.program.api_key import ApiKey, ApiKeyArgs
    from pulumi_account.program.functions import (
        GetApiKeysResult,
        InsufficientBalanceError,
        get_activity,
        get_activity_output,
        get_api_key,
        get_api_key_output,
        get_api_keys,
        get_api_keys_output,
        get_balance,
        get_balance_output,
        require_balance,
        require_balance_output,
        runway,
        runway_output,
    )
    from pulumi_account.program.invoke import FunctionError
    from pulumi_account.program.provider import Provider
    from pulumi_account.spend.runway import Runway

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
    "InsufficientBalanceError",
    "Key",
    "Provider",
    "Runway",
    "get_activity",
    "get_activity_output",
    "get_api_key",
    "get_api_key_output",
    "get_api_keys",
    "get_api_keys_output",
    "get_balance",
    "get_balance_output",
    "require_balance",
    "require_balance_output",
    "runway",
    "runway_output",
]

#: loaded on first use: a program that declares keys needs neither httpx nor pydantic, the command line no engine
_LAZY = {
    "AccountClient": "api.client",
    "Activity": "api.models",
    "ApiKey": "program.api_key",
    "ApiKeyArgs": "program.api_key",
    "Balance": "api.models",
    "CreatedKey": "api.models",
    "FunctionError": "program.invoke",
    "GetApiKeysResult": "program.functions",
    "InsufficientBalanceError": "program.functions",
    "Key": "api.models",
    "Provider": "program.provider",
    "Runway": "spend.runway",
    "get_activity": "program.functions",
    "get_activity_output": "program.functions",
    "get_api_key": "program.functions",
    "get_api_key_output": "program.functions",
    "get_api_keys": "program.functions",
    "get_api_keys_output": "program.functions",
    "get_balance": "program.functions",
    "get_balance_output": "program.functions",
    "require_balance": "program.functions",
    "require_balance_output": "program.functions",
    "runway": "program.functions",
    "runway_output": "program.functions",
}


def __getattr__(name: str) -> object:
    if name in _LAZY:
        found: object = getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
