"""The shapes of the wire: what the API answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from json import JSONDecodeError
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    SecretStr,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
)

from pulumi_account.common.ids import LARGEST_ID
from pulumi_account.common.instants import parse_instant
from pulumi_account.common.money import MAGNITUDE, parse_json, parse_number

__all__ = [
    "Activity",
    "Balance",
    "CreatedKey",
    "DailyStats",
    "Key",
    "KeyUsage",
    "ModelUsage",
    "UsageStats",
    "read_model",
]


def _wire_instant(value: object) -> object:
    return parse_instant(_wire_text(value))


def _wire_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("is not an ISO 8601 text")
    return value


def _wire_number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise ValueError("is not a number")
    return parse_number(str(value))


Instant = Annotated[datetime, BeforeValidator(_wire_instant)]
Day = Annotated[date, BeforeValidator(_wire_text)]
Money = Annotated[Decimal, BeforeValidator(_wire_number)]
Count = Annotated[StrictInt, Field(ge=-(10**MAGNITUDE), le=10**MAGNITUDE)]
KeyId = Annotated[StrictInt, Field(ge=0, le=LARGEST_ID)]


_T = TypeVar("_T")
#: the first wrong item is told, and not another million of them
Many = Annotated[list[_T], FailFast()]


class _Wire(BaseModel):
    """Fields that the API adds one day are ignored; a missing or a wrong one is an error."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Key(_Wire):
    """An API key as the server has it, without its plaintext.

    ``credit_limit`` is USD, None where there is no limit; ``expires_at`` is None where the key never expires.
    """

    id: KeyId
    name: StrictStr
    created_at: Instant
    expires_at: Instant | None
    is_enabled: StrictBool
    credit_limit: Money | None


class CreatedKey(Key):
    """An API key just made: the one answer that holds the plaintext, as ``key``."""

    key: SecretStr = Field(min_length=1)


class KeyList(_Wire):
    """All keys of the account."""

    keys: Many[Key]


class Balance(_Wire):
    """What is left in the account: ``balance``, in USD."""

    balance: Money


class UsageStats(_Wire):
    """Requests, cost in USD and tokens, in total."""

    total_requests: Count
    total_cost: Money
    total_input_tokens: Count
    total_output_tokens: Count


class DailyStats(UsageStats):
    """The same for one day."""

    date: Day


class _Usage(_Wire):
    request_count: Count
    total_cost: Money
    total_input_tokens: Count
    total_output_tokens: Count


class ModelUsage(_Usage):
    """What one model was used for; cost in USD."""

    model_name: StrictStr


class KeyUsage(_Usage):
    """What one key, which may since have been deleted, was used for; cost in USD."""

    api_key_id: KeyId
    api_key_name: StrictStr


class Activity(_Wire):
    """The account's usage over the last ``period_days`` days; the server's copy is up to five minutes old."""

    period_days: Count
    total_stats: UsageStats
    daily_stats: Many[DailyStats]
    top_models: Many[ModelUsage]
    api_key_usage: Many[KeyUsage]


_M = TypeVar("_M", bound=_Wire)

#: what is wrong with a field, by pydantic's name for it, whose own words are for programmers
_PROBLEMS = {
    "missing": "is missing",
    "string_type": "is not a text",
    "int_type": "is not a whole number",
    "greater_than_equal": "is too small",
    "less_than_equal": "is too large",
    "bool_type": "is neither true nor false",
    "list_type": "is not a list",
    "model_type": "is not an object",
    "too_short": "is empty",
}


def read_model(model: type[_M], text: bytes) -> _M:
    """Read an answer's body.

    :raises ValueError: one line that names the missing or wrong field, and quotes nothing of the body.
    """
    try:
        return model.model_validate(parse_json(text))
    except ValidationError as error:
        problem = "; ".join(_wire_problem(e) for e in _errors(error))
    except (UnicodeDecodeError, JSONDecodeError, RecursionError):
        problem = "the body is not JSON"
    except ValueError as error:
        problem = str(error)
    raise ValueError(problem)  # out here, as those errors hold the body, and with it a plaintext


def _wire_problem(error: Mapping[str, Any]) -> str:
    field = ".".join(str(part) for part in error["loc"]) or "the body"
    if error["type"] == "value_error":  # one of this module's own
        return f"{field}: {error['msg'].removeprefix('Value error, ')}"
    other = "is not a day such as 2026-05-31" if error["type"].startswith("date") else "is not as documented"
    return f"{field}: {_PROBLEMS.get(error['type'], other)}"


def _errors(error: ValidationError) -> list[Any]:
    return list(error.errors(include_input=False, include_url=False, include_context=False))
