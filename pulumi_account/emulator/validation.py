"""The rules for request bodies, paths and queries, written from the API's documentation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple

from pulumi_account.emulator import jsontext
from pulumi_account.emulator.errors import ApiError

MAX_NAME = 255
MAX_DAYS = 30
LARGEST_ID = 2**63 - 1

# A number such as 1e999999999 is short on the wire and a gigabyte when written out.
_LARGEST_EXPONENT = 400

_INTEGER = re.compile(r"-?[0-9]+")
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?"
    r"([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)"
)


class Expiry(NamedTuple):
    """An instant, and the text it was sent as."""

    instant: datetime
    sent: str


@dataclass(frozen=True)
class NewKey:
    """A valid POST body."""

    name: str
    credit_limit: Decimal | None
    expires_at: Expiry | None


class Rules:
    """Checks requests; `status` is what a value against the rules is answered with (400 or 422)."""

    def __init__(self, status: int) -> None:
        self._status = status

    def new_key(self, body: bytes, now: datetime) -> NewKey:
        """The body of POST."""
        fields = _json_object(body)
        return NewKey(
            name=self._name(fields.get("name")),
            credit_limit=self._credit_limit(fields.get("credit_limit")),
            expires_at=self._expires_at(fields.get("expires_at"), now),
        )

    def changes(self, body: bytes, now: datetime) -> dict[str, Any]:
        """The body of PATCH, as the fields to set: what is omitted stays, null removes a limit or an expiry."""
        fields = _json_object(body)
        changes: dict[str, Any] = {}
        if fields.get("name") is not None:
            changes["name"] = self._name(fields["name"])
        if fields.get("is_enabled") is not None:
            changes["is_enabled"] = self._is_enabled(fields["is_enabled"])
        if "credit_limit" in fields:
            changes["credit_limit"] = self._credit_limit(fields["credit_limit"])
        if "expires_at" in fields:
            changes["expires_at"] = self._expires_at(fields["expires_at"], now)
        return changes

    def key_id(self, text: str) -> int:
        """The id in a path; one that no database can hold becomes 0, which no key has."""
        if not _INTEGER.fullmatch(text):
            raise self._invalid("key_id must be an integer.")
        number = int(text) if len(text) <= len(str(LARGEST_ID)) else 0
        return number if 0 <= number <= LARGEST_ID else 0

    def days(self, text: str | None) -> int:
        """The `days` of a query, 30 when it is left out."""
        if text is None:
            return MAX_DAYS
        if not _INTEGER.fullmatch(text) or len(text) > 4 or not 1 <= int(text) <= MAX_DAYS:
            raise self._invalid(f"days must be an integer from 1 to {MAX_DAYS}.")
        return int(text)

    def _name(self, value: object) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= MAX_NAME or _has_surrogates(value):
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

    def _expires_at(self, value: object, now: datetime) -> Expiry | None:
        if value is None:
            return None
        instant = parse_instant(value) if isinstance(value, str) else None
        if instant is None:
            raise self._invalid("expires_at must be an ISO 8601 date and time with an offset, or null.")
        if instant <= now:
            raise self._invalid("expires_at must lie in the future.")
        return Expiry(instant, str(value))

    def _invalid(self, message: str) -> ApiError:
        return ApiError(self._status, message)


def parse_instant(text: str) -> datetime | None:
    """An ISO 8601 instant with an offset, in UTC; None for any other text.

    `datetime.fromisoformat` will not do: what it accepts differs between Python 3.10 and 3.11.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    date, minute, second, fraction, offset = match.groups()
    micros = (fraction or "").ljust(6, "0")[:6]
    try:
        local = datetime.fromisoformat(f"{date}T{minute}:{second or '00'}.{micros}")
        return local.replace(tzinfo=_offset(offset)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def _offset(text: str) -> timezone:
    if text in "Zz":
        return timezone.utc
    hours, minutes = int(text[1:3]), int(text[3:].lstrip(":") or 0)
    if minutes > 59:
        raise ValueError("minutes of an offset")
    size = timedelta(hours=hours, minutes=minutes)
    return timezone(-size if text[0] == "-" else size)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        document = jsontext.loads(body)
    except jsontext.NotJsonError:
        raise ApiError(400, "The body is not a JSON document.") from None
    if not isinstance(document, dict):
        raise ApiError(400, "The body must be a JSON object.")
    return document


def _has_surrogates(text: str) -> bool:
    """Lone surrogates can be escaped in JSON, yet no database takes them."""
    return any("\ud800" <= character <= "\udfff" for character in text)
