"""A Prometheus exporter for an account. Needs `pulumi_account[metrics]`.

The account is asked in the background, a scrape only shows what is known: so it answers at once when the API does
not, and many scrapes cost no more calls than few. Usage is that of a moving period, so it is told by gauges: it goes
down when a day leaves the period.
"""

from __future__ import annotations

import logging
import math
import re
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from decimal import Decimal
from socketserver import ThreadingMixIn
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, NoReturn, TypeAlias, TypeVar
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from pulumi_account import exceptions as err
from pulumi_account.api.client import AccountClient
from pulumi_account.api.models import Activity, Key, UsageStats
from pulumi_account.api.settings import is_loopback
from pulumi_account.common.text import elided, visible
from pulumi_account.spend.runway import Runway, runway
from pulumi_account.spend.usage import (
    KeySpending,
    Usage,
    in_both_periods,
    other_models,
    total,
    usage_by_key,
    usage_by_model,
    worst_first,
)

if TYPE_CHECKING:
    from prometheus_client.core import Metric

__all__ = ["DEFAULT_PORT", "Exporter", "Source", "serve"]

DEFAULT_PORT = 9877

#: seconds between two questions; the API itself keeps an activity for five minutes
_EVERY = {"balance": 60.0, "keys": 60.0, "activity": 300.0}
#: and after a failure: what the API refuses once, it will hardly grant a minute later
_AFTER_FAILURE, _AFTER_REFUSAL = 60.0, 300.0
_SECONDS_A_DAY = 86_400
#: what stands for the keys, and for the models, that have no series of their own
_OTHER = "other"
#: names that are it, or that `_label` makes of it
_LIKE_OTHER = re.compile(r"other( \(name\))*")
_LONGEST_LABEL = 255
_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (err.NetworkError, "network"),
    (err.UnexpectedResponseError, "unreadable"),
    (err.ServerError, "server"),
    (err.StatusError, "refused"),
    (Exception, "internal"),
)
#: the most connections at a time, and the most seconds that one may take: a scrape takes milliseconds
_MOST_CONNECTIONS, _LONGEST_CONNECTION = 32, 5.0
#: a Host header: a name or an address, and a port that does not matter
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")
_UNKNOWN_HOST = b"this exporter is not known by that Host: start it with --allow-host NAME\n"
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: seconds; a signal that comes just before a nap is heard after it
_NAP = 1.0

_NO_ACTIVITY = Activity(
    period_days=0,
    total_stats=UsageStats(
        total_requests=0, total_cost=Decimal(0), total_input_tokens=0, total_output_tokens=0
    ),
    daily_stats=[],
    top_models=[],
    api_key_usage=[],
)

_T = TypeVar("_T")
Number: TypeAlias = Decimal | float
_log = logging.getLogger(__name__)


