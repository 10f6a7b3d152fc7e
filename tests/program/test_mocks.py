"""Functions under `pulumi.runtime.set_mocks`: the mocks answer, and nothing is sent."""

from __future__ import annotations

import contextvars
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi import InvokeOptions, ResourceOptions
from pulumi.runtime.mocks import MockEngine, MockMonitor

import pulumi_account as account
from pulumi_account import exceptions as err
from pulumi_account.api.models import Activity, Balance, Key
from pulumi_account.emulator import Emulator
from pulumi_account.program import mocks
from tests.support import canaries
from tests.support.helpers import activity_json, key_json, refusal
from tests.support.program_runs import ANSWERS, Mocks, run_under_mocks, unknown

# the SDK's mocks make an event loop for each of their threads and do not close it
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

KEY = Key.model_validate(key_json())


@pytest.fixture
def real_account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """The account of the environment, which must get no calls."""
    with Emulator(provisioning_key=canaries.PROVISIONING_KEY) as emulator:
        monkeypatch.setenv("ACCOUNT_ENDPOINT", emulator.url)
        monkeypatch.setenv("ACCOUNT_PROVISIONING_KEY", canaries.PROVISIONING_KEY)
        yield emulator
        assert list(emulator.calls) == []


def test_tokens_are_pinned() -> None:
    """Users' mocks answer exactly these tokens."""
    assert (mocks.GET_BALANCE, mocks.GET_ACTIVITY, mocks.GET_API_KEY, mocks.GET_API_KEYS) == (
        "account:index/getBalance:getBalance",
        "account:index/getActivity:getActivity",
        "account:index/getApiKey:getApiKey",
        "account:index/getApiKeys:getApiKeys",
    )


