"""The account API, one method per endpoint."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from pulumi_account import exceptions as err
from pulumi_account.api.connections import default_transport, via
from pulumi_account.api.retry import NOT_SENT, RetryTransport, parse_http_date
from pulumi_account.api.settings import DEFAULT_RETRY_DEADLINE, DEFAULT_TIMEOUT, Settings, require_sendable
from pulumi_account.common.instants import format_instant, utc_now
from pulumi_account.common.money import parse_json, to_number

if TYPE_CHECKING:
    # They take as long to load as an answer takes to come, so most methods ask first: a thread may load them
    # meanwhile. What makes a key loads them before: if they cannot be loaded, nothing must have been made.
    from pulumi_account.api.models import Activity, Balance, CreatedKey, Key, KeyList

__all__ = ["AccountClient"]

_CONNECT_TIMEOUT = 10.0
#: clocks that differ by no more agree: an answer takes its time, and its date has whole seconds
_TOLERATED_SKEW = timedelta(minutes=2)
#: from a ``Date`` in another year nothing can be counted, neither a lease nor a day
_YEARS = range(1970, 9000)
_LONGEST_MESSAGE = 300
#: how pydantic begins a message: before the words of whoever wrote the rule, and its own
_OWN_WORDS, _SHOULD = re.compile(r"^(Value error|Assertion failed), "), re.compile(r"^[A-Z]\w* should ")
_log = logging.getLogger(__name__)
_M = TypeVar("_M", "Activity", "Balance", "CreatedKey", "Key", "KeyList")

_STATUS_ERRORS: dict[int, type[err.StatusError]] = {
    401: err.AuthenticationError,
    402: err.InsufficientCreditsError,
    403: err.PermissionDeniedError,
    404: err.NotFoundError,
    429: err.RateLimitError,
}


class AccountClient:
    """Calls the account API; safe for any number of threads. Close it, or use it in a ``with`` statement.

    :param endpoint: base URL, such as ``https://api.naga.ac``.
    :param provisioning_key: the account's provisioning key; an ordinary inference key is refused by the API.
    :param transport: where requests go; by default the network, with retries.
    :param retry_deadline: seconds for which one call is retried (default 90); without effect on ``transport``.
    :param timeout: seconds after which one attempt is given up if its whole answer has not come (default 30); a
        ``transport`` of one's own sees to that itself.
    :param clock: the present instant by this machine's clock.

    :raises ConfigurationError: the provisioning key or the endpoint cannot be used, or the proxy or the certificates
        that the environment names.

    Every method raises `NetworkError`, `UnexpectedResponseError` or `StatusError` (see `exceptions`); one that is
    given a datetime without an offset, `ValueError`.
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
        self._is_timed = False
        self._lock = threading.Lock()
        self._told = False
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
        """A client for the account that `config.resolve` has found."""
        return cls(
            settings.endpoint,
            settings.provisioning_key,
            retry_deadline=settings.retry_deadline,
            timeout=settings.timeout,
        )

    @property
    def host(self) -> str:
        """The endpoint's host, and its port where that is none of the usual ones: which account it is."""
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
        """The present instant by the API's clock, as far as its last answer told, else by this machine's."""
        return self._clock() + self._skew

    def told_time(self) -> datetime | None:
        """The present instant by the API's clock; None as long as no answer has told it."""
        return self.now() if self._is_timed else None

    def get_balance(self) -> Balance:
        """GET ``/v1/account/balance``: what is left, in USD."""
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
        """POST ``/v1/account/keys``: make a key, enabled; the answer alone holds its plaintext.

        :param credit_limit: USD; None = no limit.
        :param expires_at: an instant in the future; None = never.
        """
        from pulumi_account.api.models import CreatedKey

        body = {"name": name, "credit_limit": credit_limit, "expires_at": expires_at}
        return self._read(CreatedKey, self._call("POST", "/v1/account/keys", body))

    def get_key(self, key_id: int) -> Key:
        """GET ``/v1/account/keys/{key_id}``; `NotFoundError` where there is no such key."""
        return self._read_key(key_id, self._call("GET", f"/v1/account/keys/{key_id}"))

    def update_key(self, key_id: int, changes: Mapping[str, object]) -> Key:
        """PATCH ``/v1/account/keys/{key_id}``: change what ``changes`` names.

        ``changes`` may hold ``name``, ``is_enabled``, ``credit_limit`` and ``expires_at``; None removes a limit
        or an expiry.
        """
        return self._read_key(key_id, self._call("PATCH", f"/v1/account/keys/{key_id}", changes))

    def delete_key(self, key_id: int) -> None:
        """DELETE ``/v1/account/keys/{key_id}``: for good; whoever uses the key loses access at once."""
        response = self._call("DELETE", f"/v1/account/keys/{key_id}")
        # a portal or a wrong endpoint may well answer 200 with a page, and the key would live on
        if response.content.strip():
            raise self._unexpected(
                response, f"it has a body: is {self._endpoint} the account API's endpoint?"
            )

    def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> httpx.Response:
        content = (
            None if body is None else json.dumps({name: _to_wire(value) for name, value in body.items()})
        )
        headers = {} if content is None else {"Content-Type": "application/json"}
        kind: type[err.NetworkError]
        try:
            response = self._http.request(method, path, content=content, headers=headers)
        except NOT_SENT as error:
            kind, problem = (
                err.ConnectFailedError,
                f"cannot connect to {self._endpoint}{self._via}: {self._clean(error)}",
            )
        except httpx.HTTPError as error:
            what = f"{type(error).__name__} {self._clean(error)}".strip()
            kind, problem = err.ResponseLostError, f"{method} {path}{self._via}: the answer was lost ({what})"
        else:
            return self._accepted(method, path, response)
        raise kind(problem)  # out here, as those errors hold the request, and with it the provisioning key

    def _accepted(self, method: str, path: str, response: httpx.Response) -> httpx.Response:
        self._compare_clocks(response)
        if not response.is_success:
            raise self._refusal(f"{method} {path}", response)
        return response

    def _compare_clocks(self, response: httpx.Response) -> None:
        """Expiries are judged by the API's clock: a wrong one here must neither break a lease nor go unnoticed."""
        theirs = parse_http_date(response.headers.get("Date", ""))
        if theirs is None or theirs.year not in _YEARS:
            return
        with self._lock:  # the first answers come to several threads, and one of them tells
            self._is_timed = True
            skew = theirs - self._clock()
            self._skew = skew if abs(skew) > _TOLERATED_SKEW else timedelta()
            if self._skew and not self._told:
                self._told = True
                _log.warning("%s: what expires is judged by the API's clock", self._clock_problem())

    def _clock_problem(self) -> str:
        minutes = round(self._skew.total_seconds() / 60)
        return f"this machine's clock is {abs(minutes)} minutes {'behind' if minutes > 0 else 'ahead of'} the API's"

    def _read(self, model: type[_M], response: httpx.Response) -> _M:
        from pulumi_account.api.models import read_model

        try:
            return read_model(model, response.content)
        except ValueError as error:
            problem = str(error)
        raise self._unexpected(response, problem)

    def _read_key(self, key_id: int, response: httpx.Response) -> Key:
        from pulumi_account.api.models import Key

        key = self._read(Key, response)
        if key.id != key_id:
            raise self._unexpected(response, f"it is about key {key.id}")
        return key

    def _unexpected(self, response: httpx.Response, problem: object) -> err.UnexpectedResponseError:
        request = f"{response.request.method} {response.request.url.path}"
        return err.UnexpectedResponseError(
            f"{request}: unexpected answer with status {response.status_code}: {problem}",
            status=response.status_code,
        )

    def _refusal(self, request: str, response: httpx.Response) -> err.AccountError:
        """The error for a status that is not 2xx."""
        status = response.status_code
        body = _object(response)
        own = body["error"] if isinstance(body.get("error"), dict) else None
        said = self._clean(_message(body, response)) or "a blank message"
        # a proxy or a wrong endpoint answers 404 as well, and then nothing is known about the key
        if status < 400 or (status == 404 and own is None):
            return err.UnexpectedResponseError(
                f"{request}: status {status}, but not the account API's answer ({said}): is {self._endpoint} "
                "its endpoint?",
                status=status,
            )
        kind = err.ServerError if status >= 500 else _STATUS_ERRORS.get(status, err.InvalidRequestError)
        api_type = own.get("type") if own else None
        advice = self._clean(_advice(response))
        if status in (400, 422) and self._skew:
            advice = f"; {self._clock_problem()}"
        message = f"{request}: {said} (status {status}{advice})"
        return kind(message, status=status, type=self._clean(api_type) if isinstance(api_type, str) else None)

    def _clean(self, text: object) -> str:
        """Somebody else's words on one line, not too long, and without the provisioning key."""
        line = "".join(c for c in " ".join(str(text).split()) if c.isprintable())
        line = line.replace(self._secret, "[provisioning key]")
        return line if len(line) <= _LONGEST_MESSAGE else line[:_LONGEST_MESSAGE] + "…"


