"""Parts of every provider process: whether its engine still runs, one-line errors, and late loading."""

from __future__ import annotations

import gc
import re
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from pulumi_account.common.text import place
from pulumi_account.exceptions import AccountError, InternalError

if TYPE_CHECKING:
    from pulumi_account.api.client import AccountClient
    from pulumi_account.api.settings import Settings
    from pulumi_account.core.peers import Peers

__all__ = [
    "LateClient",
    "engine_is_gone",
    "is_provider",
    "load_models",
    "one_line_errors",
    "peers",
    "show_one_line_errors",
]

_F = TypeVar("_F", bound=Callable[..., Any])
#: The last argument of every provider process, whether a plugin or `pulumi.dynamic`: the address of its engine. A
#: program's last argument is never an address, so this distinguishes the two.
_ENGINE = re.compile(r"(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]):(?P<port>[0-9]{1,5})")


def _engine() -> re.Match[str] | None:
    return _ENGINE.fullmatch(sys.argv[-1]) if len(sys.argv) > 1 else None


def is_provider() -> bool:
    """Whether an engine started this process as a provider."""
    return _engine() is not None


def engine_is_gone() -> bool:
    """Whether the engine of this process no longer listens; False if that cannot be known.

    A killed engine leaves its provider running, and a key made after that would be lost.
    """
    engine = _engine()
    if engine is None or not int(engine["port"]):
        return False
    try:
        socket.create_connection((engine["host"].strip("[]"), int(engine["port"])), timeout=1).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def peers() -> Peers | None:
    """The other provider processes of the run; None without an engine, and on Windows."""
    engine = _engine()
    if engine is None or not int(engine["port"]) or sys.platform == "win32":
        return None
    from pulumi_account.core.peers import Peers

    return Peers(engine["port"])


def one_line_errors(method: _F) -> _F:
    """Let a method raise only this package's own one-line errors.

    Another library's message may quote its arguments, even a plaintext. So an unexpected error is reported by its
    type and its place.
    """

    @wraps(method)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except AccountError as error:
            raise error from None
        except Exception as error:  # noqa: BLE001 - the new error neither quotes nor holds it
            what = f"unexpected {type(error).__name__} at {place(error)}"
        raise InternalError(f"{what}: a defect of pulumi_account, please report it")

    return guarded  # type: ignore[return-value]


def show_one_line_errors() -> None:
    """In a provider process, let the SDK print errors without their tracebacks.

    The SDK sends the engine a whole traceback for every exception. A program's process must not do this:
    it makes the CLI hang.
    """
    if is_provider():
        sys.tracebacklimit = 0


class LateClient:
    """Makes the client at the first call, because a preview makes no call and HTTP is slow to load."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._client: AccountClient | None = None
        self._loads = False

    def made(self) -> AccountClient:
        """The client."""
        with self._lock:
            if self._client is None:
                # httpx would load its own command line, and with it rich, if that is installed
                sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
                from pulumi_account.api.client import AccountClient

                self._client = AccountClient.of(self._settings)
            return self._client

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.made(), name)
        if name != "delete_key":
            self._load_models_meanwhile()
        return method

    def _load_models_meanwhile(self) -> None:
        """Load the models while the first answer is on its way.

        If no more threads can start, the thread that gets an answer loads them.
        """
        with self._lock:
            first, self._loads = not self._loads, True
        if first:
            with suppress(RuntimeError):
                threading.Thread(target=load_models, daemon=True).start()


def load_models() -> None:
    """Load the models, and exempt them from garbage collection.

    They stay in memory, so searching them for garbage, again with every few hundred keys, would waste time.
    """
    gc.disable()
    with suppress(Exception):  # the thread that has the answer reports it
        import_module("pulumi_account.api.models")
    gc.freeze()
    gc.enable()
