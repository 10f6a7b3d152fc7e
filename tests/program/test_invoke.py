"""How questions reach the account: once in a run, by any provider, now or as an Output."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pulumi
import pytest
from pulumi import InvokeOptions, InvokeOutputOptions, ResourceOptions
from pulumi.runtime.settings import set_root_resource

import pulumi_account as account
from pulumi_account import exceptions as err
from pulumi_account.api.settings import Settings
from pulumi_account.emulator import Answer, Emulator, Fault
from pulumi_account.program import invoke_cache
from pulumi_account.program.invoke_cache import Answers
from tests.support.canaries import OTHER_PROVISIONING_KEY, PROVISIONING_KEY, assert_clean
from tests.support.helpers import refusal, set_engine

# the SDK's mocks give each of their threads an event loop, and close none
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Emulator, Emulator]]:
    """Two accounts."""
    with (
        Emulator(provisioning_key=PROVISIONING_KEY, balance="125.50") as one,
        Emulator(provisioning_key=OTHER_PROVISIONING_KEY, balance="-7") as other,
    ):
        yield one, other


@pytest.fixture
def emulator(servers: tuple[Emulator, Emulator], monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The account that the environment names."""
    monkeypatch.setenv("ACCOUNT_ENDPOINT", servers[0].url)
    monkeypatch.setenv("ACCOUNT_PROVISIONING_KEY", PROVISIONING_KEY)
    monkeypatch.setenv("ACCOUNT_RETRY_DEADLINE", "0")
    for server in servers:
        server.faults.clear()
        server.calls.clear()
    return servers[0]


@pytest.fixture
def eu(servers: tuple[Emulator, Emulator], emulator: Emulator) -> Emulator:
    """Another account, which the environment does not name."""
    return servers[1]


class Engine(pulumi.runtime.Mocks):
    """Makes whatever is declared."""

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        """No function goes through the engine."""
        raise NotImplementedError(args.token)

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """A resource has a number for its id."""
        return "1", args.inputs


def run(program: Callable[[], Any]) -> Any:
    """Run a program as inline programs are run: in this process, with a context of its own; what it gives.

    An Output is told as its value, and as a list of one where it is a secret; unknown is `...`.
    """

    async def main() -> Any:
        set_engine(Engine())
        given = program()
        if not isinstance(given, pulumi.Output):
            return given
        value = await given.future()
        value = value if await given.is_known() else ...
        return [value] if await given.is_secret() else value

    try:
        return contextvars.copy_context().run(asyncio.run, main())
    finally:
        gc.collect()  # here, where the mocks' loops are no news


def provider(eu: Emulator, key: Any = OTHER_PROVISIONING_KEY) -> account.Provider:
    """The other account, as a program declares it."""
    return account.Provider("eu", endpoint=eu.url, provisioning_key=key)


def balance_of(eu: account.Provider) -> str:
    """A provider's balance, asked for at once."""
    return str(account.get_balance(opts=InvokeOptions(provider=eu)).balance)


# --- once in a run


def test_the_same_question_is_asked_once(emulator: Emulator) -> None:
    """However it is asked, and by whatever function: one run, one call."""

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

    assert run(program) == 4
    assert emulator.calls.operations == ["get_balance", "get_activity", "list_keys"]


def test_other_questions_are_other_calls(emulator: Emulator) -> None:
    """Another period or another key is another question."""

    def program() -> None:
        key_id, _ = emulator.add("k")
        for days in (7, 8, 7):
            account.get_activity(days)
        account.get_api_key(key_id)
        account.get_api_key(str(key_id))
        refusal(account.FunctionError, lambda: account.get_api_key(4711))

    run(program)
    assert emulator.calls.operations == ["get_activity", "get_activity", "get_key", "get_key"]


def test_the_next_run_asks_anew(emulator: Emulator) -> None:
    """What one program was told is not told to the next one of the same process."""
    assert [str(run(account.get_balance).balance) for _ in range(2)] == ["125.50"] * 2
    assert emulator.calls.operations == ["get_balance"] * 2


def test_runs_at_the_same_time_do_not_share(emulator: Emulator) -> None:
    """Two programs that run in two threads of a process ask for themselves."""
    both_run = threading.Barrier(2, timeout=60)

    def program() -> None:
        account.get_balance()
        both_run.wait()
        account.get_balance()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, [program, program]))
    assert emulator.calls.operations == ["get_balance"] * 2


