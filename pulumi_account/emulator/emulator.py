"""`Emulator`: the account API in a thread, for tests."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pulumi_account.emulator.api import AccountApi
from pulumi_account.emulator.app import EmulatorApp
from pulumi_account.emulator.calls import Call, Calls
from pulumi_account.emulator.clock import Clock
from pulumi_account.emulator.credentials import Credentials, digest
from pulumi_account.emulator.faults import Faults
from pulumi_account.emulator.options import Options
from pulumi_account.emulator.server import ServerThread, listen, url_of
from pulumi_account.emulator.store import MEMORY, Store, Usage
from pulumi_account.emulator.validation import Expiry, parse_instant

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from types import TracebackType

    from pulumi_account.emulator.clock import TimestampStyle

Money = Decimal | int | float | str
Instant = datetime | str

PROVISIONING_KEY = "emulator-provisioning-key"

_FIELDS = frozenset({"name", "is_enabled", "credit_limit", "expires_at", "created_at"})


class Emulator:
    """The account API on a loopback port, in a thread, as a context manager.

        with Emulator(provisioning_key="prov-1", balance="125.50") as emulator:
            httpx.get(emulator.url + "/v1/account/balance", headers={"Authorization": "Bearer prov-1"})

    Everything below the URL is for the test itself: it looks at the state and changes it behind the client's
    back, without the API's rules. All of it may be used from any thread while the emulator runs.

    Args:
        provisioning_key: the key that may use the account paths, or several.
        inference_key: more keys that are known and yet refused there, beside all those the emulator issues.
        db: a SQLite file, which keeps the state, or `":memory:"`.
        faults: what goes wrong; more can be added later.
        balance: USD, kept digit for digit; left out, a file keeps the one it has, else it is 100.00.
        host: a loopback address.
        port: 0 takes any free one.
        clock_offset: how far the server's clock is ahead; seconds if it is a number.
        create_status: what POST answers with, 200 or 201.
        validation_status: what an invalid value is answered with, 422 or 400.
        timestamps: `"naive"`, `"Z"`, `"offset"`, or `"sent"` (an expiry as the client sent it).
        fractions: whether instants have microseconds.
        activity_cache: seconds the activity is cached; 0 for none.
        rate_limit: requests a second; more are answered 429.
        retry_after: seconds of the `Retry-After` of such an answer; None sends none.
        record_calls: whether `calls` is filled; a server that runs for days had better not.

    Raises:
        ValueError: an option outside its range.
        StoreError: on entering: the database cannot be used.
        OSError: on entering: the port is taken.
    """

    def __init__(
        self,
        *,
        provisioning_key: str | Iterable[str] = PROVISIONING_KEY,
        inference_key: str | Iterable[str] = (),
        db: str | os.PathLike[str] = MEMORY,
        faults: Faults | None = None,
        balance: Money | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        clock_offset: timedelta | float = 0,
        create_status: int = 201,
        validation_status: int = 422,
        timestamps: TimestampStyle = "naive",
        fractions: bool = True,
        activity_cache: float = 300.0,
        rate_limit: float | None = None,
        retry_after: int | None = None,
        record_calls: bool = True,
    ) -> None:
        self.faults = Faults() if faults is None else faults
        self.calls = Calls()
        self.clock = Clock(clock_offset)
        self.url = ""
        self._options = Options(
            create_status=create_status,
            validation_status=validation_status,
            timestamps=timestamps,
            fractions=fractions,
            activity_cache=activity_cache,
            rate_limit=rate_limit,
            retry_after=retry_after,
        )
        self._provisioning_keys = _several(provisioning_key)
        self._inference_keys = _several(inference_key)
        self._record_calls = record_calls
        self._db = db
        self._initial_balance = None if balance is None else format(decimal_of(balance), "f")
        self._address = (host, port)
        self._running: tuple[Store, ServerThread] | None = None

    def start(self) -> None:
        """Start answering; `with` does it. A second start begins anew: only a file remembers."""
        if self._running is not None:
            raise RuntimeError("the emulator is running already")
        with ExitStack() as undo:
            store = Store(self._db)
            undo.callback(store.close)
            if self._initial_balance is not None:
                store.balance = self._initial_balance
            listener = listen(*self._address)
            self.url = url_of(listener)
            thread = ServerThread(self._application(store), listener)
            thread.start()
            undo.pop_all()
        self._running = (store, thread)

    def stop(self) -> None:
        """Cut every connection and stop; requests that hang are not waited for. Stopping twice is harmless."""
        if self._running is not None:
            store, thread = self._running
            self._running = None
            thread.stop()
            store.close()

    def __enter__(self) -> Emulator:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def provisioning_key(self) -> str:
        """The key that may use the account paths; the first of several."""
        return self._provisioning_keys[0]

    @property
    def balance(self) -> str:
        """The balance in USD, digit for digit; set it to change it."""
        return self._store.balance

    @balance.setter
    def balance(self, value: Money) -> None:
        self._store.balance = format(decimal_of(value), "f")

    def keys(self) -> list[dict[str, Any]]:
        """All keys as stored, by id, without their plaintexts (nobody has those).

        Each has `id`, `name`, `created_at` and `expires_at` (aware, UTC), `is_enabled`, `credit_limit` (Decimal).
        """
        return [key.as_dict() for key in self._store.all_keys()]

    def key(self, key_id: int) -> dict[str, Any] | None:
        """One key as stored; None when there is none."""
        key = self._store.key(key_id)
        return None if key is None else key.as_dict()

    def key_of(self, plaintext: str) -> int | None:
        """The id of the key this plaintext unlocks, None when it unlocks none (any more)."""
        return self._store.id_of_hash(digest(plaintext))

    def add(
        self,
        name: str,
        *,
        credit_limit: Money | None = None,
        expires_at: Instant | None = None,
        is_enabled: bool = True,
    ) -> tuple[int, str]:
        """Add a key behind the client's back; gives its id and its plaintext. Its expiry may be past."""
        return self._store.insert(
            {
                "created_at": self.clock.now(),
                **_fields(name=name, credit_limit=credit_limit, expires_at=expires_at, is_enabled=is_enabled),
            }
        )

    def edit(self, key_id: int, **fields: Any) -> None:
        """Change `name`, `is_enabled`, `credit_limit`, `expires_at` or `created_at` behind the client's back.

        Raises:
            KeyError: there is no such key.
            TypeError: there is no such field.
        """
        if self._store.update(key_id, _fields(**fields)) is None:
            raise KeyError(key_id)

    def remove(self, key_id: int) -> None:
        """Delete a key behind the client's back.

        Raises:
            KeyError: there is no such key.
        """
        if not self._store.delete(key_id):
            raise KeyError(key_id)

    def add_usage(
        self,
        key_id: int,
        model: str = "example-model",
        *,
        requests: int = 1,
        cost: Money = 0,
        input_tokens: int = 0,
        output_tokens: int = 0,
        day: date | None = None,
        key_name: str | None = None,
    ) -> None:
        """Add usage of a key: today's and under the key's name, unless told otherwise. The key need not exist."""
        key = self._store.key(key_id)
        name = key_name if key_name is not None else "" if key is None else key.name
        day = day or self.clock.now().date()
        self._store.add_usage(
            Usage(day, key_id, name, model, requests, decimal_of(cost), input_tokens, output_tokens)
        )

    def _application(self, store: Store) -> EmulatorApp:
        credentials = Credentials(
            self._provisioning_keys,
            self._inference_keys,
            is_issued=lambda hashed: store.id_of_hash(hashed) is not None,
        )
        api = AccountApi(store, credentials, self.clock, self._options).application()
        return EmulatorApp(api, credentials, self._options, self.faults, self.clock, self._record)

    def _record(self, call: Call) -> None:
        if self._record_calls:
            self.calls.append(call)

    @property
    def _store(self) -> Store:
        if self._running is None:
            raise RuntimeError("the emulator is not running")
        return self._running[0]