def serve(
    client: AccountClient,
    *,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    days: int = 30,
    max_keys: int = 500,
    max_models: int = 100,
    allowed_hosts: Sequence[str] = (),
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve metrics until SIGINT or SIGTERM; to be called in the main thread.

    A request is answered only if its ``Host`` is this machine's loopback, the address that is listened on (where that
    is a wildcard, the one that was reached) or one of ``allowed_hosts``; else with 421. So no page in a browser can
    read the metrics by a name of its own that leads here (DNS rebinding).

    :param client: asks the account; the caller closes it.
    :param host: where to listen; by default for this machine only.
    :param port: 0 takes any free one.
    :param days: the period of the usage, 1 to 30. Limits and the runway go by 30 days, whatever it is.
    :param max_keys: the number of keys with series of their own; the others are summed up. Every key that needs
        attention (over or near its limit, about to expire, expired) has its own, even beyond this number; then come
        the most expensive ones.
    :param max_models: the number of models with series of their own, the most expensive ones.
    :param allowed_hosts: further names and addresses by which this exporter is reached, without ports.
    :param on_ready: is told the URL once it answers.
    :raises ConfigurationError: the address cannot be used, or prometheus-client is missing.
    """
    exporter = Exporter(
        client,
        host=host,
        port=port,
        days=days,
        max_keys=max_keys,
        max_models=max_models,
        allowed_hosts=allowed_hosts,
    )
    try:
        with _interrupted_by_signals(), exporter:
            if on_ready:
                on_ready(exporter.url)
            while True:
                time.sleep(_NAP)
    except KeyboardInterrupt:
        return


class Exporter:
    """Metrics of an account at ``url`` while in a ``with`` statement; the arguments are those of `serve`."""

    def __init__(
        self,
        client: AccountClient,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        days: int = 30,
        max_keys: int = 500,
        max_models: int = 100,
        allowed_hosts: Sequence[str] = (),
    ) -> None:
        self.url = ""
        self._address = (host, port)
        self._allowed = {host.lower(), *(name.lower() for name in allowed_hosts)}
        self._sources = Sources(client, days)
        self._collector = _Collector(self._sources, client.now, max_keys, max_models)

    def __enter__(self) -> Exporter:
        host, port = self._address
        self._server = _listen(host, port, _App(self._collector, self._allowed))
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self._server.server_port}/metrics"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._sources.start()
        return self

    def refresh(self) -> None:
        """Ask the account now, beside what is asked in the background."""
        for source in self._sources:
            source.refresh()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sources.stop()
        self._server.shutdown()
        self._server.server_close()


def _listen(host: str, port: int, app: _App) -> _Server:
    try:
        server = _Server(host, port)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise err.ConfigurationError(f"cannot listen on {host}, port {port}: {why}") from None
    server.set_app(app)
    return server


class _App:
    """The WSGI application: the metrics, for those who call the exporter by a name that it has."""

    def __init__(self, collector: _Collector, allowed: Iterable[str]) -> None:
        try:
            from prometheus_client import CollectorRegistry, make_wsgi_app
        except ModuleNotFoundError as error:
            raise err.ConfigurationError(
                f"{error.name} is missing: pip install 'pulumi_account[metrics]'"
            ) from None
        registry = CollectorRegistry()
        registry.register(collector)
        self._app, self._allowed = make_wsgi_app(registry), frozenset(allowed)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if self._is_known(environ.get("HTTP_HOST", ""), environ["SERVER_ADDR"]):
            answer: Iterable[bytes] = self._app(environ, start_response)
            return answer
        start_response("421 Misdirected Request", [("Content-Type", "text/plain; charset=utf-8")])
        return [_UNKNOWN_HOST]

    def _is_known(self, header: str, reached: str) -> bool:
        match = _HOST.fullmatch(header)
        host = match[1].lower().strip("[]") if match else ""
        try:
            loopback = is_loopback(f"http://[{host}]" if ":" in host else f"http://{host}")
        except ValueError:  # brackets around what is no address
            return False
        return loopback or host in {reached, *self._allowed}


class _Handler(WSGIRequestHandler):
    """Says nothing, and tells the application which address was reached."""

    def get_environ(self) -> dict[str, Any]:
        return {
            **super().get_environ(),
            "SERVER_ADDR": self.connection.getsockname()[0].removeprefix("::ffff:"),
        }

    def log_message(self, *_: object) -> None:
        """Nothing is logged: a request is anybody's text."""


