"""What one run of a program has asked: one client for each account, one answer for each question.

A process may run several programs, one after another or at once, as the automation API does with inline programs.
What is kept belongs to the connection to the engine, which each run has for itself, and goes when the SDK lets go of
it: when the next run begins, or the process ends.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from pulumi.runtime.settings import get_monitor, get_root_resource

from pulumi_account.api.client import AccountClient
from pulumi_account.api.settings import Settings

__all__ = ["Answers", "of_this_run"]

_T = TypeVar("_T")


class Answers:
    """Asks each question once; safe for any number of threads.

    Who asks what is being asked already waits for that answer. A failure is told to all who wait for it, and not
    kept: the next one to ask asks the account anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: dict[Settings, AccountClient] = {}
        self._answers: dict[Hashable, Future[Any]] = {}

    def ask(self, account: Settings, question: Hashable, call: Callable[[AccountClient], _T]) -> _T:
        """The answer of ``call`` to a question that is known by its name."""
        asked = (account, question)
        with self._lock:
            client = self._client(account)
            first = asked not in self._answers
            answer: Future[_T] = self._answers.setdefault(asked, Future())
        if first:
            self._settle(asked, answer, lambda: call(client))
        return answer.result()

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()

    def _client(self, account: Settings) -> AccountClient:
        """The client of an account: its threads share the connections, and the pace that a 429 imposes."""
        if account not in self._clients:
            self._clients[account] = AccountClient.of(account)
        return self._clients[account]

    def _settle(self, asked: Hashable, answer: Future[_T], call: Callable[[], _T]) -> None:
        try:
            answer.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised again, to whoever waits for the answer
            with self._lock:
                del self._answers[asked]
            answer.set_exception(error)


_guard = threading.Lock()
_runs: weakref.WeakKeyDictionary[Any, Answers] = weakref.WeakKeyDictionary()


@contextmanager
def of_this_run() -> Iterator[Answers]:
    """What the program that runs here has asked; outside of a run nothing is kept."""
    # the SDK still shows the last run's connection when that run is over, but not its root resource
    if get_root_resource() is not None:
        yield _kept_for(get_monitor())
        return
    answers = Answers()
    try:
        yield answers
    finally:
        answers.close()


def _kept_for(monitor: Any) -> Answers:
    with _guard:
        if monitor not in _runs:
            _runs[monitor] = Answers()
            weakref.finalize(monitor, _runs[monitor].close)
        return _runs[monitor]
