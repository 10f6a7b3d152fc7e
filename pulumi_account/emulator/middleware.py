"""What happens to a request before the API answers it: recording, the limit of its size, the rate limit, and faults."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from email.utils import format_datetime
from typing import TYPE_CHECKING

from starlette.routing import Match

from pulumi_account.emulator.calls import Call
from pulumi_account.emulator.exchange import ClientGoneError, Exchange
from pulumi_account.emulator.faults import Answer, Drip, Drop, Edit, HalfBody, Hang
from pulumi_account.emulator.rate_limit import RateLimit
from pulumi_account.emulator.replies import Reply, edited_reply, error_json, fault_reply, make_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.applications import Starlette
    from starlette.types import Receive, Scope, Send

    from pulumi_account.emulator.clock import Clock
    from pulumi_account.emulator.credentials import Credentials
    from pulumi_account.emulator.faults import Action, Faults
    from pulumi_account.emulator.options import Options

MOST_BYTES = 2**20
"""The maximum size of a body."""


class Middleware:
    """Stands between the server and the API, as proxies and unreliable networks do."""

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
        rate = options.rate_limit
        self._limit = None if rate is None else RateLimit(rate, options.retry_after)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request. The server sends nothing else: lifespan and websockets are disabled."""
        # A task is canceled only when the server stops.
        with suppress(ClientGoneError, asyncio.CancelledError):
            exchange = Exchange(scope, receive, send)
            # the body of a caller without a provisioning key is not read, because it does not change the answer
            refusal = self._credentials.refusal(exchange.headers.get("authorization"))
            fits = refusal is not None or await exchange.read(MOST_BYTES)
            body = exchange.body if fits else b""
            call = Call(exchange.method, exchange.path, exchange.query, self._operation(scope), body)
            self._record(call)
            if fits:
                await self._handle(exchange, call)
            else:
                message = f"The body is longer than {MOST_BYTES} bytes."
                await self._answer(exchange, call, make_reply(413, error_json(413, message)))

    async def _handle(self, exchange: Exchange, call: Call) -> None:
        refusal = None if self._limit is None else self._limit.refusal()
        if refusal is not None:
            await self._answer(exchange, call, refusal)
            return
        latency, action = self._faults.plan(call.operation, call.method, call.path)
        if latency:
            await asyncio.sleep(latency)
        if action is None or action.commit:
            reply = await exchange.ask(self._api)
        else:
            reply = Reply(500)  # never sent: an action that does not commit has its own answer, or none
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
                await self._answer(exchange, call, fault_reply(action, self._clock.now()))
            case Edit():
                await self._answer(exchange, call, edited_reply(action, reply))
            case _:
                await self._answer(exchange, call, reply)

    async def _answer(self, exchange: Exchange, call: Call, reply: Reply) -> None:
        call.status = reply.status  # before sending: the client may read the record at once
        reply.headers.append(("date", format_datetime(self._clock.now(), usegmt=True)))
        await exchange.answer(reply)

    def _operation(self, scope: Scope) -> str | None:
        for route in self._api.routes:
            if route.matches(scope)[0] is Match.FULL:
                return getattr(route, "name", None)
        return None
