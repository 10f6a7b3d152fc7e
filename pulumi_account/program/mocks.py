"""Unit tests: what happens under ``pulumi.runtime.set_mocks``, where there is neither an engine nor an account.

Functions ask ``Mocks.call``, with these tokens. Resources go to ``Mocks.new_resource`` as any resource does; what the
provider would refuse is refused when it is declared, or, where it comes from Outputs, when the resource is registered.
Nothing is ever sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Generator, Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeVar

import pulumi
from pulumi.runtime.mocks import MockCallArgs, MockEngine, MockMonitor
from pulumi.runtime.settings import get_engine, get_monitor

from pulumi_account.common.instants import format_instant, utc_now
from pulumi_account.common.text import visible
from pulumi_account.exceptions import ConfigurationError, InvalidInputError, UnexpectedResponseError

if TYPE_CHECKING:
    from datetime import datetime

    from pulumi_account.api.models import Activity, Balance, Key, _Wire

    _M = TypeVar("_M", bound=_Wire)

__all__ = [
    "GET_ACTIVITY",
    "GET_API_KEY",
    "GET_API_KEYS",
    "GET_BALANCE",
    "MockedAccount",
    "checked",
    "mocked",
    "refuse_key",
]

GET_BALANCE = "account:index/getBalance:getBalance"
GET_ACTIVITY = "account:index/getActivity:getActivity"
GET_API_KEY = "account:index/getApiKey:getApiKey"
GET_API_KEYS = "account:index/getApiKeys:getApiKeys"

#: the property that holds a registration up until its Outputs are checked; it is None, so no mock sees it
_CHECKED = "__checked"

Refuse = Callable[[Mapping[str, Any], Collection[str]], object]


def mocked() -> bool:
    """Whether mocks are set, for the thread that asks or, where it has no settings of its own, for the process."""
    return isinstance(get_monitor(), MockMonitor) or isinstance(get_engine(), MockEngine)


class MockedAccount:
    """What questions are put to under mocks; ``provider`` is the reference of an explicit instance, or empty."""

    def __init__(
        self, provider: str
    ) -> None:  # a dataclass would take a millisecond of every program's start
        self._provider = provider

    def balance(self) -> Balance:
        """What `GET_BALANCE` answers."""
        from pulumi_account.api.models import Balance

        return self._ask(Balance, GET_BALANCE)

    def activity(self, days: int) -> Activity:
        """What `GET_ACTIVITY` answers."""
        from pulumi_account.api.models import Activity

        return self._ask(Activity, GET_ACTIVITY, days=days)

    def now(self) -> datetime:
        """The present instant by this machine's clock."""
        return utc_now()

    def key(self, key_id: int) -> Key:
        """What `GET_API_KEY` answers for an id."""
        from pulumi_account.api.models import Key

        return self._ask(Key, GET_API_KEY, key_id=key_id)

    def key_named(self, name: str) -> Key:
        """What `GET_API_KEY` answers for a name."""
        from pulumi_account.api.models import Key

        return self._ask(Key, GET_API_KEY, name=name)

    def keys(self, *, expires_before: datetime | None = None, **filters: object) -> list[Key]:
        """What `GET_API_KEYS` answers."""
        from pulumi_account.api.models import KeyList

        end = None if expires_before is None else format_instant(expires_before)
        return self._ask(KeyList, GET_API_KEYS, **filters, expires_before=end).keys

    def _ask(self, model: type[_M], token: str, **arguments: object) -> _M:
        given = {name: value for name, value in arguments.items() if value is not None}
        return _read(model, token, _mocks().call(MockCallArgs(token, given, self._provider)))


def _mocks() -> pulumi.runtime.Mocks:
    mocks: pulumi.runtime.Mocks | None = getattr(get_monitor(), "mocks", None)
    if mocks is None:
        raise ConfigurationError("set_mocks was given a monitor that has no `mocks`: functions cannot ask it")
    return mocks


def _read(model: type[_M], token: str, answer: Any) -> _M:
    """What a mock answered, as an answer of the API; amounts may be ``Decimal``, instants ``datetime``."""
    from pulumi_account.api.models import read_model

    given, failed = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, None)
    try:
        failures = [visible(f"{token}: {reason} ({name})") for name, reason in failed or ()]
        text = json.dumps(given, default=str, skipkeys=True)
        if not failures:
            return read_model(model, text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        problem = str(error)
    else:
        raise InvalidInputError(failures)
    raise UnexpectedResponseError(f"Mocks.call gave a wrong answer to {token}: {problem}", status=200)


# --- wrong inputs ------------------------------------------------------------------------------------------


def checked(inputs: Mapping[str, Any], refuse: Refuse) -> dict[str, Any]:
    """Have the inputs refused, under mocks: now or, where some are Outputs, by what is given to be added to them."""
    if not mocked():
        return {}
    if any(map(_waits, inputs.values())):
        return {_CHECKED: _Settled(dict(inputs), refuse)}
    refuse({name: _carried(value) for name, value in inputs.items()}, ())
    return {}


class _Settled:
    """Awaits the Outputs, and has all inputs refused. Nothing is scheduled for what is never registered."""

    def __init__(self, inputs: Mapping[str, Any], refuse: Refuse) -> None:
        self._inputs = inputs
        self._refuse = refuse

    def __await__(self) -> Generator[Any, None, None]:
        return self._settle().__await__()

    async def _settle(self) -> None:
        outputs = {name: pulumi.Output.from_input(value) for name, value in self._inputs.items()}
        waits = [name for name, output in outputs.items() if not await output.is_known()]
        known = {
            name: _carried(await output.future()) for name, output in outputs.items() if name not in waits
        }
        self._refuse(known, waits)


def _waits(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_waits, value.values()))
    return isinstance(value, pulumi.Output) or isawaitable(value)


def _carried(value: Any) -> Any:
    """A value as the engine carries it to `check`: a number is a float."""
    if isinstance(value, Mapping):
        return {name: _carried(inner) for name, inner in value.items()}
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return list(value) if isinstance(value, tuple) else value


def refuse_key(known: Mapping[str, Any], unknown: Collection[str]) -> None:
    """Refuse what `check` refuses.

    :raises InvalidInputError: with one sentence for each broken rule.
    """
    from pulumi_account.core.declaration import declared

    declared(known, now=utc_now(), unknown=unknown)