def decimal_of(value: Money) -> Decimal:
    """An amount of money as an exact decimal; a float counts as the digits it is printed with.

    Raises:
        ValueError: not a finite number.
    """
    try:
        amount = Decimal(str(value))
    except ArithmeticError:
        raise ValueError("an amount must be a decimal number") from None
    if not amount.is_finite():
        raise ValueError("an amount must be finite")
    return amount


def _several(keys: str | Iterable[str]) -> tuple[str, ...]:
    return (keys,) if isinstance(keys, str) else tuple(keys)


def _fields(**given: Any) -> dict[str, Any]:
    unknown = given.keys() - _FIELDS
    if unknown:
        raise TypeError(f"a key has no field {', '.join(sorted(unknown))}")
    fields = dict(given)
    if fields.get("credit_limit") is not None:
        fields["credit_limit"] = decimal_of(fields["credit_limit"])
    if fields.get("expires_at") is not None:
        fields["expires_at"] = Expiry(_instant(fields["expires_at"]), str(fields["expires_at"]))
    if "created_at" in fields:
        fields["created_at"] = _instant(fields["created_at"])
    return fields


def _instant(value: Instant) -> datetime:
    """An instant in UTC; aware, because a naive one would mean another instant on another machine."""
    parsed = value if isinstance(value, datetime) else parse_instant(value)
    if parsed is None or parsed.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return parsed.astimezone(timezone.utc)