def _to_wire(value: object) -> object:
    if isinstance(value, Decimal):
        return to_number(value)
    return format_instant(value) if isinstance(value, datetime) else value


def _object(response: httpx.Response) -> dict[str, Any]:
    """The body's JSON object, empty where it has none."""
    try:
        body: Any = parse_json(response.content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _message(body: Mapping[str, Any], response: httpx.Response) -> str:
    """What the documented error says, else FastAPI's ``detail``, else what kind of body there is."""
    error = body.get("error") or body.get("detail")
    if isinstance(error, list) and all(broken := [_broken_rule(item) for item in error]):
        return "; ".join(broken)
    if isinstance(error, dict):
        error = error.get("message") or error.get("type") or error
    if error:
        return error if isinstance(error, str) else json.dumps(error, default=str, ensure_ascii=False)
    kind = response.headers.get("Content-Type", "").split(";")[0]
    return f"no message, but {kind or 'a body of no type'}" if response.content else "an empty body"


def _broken_rule(item: object) -> str:
    """An entry of a ``detail`` as pydantic writes it, in plain words; empty for anything else."""
    if not isinstance(item, dict) or not isinstance(item.get("msg"), str):
        return ""
    place = item.get("loc")
    fields = (
        [str(part) for part in place[1:] if isinstance(part, (str, int))] if isinstance(place, list) else []
    )
    rule = _OWN_WORDS.sub("", item["msg"]).replace("Field required", "is missing")
    return ": ".join(filter(None, [".".join(fields), _SHOULD.sub("must ", rule)]))


def _advice(response: httpx.Response) -> str:
    if response.status_code == 401:
        return "; check the provisioning key: an inference key is refused here"
    if response.status_code == 429 and "Retry-After" in response.headers:
        return f"; Retry-After: {response.headers['Retry-After']}"
    return ""
