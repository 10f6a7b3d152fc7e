"""Arguments of a key: checked for their types, and converted to inputs that the engine can carry to `check`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime, timedelta
from decimal import Decimal
from inspect import isawaitable
from typing import Any, TypeVar

import pulumi

from pulumi_account.common.durations import format_duration
from pulumi_account.common.money import to_float
from pulumi_account.core.naming import MAX_NAME_PREFIX, MAX_ROTATING_NAME_PREFIX
from pulumi_account.core.properties import DEFAULT_PREFIX
from pulumi_account.exceptions import InvalidInputError
from pulumi_account.lifecycle import PREVIEW
from pulumi_account.program.mock_checks import check_under_mocks

__all__ = [
    "ApiKeyArgs",
    "ArgumentError",
    "RotatingApiKeyArgs",
    "id_input",
    "key_inputs",
    "plain_value",
    "settle_arguments",
]

#: the largest integer that is passed on to `check`, which reports amounts that are too large
_LARGEST = 1e300


class ArgumentError(pulumi.RunError, TypeError):
    """An argument has the wrong type. Pulumi shows the error as one line."""


@dataclass(frozen=True, kw_only=True)
class ApiKeyArgs:
    """The arguments of an `ApiKey`. Each may be a plain value or an Output.

    :param name: the key's name, 1 to 255 characters, used exactly as given. Default: an automatic name.
    :param name_prefix: the beginning of an automatic name, 1 to 248 characters. Seven random hex digits follow, which
        stay the same until the key is replaced. A new prefix renames the key. Default for a new key: the resource's
        name, cut if it is too long, and a hyphen; renaming the resource does not change it. Cannot be combined with
        ``name``.
    :param credit_limit: the most that the key may spend, in USD, 0 or more. Default: no limit. With 0, the key can
        spend nothing.
    :param is_enabled: whether the key can be used. Default: true.
    :param expires_at: the instant at which the key stops working: ISO 8601 text with an offset, or an aware
        ``datetime``. It must be in the future when it is set or changed. Default: the key never expires.
    :param expires_in: how long the key works, counted from its creation, instead of ``expires_at``: text such as
        ``90d``, ``36h`` or ISO 8601 ``P90D``, or a ``timedelta``. A later deployment does not move the expiry. A
        changed duration counts from the key's creation, too; the replacement of a key counts from its own.
    :param labels: any map of texts, such as the key's team. Only the state has it; a change makes no call.
    :param delete_guard: 1 to 30 whole days, as text such as ``7d`` or ISO 8601 ``P7D``, or a ``timedelta``. The key is
        deleted, also after a replacement, only if the account's activity shows no use of it in this time; otherwise
        the deletion fails with a `KeyInUseError`. Default: the key is deleted in any case.
    :param rotation_triggers: any map of texts. When it changes, the key is replaced: the new key is made before the
        old one is deleted.
    :param adopt_key_id: the id of an existing key, which this resource adopts instead of making a new key; the key is
        then changed to match the other arguments. Needs ``name``. Another id replaces the resource: **the key it had
        is deleted**. The argument can be removed once the key is adopted.
    :param adopt_key: the plaintext of the adopted key, which the API never shows again; it becomes the output ``key``.
        Always a secret.
    """

    name: pulumi.Input[str] | None = None
    name_prefix: pulumi.Input[str] | None = None
    credit_limit: pulumi.Input[float | Decimal] | None = None
    is_enabled: pulumi.Input[bool] | None = None
    expires_at: pulumi.Input[str | datetime] | None = None
    expires_in: pulumi.Input[str | timedelta] | None = None
    labels: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None
    delete_guard: pulumi.Input[str | timedelta] | None = None
    rotation_triggers: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None
    adopt_key_id: pulumi.Input[int] | None = None
    adopt_key: pulumi.Input[str | None] | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class RotatingApiKeyArgs:
    """The arguments of a `RotatingApiKey`. Each may be a plain value or an Output.

    A duration is text such as ``30d``, ``36h``, ``4s`` or ISO 8601 ``P30D``, or a ``timedelta`` of whole seconds.

    :param every: the time between two rotations.
    :param overlap: how long a replaced key still works, more than 0 and at most ``every``. Default: one day, or
        ``every`` if that is shorter.
    :param anchor: the instant from which the periods count: generation k is due at ``anchor + k * every``. ISO 8601
        text with an offset, or an aware ``datetime``. Default: the first deployment.
    :param rotate_now: any text; setting or changing it rotates at once, with the overlap.
    :param revoke: any text; setting or changing it rotates at once, and the same run deletes every older key of this
        resource, without regard to ``delete_guard``: for a key that has leaked.
    :param name: the beginning of each key's name, 1 to 242 characters; a hyphen and the generation follow, such as
        ``batch-41``.
    :param name_prefix: the beginning of an automatic name, 1 to 235 characters. The generation, a hyphen and seven
        random hex digits follow, such as ``batch-41-3f9a2c1``. Default for a new resource: its name, cut if it is too
        long, and a hyphen. Cannot be combined with ``name``.
    :param credit_limit: the most that one key may spend, in USD, 0 or more. Each generation has the whole limit, so
        with ``every="30d"`` it is a budget for each month. A change applies to the current key. Default: no limit.
    :param is_enabled: whether the current key and the retired ones can be used. Default: true.
    :param labels: any map of texts, such as the key's team. Only the state has it.
    :param delete_guard: 1 to 30 whole days: when the resource is deleted, its keys that still work are deleted only if
        the account's activity shows no use of them in this time. Default: they are deleted in any case.
    """

    every: pulumi.Input[str | timedelta]
    overlap: pulumi.Input[str | timedelta] | None = None
    anchor: pulumi.Input[str | datetime] | None = None
    rotate_now: pulumi.Input[str] | None = None
    revoke: pulumi.Input[str] | None = None
    name: pulumi.Input[str] | None = None
    name_prefix: pulumi.Input[str] | None = None
    credit_limit: pulumi.Input[float | Decimal] | None = None
    is_enabled: pulumi.Input[bool] | None = None
    labels: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None
    delete_guard: pulumi.Input[str | timedelta] | None = None


_Args = TypeVar("_Args", ApiKeyArgs, RotatingApiKeyArgs)


def settle_arguments(
    kind: type[_Args],
    resource_name: str,
    args: _Args | pulumi.ResourceOptions | None = None,
    opts: pulumi.ResourceOptions | None = None,
    **keywords: Any,
) -> tuple[_Args, pulumi.ResourceOptions | None]:
    """Merge the two forms of a resource, with one object or with keywords, into one.

    :raises ArgumentError: an argument has the wrong type, is unknown or is missing, or both forms are used.
    """
    if isinstance(args, pulumi.ResourceOptions):
        args, opts = None, args
    names = {item.name: item.default is MISSING for item in fields(kind)}
    problem = None
    if not isinstance(args, (kind, type(None))):
        problem = (
            f"the second argument must be {kind.__name__} or pulumi.ResourceOptions, not "
            f"{type(args).__name__}; the key's own arguments are keywords"
        )
    elif not isinstance(opts, (pulumi.ResourceOptions, type(None))):
        problem = f"opts must be pulumi.ResourceOptions, not {type(opts).__name__}"
    elif args is not None and keywords:
        problem = f"give either {kind.__name__} or keywords, not both"
    elif unknown := sorted(keywords.keys() - names):
        problem = f"unknown arguments: {', '.join(unknown)}"
    elif missing := [name for name, needed in names.items() if needed and not args and name not in keywords]:
        problem = f"missing arguments: {', '.join(missing)}"
    if problem:
        raise ArgumentError(f"{_resource(kind)} {resource_name!r}: {problem}")
    return args or kind(**keywords), opts


def key_inputs(resource_name: str, args: ApiKeyArgs | RotatingApiKeyArgs) -> dict[str, Any]:
    """Convert the arguments to the inputs that the engine gets, with hints for `check`.

    :raises pulumi.RunError: the engine cannot carry some of the values; the message has a line for each.
    :raises InvalidInputError: under mocks, `check` would refuse the values.
    """
    inputs: dict[str, Any] = {}
    failures = []
    for name, value in vars(args).items():
        try:
            inputs[name] = plain_value(value)
        except pulumi.RunError as error:
            failures.append(f"{_resource(type(args))} {resource_name!r}: {name} {error}")
    if failures:
        raise pulumi.RunError("\n".join(failures))
    hints = {PREVIEW: True} if pulumi.runtime.is_dry_run() else {}
    if args.name is None and args.name_prefix is None:
        rotates = isinstance(args, RotatingApiKeyArgs)
        longest = MAX_ROTATING_NAME_PREFIX if rotates else MAX_NAME_PREFIX
        inputs["name_prefix"] = f"{resource_name[: longest - 1]}-"
        hints[DEFAULT_PREFIX] = True
    hints |= check_under_mocks(inputs, _refuse if isinstance(args, ApiKeyArgs) else _refuse_rotating)
    if isinstance(inputs["name_prefix"], pulumi.Output):
        inputs["name_prefix"] = _without_secret(args, resource_name, inputs["name_prefix"])
    if isinstance(args, ApiKeyArgs) and args.adopt_key is not None:
        inputs["adopt_key"] = pulumi.Output.secret(inputs["adopt_key"])
    return inputs | hints


def _resource(kind: type) -> str:
    return kind.__name__.removesuffix("Args")


def _refuse(known: Mapping[str, Any], unknown: Collection[str]) -> None:
    """Raise the `InvalidInputError` that `check` reports, if there is one."""
    from pulumi_account.common.instants import utc_now
    from pulumi_account.core.declaration import declared

    declared(known, now=utc_now(), unknown=unknown)


def _refuse_rotating(known: Mapping[str, Any], unknown: Collection[str]) -> None:
    """The same for a `RotatingApiKey`."""
    from pulumi_account.core.rotation import declared_rotating

    declared_rotating(known, unknown=unknown)


def _without_secret(
    args: ApiKeyArgs | RotatingApiKeyArgs, resource_name: str, prefix: pulumi.Output[Any]
) -> pulumi.Output[Any]:
    """Refuse a prefix that is a secret: the name that is made of it is not secret."""

    def require(known: dict[str, Any]) -> Any:
        if known["secret"]:
            raise pulumi.RunError(
                f"{_resource(type(args))} {resource_name!r}: name_prefix must not be a secret, as the name made of it "
                "is shown: use name, which stays secret, or pulumi.Output.unsecret"
            )
        return known["prefix"]

    return pulumi.Output.all(prefix=prefix, secret=prefix.is_secret()).apply(require)


def id_input(resource_name: str, value: Any) -> Any:
    """Convert the id of a key, a number or text, to the text that the engine gets.

    :raises pulumi.RunError: it is not the id of a key.
    """
    from pulumi_account.common.ids import parse_key_id

    if isawaitable(value) or isinstance(value, pulumi.Output):
        return pulumi.Output.from_input(value).apply(lambda found: id_input(resource_name, found))
    try:
        return str(parse_key_id("id", value))
    except InvalidInputError as error:
        raise pulumi.RunError(f"ApiKey.get {resource_name!r}: {error}") from None


def plain_value(value: Any) -> Any:
    """Convert an instant or a duration to text and a ``Decimal`` to a number; leave other values for `check` to judge.

    An awaitable becomes an Output, because it can be awaited only once, and rules await a value before the SDK does.

    :raises pulumi.RunError: the engine cannot carry the value.
    """
    if isawaitable(value):
        value = pulumi.Output.from_input(value)
    if isinstance(value, pulumi.Output):
        return value.apply(plain_value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        _require(not value % timedelta(seconds=1), "must be a duration of whole seconds")
        return format_duration(value)
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, Mapping):
        return dict(map(_entry, value.items()))
    _require_plain(value)
    return value


def _require_plain(value: Any) -> None:
    if isinstance(value, str) and not value.isascii():
        is_whole = value.encode(errors="replace").decode() == value
        _require(is_whole, "must be Unicode text without lone surrogates")
    elif isinstance(value, int):
        _require(abs(value) <= _LARGEST, f"must be a number of at most {_LARGEST:.0e}")
    else:
        is_plain = value is None or isinstance(value, (str, float, list, tuple))
        _require(is_plain, f"must not be of type {type(value).__name__}")


def _entry(entry: tuple[object, Any]) -> tuple[str, Any]:
    name, value = entry
    _require(isinstance(name, str), f"must have texts as its names, not values of type {type(name).__name__}")
    _require(value is not None, "must be a map of texts, but one of them is None")
    return str(name), plain_value(value)


def _number(money: Decimal) -> float:
    try:
        return to_float(money)
    except ValueError as error:
        raise pulumi.RunError(str(error)) from None


def _require(fits: bool, otherwise: str) -> None:
    if not fits:
        raise pulumi.RunError(otherwise)
