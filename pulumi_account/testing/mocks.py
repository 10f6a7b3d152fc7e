"""`AccountMocks`: an account in memory, for unit tests under ``pulumi.runtime.set_mocks``."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

import pulumi
from pydantic import SecretStr

from pulumi_account.api.models import Activity, CreatedKey, Key
from pulumi_account.common.durations import format_duration, parse_duration
from pulumi_account.common.instants import format_instant, utc_now
from pulumi_account.common.money import to_number
from pulumi_account.core.account import Account
from pulumi_account.core.declaration import ApiKeyInputs
from pulumi_account.core.keys import Keys
from pulumi_account.core.properties import API_KEY_TYPE, ROTATING_API_KEY_TYPE
from pulumi_account.core.rotating import RotatingKeyResource
from pulumi_account.emulator.activity import activity, first_day
from pulumi_account.emulator.store import Usage
from pulumi_account.exceptions import AdoptionError, NotFoundError
from pulumi_account.program.function_arguments import only
from pulumi_account.program.mocks import GET_ACTIVITY, GET_API_KEY, GET_API_KEYS, GET_BALANCE

__all__ = ["AccountMocks"]

#: the engine's own mark of a secret
_SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


class AccountMocks(pulumi.runtime.Mocks):
    """Mocks that answer as the provider and the functions do; nothing is sent.

    A key that the program declares is made in memory: its outputs are those of a real one, ``key`` is the secret
    ``mocked-key-of-NAME`` with the resource's name, an auto-name ends with seven digits, and functions find it. A
    `RotatingApiKey` has its first generation. Any other resource has its inputs as its outputs. A function of another
    package raises `NotImplementedError`: override `call` for it.

    :param balance: USD; usage does not reduce it.
    :ivar balance: the same; set it to change it.
    :ivar keys: the account's keys.
    :ivar calls: the calls of functions so far: ``token``, ``args``, ``provider``.
    :ivar resources: the resources that the program has declared so far: ``typ``, ``name``, ``inputs``.
    """

    def __init__(self, balance: Decimal | float | str = "100.00") -> None:
        self.balance = balance
        self.keys: list[Key] = []
        self.calls: list[pulumi.runtime.MockCallArgs] = []
        self.resources: list[pulumi.runtime.MockResourceArgs] = []
        self._usage: list[Usage] = []
        self._lock = threading.Lock()

    def add(
        self,
        name: str,
        *,
        credit_limit: Decimal | float | str | None = None,
        expires_at: datetime | str | None = None,
        is_enabled: bool = True,
    ) -> int:
        """Add a key that the program does not declare, and return its id. It may have expired.

        :param name: the key's name.
        :param credit_limit: USD, or None for no limit.
        :param expires_at: an aware ``datetime``, ISO 8601 text, or None for never.
        :param is_enabled: whether the key can be used.
        """
        declared = {
            "name": name,
            "credit_limit": credit_limit,
            "expires_at": format_instant(expires_at) if isinstance(expires_at, datetime) else expires_at,
            "is_enabled": is_enabled,
        }
        with self._lock:
            self.keys.append(_key(len(self.keys) + 1, utc_now(), declared))
            return self.keys[-1].id

    def add_usage(
        self,
        key_id: int,
        model: str = "example-model",
        *,
        requests: int = 1,
        cost: Decimal | float | str = 0,
        input_tokens: int = 0,
        output_tokens: int = 0,
        day: date | None = None,
    ) -> None:
        """Add usage of a key, which need not exist.

        :param key_id: the key's id.
        :param model: the model's name.
        :param requests: the number of requests.
        :param cost: USD, of all requests.
        :param input_tokens: of all requests.
        :param output_tokens: of all requests.
        :param day: in UTC; by default today.
        """
        name = next((key.name for key in self.keys if key.id == key_id), "")
        amount, day = Decimal(str(cost)), day or utc_now().date()
        self._usage.append(Usage(day, key_id, name, model, requests, amount, input_tokens, output_tokens))

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]]]:
        """Answer a function.

        :raises NotImplementedError: another package has the function.
        """
        if args.token not in (GET_BALANCE, GET_ACTIVITY, GET_API_KEY, GET_API_KEYS):
            raise NotImplementedError(f"AccountMocks does not answer {args.token}: override `call`")
        self.calls.append(args)
        return self._answer(args.token, args.args), []

    def _answer(self, token: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if token == GET_BALANCE:
            return {"balance": self.balance}
        if token == GET_ACTIVITY:
            days = int(arguments["days"])
            first = first_day(utc_now().date(), days)
            return activity([row for row in self._usage if row.date >= first], days)
        if token == GET_API_KEYS:
            return {"keys": [key.model_dump() for key in self.keys]}  # the function filters them
        if "key_id" in arguments:
            return self._find(int(arguments["key_id"])).model_dump()
        name = arguments["name"]
        return only(name, [key for key in self.keys if key.name == name]).model_dump()

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[Any, Any]]:
        """Make, adopt or read a key; accept any other resource as it is."""
        self.resources.append(args)
        if args.typ == ROTATING_API_KEY_TYPE:
            return self._rotating(args)
        if args.typ != API_KEY_TYPE:
            return args.resource_id or f"{args.name}-id", args.inputs
        inputs = {name: value for name, value in args.inputs.items() if not name.startswith("__")}
        if args.resource_id:
            return args.resource_id, _outputs(self._find(int(args.resource_id)))
        if "adopt_key_id" in inputs:
            key, plaintext = self._adopt(inputs), inputs.get("adopt_key")
        else:
            key = self._make(inputs)
            plaintext = {**_SECRET, "value": f"mocked-key-of-{args.name}"}
        durations = {
            name: format_duration(parse_duration(inputs[name]))
            for name in ("expires_in", "delete_guard")
            if name in inputs
        }
        return str(key.id), {**inputs, **durations, **_outputs(key), "key": plaintext}

    def _rotating(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[Any, Any]]:
        """Make the first generation of a rotating key with the provider's own steps."""
        steps = RotatingKeyResource(Account(cast("Keys", _KeysInMemory(self, args.name))))
        checked = steps.check({}, args.inputs, draw=lambda begin: f"{begin}{len(self.keys) + 1:07x}")
        if (
            checked.failures
        ):  # a preview leaves out what it does not know; else the declaration has failed already
            return f"{args.name}-id", args.inputs
        created = steps.create(checked.inputs)
        return created.id, {**created.outputs, "key": {**_SECRET, "value": created.outputs["key"]}}

    def _make(self, inputs: Mapping[str, Any]) -> Key:
        with self._lock:
            key_id = len(self.keys) + 1
            name = inputs.get("name") or f"{inputs['name_prefix']}{key_id:07x}"
            self.keys.append(_key(key_id, utc_now(), {**inputs, "name": name}))
            return self.keys[-1]

    def _adopt(self, inputs: Mapping[str, Any]) -> Key:
        key_id = int(inputs["adopt_key_id"])
        with self._lock:
            for place, key in enumerate(self.keys):
                if key.id == key_id:
                    self.keys[place] = _key(key_id, key.created_at, inputs)
                    return self.keys[place]
        raise AdoptionError(f"adopt_key_id {key_id}: the account has no such key")

    def _find(self, key_id: int) -> Key:
        for key in self.keys:
            if key.id == key_id:
                return key
        raise NotFoundError(f"the account has no key {key_id}", status=404)