END = datetime(2028, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
FILTERS: dict[str, Any] = {
    "name_prefix": "p", "is_enabled": True, "has_credit_limit": True, "expires_before": END
}  # fmt: skip
ASKED: list[tuple[str, tuple[Any, ...], dict[str, Any], list[tuple[str, dict[str, Any]]], Any]] = [
    ("get_balance", (), {}, [(mocks.GET_BALANCE, {})], Balance(balance=Decimal("125.50"))),
    ("get_activity", (7,), {}, [(mocks.GET_ACTIVITY, {"days": 7})], Activity.model_validate(activity_json())),
    ("get_api_key", ("7",), {}, [(mocks.GET_API_KEY, {"key_id": 7})], KEY),
    ("get_api_key", (), {"name": "production"}, [(mocks.GET_API_KEY, {"name": "production"})], KEY),
    (
        "get_api_keys", (), FILTERS,
        [(mocks.GET_API_KEYS, {**FILTERS, "expires_before": "2028-01-01T00:00:00Z"})],
        account.GetApiKeysResult([KEY]),
    ),
    (
        "get_api_keys", (), {}, [(mocks.GET_API_KEYS, {})],
        account.GetApiKeysResult([KEY, Key.model_validate(key_json(id=8, name="staging", credit_limit=None))]),
    ),
    ("require_balance", (50,), {}, [(mocks.GET_BALANCE, {})], Balance(balance=Decimal("125.50"))),
    (
        "runway", (7,), {}, [(mocks.GET_ACTIVITY, {"days": 30}), (mocks.GET_BALANCE, {})],
        account.Runway(None, Decimal("125.50"), Decimal(0), 7),  # the only day of usage is long past
    ),
]  # fmt: skip


@pytest.mark.parametrize("form", ["", "_output"])
@pytest.mark.parametrize(("name", "args", "keywords", "asked", "result"), ASKED)
def test_functions_ask_the_mocks(
    real_account: Emulator,
    name: str,
    args: tuple[Any, ...],
    keywords: dict[str, Any],
    asked: list[Any],
    result: Any,
    form: str,
) -> None:
    """Both forms call the mock with token and arguments, and return the types of a real account."""
    mock = Mocks()
    function = getattr(account, name + form)
    found = run_under_mocks(lambda: function(*args, **keywords), mock)
    assert (type(found), found) == (type(result), result)
    assert mock.calls == asked


CUT_OFF = f"""
import sys, asyncio, pulumi
def cut(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise SystemExit(f"the network was used: {{args}}")
sys.addaudithook(cut)
import pulumi_account as account

class Mocks(pulumi.runtime.Mocks):
    def call(self, args):
        return {ANSWERS!r}[args.token]
    def new_resource(self, args):
        return "1", args.inputs

pulumi.runtime.set_mocks(Mocks(), preview=False)

@pulumi.runtime.test
def program():
    account.get_balance(), account.get_activity(), account.get_api_key(7), account.get_api_key(name="n")
    account.get_api_keys(), account.require_balance(1), account.runway()
    key = account.ApiKey("k", credit_limit=account.get_balance_output().balance)
    eu = account.Provider("eu", provisioning_key="p", endpoint="https://eu.example")
    account.get_balance(opts=pulumi.InvokeOptions(provider=eu))
    return pulumi.Output.all(key.id, account.runway_output(), account.get_api_key_output(key.id),
                             account.get_balance_output(opts=pulumi.InvokeOptions(provider=eu)))
program()
print("httpx" in sys.modules)
"""


def test_the_network_is_cut_off(real_account: Emulator) -> None:
    """Even with an endpoint and a provisioning key, no function or resource opens a connection."""
    ran = subprocess.run([sys.executable, "-c", CUT_OFF], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout.strip()) == (0, "False"), ran.stderr


def test_no_account_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a provisioning key nor an endpoint is needed."""
    monkeypatch.delenv("ACCOUNT_PROVISIONING_KEY", raising=False)
    monkeypatch.setenv("ACCOUNT_ENDPOINT", "nonsense")
    assert str(run_under_mocks(account.get_balance).balance) == "125.50"


def test_other_threads_ask_the_mocks(real_account: Emulator) -> None:
    """A thread without settings of its own asks the mocks, too."""
    found: list[Any] = []

    def program() -> None:
        thread = threading.Thread(target=lambda: found.append(account.get_balance()))
        thread.start()
        thread.join()

    run_under_mocks(program)
    assert found == [Balance(balance=Decimal("125.50"))]


class Another:
    """A monitor that is not the SDK's."""


@pytest.mark.parametrize("engine", [MockEngine(None), None], ids=["mocks", "none"])
def test_either_end_tells_of_mocks(real_account: Emulator, engine: Any) -> None:
    """Mocks are recognized by the SDK's mock monitor, or by its mock engine if the user has another monitor."""

    def program() -> None:
        monitor: Any = MockMonitor(Mocks()) if engine is None else Another()
        pulumi.runtime.configure(pulumi.runtime.Settings("p", "s", monitor=monitor, engine=engine))
        if engine is None:
            assert account.get_balance() == Balance(balance=Decimal("125.50"))
        else:
            refusal(account.FunctionError, account.get_balance, "a monitor that has no `mocks`")

    contextvars.copy_context().run(program)


def test_a_provider_is_named_as_the_sdk_names_it() -> None:
    """A mock gets the reference of the provider; for the stack's account it is empty."""
    mock = Mocks({**ANSWERS, "other:index:function": {}})

    def program() -> pulumi.Output[Any]:
        eu = account.Provider("eu", provisioning_key=pulumi.Output.secret("p"))
        team = pulumi.ComponentResource("account:index:Team", "a", {}, ResourceOptions(providers=[eu]))
        account.get_balance()
        pulumi.runtime.invoke("other:index:function", {}, InvokeOptions(provider=eu))
        account.get_balance(opts=InvokeOptions(provider=eu))
        return account.get_balance_output(opts=InvokeOptions(parent=team))

    run_under_mocks(program, mock)
    default, by_the_sdk, *named = mock.providers
    assert default == ""
    assert by_the_sdk.endswith("::eu::eu-id")
    assert named == [by_the_sdk, by_the_sdk]


@pytest.mark.parametrize(
    "answer",
    [
        {"balance": 125.5},
        {"balance": 126, "more": "is ignored"},
        {"balance": Decimal("125.50")},
        ({"balance": "125.50"}, None),
        ({"balance": "125.50"}, []),
    ],
)
def test_money_may_be_given_as_people_write_it(answer: Any) -> None:
    """An amount may be a number, text or a `Decimal`, alone or with an empty list of failures."""
    found = run_under_mocks(account.get_balance, Mocks({mocks.GET_BALANCE: answer})).balance
    assert found in (Decimal("125.50"), Decimal(126))


def test_instants_may_be_datetimes() -> None:
    """An instant may be text or a `datetime`."""
    moment = datetime(2030, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    mock = Mocks({mocks.GET_API_KEY: key_json(created_at=moment)})
    assert run_under_mocks(lambda: account.get_api_key(7), mock).created_at == moment


CYCLE: dict[str, Any] = {}
CYCLE["balance"] = CYCLE


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({}, "balance: is missing"),
        (None, "the body: is not an object"),
        ([], "the body: is not an object"),
        (({"balance": 1}, [], "three"), "the body: is not an object"),
        ({"balance": None}, "balance: is not a number"),
        ({"balance": float("nan")}, "NaN is not JSON"),
        ({"balance": "much"}, "balance: is not a finite number"),
        ({("a", 1): 1}, "balance: is missing"),
        (({"balance": 1}, [1]), "cannot unpack"),
        (CYCLE, "Circular reference"),
        (Balance(balance=Decimal(1)), "the body: is not an object"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", [account.get_balance, account.get_balance_output])
def test_a_wrong_shape_is_one_line(form: Callable[[], Any], answer: Any, problem: str) -> None:
    """The error names the token and the field."""
    error = refusal(account.FunctionError, lambda: run_under_mocks(form, Mocks({mocks.GET_BALANCE: answer})))
    assert type(error.cause) is err.UnexpectedResponseError
    assert str(error).startswith(f"Mocks.call gave a wrong answer to {mocks.GET_BALANCE}: {problem}")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.decimals() | st.datetimes(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
        max_leaves=8,
    )
)
def test_no_answer_of_a_mock_is_a_traceback(answer: Any) -> None:
    """Any answer of a mock becomes a typed result or an error of one line."""

    def program() -> None:
        monitor: Any = MockMonitor(Mocks(dict.fromkeys(ANSWERS, answer)))
        pulumi.runtime.configure(pulumi.runtime.Settings("p", "s", monitor=monitor))
        for ask in (
            account.get_balance,
            account.get_activity,
            account.get_api_keys,
            lambda: account.get_api_key(1),
        ):
            refusal(account.FunctionError, ask, "Mocks.call gave a wrong answer|account:index")

    contextvars.copy_context().run(program)


def test_a_wrong_field_of_a_list_is_named() -> None:
    """The error names the place in the answer, but not the value."""
    mock = Mocks({mocks.GET_API_KEYS: {"keys": [key_json(), {**key_json(), "id": canaries.PLAINTEXT}]}})
    error = refusal(
        account.FunctionError, lambda: run_under_mocks(account.get_api_keys, mock), r"keys\.1\.id: "
    )
    assert canaries.PLAINTEXT not in str(error)


def test_failures_of_a_mock_are_told() -> None:
    """The failures that a mock may return fail the function."""
    mock = Mocks({mocks.GET_BALANCE: ({}, [("account", "is closed")])})
    error = refusal(account.FunctionError, lambda: run_under_mocks(account.get_balance, mock))
    assert str(error) == f"{mocks.GET_BALANCE}: is closed (account)"


def test_a_mock_may_fail_as_the_account_does() -> None:
    """An error of the tree becomes the cause, as in a real run."""
    mock = Mocks({mocks.GET_API_KEY: err.NotFoundError("there is no such key", status=404)})
    error = refusal(account.FunctionError, lambda: run_under_mocks(lambda: account.get_api_key(7), mock))
    assert type(error.cause) is err.NotFoundError


@pytest.mark.parametrize("form", [account.get_balance, account.get_balance_output])
def test_a_mocks_own_error_is_left_alone(form: Callable[[], Any]) -> None:
    """An assertion in a mock fails the test unchanged."""
    with pytest.raises(AssertionError, match="never ask"):
        run_under_mocks(form, Mocks({mocks.GET_BALANCE: AssertionError("never ask")}))


def test_too_little_money_stops_a_program() -> None:
    """`require_balance` compares the mock's balance."""
    mock = Mocks({mocks.GET_BALANCE: {"balance": "49.99"}})
    error = refusal(account.FunctionError, lambda: run_under_mocks(lambda: account.require_balance(50), mock))
    assert type(error.cause) is account.InsufficientBalanceError


@pytest.mark.parametrize(
    ("ask", "line"),
    [
        (lambda: account.get_activity(31), "days must be a whole number of days from 1 to 30"),
        (lambda: account.runway(0), "days must be a whole number of days from 1 to 30"),
        (lambda: account.get_api_key("k-id"), "key_id must be the id of a key, a whole number"),
        (lambda: account.get_api_key(), "key_id or name must be given, and not both"),
        (lambda: account.get_api_keys(is_enabled=1), "is_enabled must be true or false"),  # type: ignore[arg-type]
        (lambda: account.require_balance(-1), "minimum must be an amount of USD, 0 or more"),
        (lambda: account.get_activity_output(31), "days must be a whole number of days from 1 to 30"),
    ],
)
def test_wrong_arguments_reach_no_mock(ask: Callable[[], Any], line: str) -> None:
    """They are refused with the message of a real run."""
    mock = Mocks()
    refusal(account.FunctionError, lambda: run_under_mocks(ask, mock), line)
    assert mock.calls == []


def test_unknown_arguments_are_not_asked() -> None:
    """In a preview under mocks, an unknown argument makes the answer unknown."""
    mock = Mocks()
    assert run_under_mocks(lambda: account.get_activity_output(unknown()), mock, preview=True) is ...
    assert mock.calls == []
