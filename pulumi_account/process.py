"""What every provider process shares: is the engine still there, one-line errors, and late loading."""

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
#: The last argument of every provider process, of a plugin as of `pulumi.dynamic`: where its engine listens. No
#: program has it last, so this distinguishes the two however the process was started.
_ENGINE = re.compile(r"(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]):(?P<port>[0-9]{1,5})")


def _engine() -> re.Match[str] | None:
    return _ENGINE.fullmatch(sys.argv[-1]) if len(sys.argv) > 1 else None


def is_provider() -> bool:
    """Whether an engine started this process as a provider."""
    return _engine() is not None


def engine_is_gone() -> bool:
    """Whether nothing listens any more where the engine of this process did; False where that cannot be known.

    An engine that was killed leaves its provider running, and a key made after that would be lost.
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
    """Let out nothing but this package's own one-line errors.

    Another library's message may quote what it was given, a plaintext included. So an unforeseen error is reported
    by its kind and its place.
    """

    @wraps(method)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except AccountError as error:
            raise error from None
        except Exception as error:  # noqa: BLE001 - it is reported in other words, and not kept in what is raised
            what = f"unexpected {type(error).__name__} at {place(error)}"
        raise InternalError(f"{what}: a defect of pulumi_account, please report it")

    return guarded  # type: ignore[return-value]


def show_one_line_errors() -> None:
    """In a provider process, let the SDK print errors without their tracebacks.

    The SDK sends the engine a whole traceback for every exception. In a program's process this must not be done:
    it makes the CLI hang.
    """
    if is_provider():
        sys.tracebacklimit = 0


class LateClient:
    """Makes the client at the first call: a preview makes no call, and HTTP is slow to load."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._client: AccountClient | None = None
        self._loads = False

    def made(self) -> AccountClient:
        """The client."""
        with self._lock:
            if self._client is None:
                # httpx would load its own command line, and with it rich, where that is installed
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
        """Load what reads answers while the first one is on its way.

        Where no more threads can be had, the thread that gets an answer loads it.
        """
        with self._lock:
            first, self._loads = not self._loads, True
        if first:
            with suppress(RuntimeError):
                threading.Thread(target=load_models, daemon=True).start()


def load_models() -> None:
    """Load what reads answers, and exempt it from garbage collection.

    What is loaded stays: to look for garbage in it takes time now, and again with every few hundred keys.
    """
    gc.disable()
    with suppress(Exception):  # the thread that has the answer reports it
        import_module("pulumi_account.api.models")
    gc.freeze()
    gc.enable()
