"""Replies as JSON with exact numbers: the API's errors, and the replies that faults ask for."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from pulumi_account.emulator.faults import Answer, Edit

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_credits_error",
    403: "permission_error",
    404: "not_found_error",
    422: "validation_error",
    429: "rate_limit_error",
    503: "service_unavailable_error",
}

_FAULT = "A fault of the emulator made this answer."
_HTML = "<!doctype html><html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"
_JSON = "application/json"


class ApiError(Exception):
    """A request that the API refuses.

    The client receives the message as it is. The message must never quote the request, which may hold a credential.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass
class Reply:
    """A complete HTTP answer."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)


def to_json(value: Any) -> str:
    """Write JSON; a `Decimal` becomes a plain number with all its digits."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{to_json(item)}" for name, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(to_json, value)) + "]"
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value, allow_nan=False)


def error_json(status: int, message: str) -> str:
    """The documented body of an error."""
    kind = ERROR_TYPES.get(status, "server_error" if status >= 500 else "api_error")
    return to_json({"error": {"type": kind, "message": message}})


def make_reply(status: int, body: bytes | str, media_type: str = _JSON) -> Reply:
    """A reply with this body; HTTP forbids a body with the statuses 204 and 304."""
    if status in (204, 304):
        return Reply(status)
    body = body.encode() if isinstance(body, str) else body
    return Reply(status, body, [("content-type", media_type), ("content-length", str(len(body)))])


def fault_reply(answer: Answer, now: datetime) -> Reply:
    """The reply that a fault asks for.

    :param now: the server's time.
    """
    status = answer.status
    bodies: dict[object, tuple[bytes | str, str]] = {
        "error": (error_json(status, _FAULT), _JSON),
        "detail": (to_json({"detail": _FAULT}), _JSON),
        "html": (_HTML.format(status=status), "text/html; charset=utf-8"),
        "empty": (b"", _JSON),
        "garbage": (b'{"keys": [\x00\xff', _JSON),
    }
    made = make_reply(
        status, *(bodies[answer.body] if isinstance(answer.body, str) else (answer.body, _JSON))
    )
    made.headers.extend(answer.headers.items())
    if answer.retry_after is not None:
        value = str(answer.retry_after)
        if answer.retry_after_date:
            value = format_datetime(now + timedelta(seconds=answer.retry_after), usegmt=True)
        made.headers.append(("retry-after", value))
    return made


def edited_reply(edit: Edit, original: Reply) -> Reply:
    """A 2xx reply with some fields of its JSON removed or replaced; any other reply unchanged."""
    if not 200 <= original.status < 300 or not original.body:
        return original
    document = json.loads(original.body, parse_float=Decimal)
    for path, value in [*((path, _REMOVED) for path in edit.remove), *edit.replace.items()]:
        with suppress(LookupError, TypeError, ValueError):  # a path that leads nowhere changes nothing
            _set(document, path.split("."), value)
    return make_reply(original.status, to_json(document))


_REMOVED = object()


def _set(document: Any, path: list[str], value: Any) -> None:
    step = int(path[0]) if isinstance(document, list) else path[0]
    if path[1:]:
        _set(document[step], path[1:], value)
    elif value is _REMOVED:
        del document[step]
    else:
        document[step] = value