class _Server(ThreadingMixIn, WSGIServer):
    """A thread for each connection, but few: whoever sends or reads slowly is cut, and so is the oldest of too many.

    A scrape takes milliseconds, so it is never the oldest for long.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int) -> None:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        self.address_family = found[0]
        self._connections: dict[Any, float] = {}
        super().__init__((str(found[4][0]), port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Called for each new connection, in the thread that accepts them."""
        for oldest in list(self._connections)[: 1 - _MOST_CONNECTIONS]:
            self._cut(oldest)
        self._connections[request] = time.monotonic()
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """Called by the same thread, at least twice a second."""
        for request, began in list(self._connections.items()):
            if time.monotonic() - began > _LONGEST_CONNECTION:
                self._cut(request)

    def _cut(self, request: Any) -> None:
        """End a connection; its thread notices at once."""
        self._connections.pop(request, None)
        with suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:
        """Called by a connection's thread when it is done."""
        self._connections.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever goes away in the middle is no error."""


@contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """SIGTERM interrupts as SIGINT does, which it does not by itself in a background job of a shell."""
    before = {number: signal.signal(number, _interrupt) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


# --- asking ------------------------------------------------------------------------------------------------


class Source(Generic[_T]):
    """One question to the account, and the last good answer."""

    def __init__(self, name: str, ask: Callable[[], _T], stop: threading.Event) -> None:
        self.name = name
        self.up = False
        self.errors = Counter({kind: 0 for _, kind in _KINDS})
        self._ask, self._stop = ask, stop
        self._known: tuple[_T, float] | None = None
        self._told = ""

    @property
    def value(self) -> _T | None:
        """The last good answer."""
        return self._known[0] if self._known else None

    @property
    def age(self) -> float | None:
        """Seconds since then."""
        return time.monotonic() - self._known[1] if self._known else None

    def run(self) -> None:
        """Ask again and again."""
        while not self._stop.wait(self.refresh()):
            pass

    def refresh(self) -> float:
        """Ask once; gives the seconds until the next time."""
        try:
            self._known = (self._ask(), time.monotonic())
        except Exception as error:  # noqa: BLE001 - a thread that ended would leave old values for ever
            return 0 if self._stop.is_set() else self._failed(error)
        self.up, self._told = True, ""
        return _EVERY[self.name]

    def _failed(self, error: Exception) -> float:
        """Count and tell an error, once as long as it stays the same; gives the seconds to wait."""
        kind = next(kind for cls, kind in _KINDS if isinstance(error, cls))
        self.up = False
        self.errors[kind] += 1
        line = str(error) if isinstance(error, err.AccountError) else f"an internal {type(error).__name__}"
        if line != self._told:
            self._told = line
            kept = ", the last good values stay" if self._known else ""
            _log.warning("%s cannot be asked%s: %s", self.name, kept, line)
        refused = kind == "refused" and not isinstance(error, err.RateLimitError)
        return _AFTER_REFUSAL if refused else _AFTER_FAILURE


class Sources:
    """Everything that is asked, each in a thread of its own: one that hangs delays no other."""

    def __init__(self, client: AccountClient, days: int) -> None:
        self._stop = stop = threading.Event()
        self.balance = Source("balance", client.get_balance, stop)
        self.keys = Source("keys", client.list_keys, stop)
        self.activity = Source("activity", lambda: in_both_periods(client.get_activity, days), stop)

    def __iter__(self) -> Iterator[Source[Any]]:
        return iter((self.balance, self.keys, self.activity))

    def start(self) -> None:
        """Begin to ask."""
        for source in self:
            threading.Thread(target=source.run, daemon=True, name=source.name).start()

    def stop(self) -> None:
        """Ask no more; a call under way is not waited for."""
        self._stop.set()


# --- telling -----------------------------------------------------------------------------------------------


class _Family(NamedTuple):
    """The series of one name; each has its labels' values and its own value."""

    name: str
    help: str
    labels: Sequence[str]
    series: Sequence[tuple[Sequence[str], Number]]
    is_counter: bool = False


