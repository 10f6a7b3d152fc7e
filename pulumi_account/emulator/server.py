"""uvicorn, fitted for tests: quick to start, quick to stop, and able to cut connections."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from pulumi_account.emulator.exchange import TRANSPORT

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp


class Protocol(H11Protocol):
    """Hands the connection's transport to the application, in the scope's state."""

    def connection_made(self, transport: Any) -> None:
        """Called by the event loop for every new connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}
        self.access_log = False


class Server(uvicorn.Server):
    """A server that tells when it is ready, and stops at once: no polling, no waiting for anybody."""

    def __init__(self, app: ASGIApp, on_ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            http=Protocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            proxy_headers=False,
            server_header=False,
            date_header=False,  # the application writes it, by the emulated clock
            timeout_keep_alive=75,
        )
        super().__init__(config)
        self._on_ready = on_ready
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then tell."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)
        self._on_ready()

    async def main_loop(self) -> None:
        """Sleep until told to stop."""
        await self._stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's
        """Stop listening, cut all connections, end all requests."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        # By the time a task learns of its end its connection knows of its own, so nothing is logged about it.
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def stop(self) -> None:
        """End the server once it is ready, from any thread."""
        self._loop.call_soon_threadsafe(self._stop.set)


class ServerThread:
    """A server in a thread of its own."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self._server = Server(app, self._ready.set)
        self._listener = listener
        self._thread = threading.Thread(target=self._run, name="account-emulator", daemon=True)

    def start(self) -> None:
        """Start, and return once requests are answered."""
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        """Stop, and return once nothing is left."""
        self._server.stop()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._server.run([self._listener])
        except OSError as error:
            self._failure = error
        finally:
            self._ready.set()  # whatever happened, nobody must wait for ever


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to a loopback address.

    Raises:
        ValueError: the host is not loopback: an emulator has no business on a network.
        OSError: the port is taken.
    """
    address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    if not address.is_loopback:
        raise ValueError(f"{host} is not a loopback address")
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    # Without the protocol's number asyncio leaves Nagle's algorithm on, which costs 40 ms an answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # there the option would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((str(address), port))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on {host}, port {port}: {error.strerror}") from error
    return listener


def url_of(listener: socket.socket) -> str:
    """The base URL of a server on this socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
