"""The shapes of the wire and of what a user declares: one place for every rule about a valid key."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from datetime import MAXYEAR, date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StrictBool,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)

from pulumi_account.exceptions import InvalidInputError

__all__ = [
    "Activity",
    "ApiKeyInputs",
    "Balance",
    "CreatedKey",
    "DailyStats",
    "Key",
    "KeyUsage",
    "ModelUsage",
    "UsageStats",
    "declared",
    "format_instant",
    "is_reservation",
    "parse_instant",
    "parse_json",
    "parse_key_id",
    "read_model",
    "same_instant",
    "to_number",
    "utc_now",
]

MAX_NAME = 255
#: what auto-naming adds to a prefix: seven random hex digits, Pulumi's own habit
SUFFIX_DIGITS = 7
MAX_NAME_PREFIX = MAX_NAME - SUFFIX_DIGITS

_INSTANT = re.compile(
    r"(?P<minute>\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2})(?P<second>:\d{2}(\.\d+)?)?(?P<offset>[Zz]|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_LEAP_SECOND = re.compile(r":60(\.\d+)?")
_DATETIME = TypeAdapter(datetime)
#: beyond, the engine's numbers, which are floats, cannot tell one id from the next
_LARGEST_ID = 2**53
#: text made of these alone may be quoted in an error: no credential is
_QUOTABLE = re.compile(r"[0-9TtZz:+\-. /]{1,40}", re.ASCII)


# --- instants, money, JSON ---------------------------------------------------------------------------------


def utc_now() -> datetime:
    """The present instant by this machine's clock."""
    return datetime.now(timezone.utc)


