"""API keys of an AI gateway account as Pulumi resources.

`ApiKey` is a key, `RotatingApiKey` one that is replaced on a schedule, `KeySet` the keys of a key file, and `Provider`
another account. `get_balance`, `get_activity`, `get_api_key`, `get_api_keys` and `runway` ask the account;
`require_balance` stops a deployment if the balance is too low, and `check_rules` if its keys break rules.
`AccountClient` calls the API without Pulumi.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pulumi_account.exceptions import AccountError

if TYPE_CHECKING:
    from pulumi_account.api.client import AccountClient
    from pulumi_account.api.models import Activity, Balance, CreatedKey, Key
    from pulumi_account.program.api_key import ApiKey
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
    from pulumi_account.program.key_arguments import ApiKeyArgs, RotatingApiKeyArgs
    from pulumi_account.program.key_set import KeySet
    from pulumi_account.program.provider import Provider
    from pulumi_account.program.rotating_api_key import RetiredKey, RotatingApiKey
    from pulumi_account.program.rules import check_rules
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
    "KeySet",
    "Provider",
    "RetiredKey",
    "RotatingApiKey",
    "RotatingApiKeyArgs",
    "Runway",
    "check_rules",
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

#: the modules of the names that are loaded on first use: a program that declares keys needs neither httpx nor pydantic,
#: and the client and the command line need no engine
_MODULES = {
    "api.client": ("AccountClient",),
    "api.models": ("Activity", "Balance", "CreatedKey", "Key"),
    "program.api_key": ("ApiKey",),
    "program.invoke": ("FunctionError",),
    "program.key_arguments": ("ApiKeyArgs", "RotatingApiKeyArgs"),
    "program.key_set": ("KeySet",),
    "program.provider": ("Provider",),
    "program.rotating_api_key": ("RetiredKey", "RotatingApiKey"),
    "program.rules": ("check_rules",),
    "spend.runway": ("Runway",),
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    modules = (module for module, names in _MODULES.items() if name in names)
    module = import_module(f"{__name__}.{next(modules, 'program.functions')}")
    return globals().setdefault(name, getattr(module, name))