class Monitor:
    """The engine's end of a run's connection."""


def test_nothing_outlives_its_run(emulator: Emulator) -> None:
    """When the next run begins, the connections of the one before are closed, and its answers are gone."""

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
    """Without an engine there is no run, not after one either, in whatever thread: each call asks."""
    run(account.get_balance)
    context().run(account.get_balance)
    context().run(account.get_balance)
    assert emulator.calls.operations == ["get_balance"] * 3


def test_a_failure_is_not_kept(emulator: Emulator) -> None:
    """Who asks again after a failure asks the account."""
    emulator.faults.add(Fault(Answer(500)))

    def program() -> Any:
        refusal(account.FunctionError, account.get_balance)
        return account.get_balance()

    assert str(run(program).balance) == "125.50"
    assert len(emulator.calls) == 2


def test_an_answer_can_be_changed_without_harm(emulator: Emulator) -> None:
    """Whoever sorts or clears what was answered does so for himself."""
    emulator.add("k")
    emulator.add_usage(1, cost=1)

    def program() -> tuple[int, int]:
        account.get_activity(29).top_models.clear()
        account.get_api_keys().keys.clear()
        return len(account.get_activity(29).top_models), len(account.get_api_keys().keys)

    assert all(run(program))


def test_threads_share_one_call() -> None:
    """Of many threads that ask the same, one asks the account; the others have its answer."""
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


# --- another account


@pytest.mark.parametrize("kind", [str, pulumi.Output.secret], ids=["text", "secret"])
@pytest.mark.parametrize("way", ["provider", "parent", "grandparent"])
def test_another_account_is_asked(eu: Emulator, kind: Any, way: str) -> None:
    """A provider is taken as it is given, or from a parent; a secret of the configuration is waited for."""

    def program() -> str:
        other = provider(eu, kind(OTHER_PROVISIONING_KEY))
        if way == "provider":
            return balance_of(other)
        parent = pulumi.ComponentResource("account:index:Team", "a", {}, ResourceOptions(providers=[other]))
        if way == "grandparent":
            parent = pulumi.ComponentResource("account:index:Team", "b", {}, ResourceOptions(parent=parent))
        return str(account.get_balance(opts=InvokeOptions(parent=parent)).balance)

    assert run(program) == "-7"
    assert eu.calls.operations == ["get_balance"]


def test_every_function_takes_a_provider(eu: Emulator, emulator: Emulator) -> None:
    """No question goes to the stack's account when another one is named."""
    key_id, _ = eu.add("n")

    def program() -> Any:
        opts = InvokeOptions(provider=provider(eu))
        account.get_activity(opts=opts)
        account.get_api_key(key_id, opts=opts)
        account.get_api_key(name="n", opts=opts)
        account.runway(opts=opts)
        refusal(account.FunctionError, lambda: account.require_balance(0, opts=opts))
        return pulumi.Output.all(
            account.get_balance_output(opts=opts),
            account.get_activity_output(opts=opts),
            account.get_api_key_output(key_id, opts=opts),
            account.get_api_keys_output(opts=opts),
            account.runway_output(opts=opts),
        ).apply(len)

    assert run(program) == 5
    assert list(emulator.calls) == []


def test_a_parent_without_a_provider(emulator: Emulator) -> None:
    """A parent that was given no provider has the stack's account."""

    def program() -> str:
        parent = pulumi.ComponentResource("account:index:Team", "a")
        return str(account.get_balance(opts=InvokeOptions(parent=parent)).balance)

    assert run(program) == "125.50"


def test_two_accounts_are_two_questions(eu: Emulator) -> None:
    """Each account has its own answer; one that two instances name is asked once."""

    def program() -> tuple[str, str, str]:
        twin = account.Provider("twin", endpoint=eu.url + "/", provisioning_key=OTHER_PROVISIONING_KEY)
        return str(account.get_balance().balance), balance_of(provider(eu)), balance_of(twin)

    assert run(program) == ("125.50", "-7", "-7")
    assert eu.calls.operations == ["get_balance"]


def test_a_key_that_is_not_known_yet(eu: Emulator) -> None:
    """Before the deployment a key may be unknown: then one line names the form that waits, and that is unknown."""

    def program() -> Any:
        other = provider(eu, pulumi.Output.from_input(pulumi.UNKNOWN))
        error = refusal(account.FunctionError, lambda: balance_of(other))
        assert type(error.cause) is err.ConfigurationError
        assert str(error).endswith("is not known yet: ask with the _output form")
        return account.get_balance_output(opts=InvokeOptions(provider=other))

    assert run(program) is ...
    assert list(eu.calls) == []


