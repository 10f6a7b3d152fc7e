"""A proxy before an account, whose port closes for a while: connections are really refused."""

from __future__ import annotations

import errno
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

_LOCALHOST = "127.0.0.1"
#: much longer than a process takes between two calls, even on a busy machine
_WHILE = 3.0
_KEEP_ALIVE = re.compile(rb"(?i)\r\nconnection: keep-alive")


class Door:
    """Forwards each call over a separate connection, so that any call can be refused.

    :param url: the account that it stands before.
    """

    def __init__(self, url: str) -> None:
        self._target = (_LOCALHOST, urlsplit(url).port or 0)
        self._left: int | None = None
        self._for_ever = self._stopped = False
        self._reopened, self._shut, self._listening = (threading.Event() for _ in range(3))
        self._listener = self._bound(0)
        self._port = self._listener.getsockname()[1]
        self.url = f"http://{_LOCALHOST}:{self._port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self._listening.wait()

    @property
    def was_shut(self) -> bool:
        """Whether the port has been closed since `close_after` was called."""
        return self._shut.is_set()

    def close_after(self, connections: int, *, for_ever: bool) -> None:
        """Close the port after this number of further connections, for a moment or until `open`."""
        self._left, self._for_ever = connections, for_ever
        self._reopened.clear()
        self._shut.clear()
        if not connections:
            self._wake()
            self._shut.wait()

    def open(self) -> None:
        """Open the port again, and keep it open."""
        self._left = None
        self._reopened.set()
        self._listening.wait()

    def stop(self) -> None:
        """Close it for good."""
        self.open()
        self._stopped = True
        self._wake()
        self._thread.join()
        self._listener.close()

    def _wake(self) -> None:
        with suppress(OSError), socket.create_connection((_LOCALHOST, self._port)):
            pass

    def _bound(self, port: int) -> socket.socket:
        """A socket bound to the port, once no other socket is.

        A process that is just being started has copies of all sockets, until it runs its program.
        """
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        while True:
            try:
                bound.bind((_LOCALHOST, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                time.sleep(0.002)
            else:
                return bound

    def _serve(self) -> None:
        while not self._stopped:
            self._listener.listen()
            self._listening.set()
            last = self._serve_open()
            self._listening.clear()
            self._listener.close()
            self._listener = self._bound(self._port)  # no other process must get the port meanwhile
            self._shut.set()
            if last:
                self._start(self._pass_on, last)
            self._reopened.wait(None if self._for_ever else _WHILE)
            self._left = None

    def _serve_open(self) -> socket.socket | None:
        """The last connection, if there is one: it is passed on only when the port is closed."""
        while True:
            client, _ = self._listener.accept()
            if self._left == 0 or self._stopped:  # made to wake this thread
                client.close()
                return None
            if self._left is not None:
                self._left -= 1
            if self._left == 0:
                return client
            self._start(self._pass_on, client)

    @staticmethod
    def _start(target: Callable[..., None], *args: socket.socket) -> None:
        threading.Thread(target=target, args=args, daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as account, suppress(OSError):
            self._start(self._ask, client, account)
            with suppress(ConnectionResetError):
                while data := account.recv(65536):
                    client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)  # closing it is not enough, as the other thread still reads

    @staticmethod
    def _ask(client: socket.socket, account: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                account.sendall(_KEEP_ALIVE.sub(b"\r\nConnection: close", data))
