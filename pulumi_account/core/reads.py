"""Reading keys: a few one by one, then one list for all threads; and when an answer first mentioned each key."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from pulumi_account.exceptions import NotFoundError

if TYPE_CHECKING:
    from pulumi_account.api.client import AccountClient
    from pulumi_account.api.models import Key

#: Up to this number, single reads are cheaper; beyond it, one list serves all. With four threads, the request for the
#: list is sent while the single answers are still on their way.
_SINGLE_READS = 3


class Reads:
    """Reads the keys of one account; safe for any number of threads.

    :param client: the account's API.
    """

    def __init__(self, client: AccountClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._count = 0
        self._shared: Future[dict[int, Key]] | None = None
        # when an answer first mentioned each key, counted in events
        self._events = itertools.count()
        self._heard: dict[int, int] = {}

    def read(self, key_id: int) -> Key | None:
        """The current key; None if the API itself reports that it does not exist."""
        with self._lock:
            self._count += 1
            alone = self._count <= _SINGLE_READS
        if not alone and (key := self._listed().get(key_id)):
            return key
        try:
            return self.get(key_id)
        except NotFoundError:
            return None

    def get(self, key_id: int) -> Key:
        """The key, from a request for it alone.

        :raises NotFoundError: there is no such key.
        """
        key = self._client.get_key(key_id)
        self._hear([key])
        return key

    def all(self) -> list[Key]:
        """All keys, from a new request."""
        keys = self._client.list_keys()
        self._hear(keys)
        return keys

    def event(self) -> int:
        """A number for the present moment, for `heard_before`."""
        return next(self._events)

    def heard_before(self, key_id: int, event: int) -> bool:
        """Whether an answer has mentioned this key before that moment."""
        return self._heard.get(key_id, event) < event

    def wrote(self, deleted: int | None = None) -> None:
        """Drop the list, which a write made stale; a server may use the id of a deleted key again."""
        with self._lock:
            self._shared = None
            if deleted is not None:
                self._heard.pop(deleted, None)

    def _hear(self, keys: Iterable[Key]) -> None:
        event = next(self._events)
        with self._lock:
            for key in keys:
                self._heard.setdefault(key.id, event)

    def _listed(self) -> dict[int, Key]:
        """All keys, listed once for all threads until this process writes; a failure is shared as well."""
        with self._lock:
            leads = self._shared is None
            shared = self._shared = self._shared or Future()
        if leads:
            try:
                shared.set_result({key.id: key for key in self.all()})
            except BaseException as error:  # noqa: BLE001 - the waiting threads must wake up, and raise it
                with self._lock:
                    if self._shared is shared:
                        self._shared = None
                shared.set_exception(error)
        return shared.result()
