"""The dynamic provider: an adapter from ``pulumi.dynamic`` to `core`.

Users' stacks hold a reference to ``pulumi_account.lifecycle.ApiKeyLifecycle``: neither name may ever change, and
the class must have no instance attributes when it is pickled. Programs import this module too, so `configure`
imports what only the provider's process needs, and the first call imports what only calls need.
"""

from __future__ import annotations

import os
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

from pulumi_account.core.properties import PLAINTEXTS
from pulumi_account.exceptions import ConfigurationError
from pulumi_account.process import LateClient, engine_is_gone, one_line_errors, peers, show_one_line_errors

if TYPE_CHECKING:
    from pulumi.dynamic import (
        ConfigureRequest,  # an SDK that is too old lacks it, and must reach the check below
    )

    from pulumi_account.api.client import AccountClient
    from pulumi_account.api.settings import Settings
    from pulumi_account.core.account import Account
    from pulumi_account.core.resource import KeyResource
    from pulumi_account.core.rotating import RotatingKeyResource

__all__ = ["OLDEST_SDK", "PREVIEW", "ApiKeyLifecycle", "OldSDKError", "RotatingApiKeyLifecycle"]

#: the oldest SDK whose provider process does all that this module relies on; pyproject.toml names it, too
OLDEST_SDK = (3, 268)

#: The input by which a program marks a preview, because the engine does not say so. The engine shows no names with
#: two underscores, and does not store this one, because `check` drops it.
PREVIEW = "__preview"
#: the output that marks a key that `ApiKey.get` reads and this stack does not manage
_EXTERNAL = "__external"
#: the engine's own mark of a secret in a bag: no option or transform of a program can remove it
_SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


class _Lifecycle(ResourceProvider):
    """The steps of a resource, as the engine calls them."""

    #: the pickled provider is only a reference, so it contains no secret
    serialize_as_secret_always = False

    _steps: KeyResource | RotatingKeyResource

    @one_line_errors
    def configure(self, req: ConfigureRequest) -> None:
        """Set the only account of this process; all threads and resources share it.

        :raises ConfigurationError: the endpoint or the provisioning key is missing or invalid, or the proxy or the
            certificates that the environment names are invalid.
        """
        show_one_line_errors()
        self._steps = self._steps_in(_account(req))

    def _steps_in(self, account: Account) -> KeyResource | RotatingKeyResource:
        raise NotImplementedError

    @one_line_errors
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate and normalize the inputs. The only call is a GET for a key to adopt, in a preview.

        The engine prints the value of a failure's property, even a secret one, so no failure names a property.
        """
        from pulumi.output import UNKNOWN

        # a preview does not know a new name: the deployment makes another
        draw = {"draw": lambda _: UNKNOWN} if PREVIEW in news else {}
        checked = self._steps.check(_olds, news, preview=PREVIEW in news, **draw)
        return CheckResult(
            _sealed(checked.inputs), [CheckFailure("", failure) for failure in checked.failures]
        )

    @one_line_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Compare. The only call is a GET if the provider instance has changed.

        ``changes=None`` lets the engine compare the inputs and name the changed ones.
        """
        diff = self._steps.diff(_id, _olds, _news)
        changes = None if diff.changed else diff.silent
        return DiffResult(changes=True if diff.moved else changes, replaces=diff.replaces)

    @one_line_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        """POST, and PATCH if needed; or GET and PATCH for an adopted key."""
        created = self._steps.create(props)
        return CreateResult(created.id, _sealed(created.outputs))

    @one_line_errors
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """A refresh or, if the engine passes no outputs, ``ApiKey.get``: GET, or one LIST for many keys."""
        found = self._steps.read(id_, props)
        if found is None:
            return ReadResult("", {})
        # no inputs, even after a refresh: the next preview would show their removal
        if "key_id" not in props or props.get(_EXTERNAL):
            return ReadResult(id_, _sealed(found.outputs) | {_EXTERNAL: True})
        return ReadResult(id_, _sealed(found.outputs), _sealed(found.inputs))

    @one_line_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """PATCH the changed fields."""
        return UpdateResult(_sealed(self._steps.update(_id, _olds, _news)))

    @one_line_errors
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """DELETE, unless another resource has adopted the key; `delete_guard` asks for the account's activity first."""
        self._steps.delete(_id, _props)


