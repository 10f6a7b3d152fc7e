"""The answers of a run: each question is asked once."""

from __future__ import annotations

import contextvars
import gc
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pulumi
import pytest
from pulumi.runtime.settings import set_root_resource

import pulumi_account as account
from pulumi_account.api.settings import Settings
from pulumi_account.emulator import Answer, Emulator, Fault
from pulumi_account.program import invoke_cache
from pulumi_account.program.invoke_cache import Answers
from tests.support.canaries import PROVISIONING_KEY
from tests.support.helpers import refusal
from tests.support.program_runs import run_inline

# the SDK's mocks make an event loop for each of their threads and do not close it
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_the_same_question_is_asked_once(emulator: Emulator) -> None:
    """In one run, all functions and both forms share one call."""

    def program() -> Any:
        account.get_balance()
        account.require_balance(1)
        account.runway(days=7)
        account.runway(days=14)
        account.get_activity(30)
        account.get_api_keys(name_prefix="a")
        account.get_api_keys(is_enabled=True)
        return pulumi.Output.all(
            account.get_balance_output(),
            account.runway_output(days=7),
            account.require_balance_output(pulumi.Output.from_input(1)),
            account.get_api_keys_output(),
        ).apply(len)

    assert run_inline(program) == 4
    assert emulator.calls.operations == ["get_balance", "get_activity", "list_keys"]


def test_other_questions_are_other_calls(emulator: Emulator) -> None:
    """Another period or another key needs another call."""

    def program() -> None:
        key_id, _ = emulator.add("k")
        for days in (7, 8, 7):
            account.get_activity(days)
        account.get_api_key(key_id)
        account.get_api_key(str(key_id))
        refusal(account.FunctionError, lambda: account.get_api_key(4711))

    run_inline(program)
    assert emulator.calls.operations == ["get_activity", "get_activity", "get_key", "get_key"]


def test_the_next_run_asks_anew(emulator: Emulator) -> None:
    """A program does not get the answers of an earlier one in the same process."""
    assert [str(run_inline(account.get_balance).balance) for _ in range(2)] == ["125.50"] * 2
    assert emulator.calls.operations == ["get_balance"] * 2


def test_runs_at_the_same_time_do_not_share(emulator: Emulator) -> None:
    """Two programs that run in two threads of a process do not share answers."""
    both_run = threading.Barrier(2, timeout=60)

    def program() -> None:
        account.get_balance()
        both_run.wait()
        account.get_balance()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run_inline, [program, program]))
    assert emulator.calls.operations == ["get_balance"] * 2


class Monitor:
    """The engine's end of a run's connection."""


def test_nothing_outlives_its_run(emulator: Emulator) -> None:
    """When the next run begins, the connections of the last run are closed and its answers dropped."""

    def program() -> Any:
        monitor, root = Monitor(), cast(Any, object())
        pulumi.runtime.configure(pulumi.runtime.Settings("project", "stack", monitor=monitor))
        set_root_resource(root)
        account.get_balance()
        (client,) = invoke_cache._runs[monitor]._clients.values()
        return client._http

    first, second = (contextvars.copy_context().run(program) for _ in range(2))
    gc.collect()
    assert (first.is_closed, second.is_closed) == (True, False)
    assert sum(isinstance(monitor, Monitor) for monitor in invoke_cache._runs) == 1


@pytest.mark.parametrize("context", [contextvars.copy_context, contextvars.Context], ids=["same", "other"])
def test_outside_of_a_run_nothing_is_kept(emulator: Emulator, context: Callable[[], Any]) -> None:
    """Without an engine, and after a run, in any thread: each call asks the account."""
    run_inline(account.get_balance)
    context().run(account.get_balance)
    context().run(account.get_balance)
    assert emulator.calls.operations == ["get_balance"] * 3


def test_a_failure_is_not_kept(emulator: Emulator) -> None:
    """After a failure, the next call asks the account again."""
    emulator.faults.add(Fault(Answer(500)))

    def program() -> Any:
        refusal(account.FunctionError, account.get_balance)
        return account.get_balance()

    assert str(run_inline(program).balance) == "125.50"
    assert len(emulator.calls) == 2


def test_an_answer_can_be_changed_without_harm(emulator: Emulator) -> None:
    """A program that changes an answer does not change later answers."""
    emulator.add("k")
    emulator.add_usage(1, cost=1)

    def program() -> tuple[int, int]:
        account.get_activity(29).top_models.clear()
        account.get_api_keys().keys.clear()
        return len(account.get_activity(29).top_models), len(account.get_api_keys().keys)

    assert all(run_inline(program))


def test_threads_share_one_call() -> None:
    """If many threads ask the same question, one asks the account and the others share its answer."""
    asked, called = Answers(), []

    def call(_: Any) -> str:
        called.append(1)
        return "answer"

    def ask(_: int) -> str:
        return asked.ask(Settings("http://127.0.0.1:1", PROVISIONING_KEY), "question", call)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(64))) == {"answer"}
    assert called == [1]
    asked.close()
