"""Functions under ``pulumi.runtime.set_mocks``: ``Mocks.call`` answers them, with these tokens. Nothing is sent."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, TypeVar

import pulumi
from pulumi.runtime.mocks import MockCallArgs
from pulumi.runtime.settings import get_monitor

from pulumi_account.api.models import Activity, Balance, Key, KeyList, _Wire, read_model
from pulumi_account.common.instants import format_instant, utc_now
from pulumi_account.common.text import visible
from pulumi_account.exceptions import ConfigurationError, InvalidInputError, UnexpectedResponseError

__all__ = ["GET_ACTIVITY", "GET_API_KEY", "GET_API_KEYS", "GET_BALANCE", "MockedAccount"]

GET_BALANCE = "account:index/getBalance:getBalance"
GET_ACTIVITY = "account:index/getActivity:getActivity"
GET_API_KEY = "account:index/getApiKey:getApiKey"
GET_API_KEYS = "account:index/getApiKeys:getApiKeys"

_M = TypeVar("_M", bound=_Wire)


class MockedAccount:
    """The account under mocks; ``provider`` is the reference of an explicit provider, or empty."""

    def __init__(self, provider: str) -> None:
        self._provider = provider

    def balance(self) -> Balance:
        """The answer to `GET_BALANCE`."""
        return self._ask(Balance, GET_BALANCE)

    def activity(self, days: int) -> Activity:
        """The answer to `GET_ACTIVITY`."""
        return self._ask(Activity, GET_ACTIVITY, days=days)

    def now(self) -> datetime:
        """The present instant by this machine's clock."""
        return utc_now()

    def key(self, key_id: int) -> Key:
        """The answer to `GET_API_KEY` for an id."""
        return self._ask(Key, GET_API_KEY, key_id=key_id)

    def key_named(self, name: str) -> Key:
        """The answer to `GET_API_KEY` for a name."""
        return self._ask(Key, GET_API_KEY, name=name)

    def keys(self, *, expires_before: datetime | None = None, **filters: object) -> list[Key]:
        """The answer to `GET_API_KEYS`."""
        end = None if expires_before is None else format_instant(expires_before)
        return self._ask(KeyList, GET_API_KEYS, **filters, expires_before=end).keys

    def _ask(self, model: type[_M], token: str, **arguments: object) -> _M:
        mocks: pulumi.runtime.Mocks | None = getattr(get_monitor(), "mocks", None)
        if mocks is None:
            raise ConfigurationError(
                "set_mocks was given a monitor that has no `mocks`: functions cannot ask it"
            )
        given = {name: value for name, value in arguments.items() if value is not None}
        return _read(model, token, mocks.call(MockCallArgs(token, given, self._provider)))


def _read(model: type[_M], token: str, answer: Any) -> _M:
    """Convert a mock's answer to a model of the API; amounts may be ``Decimal`` and instants ``datetime``."""
    given, failed = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, None)
    try:
        failures = [visible(f"{token}: {reason} ({name})") for name, reason in failed or ()]
        if not failures:
            return read_model(model, json.dumps(given, default=str, skipkeys=True).encode())
    except (TypeError, ValueError, RecursionError) as error:
        problem = str(error)
    else:
        raise InvalidInputError(failures)
    raise UnexpectedResponseError(f"Mocks.call gave a wrong answer to {token}: {problem}", status=200)
