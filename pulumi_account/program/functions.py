"""Read-only functions: what a program asks its account while it runs, in previews too.

Each has an ``_output`` form, which takes Outputs and gives one. ``opts`` names another account, as ``provider`` or
through ``parent``. Within one run of a program the same question is asked once; a question that depends on resources
is another one than before they were made. A failure is a `FunctionError`, which Pulumi shows as one line instead of a
traceback. Under ``pulumi.runtime.set_mocks`` the mocks are asked, with the tokens in `mocks`, and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import pulumi

from pulumi_account.common.ids import parse_key_id
from pulumi_account.common.instants import parse_declared_instant
from pulumi_account.common.money import parse_number
from pulumi_account.common.text import elided, exact
from pulumi_account.exceptions import AccountError, InvalidInputError
from pulumi_account.program.invoke import Account, FunctionError, later, now

if TYPE_CHECKING:
    from pulumi_account.api.models import Activity, Balance, Key
    from pulumi_account.spend.runway import Runway

__all__ = [
    "FunctionError",
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

_T = TypeVar("_T")
_LONGEST_PERIOD = 30
_LONGEST_AMOUNT = 60


class InsufficientBalanceError(AccountError):
    """`require_balance` found less than is needed; ``balance`` and ``minimum`` in USD."""

    def __init__(self, balance: Decimal, minimum: Decimal) -> None:
        super().__init__(
            f"the account's balance is {_usd(balance)}, but at least {_usd(minimum)} are needed: top it up, "
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
    """What is left in the account: ``balance``, in USD, as ``Decimal``. GET ``/v1/account/balance``.

    :param opts: ``provider``, or ``parent``, whose provider is taken.
    :raises FunctionError: the account could not be asked.
    """
    return now(_balance, opts)


def get_balance_output(*, opts: pulumi.InvokeOptions | None = None) -> pulumi.Output[Balance]:
    """`get_balance` as an Output."""
    return later(_balance, opts)


def get_activity(days: int = _LONGEST_PERIOD, *, opts: pulumi.InvokeOptions | None = None) -> Activity:
    """What the account was used for, by day, by model and by key. GET ``/v1/account/activity``.

    The API's own copy is up to five minutes old. A key that has been deleted still has its usage.

    :param days: the period, 1 to 30 days that end today.
    :param opts: ``provider``, or ``parent``, whose provider is taken.
    :raises FunctionError: there is no such period, or the account could not be asked.
    """
    return now(_activity, opts, days=days)


def get_activity_output(
    days: pulumi.Input[int] = _LONGEST_PERIOD, *, opts: pulumi.InvokeOptions | None = None
) -> pulumi.Output[Activity]:
    """`get_activity` as an Output."""
    return later(_activity, opts, days=days)


def get_api_key(
    key_id: int | str | None = None,
    *,
    name: str | None = None,
    opts: pulumi.InvokeOptions | None = None,
) -> Key:
    """A key of the account, by its id or by its name, without its plaintext.

    GET ``/v1/account/keys/{key_id}``; by name GET ``/v1/account/keys``.

    :param key_id: the key's id, as a number or, as a resource's ``id`` is, as text.
    :param name: the key's whole name. Several keys of that name are an error that lists their ids.
    :param opts: ``provider``, or ``parent``, whose provider is taken.
    :raises FunctionError: there is no such key, there are several, or the account could not be asked.
    """
    return now(_api_key, opts, key_id=key_id, name=name)


def get_api_key_output(
    key_id: pulumi.Input[int | str] | None = None,
    *,
    name: pulumi.Input[str] | None = None,
    opts: pulumi.InvokeOptions | None = None,
) -> pulumi.Output[Key]:
    """`get_api_key` as an Output, for an id or a name that may be an Output itself."""
    return later(_api_key, opts, key_id=key_id, name=name)


def get_api_keys(
    *,
    name_prefix: str | None = None,
    is_enabled: bool | None = None,
    has_credit_limit: bool | None = None,
    expires_before: str | datetime | None = None,
    opts: pulumi.InvokeOptions | None = None,
) -> GetApiKeysResult:
    """The keys of the account to which all that is given applies, without their plaintexts.

    GET ``/v1/account/keys``.

    :param name_prefix: only keys whose name begins so.
    :param is_enabled: only keys that can be used, or only keys that cannot.
    :param has_credit_limit: only keys with a credit limit, 0 included, or only keys without one.
    :param expires_before: only keys that expire before this instant: an aware ``datetime``, or ISO 8601 text with an
        offset.
    :param opts: ``provider``, or ``parent``, whose provider is taken.
    :raises FunctionError: a filter cannot be used, or the account could not be asked.
    """
    return now(
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
    return later(
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
    """Stop the deployment, and its preview, unless so much is left in the account. GET ``/v1/account/balance``.

    What is declared before the call may have been made by then, so call it first. The ``_output`` form stops what
    takes an input from its result, and lets the deployment fail in the end.

    :param minimum: USD, 0 or more; a float counts as the digits that it is printed with.
    :param warn_below: USD; when less than that is left, a warning says so.
    :param opts: ``provider``, or ``parent``, whose provider is taken.
    :raises FunctionError: less is left (`InsufficientBalanceError`), an amount cannot be used, or the account could
        not be asked.
    """
    return now(_require_balance, opts, minimum=minimum, warn_below=warn_below)


def require_balance_output(
    minimum: pulumi.Input[float | str | Decimal],
    *,
    warn_below: pulumi.Input[float | str | Decimal] | None = None,
    opts: pulumi.InvokeOptions | None = None,
) -> pulumi.Output[Balance]:
    """`require_balance` as an Output."""
    return later(_require_balance, opts, minimum=minimum, warn_below=warn_below)


def runway(days: int = 7, *, opts: pulumi.InvokeOptions | None = None) -> Runway:
    """How many days the balance lasts at the mean daily cost of the last days, and how that was computed.

    GET ``/v1/account/balance`` and ``/v1/account/activity``. ``str(…)`` tells it in one line. Today, which is not over,
    does not count, nor do days before the account's first use. Whatever ``days`` is, ``days_at_7_day_mean`` and
    ``days_at_30_day_mean`` are there, too.

    :param days: the period that the mean is taken of, 1 to 30 days that end yesterday, in UTC.
    :param opts: ``provider``, or ``parent``, whose provider is taken.
    :raises FunctionError: there is no such period, or the account could not be asked.
    """
    return now(_runway, opts, days=days)


def runway_output(
    days: pulumi.Input[int] = 7, *, opts: pulumi.InvokeOptions | None = None
) -> pulumi.Output[Runway]:
    """`runway` as an Output."""
    return later(_runway, opts, days=days)


# --- the questions: arguments are validated before any call ------------------------------------------------


def _balance(account: Account) -> Balance:
    return account.balance()


def _activity(account: Account, days: object) -> Activity:
    (period,) = _checked(days=(_period, days))
    return account.activity(period).model_copy(deep=True)  # its lists may be changed


def _api_key(account: Account, key_id: object, name: object) -> Key:
    if (key_id is None) == (name is None):
        raise InvalidInputError(["key_id or name must be given, and not both"])
    if name is not None:
        (text,) = _checked(name=(_text, name))
        return account.key_named(text)
    return account.key(parse_key_id("key_id", key_id))


def _api_keys(
    account: Account,
    name_prefix: object,
    is_enabled: object,
    has_credit_limit: object,
    expires_before: object,
) -> GetApiKeysResult:
    prefix, enabled, limited, end = _checked(
        name_prefix=(_optional(_text), name_prefix),
        is_enabled=(_optional(_boolean), is_enabled),
        has_credit_limit=(_optional(_boolean), has_credit_limit),
        expires_before=(_optional(_instant), expires_before),
    )
    keys = account.keys(name_prefix=prefix, is_enabled=enabled, has_credit_limit=limited, expires_before=end)
    return GetApiKeysResult(
        [
            key
            for key in keys
            if key.name.startswith(prefix or "")
            and enabled in (None, key.is_enabled)
            and limited in (None, key.credit_limit is not None)
            and (end is None or (key.expires_at is not None and key.expires_at < end))
        ]
    )


def _require_balance(account: Account, minimum: object, warn_below: object) -> Balance:
    least, low = _checked(minimum=(_amount, minimum), warn_below=(_optional(_amount), warn_below))
    balance = _balance(account)
    left = balance.balance
    if left < least:
        raise InsufficientBalanceError(left, least)
    if low is not None and left < low:
        pulumi.log.warn(f"the account's balance is {_usd(left)}, less than {_usd(low)}: top it up soon")
    return balance


def _runway(account: Account, days: object) -> Runway:
    from pulumi_account.spend.runway import runway as compute

    (period,) = _checked(days=(_period, days))
    activity = _activity(account, _LONGEST_PERIOD)
    balance, now = _balance(account), account.now()
    return compute(balance, activity, now, days=period)


# --- arguments: none is quoted, for it may be a secret -----------------------------------------------------


def _checked(**arguments: tuple[Callable[[Any], Any], object]) -> list[Any]:
    """What the rules make of the arguments; all that break theirs are told at once."""
    values, failures = [], []
    for name, (rule, value) in arguments.items():
        try:
            values.append(rule(value))
        except ValueError as error:
            failures.append(f"{name} must be {error}")
    if failures:
        raise InvalidInputError(failures)
    return values


def _optional(rule: Callable[[Any], _T]) -> Callable[[Any], _T | None]:
    return lambda value: None if value is None else rule(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("text")
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _period(value: object) -> int:
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0
    if number not in range(1, _LONGEST_PERIOD + 1):
        raise ValueError(f"a whole number of days from 1 to {_LONGEST_PERIOD}")
    return int(number)


def _amount(value: object) -> Decimal:
    is_amount = isinstance(value, (int, float, str, Decimal)) and not isinstance(value, bool)
    with suppress(ValueError):
        if is_amount and (amount := parse_number(str(value))) >= 0:
            return amount
    raise ValueError("an amount of USD, 0 or more, such as 50 or '12.50'")


def _instant(value: object) -> datetime:
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    try:
        return parse_declared_instant(text)
    except ValueError:
        raise ValueError("an ISO 8601 date and time with an offset, such as 2027-01-01T00:00:00Z") from None


def _usd(amount: Decimal) -> str:
    """All digits: rounded, 49.999 would read as the 50 that are needed."""
    return f"{elided(exact(amount), _LONGEST_AMOUNT)} USD"
