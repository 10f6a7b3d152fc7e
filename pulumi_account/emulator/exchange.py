"""One request and its answer, with a hold on the TCP connection beneath."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

TRANSPORT = "transport"
"""Where in an ASGI scope's state the server leaves the connection's transport."""


@dataclass
class Reply:
    """A whole HTTP answer."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)


class ClientGoneError(Exception):
    """The client left before its request was complete."""


class Exchange:
    """Reads the request, then answers it, wholly, by half, or by cutting the connection."""

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
        """Read the body to its end; whether it has so many bytes at most. Of a longer one no more than that is kept.

        The server reads to its end, and throws away, whatever is left of a body when it has been answered.
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
        """The answer of an application to this request."""
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
        """Send a whole answer."""
        await self._start(reply)
        await self._send({"type": "http.response.body", "body": reply.body})

    async def answer_half(self, reply: Reply) -> None:
        """Send the head and half of the body, then cut the connection."""
        if reply.body:
            await self._start(reply)
            half = reply.body[: len(reply.body) // 2]
            await self._send({"type": "http.response.body", "body": half, "more_body": True})
            self._transport.close()  # unlike abort, it lets what was written go out first
        await self.cut()

    async def answer_in_drips(self, reply: Reply, pause: float) -> None:
        """Send the head, and the body byte by byte for as long as the client listens."""
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
        """End the TCP connection at once."""
        if not self._transport.is_closing():
            self._transport.abort()
        await self._gone()

    async def hang(self, seconds: float | None) -> None:
        """Wait until the client gives up or the time is over, then end the connection."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._gone(), seconds)
        await self.cut()

    async def _start(self, reply: Reply) -> None:
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
        await self._send({"type": "http.response.start", "status": reply.status, "headers": headers})

    async def _gone(self) -> None:
        """Wait until the server has noticed that the connection is over.

        Only then does it accept that an application returns without an answer, and logs nothing about it.
        """
        kind = ""
        while kind != "http.disconnect":
            kind = (await self._receive())["type"]

    @property
    def _transport(self) -> Any:
        return self._scope["state"][TRANSPORT]
