"""Refusals, in the documented JSON."""

from __future__ import annotations

from typing import Any

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


class ApiError(Exception):
    """A request the API refuses.

    The message is sent to the client as it stands, so it must never quote what the client sent:
    a credential could be in it.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def error_body(status: int, message: str) -> dict[str, Any]:
    """The documented error document."""
    kind = ERROR_TYPES.get(status, "server_error" if status >= 500 else "api_error")
    return {"error": {"type": kind, "message": message}}