class _Collector:
    """What a scrape is answered with."""

    def __init__(self, sources: Sources, now: Callable[[], datetime], max_keys: int, max_models: int) -> None:
        self._sources, self._now = sources, now
        self._max_keys, self._max_models = max_keys, max_models

    def collect(self) -> Iterator[Metric]:
        """Called by prometheus-client for each scrape."""
        return (_metric(family) for family in self._families() if family.series)

    def _families(self) -> Iterator[_Family]:
        balance, keys, activities = (source.value for source in self._sources)
        activity, longest = activities or (None, None)
        yield from _health(self._sources)
        if balance is not None:
            yield _one("balance_usd", "What is left in the account.", balance.balance)
        if activity is not None:
            yield from _usage(activity)
            yield from _models(activity, self._max_models)
        if balance is not None and longest is not None:
            # the days count from the answer on, which may be old
            asked = self._now() - timedelta(seconds=self._sources.activity.age or 0)
            yield from _runway(runway(balance, longest, asked), asked)
        yield from _keys(keys, activity, longest, self._now(), self._max_keys)


def _health(sources: Iterable[Source[Any]]) -> Iterator[_Family]:
    sources = list(sources)
    ages = [([s.name], age) for s in sources if (age := s.age) is not None]
    errors = [([s.name, kind], number) for s in sources for kind, number in s.errors.items()]
    yield _Family("data_age_seconds", "Since the account last gave the data that is shown.", ["source"], ages)
    yield _Family(
        "up", "Whether the last question was answered.", ["source"], [([s.name], s.up) for s in sources]
    )
    yield _Family(
        "scrape_errors_total",
        "Questions to the account that failed.",
        ["source", "kind"],
        errors,
        is_counter=True,
    )


def _runway(found: Runway, asked: datetime) -> Iterator[_Family]:
    text = "Until the balance is spent, at the mean of 7 or of 30 days, whichever is shorter; +Inf if nothing is spent."
    if found.period_days or found.balance <= 0:  # of an account first used today, nothing is known yet
        yield _one("runway_seconds", text, _seconds(found, found.days))
        means = {"7": found.days_at_7_day_mean, "30": found.days_at_30_day_mean}
        series = [([days], _seconds(found, left)) for days, left in means.items()]
        yield _Family("runway_by_mean_seconds", "The same at the mean of 7 and of 30 days.", ["days"], series)
    if found.ends_on is not None and found.days is not None:
        end = asked.timestamp() + float(found.days) * _SECONDS_A_DAY
        yield _one("runway_end_timestamp_seconds", "When the balance is spent, if ever.", end)


def _seconds(found: Runway, days: Decimal | None) -> Number:
    endless = math.inf if found.balance > 0 else 0
    return endless if days is None else days * _SECONDS_A_DAY


def _usage(activity: Activity) -> Iterator[_Family]:
    stats = activity.total_stats
    yield _one("period_seconds", "How long a time usage is told of.", activity.period_days * _SECONDS_A_DAY)
    yield _one("spend_usd", "Spent in the period.", stats.total_cost)
    yield _one("requests", "Requests in the period.", stats.total_requests)
    tokens = [(["input"], stats.total_input_tokens), (["output"], stats.total_output_tokens)]
    yield _Family("tokens", "Tokens in the period.", ["type"], tokens)


def _models(activity: Activity, most: int) -> Iterator[_Family]:
    models = usage_by_model(activity)
    shown = _folded([(_label(model.name), model) for model in models], most)
    rest = other_models(activity)
    if rest.requests or rest.cost:
        shown[_OTHER] = total([rest, shown.get(_OTHER, Usage())])
    yield _one("models_folded", "Models without series of their own: other is their sum.", len(models[most:]))
    yield from _usages("model", "model", shown)
    tokens = [([label, "input"], row.input_tokens) for label, row in shown.items()]
    tokens += [([label, "output"], row.output_tokens) for label, row in shown.items()]
    yield _Family("model_tokens", "Tokens of the model in the period.", ["model", "type"], tokens)


