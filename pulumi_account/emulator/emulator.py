"""`Emulator`: the account API in a thread, for tests."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pulumi_account.emulator.calls import Calls
from pulumi_account.emulator.clock import Clock, parse_instant
from pulumi_account.emulator.credentials import Credentials, digest
from pulumi_account.emulator.faults import Faults
from pulumi_account.emulator.middleware import Middleware
from pulumi_account.emulator.operations import AccountApi
from pulumi_account.emulator.options import Options
from pulumi_account.emulator.server import ServerThread, listen, url_of
from pulumi_account.emulator.store import MEMORY, Store, Usage
from pulumi_account.emulator.validation import Expiry

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from pulumi_account.emulator.clock import TimestampStyle

Money = Decimal | int | float | str
Instant = datetime | str

PROVISIONING_KEY = "emulator-provisioning-key"

_FIELDS = frozenset({"name", "is_enabled", "credit_limit", "expires_at", "created_at"})


class Emulator:
    """The account API on a loopback port, in a thread, as a context manager.

        with Emulator(provisioning_key="prov-1", balance="125.50") as emulator:
            httpx.get(emulator.url + "/v1/account/balance", headers={"Authorization": "Bearer prov-1"})

    The methods are for the test: they read the account and change it behind the client's back, without the rules of
    the API. They are safe to use from any thread while the emulator runs.

    :param provisioning_key: the key that may use the account API, or several keys.
    :param inference_key: further keys that the API refuses as inference keys, like those that the emulator issues.
    :param db: a SQLite file, which keeps the account, or `":memory:"`.
    :param faults: what goes wrong; you can add more later.
    :param balance: USD, kept with all digits; None keeps the balance of the file, or is 100.00.
    :param host: a loopback address.
    :param port: 0 selects a free one.
    :param clock_offset: how far the server's clock runs ahead; a number means seconds.
    :param create_status: the status of the answer to POST, 200 or 201.
    :param validation_status: the status of the answer to an invalid value, 422 or 400.
    :param timestamps: `"naive"`, `"Z"`, `"offset"`, or `"sent"` (an expiry as the client sent it).
    :param fractions: whether instants have microseconds.
    :param activity_cache: how long the activity is cached, in seconds; 0 disables the cache.
    :param rate_limit: the maximum number of requests per second; the status of the others is 429.
    :param retry_after: the `Retry-After` of these answers, in seconds; None sends no such header.
    :param record_calls: whether `calls` is filled; disable it for a server that runs for days.
    :raises ValueError: an option is out of range.
    :raises StoreError: on entering: the database cannot be used.
    :raises OSError: on entering: the port is in use.
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
        self._record = self.calls.append if record_calls else lambda _call: None
        self._db = db
        self._initial_balance = None if balance is None else format(_decimal(balance), "f")
        self._address = (host, port)
        self._running: tuple[Store, ServerThread] | None = None

    def start(self) -> None:
        """Start the server, as `with` does. A restart keeps the account only if `db` is a file."""
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
        """Cut every connection and stop at once, even if requests hang. You can call it again."""
        if self._running is not None:
            store, thread = self._running
            self._running = None
            thread.stop()
            store.close()

    def __enter__(self) -> Emulator:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @property
    def provisioning_key(self) -> str:
        """The key that may use the account API; the first of several."""
        return self._provisioning_keys[0]

    @property
    def balance(self) -> str:
        """The balance in USD with all digits; set it to change it."""
        return self._store.balance

    @balance.setter
    def balance(self, value: Money) -> None:
        self._store.balance = format(_decimal(value), "f")

    def keys(self) -> list[dict[str, Any]]:
        """All keys in the order of their ids, without their plaintexts, which are not stored.

        Each has `id`, `name`, `created_at` and `expires_at` (aware, UTC), `is_enabled`, `credit_limit` (Decimal).
        """
        return [key.as_dict() for key in self._store.all_keys()]

    def key(self, key_id: int) -> dict[str, Any] | None:
        """One key as stored; None if it does not exist."""
        key = self._store.key(key_id)
        return None if key is None else key.as_dict()

    def key_of(self, plaintext: str) -> int | None:
        """The id of the key with this plaintext; None if no key has it, or it was deleted."""
        return self._store.id_of_hash(digest(plaintext))

    def add(
        self,
        name: str,
        *,
        credit_limit: Money | None = None,
        expires_at: Instant | None = None,
        is_enabled: bool = True,
    ) -> tuple[int, str]:
        """Add a key behind the client's back; returns its id and its plaintext. Its expiry may be past."""
        fields = _fields(name=name, credit_limit=credit_limit, expires_at=expires_at, is_enabled=is_enabled)
        return self._store.insert({"created_at": self.clock.now(), **fields})

    def edit(self, key_id: int, **fields: Any) -> None:
        """Change `name`, `is_enabled`, `credit_limit`, `expires_at` or `created_at` behind the client's back.

        :raises KeyError: the key does not exist.
        :raises TypeError: the field does not exist.
        """
        if self._store.update(key_id, _fields(**fields)) is None:
            raise KeyError(key_id)

    def remove(self, key_id: int) -> None:
        """Delete a key behind the client's back.

        :raises KeyError: the key does not exist.
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
        """Add usage of a key, which need not exist.

        :param day: None means today.
        :param key_name: None means the current name of the key.
        """
        key = self._store.key(key_id)
        name = key_name if key_name is not None else "" if key is None else key.name
        day = day or self.clock.now().date()
        self._store.add_usage(
            Usage(day, key_id, name, model, requests, _decimal(cost), input_tokens, output_tokens)
        )

    def _application(self, store: Store) -> Middleware:
        credentials = Credentials(
            self._provisioning_keys,
            self._inference_keys,
            is_issued=lambda hashed: store.id_of_hash(hashed) is not None,
        )
        api = AccountApi(store, credentials, self.clock, self._options).application()
        return Middleware(api, credentials, self._options, self.faults, self.clock, self._record)

    @property
    def _store(self) -> Store:
        if self._running is None:
            raise RuntimeError("the emulator is not running")
        return self._running[0]


def _decimal(value: Money) -> Decimal:
    """An exact amount; a float counts as the digits that Python prints for it."""
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
        fields["credit_limit"] = _decimal(fields["credit_limit"])
    if fields.get("expires_at") is not None:
        fields["expires_at"] = Expiry(_instant(fields["expires_at"]), str(fields["expires_at"]))
    if "created_at" in fields:
        fields["created_at"] = _instant(fields["created_at"])
    return fields


def _instant(value: Instant) -> datetime:
    """An instant in UTC. A naive one is refused, because its meaning depends on the machine."""
    parsed = value if isinstance(value, datetime) else parse_instant(value)
    if parsed is None or parsed.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return parsed.astimezone(timezone.utc)