@pytest.mark.parametrize("form", [account.get_balance, account.get_balance_output])
def test_a_provider_that_tells_nothing(emulator: Emulator, form: Callable[..., object]) -> None:
    """Only a `Provider` of this package says which account it is; any other is refused in one line."""

    def program() -> None:
        opts = InvokeOptions(provider=pulumi.ProviderResource("pulumi-python", "raw", {}))
        error = refusal(account.FunctionError, lambda: form(opts=opts), "must be a pulumi_account.Provider")
        assert type(error.cause) is err.ConfigurationError

    run(program)
    assert list(emulator.calls) == []


def test_an_empty_key_names_its_instance(eu: Emulator) -> None:
    """An instance without a provisioning key is not helped by the environment's."""
    run(lambda: refusal(account.FunctionError, lambda: balance_of(provider(eu, "")), "'eu' is empty"))
    assert list(eu.calls) == []


def test_a_provider_does_not_show_its_key(eu: Emulator) -> None:
    """No repr of a provider or of what it holds has its key, and it cannot be pickled."""

    def program() -> None:
        other = provider(eu)
        balance_of(other)
        assert_clean(repr(other), str(other), repr(vars(other)))
        with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is the SDK's business
            pickle.dumps(other)
        assert_clean(caught.value)

    run(program)


# --- Outputs


def test_an_answer_is_no_secret_for_the_keys_sake(eu: Emulator) -> None:
    """The provisioning key is a secret, and what it opens is not."""
    opts = {
        "opts": lambda: InvokeOptions(provider=provider(eu, pulumi.Output.secret(OTHER_PROVISIONING_KEY)))
    }
    assert str(run(lambda: account.get_balance_output(opts=opts["opts"]()).balance)) == "-7"


def test_an_answer_is_a_secret_for_an_arguments_sake(emulator: Emulator) -> None:
    """What was asked with a secret is a secret."""
    (activity,) = run(lambda: account.get_activity_output(pulumi.Output.secret(3)))
    assert activity.period_days == 3


@pytest.mark.parametrize(
    "form",
    [
        account.get_activity_output,
        account.get_api_key_output,
        lambda unknown: account.get_api_key_output(name=unknown),
        lambda unknown: account.get_api_keys_output(name_prefix=unknown),
        account.require_balance_output,
        lambda unknown: account.require_balance_output(1, warn_below=unknown),
        account.runway_output,
    ],
)
def test_what_is_not_known_is_not_asked(emulator: Emulator, form: Callable[..., Any]) -> None:
    """An unknown argument gives an unknown answer."""
    assert run(lambda: form(pulumi.Output.from_input(pulumi.UNKNOWN))) is ...
    assert list(emulator.calls) == []


def test_a_wrong_argument_of_an_output_form(emulator: Emulator) -> None:
    """It is told as the plain form tells it."""
    refusal(
        account.FunctionError,
        lambda: run(lambda: account.get_activity_output(31)),
        "days must be a whole number",
    )


def test_what_depends_on_resources_is_asked_after_them(emulator: Emulator) -> None:
    """An answer from before they were made does not serve those who wait for resources; one of theirs serves all."""

    def program() -> Any:
        team = pulumi.ComponentResource("account:index:Team", "team")
        key = account.ApiKey("k", name="k", opts=ResourceOptions(parent=team))
        account.get_balance()
        named: list[Any] = [team, [key], pulumi.Output.from_input([key]), pulumi.Output.from_input(team)]
        return pulumi.Output.all(
            *(account.get_balance_output(opts=InvokeOutputOptions(depends_on=one)) for one in named),
            account.require_balance_output(key.id.apply(int)),
        ).apply(len)

    assert run(program) == 5
    assert emulator.calls.operations == ["get_balance"] * 2


def test_an_answer_depends_on_what_it_waited_for(emulator: Emulator) -> None:
    """Whatever takes the answer as its input depends on the resources that were waited for."""

    def program() -> Any:
        key = account.ApiKey("k", name="k")
        answer = account.get_balance_output(opts=InvokeOutputOptions(depends_on=[key]))
        found: Any = pulumi.Output.from_input(cast(Any, answer.resources()))
        return found.apply(lambda resources: key in resources)

    assert run(program) is True