def _keys(
    keys: list[Key] | None, activity: Activity | None, longest: Activity | None, now: datetime, most: int
) -> Iterator[_Family]:
    if keys is None and activity is None:
        return
    rows = usage_by_key(keys or [], activity or _NO_ACTIVITY, longest)
    shown, folded = worst_first(rows, now, most)
    if keys is not None:
        yield from _existing(shown, folded, now)
    if activity is not None:
        sums = {_OTHER: total(folded)} if folded else {}
        yield from _usages("key", "key_id", {**{str(row.id): row for row in shown}, **sums})
    infos = [([str(r.id), _label(r.name), "unknown" if keys is None else r.state(now)], 1) for r in shown]
    infos += [([_OTHER, _OTHER, ""], 1)] if folded else []
    yield _Family(
        "key_info", "The key's name and state, to be joined.", ["key_id", "key_name", "state"], infos
    )
    yield _one("keys_folded", "Keys without series of their own: other stands for them.", len(folded))


def _existing(listed: list[KeySpending], folded: list[KeySpending], now: datetime) -> Iterator[_Family]:
    """What is declared of the keys; of the folded ones what an alert must not miss."""
    shown, states = (
        [(str(row.id), row.key) for row in listed if row.key],
        Counter(row.state(now) for row in [*listed, *folded]),
    )
    yield _Family(
        "keys",
        "Keys of the account.",
        ["state"],
        [([s], states[s]) for s in ("active", "disabled", "expired")],
    )
    enabled = [([label], key.is_enabled) for label, key in shown]
    yield _Family("key_enabled", "Whether the key is enabled; it may be expired.", ["key_id"], enabled)
    limits = [([label], key.credit_limit) for label, key in shown if key.credit_limit is not None]
    yield _Family("key_limit_usd", "The key's credit limit, if it has one.", ["key_id"], limits)
    shares = [([str(row.id)], used) for row in listed if (used := row.limit_used) is not None]
    shares += _of_others(max, [row.limit_used for row in folded])
    yield _Family(
        "key_limit_used_ratio",
        "The spend of 30 days by the limit; of other, the largest.",
        ["key_id"],
        shares,
    )
    expiries = [([label], key.expires_at.timestamp()) for label, key in shown if key.expires_at]
    ahead = [row.key.expires_at for row in folded if row.key and row.key.expires_at]
    expiries += _of_others(min, [moment.timestamp() for moment in ahead if moment > now])
    yield _Family(
        "key_expires_timestamp_seconds",
        "When the key expires, if ever; of other, the next.",
        ["key_id"],
        expiries,
    )


def _usages(of: str, label: str, rows: Mapping[str, Usage]) -> Iterator[_Family]:
    costs = [([name], row.cost) for name, row in rows.items()]
    yield _Family(f"{of}_spend_usd", f"Spent by the {of} in the period.", [label], costs)
    requests = [([name], row.requests) for name, row in rows.items()]
    yield _Family(f"{of}_requests", f"Requests of the {of} in the period.", [label], requests)


def _folded(rows: Iterable[tuple[str, Usage]], most: int) -> dict[str, Usage]:
    """The first ones by their label, all others as one; equal labels are one series."""
    groups: dict[str, list[Usage]] = {}
    for place, (label, row) in enumerate(rows):
        groups.setdefault(label if place < most else _OTHER, []).append(row)
    return {label: total(group) for label, group in groups.items()}


def _of_others(pick: Callable[[list[_T]], _T], values: Iterable[_T | None]) -> list[tuple[list[str], _T]]:
    given = [value for value in values if value is not None]
    return [([_OTHER], pick(given))] if given else []


def _one(name: str, text: str, value: Number) -> _Family:
    return _Family(name, text, [], [([], value)])


def _label(name: str) -> str:
    """A name as a label: none is that of the others, nor that of another name."""
    return elided(visible(f"{name} (name)" if _LIKE_OTHER.fullmatch(name) else name), _LONGEST_LABEL)


def _metric(family: _Family) -> Metric:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    kind = CounterMetricFamily if family.is_counter else GaugeMetricFamily
    metric = kind(f"pulumi_account_{family.name}", family.help, labels=family.labels)
    for labels, value in family.series:
        metric.add_metric(labels, float(value))
    return metric
