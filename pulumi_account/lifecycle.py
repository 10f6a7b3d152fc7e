"""The dynamic provider: what the engine's provider process loads and calls.

The users' stacks hold a reference to ``pulumi_account.lifecycle.ApiKeyLifecycle``: neither name may ever change,
and the class must have no instance attributes when it is pickled. Programs import this module too, so what only
the provider's process needs is imported in `configure`, and what only calls need at the first one.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pulumi
from pulumi.dynamic import ResourceProvider

from pulumi_account.common.text import place
from pulumi_account.exceptions import AccountError, ConfigurationError, InternalError

if TYPE_CHECKING:
    # an SDK that is too old lacks some of these, and must get as far as the check below
    from pulumi.dynamic import (
        CheckResult,
        ConfigureRequest,
        CreateResult,
        DiffResult,
        ReadResult,
        UpdateResult,
    )

    from pulumi_account.api.client import AccountClient
    from pulumi_account.api.settings import Settings
    from pulumi_account.core.peers import Peers
    from pulumi_account.core.resource import Steps

__all__ = ["OLDEST_SDK", "PREVIEW", "ApiKeyLifecycle", "OldSDKError"]

#: the oldest SDK whose provider process does all that is relied on here, as pyproject.toml has it, too
OLDEST_SDK = (3, 268)

#: the property by which a program tells `check`, which the engine does not, that this is a preview; names with
#: two underscores are the SDK's and the engine's own: they are neither shown nor, as `check` drops it, stored
PREVIEW = "__preview"

_F = TypeVar("_F", bound=Callable[..., Any])


def _one_line(method: _F) -> _F:
    """Let out nothing but this package's own one-line errors.

    A message of somebody else's may quote what it was given, a plaintext included: so an unforeseen error is
    told by its kind and its place.
    """

    @wraps(method)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except AccountError as error:
            raise error from None
        except Exception as error:  # noqa: BLE001 - it is told in other words, and not kept in what is raised
            what = f"unexpected {type(error).__name__} at {place(error)}"
        raise InternalError(f"{what}: a defect of pulumi_account, please report it")

    return guarded  # type: ignore[return-value]


class ApiKeyLifecycle(ResourceProvider):
    """Check, diff, create, read, update and delete of an API key, as the engine calls them."""

    #: the pickled provider is a mere reference, so it holds nothing that would have to be a secret
    serialize_as_secret_always = False

    _steps: Steps

    @_one_line
    def configure(self, req: ConfigureRequest) -> None:
        """Settle the one account of this process; its threads share the client, which the first call makes.

        :raises ConfigurationError: the endpoint or the provisioning key is missing or cannot be used, or the proxy or
            the certificates that the environment names cannot.
        """
        _show_one_line_errors()
        from urllib.request import getproxies

        from pulumi_account.api.certificates import tls_files
        from pulumi_account.api.settings import ENDPOINT, INSTANCE, PROVISIONING_KEY, resolve
        from pulumi_account.core.keys import Keys
        from pulumi_account.core.resource import Steps

        given = {name: req.config.get(name) for name in (ENDPOINT, PROVISIONING_KEY, INSTANCE)}
        # the SDK has no public way to ask for the names
        named = dict.fromkeys(getattr(req.config, "_props", ()))
        present = {name: value for name, value in given.items() if value is not None}
        settings = resolve(named | present, os.environ)
        client = _LateClient(settings)
        if settings.endpoint.lower().startswith("https:"):
            tls_files(os.environ)  # certificates that cannot be used fail the preview already
        if getproxies():
            client.made()  # a proxy that cannot be used is told in the preview already
        keys = Keys(cast("AccountClient", client), abandoned=_engine_is_gone)
        self._steps = Steps(keys, str(given[INSTANCE] or ""), _peers())

    @_one_line
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate and normalise the inputs. No call is made, but in a preview a GET for a key to be adopted."""
        return self._steps.check(_olds, news, preview=PREVIEW in news)

    @_one_line
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Compare. No call is made, but a GET where the provider instance is another one."""
        return self._steps.diff(_id, _olds, _news)

    @_one_line
    def create(self, props: dict[str, Any]) -> CreateResult:
        """POST, and PATCH where needed; or GET and PATCH for a key that is adopted."""
        return self._steps.create(props)

    @_one_line
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """GET, or one LIST for many."""
        return self._steps.read(id_, props)

    @_one_line
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """PATCH with what changed."""
        return self._steps.update(_id, _olds, _news)

    @_one_line
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """DELETE, unless another resource has adopted the key."""
        self._steps.delete(_id, _props)


class _LateClient:
    """Makes the client at the first call: a preview makes no call, and HTTP takes long to load."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._client: AccountClient | None = None
        self._loads = False

    def made(self) -> AccountClient:
        """The client."""
        with self._lock:
            if self._client is None:
                self._client = self._make()
            return self._client

    def _make(self) -> AccountClient:
        # httpx would load its own command line, and with it rich, where that is installed
        sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
        from pulumi_account.api.client import AccountClient

        return AccountClient.of(self._settings)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.made(), name)
        if name != "delete_key":
            self._load_models()
        return method

    def _load_models(self) -> None:
        """What reads answers is loaded while the first one is on its way.

        Where there can be no more threads, whoever has an answer loads it.
        """
        with self._lock:
            first, self._loads = not self._loads, True
        if first:
            with suppress(RuntimeError):
                threading.Thread(target=_load_models, daemon=True).start()


