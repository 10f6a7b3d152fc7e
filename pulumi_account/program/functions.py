"""Functions that read the account while a program runs, also in previews.

The ``_output`` form of each takes Outputs and returns one. ``opts`` selects another account, by ``provider`` or by
``parent``. In one run of a program, each question is asked once, and again after the resources that it depends on are
made. A failure is a `FunctionError`, which Pulumi shows as one line instead of a traceback.
Under ``pulumi.runtime.set_mocks`` the mocks answer (the tokens are in `mocks`), and nothing is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pulumi

from pulumi_account.common.ids import parse_key_id
from pulumi_account.common.money import exact
from pulumi_account.common.text import elided
from pulumi_account.exceptions import AccountError, InvalidInputError
from pulumi_account.program import function_arguments as rules
from pulumi_account.program.invoke import invoke, invoke_output

if TYPE_CHECKING:
    from pulumi_account.api.models import Activity, Balance, Key
    from pulumi_account.program.invoke_cache import CachedAccount
    from pulumi_account.program.mocks import MockedAccount
    from pulumi_account.spend.runway import Runway

    Account = CachedAccount | MockedAccount

__all__ = [
    "GetApiKeysResult",
    "InsufficientBalanceError",
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


class InsufficientBalanceError(AccountError):
    """The balance is below the minimum of `require_balance`; ``balance`` and ``minimum`` are in USD."""

    def __init__(self, balance: Decimal, minimum: Decimal) -> None:
        super().__init__(
            f"the account's balance is {_usd(balance)}, but at least {_usd(minimum)} is needed: top it up, "
            "or require less"
        )
        self.balance = balance
        self.minimum = minimum


@dataclass(frozen=True)
class GetApiKeysResult:
    """Keys of the account, in the API's order, without their plaintexts."""

    keys: list[Key]


# --- what a program calls ----------------------------------------------------------------------------------


def get_balance(*, opts: pulumi.InvokeOptions | None = None) -> Balance:
    """The account's balance: ``balance``, in USD, a ``Decimal``. GET ``/v1/account/balance``.

    :param opts: ``provider``, or ``parent`` for the provider of a parent. Default: the stack's account.
    :raises FunctionError: the call failed or could not be made.
    """
    return invoke(_balance, opts)


def get_balance_output(*, opts: pulumi.InvokeOptions | None = None) -> pulumi.Output[Balance]:
    """`get_balance` as an Output."""
    return invoke_output(_balance, opts)


def get_activity(days: int = rules.LONGEST_PERIOD, *, opts: pulumi.InvokeOptions | None = None) -> Activity:
    """The account's usage by day, by model and by key. GET ``/v1/account/activity``.

    The API's data is up to five minutes old. It includes the usage of deleted keys.

    :param days: the period: 1 to 30 days, ending today.
    :param opts: ``provider``, or ``parent`` for the provider of a parent. Default: the stack's account.
    :raises FunctionError: ``days`` is invalid, or the call failed or could not be made.
    """
    return invoke(_activity, opts, days=days)


def get_activity_output(
    days: pulumi.Input[int] = rules.LONGEST_PERIOD, *, opts: pulumi.InvokeOptions | None = None
) -> pulumi.Output[Activity]:
    """`get_activity` as an Output."""
    return invoke_output(_activity, opts, days=days)


def get_api_key(
    key_id: int | str | None = None,
    *,
    name: str | None = None,
    opts: pulumi.InvokeOptions | None = None,
) -> Key:
    """One key of the account, by its id or by its name, without its plaintext.

    GET ``/v1/account/keys/{key_id}``; by name GET ``/v1/account/keys``.

    :param key_id: the key's id: a number, or text such as a resource's ``id``.
    :param name: the key's whole name. If several keys have it, the error lists their ids.
    :param opts: ``provider``, or ``parent`` for the provider of a parent. Default: the stack's account.
    :raises FunctionError: no key or several keys match, both arguments or neither are given, or the call failed or
        could not be made.
    """
    return invoke(_api_key, opts, key_id=key_id, name=name)


def get_api_key_output(
    key_id: pulumi.Input[int | str] | None = None,
    *,
    name: pulumi.Input[str] | None = None,
    opts: pulumi.InvokeOptions | None = None,
) -> pulumi.Output[Key]:
    """`get_api_key` as an Output, for an id or a name that may be an Output."""
    return invoke_output(_api_key, opts, key_id=key_id, name=name)


def get_api_keys(
    *,
    name_prefix: str | None = None,
    is_enabled: bool | None = None,
    has_credit_limit: bool | None = None,
    expires_before: str | datetime | None = None,
    opts: pulumi.InvokeOptions | None = None,
) -> GetApiKeysResult:
    """The keys of the account that match all given filters, without their plaintexts.

    GET ``/v1/account/keys``.

    :param name_prefix: only keys whose name begins with this text.
    :param is_enabled: true: only keys that can be used; false: only keys that cannot.
    :param has_credit_limit: true: only keys with a credit limit, which may be 0; false: only keys without one.
    :param expires_before: only keys that expire before this instant: an aware ``datetime``, or ISO 8601 text with an
        offset.
    :param opts: ``provider``, or ``parent`` for the provider of a parent. Default: the stack's account.
    :raises FunctionError: a filter is invalid, or the call failed or could not be made.
    """
    return invoke(
        _api_keys,
        opts,
        name_prefix=name_prefix,
        is_enabled=is_enabled,
        has_credit_limit=has_credit_limit,
        expires_before=expires_before,
    )


