"""The rules for names, limits, expiries, ids and periods in requests, written from the API's documentation."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from pulumi_account.emulator.clock import parse_instant
from pulumi_account.emulator.replies import ApiError

if TYPE_CHECKING:
    from datetime import datetime

    from pulumi_account.emulator.clock import Clock

MAX_NAME = 255
MAX_DAYS = 30
LARGEST_ID = 2**63 - 1

# A number such as 1e999999999 is short in a request and takes a gigabyte when written out.
_LARGEST_EXPONENT = 400

_INTEGER = re.compile(r"-?[0-9]+")


class Expiry(NamedTuple):
    """An instant, and the text that the client sent for it."""

    instant: datetime
    sent: str


class Rules:
    """Checks requests.

    :param status: the status of a refusal of an invalid value, 400 or 422.
    """

    def __init__(self, status: int, clock: Clock) -> None:
        self._status = status
        self._clock = clock
        self._checks = {
            "name": self._name,
            "is_enabled": self._is_enabled,
            "credit_limit": self._credit_limit,
            "expires_at": self._expires_at,
        }

    def new_key(self, body: bytes) -> dict[str, Any]:
        """The fields of the body of POST."""
        fields = _json_object(body)
        return {name: self._checks[name](fields.get(name)) for name in ("name", "credit_limit", "expires_at")}

    def changes(self, body: bytes) -> dict[str, Any]:
        """The fields that the body of PATCH sets: null removes a limit or an expiry, and is ignored elsewhere."""
        fields = {
            name: value
            for name, value in _json_object(body).items()
            if value is not None or name in ("credit_limit", "expires_at")
        }
        return {name: check(fields[name]) for name, check in self._checks.items() if name in fields}

    def key_id(self, text: str) -> int:
        """The id in a path; 0, which no key has, for an id that no database can hold."""
        if not _INTEGER.fullmatch(text):
            raise self._invalid("key_id must be an integer.")
        number = int(text) if len(text) <= len(str(LARGEST_ID)) else 0
        return number if 0 <= number <= LARGEST_ID else 0

    def days(self, text: str | None) -> int:
        """The `days` of a query; 30 if there is none."""
        if text is None:
            return MAX_DAYS
        if not _INTEGER.fullmatch(text) or len(text) > 4 or not 1 <= int(text) <= MAX_DAYS:
            raise self._invalid(f"days must be an integer from 1 to {MAX_DAYS}.")
        return int(text)

    def _name(self, value: object) -> str:
        # JSON can escape lone surrogates, but no database stores them
        if (
            not isinstance(value, str)
            or not 1 <= len(value) <= MAX_NAME
            or re.search("[\ud800-\udfff]", value)
        ):
            raise self._invalid(f"name must be a string of 1 to {MAX_NAME} characters.")
        return value

    def _is_enabled(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise self._invalid("is_enabled must be a boolean.")
        return value

    def _credit_limit(self, value: object) -> Decimal | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            raise self._invalid("credit_limit must be a number or null.")
        limit = Decimal(value)
        exponent = limit.as_tuple().exponent
        if limit < 0 or not isinstance(exponent, int) or abs(exponent) > _LARGEST_EXPONENT:
            raise self._invalid("credit_limit must be a number of at least 0.")
        return limit.copy_abs()  # -0.0 passes the comparison above

    def _expires_at(self, value: object) -> Expiry | None:
        if value is None:
            return None
        instant = parse_instant(value) if isinstance(value, str) else None
        if instant is None:
            raise self._invalid("expires_at must be an ISO 8601 date and time with an offset, or null.")
        if instant <= self._clock.now():
            raise self._invalid("expires_at must be in the future.")
        return Expiry(instant, str(value))

    def _invalid(self, message: str) -> ApiError:
        return ApiError(self._status, message)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, ArithmeticError, RecursionError):
        raise ApiError(400, "The body is not a JSON document.") from None
    if not isinstance(document, dict):
        raise ApiError(400, "The body must be a JSON object.")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are not JSON
