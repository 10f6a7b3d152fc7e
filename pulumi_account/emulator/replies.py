"""Answers that do not come from the API itself: those of faults and of the rate limit."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from pulumi_account.emulator import jsontext
from pulumi_account.emulator.errors import error_body
from pulumi_account.emulator.exchange import Reply

if TYPE_CHECKING:
    from datetime import datetime

    from pulumi_account.emulator.faults import Answer, Edit

_MESSAGE = "This answer was made by a fault of the emulator."
_HTML = "<!doctype html><html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"
_JSON, _PAGE = "application/json", "text/html; charset=utf-8"
_WITHOUT_BODY = (204, 304)


def too_many_requests(retry_after: int | None) -> Reply:
    """The rate limit's answer."""
    reply = _reply(429, _dump(error_body(429, "Too many requests. Slow down.")), _JSON)
    if retry_after is not None:
        reply.headers.append(("retry-after", str(retry_after)))
    return reply


def body_too_large(most: int) -> Reply:
    """The answer to a body that nobody needs to send."""
    return _reply(413, _dump(error_body(413, f"The body is longer than {most} bytes.")), _JSON)


def made_up(answer: Answer, now: datetime) -> Reply:
    """The answer a fault asks for; `now` is the server's time."""
    reply = _reply(answer.status, *_body(answer))
    reply.headers.extend(answer.headers.items())
    if answer.retry_after is not None:
        reply.headers.append(("retry-after", _retry_after(answer.retry_after, answer.retry_after_date, now)))
    return reply


def edited(edit: Edit, reply: Reply) -> Reply:
    """A 2xx answer with some fields of its JSON taken out or replaced; any other answer as it is."""
    if not 200 <= reply.status < 300 or not reply.body:
        return reply
    document = jsontext.loads(reply.body)
    for path in edit.remove:
        _set(document, path.split("."), None, remove=True)
    for path, value in edit.replace.items():
        _set(document, path.split("."), value, remove=False)
    return _reply(reply.status, _dump(document), _JSON)


def _reply(status: int, body: bytes, media_type: str) -> Reply:
    if status in _WITHOUT_BODY:
        return Reply(status)
    return Reply(status, body, [("content-type", media_type), ("content-length", str(len(body)))])


def _body(answer: Answer) -> tuple[bytes, str]:
    status, kind = answer.status, answer.body
    if isinstance(kind, bytes):
        return kind, _JSON
    bodies = {
        "error": (_dump(error_body(status, _MESSAGE)), _JSON),
        "detail": (_dump({"detail": _MESSAGE}), _JSON),
        "html": (_HTML.format(status=status).encode(), _PAGE),
        "empty": (b"", _JSON),
        "garbage": (b'{"keys": [\x00\xff', _JSON),
    }
    return bodies[kind]


def _retry_after(seconds: int, as_date: bool, now: datetime) -> str:
    return format_datetime(now + timedelta(seconds=seconds), usegmt=True) if as_date else str(seconds)


def _set(document: Any, path: list[str], value: Any, *, remove: bool) -> None:
    """Set or take out what a path leads to; a path that leads nowhere changes nothing."""
    *parents, last = path
    try:
        for step in parents:
            document = document[_step(document, step)]
        if remove:
            del document[_step(document, last)]
        else:
            document[_step(document, last)] = value
    except (LookupError, TypeError, ValueError):
        return


def _step(document: Any, step: str) -> Any:
    return int(step) if isinstance(document, list) else step


def _dump(document: Any) -> bytes:
    return jsontext.dumps(document).encode()
