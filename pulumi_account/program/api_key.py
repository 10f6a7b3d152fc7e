"""`ApiKey`: an API key of the account as a Pulumi resource."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, overload
from weakref import WeakKeyDictionary

import pulumi
from pulumi.runtime.settings import get_monitor

from pulumi_account.core.properties import ADOPTING
from pulumi_account.program.declared_key import DeclaredKey, previewed
from pulumi_account.program.key_arguments import ApiKeyArgs, id_input, key_inputs, settle_arguments
from pulumi_account.program.outputs import Deferred

__all__ = ["ApiKey"]

#: the pickled `ApiKeyLifecycle`, exactly as users' states have it. The SDK would pickle it again for each resource, and
#: other versions of Python pickle it to other bytes.
PROVIDER = "gASVMwAAAAAAAACMGHB1bHVtaV9hY2NvdW50LmxpZmVjeWNsZZSMD0FwaUtleUxpZmVjeWNsZZSTlCmBlC4="
#: the keys that adopt, and the ids they adopt, by the connection of each program in this process to its engine
_adopters: WeakKeyDictionary[Any, list[tuple[ApiKey, float]]] = WeakKeyDictionary()


class ApiKey(DeclaredKey, module="account", name="ApiKey"):
    """An API key of the account.

    Give the arguments of `ApiKeyArgs` as keywords, or as one ``ApiKeyArgs``. The preview reports all invalid values at
    once. A missing provisioning key is a `ConfigurationError`, in the preview too. If the API refuses a call, the
    deployment fails with an error of the tree in `exceptions`.

    API calls: POST ``/v1/account/keys`` makes the key (and PATCH, if the name is exact), PATCH changes it, GET reads
    it, DELETE removes it; ``delete_guard`` asks for GET ``/v1/account/activity`` before.

    :ivar key: the plaintext, always a secret. Only the state has it: the API shows it once, when the key is made. None
        for an adopted key without ``adopt_key``.
    :ivar key_id: the key's id, an integer; ``id`` is the same as text.
    :ivar created_at: the instant at which the key was made, as ISO 8601 text in UTC.
    :ivar name: the name on the server.
    :ivar name_prefix: as declared, or None.
    :ivar credit_limit: USD, or None if there is no limit.
    :ivar is_enabled: whether the key can be used.
    :ivar expires_at: ISO 8601 text in UTC, or None if the key never expires. With ``expires_in``, the preview of a
        creation, a replacement or an update does not know it, because it counts from the key's creation.
    :ivar expires_in: as declared, in the largest whole unit, such as ``90d``, or None.
    :ivar labels: as declared, or None.
    :ivar delete_guard: as declared, in days, such as ``7d``, or None.
    :ivar rotation_triggers: as declared, or None.
    :ivar adopt_key_id: as declared, or None.
    """

    key_id: pulumi.Output[int]
    adopt_key_id: pulumi.Output[int | None]
    # the SDK resolves all annotations that it sees for each resource, but it needs only the integers
    if TYPE_CHECKING:
        key: pulumi.Output[str | None]
        created_at: pulumi.Output[str]
        name: pulumi.Output[str]
        name_prefix: pulumi.Output[str | None]
        credit_limit: pulumi.Output[float | None]
        is_enabled: pulumi.Output[bool]
        expires_at: pulumi.Output[str | None]
        expires_in: pulumi.Output[str | None]
        labels: pulumi.Output[Mapping[str, str] | None]
        delete_guard: pulumi.Output[str | None]
        rotation_triggers: pulumi.Output[Mapping[str, str] | None]

    @overload
    def __init__(
        self, resource_name: str, args: ApiKeyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None: ...

    @overload
    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        name: pulumi.Input[str] | None = None,
        name_prefix: pulumi.Input[str] | None = None,
        credit_limit: pulumi.Input[float | Decimal] | None = None,
        is_enabled: pulumi.Input[bool] | None = None,
        expires_at: pulumi.Input[str | datetime] | None = None,
        expires_in: pulumi.Input[str | timedelta] | None = None,
        labels: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        delete_guard: pulumi.Input[str | timedelta] | None = None,
        rotation_triggers: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        adopt_key_id: pulumi.Input[int] | None = None,
        adopt_key: pulumi.Input[str | None] | None = None,
    ) -> None: ...

    def __init__(self, resource_name: str, *args: Any, **kwargs: Any) -> None:
        """Declare a key.

        :param resource_name: the resource's name in the stack.
        :param args: the arguments as one `ApiKeyArgs`, or each as a keyword.
        :param opts: resource options.
        :raises pulumi.RunError: an argument has the wrong type, or ``import_`` is among the options.
        """
        arguments, opts = settle_arguments(ApiKeyArgs, resource_name, *args, **kwargs)
        self._declare(resource_name, key_inputs(resource_name, arguments), opts)

    @classmethod
    def get(
        cls, resource_name: str, id: pulumi.Input[str | int], opts: pulumi.ResourceOptions | None = None
    ) -> ApiKey:
        """Read an existing key without managing it: GET ``/v1/account/keys/{key_id}``.

        ``key`` is None, as the API never shows the plaintext again. An id that the account does not have is a
        `NotFoundError`, in the preview too.

        :param resource_name: the resource's name in the stack.
        :param id: the key's id: a number, or text such as the output ``id`` or a value of a stack reference.
        :param opts: resource options.
        :raises pulumi.RunError: ``id`` is not the id of a key.
        """
        found = cls.__new__(cls)
        read = pulumi.ResourceOptions(id=id_input(resource_name, id))
        found._declare(resource_name, vars(ApiKeyArgs()), pulumi.ResourceOptions.merge(opts, read))
        return found

    def _declare(
        self, resource_name: str, inputs: Mapping[str, Any], opts: pulumi.ResourceOptions | None
    ) -> None:
        if isinstance(adopts := inputs["adopt_key_id"], (int, float)):
            _adopters.setdefault(get_monitor(), []).append((self, adopts))
        hints = (
            {ADOPTING: Deferred(self._adopting)} if opts is not None and opts.delete_before_replace else {}
        )
        self._register(
            *(PROVIDER, resource_name, {**inputs, **hints}, opts),
            outputs=("key", "key_id", "created_at"),
            instead_of_import="adopt the key with adopt_key_id and name",
        )

    async def _adopting(self) -> list[float] | None:
        """All ids that keys of this instance adopt, those of keys that are declared later included.

        A key with ``delete_before_replace`` is deleted before the engine sees those.
        """
        adopters = _adopters.get(get_monitor(), ())
        return [key_id for key, key_id in adopters if key._provider is self._provider] or None


previewed(
    ApiKey,
    *("name_prefix", "credit_limit", "expires_at", "rotation_triggers", "adopt_key_id", "key"),  # may be None
    *("expires_in", "labels", "delete_guard"),
    *("key_id", "id"),  # each follows from the other
)