def _load_models() -> None:
    # what is loaded stays: to look for garbage in it takes time now, and again with every few hundred keys
    gc.disable()
    with suppress(Exception):  # whoever has the answer is told
        import_module("pulumi_account.api.models")
    gc.freeze()
    gc.enable()


def _engine() -> tuple[str, int] | None:
    """Where the engine listens that started this process; None where there is none."""
    host, _, port = (sys.argv[1] if _is_providers_process() and len(sys.argv) > 1 else "").rpartition(":")
    return (host, int(port)) if port.isdigit() and int(port) else None


def _peers() -> Peers | None:
    """The other provider processes of the run; None where there can be no such thing."""
    engine = _engine()
    if engine is None or sys.platform == "win32":
        return None
    from pulumi_account.core.peers import Peers

    return Peers(str(engine[1]))


def _engine_is_gone() -> bool:
    """Whether nobody listens where the engine did that started this process; False where that cannot be told.

    An engine that was killed leaves its provider running: what that made then, nobody would ever know.
    """
    engine = _engine()
    if engine is None:
        return False
    try:
        socket.create_connection(engine, timeout=1).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def _is_providers_process() -> bool:
    main = getattr(sys.modules.get("__main__"), "__spec__", None)
    return main is not None and main.name == "pulumi.dynamic.__main__"


def _show_one_line_errors() -> None:
    """In the provider's process, let the SDK print errors without their tracebacks.

    The SDK sends the engine a whole traceback for every exception. In the program's process this must not be
    done: the CLI was seen to hang.
    """
    if _is_providers_process():
        sys.tracebacklimit = 0


class OldSDKError(ConfigurationError, pulumi.RunError):
    """The SDK is older than `OLDEST_SDK`. In a program, Pulumi shows it as one line."""


def _refuse_old_sdk() -> None:
    """Programs and the provider's process both import this module; a refresh starts the latter alone."""
    try:
        from pulumi import _version  # importlib.metadata would take milliseconds
    except ImportError:
        installed = import_module("importlib.metadata").version("pulumi")
    else:
        installed = _version._VERSION
    if tuple(map(int, installed.split(".")[:2])) >= OLDEST_SDK:
        return
    _show_one_line_errors()
    needed = ".".join(map(str, OLDEST_SDK))
    raise OldSDKError(
        f"pulumi {installed} is installed, but pulumi_account needs {needed} or newer: pip install -U pulumi"
    )


_refuse_old_sdk()