def get_api_keys_output(
    *,
    name_prefix: pulumi.Input[str] | None = None,
    is_enabled: pulumi.Input[bool] | None = None,
    has_credit_limit: pulumi.Input[bool] | None = None,
    expires_before: pulumi.Input[str | datetime] | None = None,
    opts: pulumi.InvokeOptions | None = None,
) -> pulumi.Output[GetApiKeysResult]:
    """`get_api_keys` as an Output."""
    return invoke_output(
        _api_keys,
        opts,
        name_prefix=name_prefix,
        is_enabled=is_enabled,
        has_credit_limit=has_credit_limit,
        expires_before=expires_before,
    )


def require_balance(
    minimum: float | str | Decimal,
    *,
    warn_below: float | str | Decimal | None = None,
    opts: pulumi.InvokeOptions | None = None,
) -> Balance:
    """Stop the deployment, or its preview, if the balance is below ``minimum``. GET ``/v1/account/balance``.

    Call it first: resources that are declared before the call may already be made when it fails. The ``_output`` form
    stops only resources that take an input from its result; the deployment fails at its end.

    :param minimum: USD, 0 or more. A float counts as the digits that it prints.
    :param warn_below: USD, 0 or more. If the balance is below it, Pulumi shows a warning. Default: no warning.
    :param opts: ``provider``, or ``parent`` for the provider of a parent. Default: the stack's account.
    :raises FunctionError: the balance is below ``minimum`` (`InsufficientBalanceError`), an amount is invalid, or the
        call failed.
    """
    return invoke(_require_balance, opts, minimum=minimum, warn_below=warn_below)


def require_balance_output(
    minimum: pulumi.Input[float | str | Decimal],
    *,
    warn_below: pulumi.Input[float | str | Decimal] | None = None,
    opts: pulumi.InvokeOptions | None = None,
) -> pulumi.Output[Balance]:
    """`require_balance` as an Output."""
    return invoke_output(_require_balance, opts, minimum=minimum, warn_below=warn_below)


def runway(days: int = 7, *, opts: pulumi.InvokeOptions | None = None) -> Runway:
    """The number of days that the balance lasts at the mean daily cost of the last days, and how it is computed.

    GET ``/v1/account/balance`` and ``/v1/account/activity``. ``str(…)`` is a summary in one line. Neither today nor the
    days before the account's first use count. The result always has ``days_at_7_day_mean`` and
    ``days_at_30_day_mean`` as well.

    :param days: the period of the mean: 1 to 30 days, ending yesterday, in UTC.
    :param opts: ``provider``, or ``parent`` for the provider of a parent. Default: the stack's account.
    :raises FunctionError: ``days`` is invalid, or the call failed or could not be made.
    """
    return invoke(_runway, opts, days=days)


def runway_output(
    days: pulumi.Input[int] = 7, *, opts: pulumi.InvokeOptions | None = None
) -> pulumi.Output[Runway]:
    """`runway` as an Output."""
    return invoke_output(_runway, opts, days=days)


# --- the questions: arguments are checked before any call --------------------------------------------------


def _balance(account: Account) -> Balance:
    return account.balance()


def _activity(account: Account, days: object) -> Activity:
    (period,) = rules.checked(days=(rules.period, days))
    return account.activity(period).model_copy(deep=True)  # the program may change its lists


def _api_key(account: Account, key_id: object, name: object) -> Key:
    if (key_id is None) == (name is None):
        raise InvalidInputError(["key_id or name must be given, and not both"])
    if name is not None:
        (text,) = rules.checked(name=(rules.text, name))
        return account.key_named(text)
    return account.key(parse_key_id("key_id", key_id))


def _api_keys(
    account: Account,
    name_prefix: object,
    is_enabled: object,
    has_credit_limit: object,
    expires_before: object,
) -> GetApiKeysResult:
    prefix, enabled, limited, end = rules.checked(
        name_prefix=(rules.optional(rules.text), name_prefix),
        is_enabled=(rules.optional(rules.boolean), is_enabled),
        has_credit_limit=(rules.optional(rules.boolean), has_credit_limit),
        expires_before=(rules.optional(rules.instant), expires_before),
    )
    keys = account.keys(name_prefix=prefix, is_enabled=enabled, has_credit_limit=limited, expires_before=end)
    matching = [
        key
        for key in keys
        if key.name.startswith(prefix or "")
        and enabled in (None, key.is_enabled)
        and limited in (None, key.credit_limit is not None)
        and (end is None or (key.expires_at is not None and key.expires_at < end))
    ]
    return GetApiKeysResult(matching)


def _require_balance(account: Account, minimum: object, warn_below: object) -> Balance:
    least, low = rules.checked(
        minimum=(rules.amount, minimum), warn_below=(rules.optional(rules.amount), warn_below)
    )
    balance = account.balance()
    left = balance.balance
    if left < least:
        raise InsufficientBalanceError(left, least)
    if low is not None and left < low:
        pulumi.log.warn(f"the account's balance is {_usd(left)}, less than {_usd(low)}: top it up soon")
    return balance


def _runway(account: Account, days: object) -> Runway:
    from pulumi_account.spend.runway import runway as compute

    (period,) = rules.checked(days=(rules.period, days))
    activity = account.activity(rules.LONGEST_PERIOD)
    return compute(account.balance(), activity, account.now(), days=period)


def _usd(amount: Decimal) -> str:
    """Write an amount with all its digits, in 60 columns at most: rounded, 49.999 would look like 50."""
    return f"{elided(exact(amount), 60)} USD"
