"""One request and its answer on a TCP connection: the whole answer, half of it, byte by byte, or none."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers

from pulumi_account.emulator.replies import Reply

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

TRANSPORT = "transport"
"""The name of the connection's transport in the state of an ASGI scope."""


class ClientGoneError(Exception):
    """The client disconnected before its request was complete."""


class Exchange:
    """Reads a request and answers it in full, in part, or not at all."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: str = scope["query_string"].decode("latin-1")
        self.headers = Headers(scope=scope)
        self.body = b""

    async def read(self, most: int) -> bool:
        """Read the body, and stop when it is too long. After the answer, the server discards the rest.

        :param most: the largest number of bytes.
        :returns: whether the body is not too long.
        """
        length = self.headers.get("content-length", "")
        more = not length.isdigit() or int(length) <= most
        fits = more
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            self.body += message.get("body", b"")
            fits = len(self.body) <= most
            more = fits and message.get("more_body", False)
        return fits

    async def ask(self, app: ASGIApp) -> Reply:
        """Pass the request to an application and return its answer."""
        reply = Reply(500)

        async def receive() -> Message:
            return {"type": "http.request", "body": self.body, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                reply.status = message["status"]
                reply.headers = [(name.decode(), value.decode()) for name, value in message["headers"]]
            else:
                reply.body += message.get("body", b"")

        await app(self._scope, receive, send)
        return reply

    async def answer(self, reply: Reply) -> None:
        """Send the whole answer."""
        await self._start(reply)
        await self._send({"type": "http.response.body", "body": reply.body})

    async def answer_half(self, reply: Reply) -> None:
        """Send the head and half of the body, then cut the connection."""
        if reply.body:
            await self._start(reply)
            half = reply.body[: len(reply.body) // 2]
            await self._send({"type": "http.response.body", "body": half, "more_body": True})
            self._transport.close()  # unlike abort, close first sends what was written
        await self.cut()

    async def answer_in_drips(self, reply: Reply, pause: float) -> None:
        """Send the head, then the body byte by byte, until the client disconnects."""
        await self._start(reply)
        for place in range(len(reply.body)):
            await self._send(
                {"type": "http.response.body", "body": reply.body[place : place + 1], "more_body": True}
            )
            await asyncio.sleep(pause)
            if self._transport.is_closing():
                await self._gone()
                return
        await self._send({"type": "http.response.body", "body": b""})

    async def cut(self) -> None:
        """Cut the TCP connection at once."""
        if not self._transport.is_closing():
            self._transport.abort()
        await self._gone()

    async def hang(self, seconds: float | None) -> None:
        """Wait until the client gives up or the time is over, then cut the connection."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._gone(), seconds)
        await self.cut()

    async def _start(self, reply: Reply) -> None:
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
        await self._send({"type": "http.response.start", "status": reply.status, "headers": headers})

    async def _gone(self) -> None:
        """Wait until uvicorn knows that the connection is closed: only then it logs no missing answer."""
        kind = ""
        while kind != "http.disconnect":
            kind = (await self._receive())["type"]

    @property
    def _transport(self) -> Any:
        return self._scope["state"][TRANSPORT]
