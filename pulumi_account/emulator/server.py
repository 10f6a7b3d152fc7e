"""The HTTP server: uvicorn in a thread, quick to start and stop, with access to its connections."""

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
    """Passes the transport of a connection to the application, in the state of the scope."""

    def connection_made(self, transport: Any) -> None:
        """The event loop calls this for every new connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}
        self.access_log = False


class Server(uvicorn.Server):
    """A server that reports when it is ready, and stops at once, without waiting for clients."""

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
        """Start listening, then report it."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)
        self._on_ready()

    async def main_loop(self) -> None:
        """Sleep until `stop` is called."""
        await self._stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's
        """Stop listening, cut all connections, cancel all requests."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        # A task ends after its connection has closed, so that uvicorn logs nothing.
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def stop(self) -> None:
        """Stop the server, once it is ready. Safe to call from any thread."""
        self._loop.call_soon_threadsafe(self._stop.set)


class ServerThread:
    """Runs a server in a separate thread."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self._server = Server(app, self._ready.set)
        self._listener = listener
        self._thread = threading.Thread(target=self._run, name="account-emulator", daemon=True)

    def start(self) -> None:
        """Start the server; returns when it answers requests."""
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        """Stop the server; returns when its thread has ended."""
        self._server.stop()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._server.run([self._listener])
        except OSError as error:
            self._failure = error
        finally:
            self._ready.set()  # also after a failure: `start` waits for it


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound to a loopback address.

    :raises ValueError: the host is not a loopback address.
    :raises OSError: the port is in use.
    """
    address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    if not address.is_loopback:
        raise ValueError(f"{host} is not a loopback address")
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    # Without the protocol's number, asyncio does not disable Nagle's algorithm, which adds 40 ms to each answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # on Windows the option lets two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((str(address), port))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on {host}, port {port}: {error.strerror}") from error
    return listener


def url_of(listener: socket.socket) -> str:
    """The base URL of the server on this socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
