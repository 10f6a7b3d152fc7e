"""What a program writes: an API key as a resource."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, overload
from weakref import WeakKeyDictionary

import pulumi
from pulumi.dynamic import Resource
from pulumi.runtime.rpc import UNKNOWN
from pulumi.runtime.settings import get_monitor

from pulumi_account.lifecycle import PREVIEW
from pulumi_account.mocks import checked, refuse_id, refuse_key
from pulumi_account.provider import provider_of
from pulumi_account.values import ADOPTING, INSTANCE_ID

__all__ = ["ApiKey", "ApiKeyArgs"]

#: the pickled `ApiKeyLifecycle`, as it stands in users' states for ever; the SDK would pickle it anew for each
#: resource, and other versions of Python pickle it to other bytes
PROVIDER = "gASVMwAAAAAAAACMGHB1bHVtaV9hY2NvdW50LmxpZmVjeWNsZZSMD0FwaUtleUxpZmVjeWNsZZSTlCmBlC4="
#: the largest amount that is passed to `check`, which says what is wrong with it
_LARGEST = 1e300


@dataclass(frozen=True, kw_only=True)
class ApiKeyArgs:
    """The arguments of an `ApiKey`; each may be a plain value or an Output.

    :param name: the key's name, 1 to 255 characters, used exactly as it is. Left out: auto-named.
    :param name_prefix: what an auto-name begins with, 1 to 248 characters; seven random hex digits follow, which
        stay the same until the key is replaced. Default: the resource's name and a hyphen. Excludes ``name``.
    :param credit_limit: what the key may spend, in USD, 0 or more. Left out: no limit. 0 is a limit: the key can
        spend nothing.
    :param is_enabled: whether the key can be used. Default: true.
    :param expires_at: the instant at which the key stops working: ISO 8601 text with an offset, or an aware
        ``datetime``. Left out: never. It must lie in the future when it is set or changed.
    :param rotation_triggers: any map of texts; when it changes, the key is replaced by a new one, which is made
        before the old one is deleted.
    :param adopt_key_id: the id of an existing key that this resource takes over, instead of making one; it is
        changed to what is declared. Needs ``name``. Another id replaces the resource: **the key it had is
        deleted**. Once the key is adopted the argument can be removed.
    :param adopt_key: the plaintext of the adopted key, which the API never tells again; it becomes the output
        ``key``. Always a secret.
    """

    name: pulumi.Input[str] | None = None
    name_prefix: pulumi.Input[str] | None = None
    credit_limit: pulumi.Input[float | Decimal] | None = None
    is_enabled: pulumi.Input[bool] | None = None
    expires_at: pulumi.Input[str | datetime] | None = None
    rotation_triggers: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None
    adopt_key_id: pulumi.Input[int] | None = None
    adopt_key: pulumi.Input[str] | None = field(default=None, repr=False)


class ApiKey(Resource, module="account", name="ApiKey"):
    """An API key of the account.

    The arguments are those of `ApiKeyArgs`, given one by one or as one ``ApiKeyArgs``. Wrong values are told in
    the preview, all at once; so is a missing provisioning key (`ConfigurationError`). What the API refuses is an
    error of the deployment, one of the tree in `exceptions`.

    Made with POST ``/v1/account/keys`` (and PATCH where a name is exact), changed with PATCH, read with GET,
    removed with DELETE.

    :ivar key: the plaintext, always a secret. Known to the state alone: the API shows it once, when the key is
        made. None for an adopted key whose ``adopt_key`` was not given.
    :ivar key_id: the key's id, an integer; ``id`` is the same as text.
    :ivar created_at: the instant at which the key was made, as ISO 8601 text in UTC.
    :ivar name: the name as the server has it.
    :ivar name_prefix: as declared, or None.
    :ivar credit_limit: USD, or None where there is no limit.
    :ivar is_enabled: whether the key can be used.
    :ivar expires_at: ISO 8601 text in UTC, or None where the key never expires.
    :ivar rotation_triggers: as declared, or None.
    :ivar adopt_key_id: as declared, or None.
    """

    key_id: pulumi.Output[int]
    adopt_key_id: pulumi.Output[int | None]
    # the SDK resolves the annotations that it sees anew for each resource, and needs but the integers
    if TYPE_CHECKING:
        key: pulumi.Output[str]
        created_at: pulumi.Output[str]
        name: pulumi.Output[str]
        name_prefix: pulumi.Output[str | None]
        credit_limit: pulumi.Output[float | None]
        is_enabled: pulumi.Output[bool]
        expires_at: pulumi.Output[str | None]
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
        rotation_triggers: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        adopt_key_id: pulumi.Input[int] | None = None,
        adopt_key: pulumi.Input[str] | None = None,
    ) -> None: ...

    def __init__(self, resource_name: str, *args: Any, **kwargs: Any) -> None:
        """Declare a key.

        :param resource_name: the resource's name in the stack.
        :param args: the arguments as one `ApiKeyArgs`, or each as a keyword.
        :param opts: resource options.
        """
        arguments, opts = _arguments(resource_name, *args, **kwargs)
        self._declare(resource_name, _inputs(resource_name, arguments), opts)

    @classmethod
    def get(
        cls, resource_name: str, id: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> ApiKey:
        """Read an existing key, without managing it: GET ``/v1/account/keys/{key_id}``.

        Its plaintext is not known: ``key`` is None. An id that the account does not have is an error,
        `NotFoundError`, in the preview too.

        :param resource_name: the resource's name in the stack.
        :param id: the key's id.
        :param opts: resource options.
        """
        found = cls.__new__(cls)
        nothing = {argument.name: None for argument in fields(ApiKeyArgs)} | checked({"id": id}, refuse_id)
        found._declare(
            resource_name, nothing, pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id))
        )
        return found

    def _declare(
        self, resource_name: str, inputs: Mapping[str, Any], opts: pulumi.ResourceOptions | None
    ) -> None:
        adopts = inputs["adopt_key_id"]
        if isinstance(adopts, (int, float)):
            _adopters.setdefault(get_monitor(), []).append((self, adopts))
        secret = ["key"] if inputs.get("adopt_key") is None else ["key", "adopt_key"]
        marked = pulumi.ResourceOptions(additional_secret_outputs=secret)
        pulumi.CustomResource.__init__(
            self,
            f"pulumi-python:{self._resource_type_name}",
            resource_name,
            {
                **inputs,
                "key": None,
                "key_id": None,
                "created_at": None,
                "__provider": PROVIDER,
                **self._hints(opts),
            },
            pulumi.ResourceOptions.merge(opts, marked),
        )

    def _hints(self, opts: pulumi.ResourceOptions | None) -> dict[str, _Later]:
        """What `check` cannot know by itself; nothing where there is nothing to tell, as each takes its time."""
        found = provider_of(opts)
        hints = {}
        if found is not None:
            hints[INSTANCE_ID] = _Later(lambda: _id(found))
        if opts is not None and opts.delete_before_replace:
            hints[ADOPTING] = _Later(self._adopting)
        return hints

    async def _adopting(self) -> list[float] | None:
        """The ids that keys of the same instance are to adopt, those included that are declared after this one.

        A key that is deleted first, to be made anew, is deleted before the engine hears of what is declared later.
        """
        adopters = _adopters.get(get_monitor(), ())
        return [key_id for key, key_id in adopters if key._provider is self._provider] or None


class _Later:
    """Asks just before the registration. An Output does so too, but takes longer and adds dependencies."""

    def __init__(self, ask: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._ask = ask

    def __await__(self) -> Generator[Any, None, Any]:
        return self._ask().__await__()


async def _id(provider: pulumi.ProviderResource) -> str | None:
    return await provider.id.future() if await provider.id.is_known() else UNKNOWN


#: the keys that adopt, and what, of the programs that run in this process; each has an engine of its own
_adopters: WeakKeyDictionary[Any, list[tuple[ApiKey, float]]] = WeakKeyDictionary()


def _arguments(
    resource_name: str,
    args: ApiKeyArgs | pulumi.ResourceOptions | None = None,
    opts: pulumi.ResourceOptions | None = None,
    **keywords: Any,
) -> tuple[ApiKeyArgs, pulumi.ResourceOptions | None]:
    """Both forms as one."""
    if isinstance(args, pulumi.ResourceOptions):
        args, opts = None, args
    if args is not None and keywords:
        raise TypeError(f"ApiKey {resource_name!r}: give either ApiKeyArgs or keywords, not both")
    return args or ApiKeyArgs(**keywords), opts


def _inputs(resource_name: str, args: ApiKeyArgs) -> dict[str, Any]:
    """What the engine is given: plain values, the plaintext as a secret, a prefix where there is no name.

    :raises pulumi.RunError: with a line for each value that the engine cannot carry to `check`.
    """
    inputs: dict[str, Any] = {}
    failures = []
    for argument in fields(args):
        try:
            inputs[argument.name] = _plain(getattr(args, argument.name))
        except pulumi.RunError as error:
            failures.append(f"ApiKey {resource_name!r}: {argument.name} {error}")
    if failures:
        raise pulumi.RunError("\n".join(failures))
    if args.name is None and args.name_prefix is None:
        inputs["name_prefix"] = f"{resource_name}-"
    inputs.update(checked(inputs, refuse_key))
    if isinstance(args.name_prefix, pulumi.Output):
        inputs["name_prefix"] = _open(resource_name, inputs["name_prefix"])
    if args.adopt_key is not None:
        inputs["adopt_key"] = pulumi.Output.secret(args.adopt_key)
    if pulumi.runtime.is_dry_run():
        inputs[PREVIEW] = True
    return inputs


def _plain(value: Any) -> Any:
    """What the engine can carry: instants as text, money as numbers; all else as it is, for `check` to judge."""
    if isinstance(value, pulumi.Output):
        return value.apply(_plain)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, Mapping):
        return {_name(name): _present(inner) for name, inner in value.items()}
    if isinstance(value, str) and not value.isascii():
        _require(
            value.encode(errors="replace").decode() == value, "must be Unicode text, without half characters"
        )
    elif isinstance(value, int):
        _require(abs(value) <= _LARGEST, f"must be a number of at most {_LARGEST:.0e}")
    else:
        carried = value is None or isawaitable(value) or isinstance(value, (str, float, list, tuple))
        _require(carried, f"must not be of type {type(value).__name__}")
    return value


def _open(resource_name: str, prefix: pulumi.Output[Any]) -> pulumi.Output[Any]:
    """The prefix, which must not be a secret: the name that is made of it would be none."""

    def require(known: dict[str, Any]) -> Any:
        if known["secret"]:
            raise pulumi.RunError(
                f"ApiKey {resource_name!r}: name_prefix must not be a secret, as the name made of it is shown: "
                "use name, which stays secret, or pulumi.Output.unsecret"
            )
        return known["prefix"]

    return pulumi.Output.all(prefix=prefix, secret=prefix.is_secret()).apply(require)


def _name(value: object) -> str:
    _require(
        isinstance(value, str), f"must have texts as its names, not values of type {type(value).__name__}"
    )
    return str(value)


def _present(value: Any) -> Any:
    _require(value is not None, "must be a map of texts, but one of them is None")
    return _plain(value)


def _number(money: Decimal) -> float:
    """Money as the engine's kind of number."""
    if not money.is_finite():
        return float("nan") if money.is_nan() else float(money)
    number = float(money)
    _require(
        Decimal(repr(number)) == money, f"must have 15 digits at most, not {len(money.as_tuple().digits)}"
    )
    return number


def _require(fits: bool, otherwise: str) -> None:
    if not fits:
        raise pulumi.RunError(otherwise)
