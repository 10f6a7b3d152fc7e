"""The account API: one method per endpoint."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import httpx

from pulumi_account import exceptions as err
from pulumi_account.api.connections import default_transport, via
from pulumi_account.api.refusals import cleaned, refusal
from pulumi_account.api.retry import NOT_SENT, RetryTransport, parse_http_date
from pulumi_account.api.settings import DEFAULT_RETRY_DEADLINE, DEFAULT_TIMEOUT, Settings, require_sendable
from pulumi_account.common.instants import format_instant, utc_now
from pulumi_account.common.money import to_number

if TYPE_CHECKING:
    # The models load as slowly as a response arrives, so most methods send first: a thread may load them meanwhile.
    # `create_key` loads them before it sends: if they cannot be loaded, it must not have made a key.
    from pulumi_account.api.models import Activity, Balance, CreatedKey, Key, KeyList

__all__ = ["AccountClient"]

_CONNECT_TIMEOUT = 10.0
#: clocks agree if they differ by at most this: a response takes time, and its date has whole seconds
_TOLERATED_SKEW = timedelta(minutes=2)
#: the years from which leases and days can be counted; a ``Date`` in another year is ignored
_YEARS = range(1970, 9000)
_log = logging.getLogger(__name__)
_M = TypeVar("_M", "Activity", "Balance", "CreatedKey", "Key", "KeyList")


class AccountClient:
    """Calls the account API; safe for any number of threads. Close it, or use it in a ``with`` statement.

    Every method may raise `NetworkError`, `UnexpectedResponseError` or `StatusError` (see `exceptions`), and
    `ValueError` for a datetime without an offset.

    :param endpoint: the base URL, such as ``https://api.naga.ac``.
    :param provisioning_key: the account's provisioning key; the API refuses ordinary inference keys.
    :param transport: sends the requests; by default the network, with retries.
    :param retry_deadline: for how many seconds a call is retried (default 90); has no effect on ``transport``.
    :param timeout: how many seconds an attempt may take until its whole response has arrived (default 30); a custom
        ``transport`` must enforce this itself.
    :param clock: returns the present instant by this machine's clock.
    :raises ConfigurationError: the provisioning key, the endpoint, or the proxy or certificates that the environment
        names cannot be used.
    """

    def __init__(
        self,
        endpoint: str,
        provisioning_key: str,
        *,
        transport: httpx.BaseTransport | None = None,
        retry_deadline: float = DEFAULT_RETRY_DEADLINE,
        timeout: float = DEFAULT_TIMEOUT,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        require_sendable(provisioning_key)
        self._endpoint = endpoint
        self._secret = provisioning_key
        self._clock = clock
        self._skew = timedelta()
        self._has_server_time = False
        self._has_warned = False
        self._lock = threading.Lock()
        self._http = httpx.Client(
            base_url=endpoint,
            headers={
                "Authorization": f"Bearer {provisioning_key}",
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
            },
            timeout=httpx.Timeout(timeout, connect=min(timeout, _CONNECT_TIMEOUT)),
            transport=transport or RetryTransport(default_transport(endpoint), deadline=retry_deadline),
        )
        self._via = "" if transport else via(endpoint)

    @classmethod
    def of(cls, settings: Settings) -> AccountClient:
        """A client for the account that `settings.resolve` found."""
        return cls(
            settings.endpoint,
            settings.provisioning_key,
            retry_deadline=settings.retry_deadline,
            timeout=settings.timeout,
            clock=settings.now,
        )

    @property
    def host(self) -> str:
        """The endpoint's host, with its port unless that is the default."""
        return self._http.base_url.netloc.decode()

    def __repr__(self) -> str:
        return f"AccountClient({self._endpoint!r})"

    def __enter__(self) -> AccountClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def now(self) -> datetime:
        """The present instant by the API's clock as of its last response; before the first, by this machine's."""
        return self._clock() + self._skew

    def told_time(self) -> datetime | None:
        """The present instant by the API's clock; None before the first response with a date."""
        return self.now() if self._has_server_time else None

    def get_balance(self) -> Balance:
        """GET ``/v1/account/balance``: the balance in USD."""
        answer = self._call("GET", "/v1/account/balance")
        from pulumi_account.api.models import Balance

        return self._read(Balance, answer)

    def get_activity(self, days: int = 30) -> Activity:
        """GET ``/v1/account/activity``: the usage of the last 1 to 30 days."""
        answer = self._call("GET", f"/v1/account/activity?days={days}")
        from pulumi_account.api.models import Activity

        return self._read(Activity, answer)

    def list_keys(self) -> list[Key]:
        """GET ``/v1/account/keys``: all keys, without their plaintexts."""
        answer = self._call("GET", "/v1/account/keys")
        from pulumi_account.api.models import KeyList

        return self._read(KeyList, answer).keys

    def create_key(
        self, name: str, *, credit_limit: Decimal | None = None, expires_at: datetime | None = None
    ) -> CreatedKey:
        """POST ``/v1/account/keys``: make an enabled key; no later response contains its plaintext.

        :param credit_limit: in USD; None means no limit.
        :param expires_at: an instant in the future; None means never.
        """
        from pulumi_account.api.models import CreatedKey

        body = {"name": name, "credit_limit": credit_limit, "expires_at": expires_at}
        return self._read(CreatedKey, self._call("POST", "/v1/account/keys", body))

    def get_key(self, key_id: int) -> Key:
        """GET ``/v1/account/keys/{key_id}``: one key; `NotFoundError` if the account has no such key."""
        return self._read_key(key_id, self._call("GET", f"/v1/account/keys/{key_id}"))

    def update_key(self, key_id: int, changes: Mapping[str, object]) -> Key:
        """PATCH ``/v1/account/keys/{key_id}``: change a key.

        :param changes: new values of ``name``, ``is_enabled``, ``credit_limit`` or ``expires_at``; None removes a
            limit or an expiry.
        """
        return self._read_key(key_id, self._call("PATCH", f"/v1/account/keys/{key_id}", changes))

    def delete_key(self, key_id: int) -> None:
        """DELETE ``/v1/account/keys/{key_id}``: delete a key permanently; its users lose access at once."""
        response = self._call("DELETE", f"/v1/account/keys/{key_id}")
        # a captive portal or a wrong endpoint may answer 200 with a page: the key would still exist
        if response.content.strip():
            raise _unexpected(response, f"it has a body: is {self._endpoint} the account API's endpoint?")

    def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> httpx.Response:
        content, headers = None, {}
        if body is not None:
            content = json.dumps({name: _to_wire(value) for name, value in body.items()})
            headers = {"Content-Type": "application/json"}
        error: err.AccountError
        try:
            response = self._http.request(method, path, content=content, headers=headers)
        except NOT_SENT as cause:
            why = cleaned(cause, self._secret)
            error = err.ConnectFailedError(f"cannot connect to {self._endpoint}{self._via}: {why}")
        except httpx.HTTPError as cause:
            why = f"{type(cause).__name__} {cleaned(cause, self._secret)}".strip()
            error = err.ResponseLostError(f"{method} {path}{self._via}: the answer was lost ({why})")
        else:
            self._compare_clocks(response)
            if response.is_success:
                return response
            error = refusal(
                f"{method} {path}",
                response,
                self._endpoint,
                self._secret,
                self._clock_problem() if self._skew else "",
            )
        raise error  # not in `except`: httpx's errors hold the request, and with it the provisioning key

    def _compare_clocks(self, response: httpx.Response) -> None:
        """Follow the API's clock, which decides what expires: a wrong one here must not break a lease unnoticed."""
        theirs = parse_http_date(response.headers.get("Date", ""))
        if theirs is None or theirs.year not in _YEARS:
            return
        with self._lock:  # several threads may receive a first response; only one of them warns
            self._has_server_time = True
            skew = theirs - self._clock()
            self._skew = skew if abs(skew) > _TOLERATED_SKEW else timedelta()
            if self._skew and not self._has_warned:
                self._has_warned = True
                _log.warning("%s: expiries follow the API's clock", self._clock_problem())

    def _clock_problem(self) -> str:
        minutes = round(self._skew.total_seconds() / 60)
        return f"this machine's clock is {abs(minutes)} minutes {'behind' if minutes > 0 else 'ahead of'} the API's"

    def _read(self, model: type[_M], response: httpx.Response) -> _M:
        from pulumi_account.api.models import read_model

        try:
            return read_model(model, response.content)
        except ValueError as error:
            problem = str(error)
        raise _unexpected(response, problem)

    def _read_key(self, key_id: int, response: httpx.Response) -> Key:
        from pulumi_account.api.models import Key

        key = self._read(Key, response)
        if key.id != key_id:
            raise _unexpected(response, f"it is about key {key.id}")
        return key


def _unexpected(response: httpx.Response, problem: str) -> err.UnexpectedResponseError:
    status, request = response.status_code, response.request
    line = f"{request.method} {request.url.path}: unexpected answer with status {status}: {problem}"
    return err.UnexpectedResponseError(line, status=status)


def _to_wire(value: object) -> object:
    if isinstance(value, Decimal):
        return to_number(value)
    return format_instant(value) if isinstance(value, datetime) else value
