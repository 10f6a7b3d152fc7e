"""The answers of one run of a program: each account has one client, and each question is asked once.

A process may run several programs, one after another or at once, as the automation API does with inline programs. Each
run has its own connection to the engine, and its answers belong to that connection: they go when the SDK drops it, as
the next run begins or the process ends.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pulumi.runtime.settings import get_monitor, get_root_resource

from pulumi_account.api.client import AccountClient
from pulumi_account.api.settings import Settings
from pulumi_account.program.function_arguments import only

if TYPE_CHECKING:
    from datetime import datetime

    from pulumi_account.api.models import Activity, Balance, Key

_T = TypeVar("_T")


class Answers:
    """Asks each question once. Threads can share it.

    While a question is being asked, others that ask it wait for that answer. A failure is raised to all of them but not
    kept: the next `ask` asks the account again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: dict[Settings, AccountClient] = {}
        self._answers: dict[Hashable, Future[Any]] = {}

    def ask(self, account: Settings, question: Hashable, call: Callable[[AccountClient], _T]) -> _T:
        """Return the answer to a question; the first to ask it gets the answer from the account with ``call``."""
        asked = (account, question)
        with self._lock:
            if account not in self._clients:  # threads share the client's connections and its rate limit
                self._clients[account] = AccountClient.of(account)
            client = self._clients[account]
            is_first = asked not in self._answers
            answer: Future[_T] = self._answers.setdefault(asked, Future())
        if is_first:
            try:
                answer.set_result(call(client))
            except BaseException as error:  # noqa: BLE001 - every thread that waits for the answer raises it
                with self._lock:
                    del self._answers[asked]
                answer.set_exception(error)
        return answer.result()

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()


@dataclass(frozen=True)
class CachedAccount:
    """An account whose answers are kept for the run; ``after`` is the set of resources that are made by then."""

    answers: Answers
    settings: Settings
    after: frozenset[str]

    def balance(self) -> Balance:
        """The balance."""
        return self._ask("balance", lambda client: client.get_balance())

    def activity(self, days: int) -> Activity:
        """The usage of the last days."""
        return self._ask(("activity", days), lambda client: client.get_activity(days))

    def now(self) -> datetime:
        """The present instant by the account's clock."""
        return self._ask("now", lambda client: client.now())

    def key(self, key_id: int) -> Key:
        """The key with this id."""
        return self._ask(("key", key_id), lambda client: client.get_key(key_id))

    def key_named(self, name: str) -> Key:
        """The only key with this name."""
        return only(name, [key for key in self.keys() if key.name == name])

    def keys(self, **_filters: object) -> list[Key]:
        """All keys: the API has no filters."""
        return self._ask("keys", lambda client: client.list_keys())

    def _ask(self, question: Hashable, call: Callable[[AccountClient], _T]) -> _T:
        return self.answers.ask(self.settings, (question, self.after), call)


_guard = threading.Lock()
_runs: weakref.WeakKeyDictionary[Any, Answers] = weakref.WeakKeyDictionary()


@contextmanager
def answers_of_this_run() -> Iterator[Answers]:
    """The answers of the program that runs here; outside a run, answers that are dropped at the end."""
    # after a run, the SDK still has its connection, but not its root resource
    if get_root_resource() is None:
        with closing(Answers()) as answers:
            yield answers
        return
    monitor = get_monitor()
    with _guard:
        if monitor not in _runs:
            _runs[monitor] = Answers()
            weakref.finalize(monitor, _runs[monitor].close)
        answers = _runs[monitor]
    yield answers
