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
from pulumi.output import UNKNOWN
from pulumi.runtime.rpc import UNKNOWN as UNKNOWN_ON_THE_WIRE
from pulumi.runtime.settings import get_monitor

from pulumi_account.common.ids import parse_key_id
from pulumi_account.core.naming import MAX_NAME_PREFIX
from pulumi_account.core.properties import ADOPTING, DEFAULT_PREFIX, INSTANCE_ID
from pulumi_account.exceptions import InvalidInputError
from pulumi_account.lifecycle import PREVIEW
from pulumi_account.program.mocks import checked, refuse_key
from pulumi_account.program.provider import provider_of, warn_of_a_plain_key

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
        stay the same until the key is replaced. Another prefix renames the key. Default, for a new key: the
        resource's name, cut if it is too long, and a hyphen; a renamed resource leaves it alone. Excludes ``name``.
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
    adopt_key: pulumi.Input[str | None] | None = field(default=None, repr=False)


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
        key: pulumi.Output[str | None]
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
        adopt_key: pulumi.Input[str | None] | None = None,
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
        cls, resource_name: str, id: pulumi.Input[str | int], opts: pulumi.ResourceOptions | None = None
    ) -> ApiKey:
        """Read an existing key, without managing it: GET ``/v1/account/keys/{key_id}``.

        Its plaintext is not known: ``key`` is None. An id that the account does not have is an error,
        `NotFoundError`, in the preview too.

        :param resource_name: the resource's name in the stack.
        :param id: the key's id, as the outputs ``id`` and ``key_id`` have it, or as a stack reference does.
        :param opts: resource options.
        """
        found = cls.__new__(cls)
        nothing = {argument.name: None for argument in fields(ApiKeyArgs)}
        found._declare(
            resource_name,
            nothing,
            pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=_id_text(resource_name, id))),
        )
        return found

    def require_key(self) -> pulumi.Output[str]:
        """The plaintext, always a secret, for what needs one.

        :raises pulumi.RunError: the state has no plaintext: the key was adopted without ``adopt_key``, or only read.
        """

        def require(key: str | None) -> str:
            if key is None:
                raise pulumi.RunError(
                    f"ApiKey {self._name!r}: its plaintext is not known: adopt the key with adopt_key, or rotate it"
                )
            return key

        return self.key.apply(require)

    def _declare(
        self, resource_name: str, inputs: Mapping[str, Any], opts: pulumi.ResourceOptions | None
    ) -> None:
        if opts is not None and opts.import_ is not None:
            raise pulumi.RunError(
                f"ApiKey {resource_name!r}: import_ cannot work for a dynamic resource: adopt the key with "
                "adopt_key_id and name"
            )
        warn_of_a_plain_key(opts)
        self._declared, self._answered = inputs, set[str]()
        adopts = inputs["adopt_key_id"]
        if isinstance(adopts, (int, float)):
            _adopters.setdefault(get_monitor(), []).append((self, adopts))
        # the SDK makes an Output of each property, which takes long; this one is no output that is documented
        adopted = {} if inputs["adopt_key"] is None else {"adopt_key": inputs["adopt_key"]}
        marked = pulumi.ResourceOptions(additional_secret_outputs=["key", *adopted])
        pulumi.CustomResource.__init__(
            self,
            f"pulumi-python:{self._resource_type_name}",
            resource_name,
            {
                **{name: value for name, value in inputs.items() if name != "adopt_key"},
                **adopted,
                "key": None,
                "key_id": None,
                "created_at": None,
                "__provider": PROVIDER,
                **self._hints(opts),
            },
            pulumi.ResourceOptions.merge(opts, marked),
        )

    def translate_output_property(self, prop: str) -> str:
        """Note what the engine answers with; nothing has another name in Python."""
        self._answered.add(prop)
        return prop

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


