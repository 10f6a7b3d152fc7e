"""The exporter's reads of the account: each in its own thread, with the last good answer."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from pulumi_account import exceptions as err
from pulumi_account.api.client import AccountClient
from pulumi_account.spend.attribution import LabelSource
from pulumi_account.spend.usage import in_both_periods

#: seconds between two reads; the API itself caches an activity for five minutes
_EVERY = {"balance": 60.0, "keys": 60.0, "activity": 300.0, "labels": 60.0}
#: and after a failure; a refusal will hardly change within a minute
_AFTER_FAILURE, _AFTER_REFUSAL = 60.0, 300.0
_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (err.NetworkError, "network"),
    (err.UnexpectedResponseError, "unreadable"),
    (err.ServerError, "server"),
    (err.StatusError, "refused"),
    (Exception, "internal"),
)

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Source(Generic[_T]):
    """One kind of read, and its last good answer."""

    def __init__(self, name: str, read: Callable[[], _T], stop: threading.Event) -> None:
        self.name = name
        self.up = False
        self.errors = Counter({kind: 0 for _, kind in _KINDS})
        self._read, self._stop = read, stop
        self._known: tuple[_T, float] | None = None
        self._logged = ""

    @property
    def value(self) -> _T | None:
        """The last good answer."""
        return self._known[0] if self._known else None

    @property
    def age(self) -> float | None:
        """Seconds since the last good answer."""
        return time.monotonic() - self._known[1] if self._known else None

    def run(self) -> None:
        """Read again and again, until stopped."""
        while not self._stop.wait(self.refresh()):
            pass

    def refresh(self) -> float:
        """Read once; returns the seconds until the next read."""
        try:
            self._known = (self._read(), time.monotonic())
        except Exception as error:  # noqa: BLE001 - if the thread ended, the old values would stay forever
            return 0 if self._stop.is_set() else self._failed(error)
        self.up, self._logged = True, ""
        return _EVERY[self.name]

    def _failed(self, error: Exception) -> float:
        """Count an error, and log it unless it is the same as the last one; returns the seconds to wait."""
        kind = next(kind for cls, kind in _KINDS if isinstance(error, cls))
        self.up = False
        self.errors[kind] += 1
        line = str(error) if isinstance(error, err.AccountError) else f"an internal {type(error).__name__}"
        if line != self._logged:
            self._logged = line
            kept = ", so its last good values stay" if self._known else ""
            _log.warning("cannot read the account's %s%s: %s", self.name, kept, line)
        refused = kind == "refused" and not isinstance(error, err.RateLimitError)
        return _AFTER_REFUSAL if refused else _AFTER_FAILURE


class Sources:
    """All reads; one that hangs does not delay the others.

    :param labels: reads the sources of labels.
    """

    def __init__(
        self,
        client: AccountClient,
        days: int,
        labels: Callable[[], Sequence[LabelSource]] | None = None,
    ) -> None:
        self._stop = stop = threading.Event()
        self.balance = Source("balance", client.get_balance, stop)
        self.keys = Source("keys", client.list_keys, stop)
        self.activity = Source("activity", lambda: in_both_periods(client.get_activity, days), stop)
        self.labels = Source("labels", labels, stop) if labels else None

    def __iter__(self) -> Iterator[Source[Any]]:
        yield from (self.balance, self.keys, self.activity)
        if self.labels:
            yield self.labels

    def start(self) -> None:
        """Begin to read."""
        for source in self:
            threading.Thread(target=source.run, daemon=True, name=source.name).start()

    def stop(self) -> None:
        """Stop reading, without waiting for a call in progress."""
        self._stop.set()