def parse_instant(text: str) -> datetime:
    """An ISO 8601 date and time as an instant in UTC; a missing offset means UTC.

    :raises ValueError: it is no such thing.
    """
    shape = _INSTANT.fullmatch(text)
    if not shape:
        raise ValueError("is not an ISO 8601 date and time")
    if _LEAP_SECOND.fullmatch(shape["second"] or ""):
        return _after_leap_second(shape)
    try:
        moment = _DATETIME.validate_python(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (ValidationError, OverflowError):
        raise ValueError("is not a date and time that exists") from None


def _after_leap_second(shape: re.Match[str]) -> datetime:
    """Python's clock knows no leap seconds: such an instant is the beginning of the next day."""
    before = parse_instant(f"{shape['minute']}:59{shape['offset'] or ''}")
    if (before.hour, before.minute) != (23, 59) or before.year == MAXYEAR:
        raise ValueError("is not a date and time that exists")
    return before + timedelta(seconds=1)


def format_instant(moment: datetime) -> str:
    """The one way in which an instant is written: UTC, ``Z``, a fraction only where there is one."""
    return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def same_instant(one: datetime | None, other: datetime | None) -> bool:
    """Whether two instants are the same, for a server that may keep seconds or milliseconds only."""
    if one is None or other is None:
        return one is other
    return one == other or abs(one - other) < max(_precision(one), _precision(other))


def _precision(moment: datetime) -> timedelta:
    if moment.microsecond % 1000:
        return timedelta(microseconds=1)
    return timedelta(milliseconds=1) if moment.microsecond else timedelta(seconds=1)


def to_number(money: Decimal) -> int | float:
    """Money as a JSON number: an integer where it is one."""
    return int(money) if money == money.to_integral_value() else float(money)


def parse_json(text: str | bytes) -> Any:
    """JSON with its numbers exact (``Decimal``), and without NaN and Infinity, which are not JSON.

    :raises ValueError: it is not JSON.
    """
    return json.loads(text, parse_float=_exact, parse_constant=_no_constant)


def _exact(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent of twenty digits, say
        raise ValueError("a number is out of range") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def parse_key_id(name: str, value: object) -> int:
    """The id of a key: a whole number, a float as the engine's numbers are, or the same as text.

    :raises InvalidInputError: it is none. It is not quoted: a plaintext may have been put there by mistake.
    """
    text = f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)
    if not (text.isascii() and text.isdigit()):
        raise InvalidInputError([f"{name} must be the id of a key, a whole number"])
    return int(text)


# --- the wire ----------------------------------------------------------------------------------------------


def _wire_instant(value: object) -> object:
    return parse_instant(_wire_text(value))


def _wire_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("is not an ISO 8601 text")
    return value


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("is not a number")
    return value


Instant = Annotated[datetime, BeforeValidator(_wire_instant)]
Day = Annotated[date, BeforeValidator(_wire_text)]
Money = Annotated[Decimal, BeforeValidator(_no_boolean)]


class _Wire(BaseModel):
    """Fields that the API adds one day are ignored; a missing or a wrong one is an error."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Key(_Wire):
    """An API key as the server has it, without its plaintext.

    ``credit_limit`` is USD, None where there is no limit; ``expires_at`` is None where the key never expires.
    """

    id: StrictInt
    name: StrictStr
    created_at: Instant
    expires_at: Instant | None
    is_enabled: StrictBool
    credit_limit: Money | None


#: how the name of a reservation begins; 32 random hex digits follow
RESERVATION_PREFIX = "pulumi-account-reservation-"
_RESERVATION = re.compile(RESERVATION_PREFIX + "[0-9a-f]{32}")


def is_reservation(key: Key) -> bool:
    """Whether a key is a reservation for one: a name that nobody gives by chance, credit limit 0, and an expiry."""
    return bool(_RESERVATION.fullmatch(key.name)) and key.credit_limit == 0 and key.expires_at is not None


class CreatedKey(Key):
    """An API key just made: the one answer that holds the plaintext, as ``key``."""

    key: SecretStr = Field(min_length=1)


class KeyList(_Wire):
    """All keys of the account."""

    keys: list[Key]


class Balance(_Wire):
    """What is left in the account: ``balance``, in USD."""

    balance: Money


class UsageStats(_Wire):
    """Requests, cost in USD and tokens, in total."""

    total_requests: StrictInt
    total_cost: Money
    total_input_tokens: StrictInt
    total_output_tokens: StrictInt


class DailyStats(UsageStats):
    """The same for one day."""

    date: Day


class _Usage(_Wire):
    request_count: StrictInt
    total_cost: Money
    total_input_tokens: StrictInt
    total_output_tokens: StrictInt


class ModelUsage(_Usage):
    """What one model was used for; cost in USD."""

    model_name: StrictStr


class KeyUsage(_Usage):
    """What one key, which may since have been deleted, was used for; cost in USD."""

    api_key_id: StrictInt
    api_key_name: StrictStr


class Activity(_Wire):
    """The account's usage over the last ``period_days`` days; the server's copy is up to five minutes old."""

    period_days: StrictInt
    total_stats: UsageStats
    daily_stats: list[DailyStats]
    top_models: list[ModelUsage]
    api_key_usage: list[KeyUsage]


_M = TypeVar("_M", bound=_Wire)


def read_model(model: type[_M], text: bytes) -> _M:
    """Read an answer's body.

    :raises ValueError: one line that names the missing or wrong field, and quotes nothing of the body.
    """
    try:
        return model.model_validate(parse_json(text))
    except ValidationError as error:
        raise ValueError("; ".join(_wire_problem(e) for e in _errors(error))) from None
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON") from None


def _wire_problem(error: Mapping[str, Any]) -> str:
    field = ".".join(str(part) for part in error["loc"]) or "the body"
    return f"{field}: {error['msg'].removeprefix('Value error, ')}"


def _errors(error: ValidationError) -> list[Any]:
    return list(error.errors(include_input=False, include_url=False, include_context=False))


# --- what a user declares ----------------------------------------------------------------------------------


def _kind(value: object) -> str:
    """What a wrong value is, in words that cannot hold a credential."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    kinds = {bool: "a boolean", str: "text", list: "a list", dict: "a map", type(None): "nothing"}
    return kinds.get(type(value), f"a {type(value).__name__}")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {_kind(value)}")
    return value


def _of_length(most: int, note: str, value: object) -> str:
    text = _text(value)
    if not 1 <= len(text) <= most:
        raise ValueError(f"must have 1 to {most} characters{note}, not {len(text)}")
    return text


def _credit_limit(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"must be a number of USD, not {_kind(value)}")
    money = Decimal(repr(value))
    if not money.is_finite():
        raise ValueError(f"must be a finite number of USD, not {value}")
    if money < 0:
        raise ValueError(f"must be 0 USD or more, not {value}")
    return abs(money)  # -0.0 is 0


def _is_enabled(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {_kind(value)}")
    return value


def _expires_at(value: object, info: ValidationInfo) -> datetime:
    text = _text(value)
    quoted = repr(text) if _QUOTABLE.fullmatch(text) else f"text of {len(text)} characters"
    if not (shape := _INSTANT.fullmatch(text)):
        raise ValueError(
            f"must be an ISO 8601 date and time with an offset, such as 2027-01-01T00:00:00Z, not {quoted}"
        )
    if not shape["offset"]:
        raise ValueError(f"{quoted} has no offset from UTC: add Z, or one such as +01:00")
    try:
        moment = parse_instant(text)
    except ValueError as error:
        raise ValueError(f"{quoted} {error}") from None
    _must_lie_ahead(moment, **(info.context or {}))
    return moment


def _must_lie_ahead(moment: datetime, *, now: datetime, settled: datetime | None) -> None:
    """An expiry that is already in force may have passed: it must not block a deployment."""
    if moment <= now and not same_instant(moment, settled):
        raise ValueError(
            f"{format_instant(moment)} lies in the past: this machine's clock says {format_instant(now)}"
        )


def _rotation_triggers(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError(f"must be a map of texts, not {_kind(value)}")
    wrong = [
        f"the value of {name!r} is {_kind(text)}" if isinstance(name, str) else f"a name is {_kind(name)}"
        for name, text in value.items()
        if not (isinstance(name, str) and isinstance(text, str))
    ]
    if wrong:
        raise ValueError(f"must be a map of texts, but {', '.join(sorted(wrong))}")
    return dict(value)


def _adopt_key_id(value: object) -> int:
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0
    if not (1 <= number <= _LARGEST_ID and number == number // 1):
        raise ValueError(f"must be the id of a key, a whole number from 1, not {_kind(value)}")
    return int(number)


def _adopt_key(value: object) -> SecretStr:
    if not _text(value):
        raise ValueError("must not be empty")
    return SecretStr(str(value))


class ApiKeyInputs(BaseModel):
    """What a user declares of a key, valid: amounts in USD, instants in UTC. Made by `declared`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, BeforeValidator(partial(_of_length, MAX_NAME, ""))] | None = None
    name_prefix: (
        Annotated[str, BeforeValidator(partial(_of_length, MAX_NAME_PREFIX, " (seven are added)"))] | None
    ) = None
    credit_limit: Annotated[Decimal, BeforeValidator(_credit_limit)] | None = None
    is_enabled: Annotated[bool, BeforeValidator(_is_enabled)] = True
    expires_at: Annotated[datetime, BeforeValidator(_expires_at)] | None = None
    rotation_triggers: Annotated[dict[str, str], BeforeValidator(_rotation_triggers)] = Field(
        default_factory=dict
    )
    adopt_key_id: Annotated[int, BeforeValidator(_adopt_key_id)] | None = None
    adopt_key: Annotated[SecretStr, BeforeValidator(_adopt_key)] | None = None


def declared(
    properties: Mapping[str, object],
    *,
    now: datetime,
    settled: datetime | None = None,
    auto_named: object = None,
    unknown: Collection[str] = (),
) -> ApiKeyInputs:
    """Validate what a user declared.

    :param properties: the declared properties that are known; None counts as left out.
    :param now: the present instant, in UTC.
    :param settled: the expiry that is already in force and may therefore lie in the past.
    :param auto_named: the name that auto-naming gave; it may stand beside its ``name_prefix``.
    :param unknown: names of the properties that are declared, but not known yet.
    :raises InvalidInputError: with one sentence for each broken rule, all at once.
    """
    given = {name: value for name, value in properties.items() if value is not None}
    own_name = auto_named is None or given.get("name") != auto_named
    failures = _conflicts({*given, *unknown}, own_name=own_name)
    try:
        inputs = ApiKeyInputs.model_validate(given, context={"now": now, "settled": settled})
    except ValidationError as error:
        failures = [_input_problem(e) for e in _errors(error)] + failures
    if failures:
        raise InvalidInputError(failures)
    return inputs


def _conflicts(given: Collection[str], *, own_name: bool) -> list[str]:
    rules = {
        "name and name_prefix exclude each other: give one of them": (
            own_name and {"name", "name_prefix"} <= set(given)
        ),
        "name or name_prefix must be given": not {"name", "name_prefix"} & set(given),
        "adopt_key_id needs name: say which name the adopted key shall have": (
            "adopt_key_id" in given and "name" not in given
        ),
        "adopt_key goes with adopt_key_id: give both": "adopt_key" in given and "adopt_key_id" not in given,
    }
    return [rule for rule, broken in rules.items() if broken]


def _input_problem(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return f"{error['loc'][0]} is not a property of an API key"
    return f"{error['loc'][0]} {error['msg'].removeprefix('Value error, ')}"