class _Property:
    """An output that a preview knows where the SDK does not: it is None, or follows from another one.

    The SDK takes for unknown what the engine leaves out of a preview, and the engine leaves out what is None. Each
    is made when it is asked for, as most never are, and that takes its time.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, key: ApiKey | None, owner: type[ApiKey]) -> Any:
        if key is None or self._name not in vars(key):
            raise AttributeError(self._name)
        if not pulumi.runtime.is_dry_run():
            return vars(key)[self._name]
        previewed = vars(key).setdefault("_previewed", {})
        if self._name not in previewed:
            previewed[self._name] = _previewed(key, self._name)
        return previewed[self._name]

    def __set__(self, key: ApiKey, value: Any) -> None:
        vars(key)[self._name] = value


for _output in (
    *("name_prefix", "credit_limit", "expires_at", "rotation_triggers", "adopt_key_id", "key"),  # may be None
    *("key_id", "id"),  # follow from each other
):
    setattr(ApiKey, _output, _Property(_output))


def _previewed(key: ApiKey, name: str) -> pulumi.Output[Any]:
    """An output as a preview knows it."""
    known = vars(key)[name]

    async def value() -> Any:
        return await known.future() if await known.is_known() else await _known(key, name)

    async def secret() -> bool:
        declared = key._declared.get(name)
        return await known.is_secret() or (isinstance(declared, pulumi.Output) and await declared.is_secret())

    # an Output is unknown if its value is
    return pulumi.Output(_Later(known.resources), _Later(value), _Later(_true), _Later(secret))


async def _known(key: ApiKey, name: str) -> Any:
    """What a preview knows of an output that the SDK takes for unknown; if it knows nothing, `UNKNOWN`."""
    outputs = vars(key)
    if name == "id":  # the CLI does not say it of a key that is only read, but says its key_id
        found = outputs["key_id"]
        return str(int(await found.future())) if await found.is_known() else UNKNOWN
    if name in ("key", "key_id"):
        key_id = await outputs["id"].future() if await outputs["id"].is_known() else None
        adopts = await outputs["adopt_key_id"].future() if key_id is None else None
        if name == "key_id":  # under mocks, an id may be any text
            return int(key_id) if key_id is not None and str(key_id).isdecimal() else adopts or UNKNOWN
        # where the engine answers with what the state has, and not just with the inputs, nothing is missing
        whole = await outputs["created_at"].is_known()
        return None if whole or (adopts and await _known(key, "adopt_key") is None) else UNKNOWN
    declared = key._declared[name]
    if isinstance(declared, pulumi.Output):
        return await declared.future() if await declared.is_known() else UNKNOWN
    carried = declared == {} or isinstance(declared, (str, int, float, type(None)))
    if not key._answered or name in key._answered or not carried:
        return UNKNOWN
    is_whole = name == "credit_limit" and isinstance(declared, int)
    return float(declared) if is_whole else declared  # as SDKs carry numbers


async def _true() -> bool:
    return True


class _Later:
    """Asks just before the registration. An Output does so too, but takes longer and adds dependencies."""

    def __init__(self, ask: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._ask = ask

    def __await__(self) -> Generator[Any, None, Any]:
        return self._ask().__await__()


async def _id(provider: pulumi.ProviderResource) -> str | None:
    return await provider.id.future() if await provider.id.is_known() else UNKNOWN_ON_THE_WIRE


#: the keys that adopt, and what, of the programs that run in this process; each has an engine of its own
_adopters: WeakKeyDictionary[Any, list[tuple[ApiKey, float]]] = WeakKeyDictionary()


class ArgumentError(pulumi.RunError, TypeError):
    """An argument of another type than it may be; Pulumi shows it as one line."""


def _arguments(
    resource_name: str,
    args: ApiKeyArgs | pulumi.ResourceOptions | None = None,
    opts: pulumi.ResourceOptions | None = None,
    **keywords: Any,
) -> tuple[ApiKeyArgs, pulumi.ResourceOptions | None]:
    """Both forms as one."""
    if isinstance(args, pulumi.ResourceOptions):
        args, opts = None, args
    if not isinstance(args, (ApiKeyArgs, type(None))):
        raise ArgumentError(
            f"ApiKey {resource_name!r}: the second argument must be ApiKeyArgs or pulumi.ResourceOptions, not "
            f"{type(args).__name__}; the key's own arguments are keywords"
        )
    if not isinstance(opts, (pulumi.ResourceOptions, type(None))):
        raise ArgumentError(
            f"ApiKey {resource_name!r}: opts must be pulumi.ResourceOptions, not {type(opts).__name__}"
        )
    if args is not None and keywords:
        raise ArgumentError(f"ApiKey {resource_name!r}: give either ApiKeyArgs or keywords, not both")
    unknown = sorted(keywords.keys() - {argument.name for argument in fields(ApiKeyArgs)})
    if unknown:
        raise ArgumentError(f"ApiKey {resource_name!r}: {', '.join(unknown)}: no such argument")
    return args or ApiKeyArgs(**keywords), opts


def _inputs(resource_name: str, args: ApiKeyArgs) -> dict[str, Any]:
    """What the engine is given: plain values, the plaintext as a secret, a prefix where there is no name."""
    inputs = _plain_values(resource_name, args)
    hints = {PREVIEW: True} if pulumi.runtime.is_dry_run() else {}
    if args.name is None and args.name_prefix is None:
        inputs["name_prefix"] = f"{resource_name[: MAX_NAME_PREFIX - 1]}-"
        hints[DEFAULT_PREFIX] = True
    hints |= checked(inputs, refuse_key)
    if isinstance(args.name_prefix, pulumi.Output):
        inputs["name_prefix"] = _open(resource_name, inputs["name_prefix"])
    if args.adopt_key is not None:
        inputs["adopt_key"] = pulumi.Output.secret(args.adopt_key)
    return inputs | hints


def _plain_values(resource_name: str, args: ApiKeyArgs) -> dict[str, Any]:
    """The arguments as the engine can carry them to `check`.

    :raises pulumi.RunError: with a line for each that it cannot.
    """
    values: dict[str, Any] = {}
    failures = []
    for argument in fields(args):
        try:
            values[argument.name] = _plain(getattr(args, argument.name))
        except pulumi.RunError as error:
            failures.append(f"ApiKey {resource_name!r}: {argument.name} {error}")
    if failures:
        raise pulumi.RunError("\n".join(failures))
    return values


def _id_text(resource_name: str, value: Any) -> Any:
    """An id as the engine has it, whatever kind of number or text it is."""
    if isawaitable(value) or isinstance(value, pulumi.Output):
        return pulumi.Output.from_input(value).apply(lambda found: _id_text(resource_name, found))
    try:
        return str(parse_key_id("id", value))
    except InvalidInputError as error:
        raise pulumi.RunError(f"ApiKey.get {resource_name!r}: {error}") from None


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