class _KeysInMemory:
    """The keys of the mocks, as the provider's steps make them."""

    def __init__(self, mocks: AccountMocks, resource_name: str) -> None:
        self._mocks, self._resource_name = mocks, resource_name

    def make(self, wanted: ApiKeyInputs) -> CreatedKey:
        """A new key."""
        limit = None if wanted.credit_limit is None else to_number(wanted.credit_limit)
        inputs = {"name": wanted.name, "credit_limit": limit, "is_enabled": wanted.is_enabled}
        made = self._mocks._make(inputs)
        plaintext = SecretStr(f"mocked-key-of-{self._resource_name}")
        return CreatedKey.model_construct(**dict(made), key=plaintext)

    def activity(self, days: int) -> Activity:
        """Not needed: the first generation deletes no key."""
        raise NotImplementedError


def _key(key_id: int, created_at: datetime, declared: Mapping[str, Any]) -> Key:
    ends = created_at + parse_duration(declared["expires_in"]) if "expires_in" in declared else None
    defaults = {"credit_limit": None, "expires_at": ends and format_instant(ends), "is_enabled": True}
    made = {"id": key_id, "created_at": format_instant(created_at)}
    return Key.model_validate({**defaults, **declared, **made})


def _outputs(key: Key) -> dict[str, Any]:
    """A key's properties, as the provider reports them."""
    return {
        "name": key.name,
        "credit_limit": None if key.credit_limit is None else to_number(key.credit_limit),
        "expires_at": None if key.expires_at is None else format_instant(key.expires_at),
        "is_enabled": key.is_enabled,
        "key_id": key.id,
        "created_at": format_instant(key.created_at),
    }
