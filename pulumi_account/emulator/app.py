"""The ASGI application: record the call, limit the rate, go wrong if a fault says so, else answer."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from email.utils import format_datetime
from typing import TYPE_CHECKING

from starlette.routing import Match

from pulumi_account.emulator.calls import Call
from pulumi_account.emulator.errors import ApiError
from pulumi_account.emulator.exchange import ClientGoneError, Exchange, Reply
from pulumi_account.emulator.faults import Answer, Drip, Drop, Edit, HalfBody, Hang
from pulumi_account.emulator.ratelimit import RateLimit
from pulumi_account.emulator.replies import body_too_large, edited, made_up, too_many_requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.applications import Starlette
    from starlette.types import Receive, Scope, Send

    from pulumi_account.emulator.clock import Clock
    from pulumi_account.emulator.credentials import Credentials
    from pulumi_account.emulator.faults import Action, Faults
    from pulumi_account.emulator.options import Options

MOST_BYTES = 2**20
"""How long a body may be: far longer than any key needs."""


class EmulatorApp:
    """Stands between the server and the API, where proxies and bad networks are."""

    def __init__(
        self,
        api: Starlette,
        credentials: Credentials,
        options: Options,
        faults: Faults,
        clock: Clock,
        record: Callable[[Call], None],
    ) -> None:
        self._api = api
        self._credentials = credentials
        self._faults = faults
        self._clock = clock
        self._record = record
        self._retry_after = options.retry_after
        self._limit = None if options.rate_limit is None else RateLimit(options.rate_limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request; only requests come, since neither lifespan nor websockets are switched on."""
        # A task is cancelled only when the server stops, and then nobody wants to hear of it.
        with suppress(ClientGoneError, asyncio.CancelledError):
            exchange = Exchange(scope, receive, send)
            # a stranger's body is not read: whatever it is, the answer will be the same
            fits = not self._admits(exchange) or await exchange.read(MOST_BYTES)
            body = exchange.body if fits else b""
            call = Call(exchange.method, exchange.path, exchange.query, self._operation(scope), body)
            self._record(call)
            if fits:
                await self._handle(exchange, call)
            else:
                await self._answer(exchange, call, body_too_large(MOST_BYTES))

    def _admits(self, exchange: Exchange) -> bool:
        try:
            self._credentials.check(exchange.headers.get("authorization"))
        except ApiError:
            return False
        return True

    async def _handle(self, exchange: Exchange, call: Call) -> None:
        if self._limit is not None and not self._limit.admit():
            await self._answer(exchange, call, too_many_requests(self._retry_after))
            return
        latency, action = self._faults.plan(call.operation, call.method, call.path)
        if latency:
            await asyncio.sleep(latency)
        if action is None or action.commit:
            reply = await exchange.ask(self._api)
        else:
            reply = Reply(500)  # never sent: an action that does not commit has an answer of its own, or none
        await self._act(exchange, call, action, reply)

    async def _act(self, exchange: Exchange, call: Call, action: Action | None, reply: Reply) -> None:
        match action:
            case Drop():
                await exchange.cut()
            case Hang(seconds):
                await exchange.hang(seconds)
            case HalfBody():
                await exchange.answer_half(reply)
            case Drip(seconds):
                await exchange.answer_in_drips(reply, seconds)
            case Answer():
                await self._answer(exchange, call, made_up(action, self._clock.now()))
            case Edit():
                await self._answer(exchange, call, edited(action, reply))
            case _:
                await self._answer(exchange, call, reply)

    async def _answer(self, exchange: Exchange, call: Call, reply: Reply) -> None:
        call.status = reply.status  # before it is sent: the client may look at the record at once
        reply.headers.append(("date", format_datetime(self._clock.now(), usegmt=True)))
        await exchange.answer(reply)

    def _operation(self, scope: Scope) -> str | None:
        for route in self._api.routes:
            if route.matches(scope)[0] is Match.FULL:
                return getattr(route, "name", None)
        return None
