"""One request, and what a client makes of the response."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from pulumi_account import exceptions as err
from pulumi_account.api.client import AccountClient
from tests.support.helpers import account, refusal

Call = Callable[[AccountClient], object]


def get_balance(client: AccountClient) -> object:
    """A call for tests that work with any call."""
    return client.get_balance()


def create_key(client: AccountClient) -> object:
    """A call whose response contains a plaintext."""
    return client.create_key("n")


def exchange(call: Call, answer: httpx.Response) -> tuple[httpx.Request, object]:
    """The request that a call sends, and its result for this response."""
    sent: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return answer

    with account(handle) as client:
        result = call(client)
    (request,) = sent
    return request, result


def refused(answer: httpx.Response, kind: type[err.AccountError], call: Call = get_balance) -> Any:
    """The error that a response becomes."""
    return refusal(kind, lambda: exchange(call, answer))


def api_error(status: int, **error: object) -> httpx.Response:
    """A refusal in the API's own words."""
    return httpx.Response(status, json={"error": error})