class ApiKeyLifecycle(_Lifecycle):
    """The steps of an `ApiKey`. Users' states name this class."""

    def _steps_in(self, account: Account) -> KeyResource:
        from pulumi_account.core.resource import KeyResource

        return KeyResource(account)


class RotatingApiKeyLifecycle(_Lifecycle):
    """The steps of a `RotatingApiKey`. Users' states name this class."""

    def _steps_in(self, account: Account) -> RotatingKeyResource:
        from pulumi_account.core.rotating import RotatingKeyResource

        return RotatingKeyResource(account)

    @one_line_errors
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """A refresh: GET, or one LIST for many keys."""
        found = self._steps.read(id_, props)
        return ReadResult(id_, _sealed(found.outputs), _sealed(found.inputs)) if found else ReadResult("", {})


#: the account of this process, by its settings and its instance; the SDK configures each class of provider
_accounts: dict[tuple[Settings, str], Account] = {}
_lock = threading.Lock()


def _account(req: ConfigureRequest) -> Account:
    """The account that the configuration names; the first call to the API makes its client."""
    from urllib.request import getproxies

    from pulumi.output import Unknown

    from pulumi_account.api.certificates import tls_files
    from pulumi_account.api.settings import ENDPOINT, INSTANCE, PROVISIONING_KEY, resolve
    from pulumi_account.core.account import Account
    from pulumi_account.core.delete_guard import DeleteGuard
    from pulumi_account.core.keys import Keys

    given = {name: req.config.get(name) for name in (ENDPOINT, PROVISIONING_KEY, INSTANCE)}
    # the SDK has no public way to ask for the names
    named = dict.fromkeys(getattr(req.config, "_props", ()))
    present = {name: value for name, value in given.items() if value is not None}
    settings, instance = resolve(named | present, os.environ), str(given[INSTANCE] or "")
    with _lock:
        if (settings, instance) in _accounts:
            return _accounts[settings, instance]
        client = LateClient(settings)
        # so a preview reports invalid certificates or an invalid proxy
        if settings.endpoint.lower().startswith("https:"):
            tls_files(os.environ)
        if getproxies():
            client.made()
        keys = Keys(cast("AccountClient", client), abandoned=engine_is_gone)
        account = _accounts[settings, instance] = Account(
            keys,
            instance,
            peers(),
            guard=DeleteGuard(keys.activity, ignored=settings.ignores_delete_guard),
            is_unknown=lambda value: isinstance(value, Unknown),
            clock=settings.now,
        )
        return account


def _sealed(bag: dict[str, Any]) -> dict[str, Any]:
    """The bag with its plaintexts as secrets."""
    sealed = {name: {**_SECRET, "value": bag[name]} for name in PLAINTEXTS if isinstance(bag.get(name), str)}
    return {**bag, **sealed}


class OldSDKError(ConfigurationError, pulumi.RunError):
    """The SDK is older than `OLDEST_SDK`. In a program, Pulumi shows it as one line."""


def _refuse_old_sdk() -> None:
    """Check this on import, in programs and in the provider's process, because a refresh starts only the latter."""
    try:
        from pulumi import _version  # importlib.metadata would take milliseconds
    except ImportError:
        installed = import_module("importlib.metadata").version("pulumi")
    else:
        installed = _version._VERSION
    if tuple(map(int, installed.split(".")[:2])) >= OLDEST_SDK:
        return
    show_one_line_errors()
    needed = ".".join(map(str, OLDEST_SDK))
    raise OldSDKError(
        f"pulumi {installed} is installed, but pulumi_account needs {needed} or newer: pip install -U pulumi"
    )


_refuse_old_sdk()
