"""`RotatingApiKey`: an API key that is replaced on a schedule, with an overlap, as a Pulumi resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, overload

import pulumi

from pulumi_account.program.declared_key import DeclaredKey, previewed
from pulumi_account.program.key_arguments import RotatingApiKeyArgs, key_inputs, settle_arguments

__all__ = ["RetiredKey", "RotatingApiKey"]

#: the pickled `RotatingApiKeyLifecycle`, exactly as users' states have it
PROVIDER = "gASVOwAAAAAAAACMGHB1bHVtaV9hY2NvdW50LmxpZmVjeWNsZZSMF1JvdGF0aW5nQXBpS2V5TGlmZWN5Y2xllJOUKYGULg=="


@pulumi.output_type
class RetiredKey(dict[str, Any]):
    """A key that a rotation has replaced, and that has not been deleted yet.

    ``expires_at`` is ISO 8601 text in UTC, or None if the call that sets it failed: the next run repeats it.
    """

    key_id: int = pulumi.property("key_id")
    name: str = pulumi.property("name")
    expires_at: str | None = pulumi.property("expires_at", default=None)


class RotatingApiKey(DeclaredKey, module="account", name="RotatingApiKey"):
    """An API key that is replaced on a schedule. The replaced key works until an overlap ends.

    Give the arguments of `RotatingApiKeyArgs` as keywords, or as one ``RotatingApiKeyArgs``. A run that finds a later
    generation due rotates once, however many were missed: it makes the new key, and then lets the old one expire
    after the overlap. The first run after that deletes the old key. A run in between makes no call. If the current key
    was deleted elsewhere, a refresh reports it, and the next deployment makes a new one.

    The preview reports all invalid values at once, and shows a rotation as ``generation: 41 => 42`` with its reason.
    If the API refuses a call, the deployment fails with an error of the tree in `exceptions`.

    API calls of a rotation: GET ``/v1/account/keys/{key_id}`` of the old key, POST ``/v1/account/keys`` and PATCH of
    the new one, PATCH of the old one. A retired key takes a GET and a DELETE. Else as an `ApiKey`.

    :ivar key: the plaintext of the current key, always a secret. Only the state has it.
    :ivar key_id: the id of the current key, an integer. The resource's own ``id`` is not the id of a key.
    :ivar name: the name of the current key on the server, with its generation.
    :ivar generation: the number of the current key. Each is higher than the one before.
    :ivar reason: why this generation was made, and since when it was due.
    :ivar rotated_at: the instant at which the current key was made, as ISO 8601 text in UTC.
    :ivar next_rotation_at: the instant at which the next generation is due, as ISO 8601 text in UTC.
    :ivar retired: the replaced keys that still exist, without their plaintexts.
    :ivar created_at: the same as ``rotated_at``.
    :ivar every: as declared, in the largest whole unit, such as ``30d``.
    :ivar overlap: the same, or the default.
    :ivar anchor: ISO 8601 text in UTC. The preview of a creation does not know a default one.
    :ivar rotate_now: as declared, or None.
    :ivar revoke: as declared, or None.
    :ivar name_prefix: as declared, or None.
    :ivar credit_limit: USD, or None if there is no limit.
    :ivar is_enabled: whether the key can be used.
    :ivar labels: as declared, or None.
    :ivar delete_guard: as declared, in days, such as ``7d``, or None.
    """

    key_id: pulumi.Output[int]
    generation: pulumi.Output[int]
    retired: pulumi.Output[Sequence[RetiredKey]]
    # the SDK resolves all annotations that it sees for each resource, but it needs only the integers
    if TYPE_CHECKING:
        created_at: pulumi.Output[str]
        name: pulumi.Output[str]
        reason: pulumi.Output[str]
        rotated_at: pulumi.Output[str]
        next_rotation_at: pulumi.Output[str]
        every: pulumi.Output[str]
        overlap: pulumi.Output[str]
        anchor: pulumi.Output[str]
        rotate_now: pulumi.Output[str | None]
        revoke: pulumi.Output[str | None]
        name_prefix: pulumi.Output[str | None]
        credit_limit: pulumi.Output[float | None]
        is_enabled: pulumi.Output[bool]
        labels: pulumi.Output[Mapping[str, str] | None]
        delete_guard: pulumi.Output[str | None]

    @overload
    def __init__(
        self, resource_name: str, args: RotatingApiKeyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None: ...

    @overload
    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        every: pulumi.Input[str | timedelta],
        overlap: pulumi.Input[str | timedelta] | None = None,
        anchor: pulumi.Input[str | datetime] | None = None,
        rotate_now: pulumi.Input[str] | None = None,
        revoke: pulumi.Input[str] | None = None,
        name: pulumi.Input[str] | None = None,
        name_prefix: pulumi.Input[str] | None = None,
        credit_limit: pulumi.Input[float | Decimal] | None = None,
        is_enabled: pulumi.Input[bool] | None = None,
        labels: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        delete_guard: pulumi.Input[str | timedelta] | None = None,
    ) -> None: ...

    def __init__(self, resource_name: str, *args: Any, **kwargs: Any) -> None:
        """Declare a rotating key.

        :param resource_name: the resource's name in the stack.
        :param args: the arguments as one `RotatingApiKeyArgs`, or each as a keyword.
        :param opts: resource options.
        :raises pulumi.RunError: an argument is missing or has the wrong type, or ``import_`` is among the options.
        """
        arguments, opts = settle_arguments(RotatingApiKeyArgs, resource_name, *args, **kwargs)
        self._register(
            *(PROVIDER, resource_name, key_inputs(resource_name, arguments), opts),
            outputs=(
                *("key", "key_id", "created_at", "rotated_at", "next_rotation_at", "retired"),
                *("generation", "reason"),
            ),
            instead_of_import="declare a rotating key, and delete the existing key when nothing uses it",
        )


previewed(
    RotatingApiKey,
    *("rotate_now", "revoke", "name_prefix", "credit_limit", "labels", "delete_guard"),  # may be None
)
