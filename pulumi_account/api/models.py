"""The shapes of the API's responses."""

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
    "KeyList",
    "KeyUsage",
    "ModelUsage",
    "UsageStats",
    "read_model",
]


def _wire_instant(value: object) -> object:
    return parse_instant(_wire_text(value))


def _wire_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("is not an ISO 8601 string")
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
#: the error names the first wrong item, not a million of them
Many = Annotated[list[_T], FailFast()]


class _Wire(BaseModel):
    """Unknown fields are ignored; a missing or invalid field is an error."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Key(_Wire):
    """An API key as the server has it, without its plaintext.

    ``credit_limit`` is in USD, None if there is no limit; ``expires_at`` is None if the key never expires.
    """

    id: KeyId
    name: StrictStr
    created_at: Instant
    expires_at: Instant | None
    is_enabled: StrictBool
    credit_limit: Money | None


class CreatedKey(Key):
    """A new API key; no other response contains the plaintext, ``key``."""

    key: SecretStr = Field(min_length=1)


class KeyList(_Wire):
    """All keys of the account."""

    keys: Many[Key]


class Balance(_Wire):
    """The account's ``balance`` in USD."""

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
    """The usage of one model; cost in USD."""

    model_name: StrictStr


class KeyUsage(_Usage):
    """The usage of one key, which may have been deleted since; cost in USD."""

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

#: what is wrong with a field, by pydantic's name of the error; pydantic's own messages are for programmers
_PROBLEMS = {
    "missing": "is missing",
    "string_type": "is not a string",
    "int_type": "is not a whole number",
    "greater_than_equal": "is too small",
    "less_than_equal": "is too large",
    "bool_type": "is not true or false",
    "list_type": "is not a list",
    "model_type": "is not an object",
    "too_short": "is empty",
}


def read_model(model: type[_M], text: bytes) -> _M:
    """Read the body of a response.

    :raises ValueError: one line that names the missing or invalid fields, and quotes nothing of the body.
    """
    try:
        return model.model_validate(parse_json(text))
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False, include_context=False)
        problem = "; ".join(map(_problem, details))
    except (UnicodeDecodeError, JSONDecodeError, RecursionError):
        problem = "the body is not JSON"
    except ValueError as error:
        problem = str(error)
    raise ValueError(problem)  # not in `except`: those errors hold the body, and with it a plaintext


def _problem(error: Mapping[str, Any]) -> str:
    field = ".".join(str(part) for part in error["loc"]) or "the body"
    if error["type"] == "value_error":  # raised in this module
        return f"{field}: {error['msg'].removeprefix('Value error, ')}"
    other = "is not a day such as 2026-05-31" if error["type"].startswith("date") else "is not as documented"
    return f"{field}: {_PROBLEMS.get(error['type'], other)}"
