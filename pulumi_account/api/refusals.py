"""Refusals of the API as errors: any body becomes one line, without the provisioning key."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx

from pulumi_account import exceptions as err
from pulumi_account.common.money import parse_json

_LONGEST_MESSAGE = 300
#: how pydantic begins a message: with these words before a validator's own message, and with those before its own
_VALIDATORS_OWN, _SHOULD = re.compile(r"^(Value error|Assertion failed), "), re.compile(r"^[A-Z]\w* should ")

_STATUS_ERRORS: dict[int, type[err.StatusError]] = {
    401: err.AuthenticationError,
    402: err.InsufficientCreditsError,
    403: err.PermissionDeniedError,
    404: err.NotFoundError,
    429: err.RateLimitError,
}


def refusal(
    request: str, response: httpx.Response, endpoint: str, secret: str, clock_problem: str
) -> err.AccountError:
    """The error for a status that is not 2xx.

    :param request: the request's method and path.
    :param secret: the provisioning key, which the error must not quote.
    :param clock_problem: how this machine's clock differs from the API's; empty if they agree.
    """
    status, body = response.status_code, _json_object(response)
    own = body["error"] if isinstance(body.get("error"), dict) else None
    message = cleaned(_message(body, response), secret) or "a blank message"
    # a proxy or a wrong endpoint answers 404 as well, which says nothing about the key
    if status < 400 or (status == 404 and own is None):
        line = f"{request}: status {status}, but not the account API's answer ({message}): is {endpoint} its endpoint?"
        return err.UnexpectedResponseError(line, status=status)
    advice = ""
    if status == 401:
        advice = "; check the provisioning key: the API refuses inference keys here"
    elif status == 429 and "Retry-After" in response.headers:
        advice = f"; Retry-After: {cleaned(response.headers['Retry-After'], secret)}"
    elif status in (400, 422) and clock_problem:
        advice = f"; {clock_problem}"
    kind = err.ServerError if status >= 500 else _STATUS_ERRORS.get(status, err.InvalidRequestError)
    api_type = (own or {}).get("type")
    line = f"{request}: {message} (status {status}{advice})"
    return kind(line, status=status, type=cleaned(api_type, secret) if isinstance(api_type, str) else None)


def cleaned(text: object, secret: str) -> str:
    """Text from elsewhere on one line, cut to a readable length, without the provisioning key."""
    line = "".join(c for c in " ".join(str(text).split()) if c.isprintable())
    line = line.replace(secret, "[provisioning key]")
    return line if len(line) <= _LONGEST_MESSAGE else line[:_LONGEST_MESSAGE] + "…"


def _json_object(response: httpx.Response) -> dict[str, Any]:
    """The body's JSON object; empty if it has none."""
    try:
        body: Any = parse_json(response.content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _message(body: Mapping[str, Any], response: httpx.Response) -> str:
    """The message of the documented error, else FastAPI's ``detail``, else the kind of body."""
    error = body.get("error") or body.get("detail")
    if isinstance(error, list) and all(broken := [_broken_rule(item) for item in error]):
        return "; ".join(broken)
    if isinstance(error, dict):
        error = error.get("message") or error.get("type") or error
    if error:
        return error if isinstance(error, str) else json.dumps(error, default=str, ensure_ascii=False)
    kind = response.headers.get("Content-Type", "").split(";")[0]
    return f"no message, but {kind or 'a body without a type'}" if response.content else "an empty body"


def _broken_rule(item: object) -> str:
    """An entry of a ``detail`` that pydantic wrote, in plain words; empty for any other entry."""
    if not isinstance(item, dict) or not isinstance(item.get("msg"), str):
        return ""
    place = item.get("loc")
    fields = place[1:] if isinstance(place, list) else []
    field = ".".join(str(part) for part in fields if isinstance(part, (str, int)))
    rule = _VALIDATORS_OWN.sub("", item["msg"]).replace("Field required", "is missing")
    return ": ".join(filter(None, [field, _SHOULD.sub("must ", rule)]))
