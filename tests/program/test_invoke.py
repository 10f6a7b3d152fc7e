"""How functions reach an account: any provider's, at once or as an Output."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pulumi import InvokeOptions, ResourceOptions

import pulumi_account as account
from pulumi_account import exceptions as err
from pulumi_account.emulator import Emulator
from tests.support.canaries import OTHER_PROVISIONING_KEY, assert_clean
from tests.support.helpers import refusal
from tests.support.program_runs import run_inline

# the SDK's mocks make an event loop for each of their threads and do not close it
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def provider(eu: Emulator, key: Any = OTHER_PROVISIONING_KEY) -> account.Provider:
    """The other account as a provider."""
    return account.Provider("eu", endpoint=eu.url, provisioning_key=key)


def balance_of(eu: account.Provider) -> str:
    """The balance of a provider's account, from the plain form."""
    return str(account.get_balance(opts=InvokeOptions(provider=eu)).balance)


# --- another account


@pytest.mark.parametrize("kind", [str, pulumi.Output.secret], ids=["text", "secret"])
@pytest.mark.parametrize("way", ["provider", "parent", "grandparent"])
def test_another_account_is_asked(eu: Emulator, kind: Any, way: str) -> None:
    """The provider is that of the options or of a parent; its key may be a secret Output."""

    def program() -> str:
        other = provider(eu, kind(OTHER_PROVISIONING_KEY))
        if way == "provider":
            return balance_of(other)
        parent = pulumi.ComponentResource("account:index:Team", "a", {}, ResourceOptions(providers=[other]))
        if way == "grandparent":
            parent = pulumi.ComponentResource("account:index:Team", "b", {}, ResourceOptions(parent=parent))
        return str(account.get_balance(opts=InvokeOptions(parent=parent)).balance)

    assert run_inline(program) == "-7"
    assert eu.calls.operations == ["get_balance"]


def test_every_function_takes_a_provider(eu: Emulator, emulator: Emulator) -> None:
    """No function asks the stack's account if the options name another."""
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

    assert run_inline(program) == 5
    assert list(emulator.calls) == []


def test_a_parent_without_a_provider(emulator: Emulator) -> None:
    """A parent without a provider means the stack's account."""

    def program() -> str:
        parent = pulumi.ComponentResource("account:index:Team", "a")
        return str(account.get_balance(opts=InvokeOptions(parent=parent)).balance)

    assert run_inline(program) == "125.50"


def test_two_accounts_are_two_questions(eu: Emulator) -> None:
    """Each account has its own answers; an account with two providers is asked once."""

    def program() -> tuple[str, str, str]:
        twin = account.Provider("twin", endpoint=eu.url + "/", provisioning_key=OTHER_PROVISIONING_KEY)
        return str(account.get_balance().balance), balance_of(provider(eu)), balance_of(twin)

    assert run_inline(program) == ("125.50", "-7", "-7")
    assert eu.calls.operations == ["get_balance"]


def test_a_key_that_is_not_known_yet(eu: Emulator) -> None:
    """If the key is unknown, the plain form names the form that waits, and that form is unknown."""

    def program() -> Any:
        other = provider(eu, pulumi.Output.from_input(pulumi.UNKNOWN))
        error = refusal(account.FunctionError, lambda: balance_of(other))
        assert type(error.cause) is err.ConfigurationError
        assert str(error).endswith("is not known yet: ask with the _output form")
        return account.get_balance_output(opts=InvokeOptions(provider=other))

    assert run_inline(program) is ...
    assert list(eu.calls) == []


@pytest.mark.parametrize("form", [account.get_balance, account.get_balance_output])
def test_a_provider_that_tells_nothing(emulator: Emulator, form: Callable[..., object]) -> None:
    """Functions can read the account only of a `Provider` of this package; others are refused in one line."""

    def program() -> None:
        opts = InvokeOptions(provider=pulumi.ProviderResource("pulumi-python", "raw", {}))
        error = refusal(account.FunctionError, lambda: form(opts=opts), "must be a pulumi_account.Provider")
        assert type(error.cause) is err.ConfigurationError

    run_inline(program)
    assert list(emulator.calls) == []


def test_an_empty_key_names_its_instance(eu: Emulator) -> None:
    """A provider with an empty key does not use the environment's key."""
    run_inline(lambda: refusal(account.FunctionError, lambda: balance_of(provider(eu, "")), "'eu' is empty"))
    assert list(eu.calls) == []


def test_a_provider_does_not_show_its_key(eu: Emulator) -> None:
    """No repr of a provider or its attributes shows its key, and it cannot be pickled."""

    def program() -> None:
        other = provider(eu)
        balance_of(other)
        assert_clean(repr(other), str(other), repr(vars(other)))
        with pytest.raises(Exception) as caught:  # noqa: PT011 - the kind is up to the SDK
            pickle.dumps(other)
        assert_clean(caught.value)

    run_inline(program)


# --- the output form


def test_an_answer_is_no_secret_for_the_keys_sake(eu: Emulator) -> None:
    """The provisioning key is a secret, but the answer is not."""
    opts = {
        "opts": lambda: InvokeOptions(provider=provider(eu, pulumi.Output.secret(OTHER_PROVISIONING_KEY)))
    }
    assert str(run_inline(lambda: account.get_balance_output(opts=opts["opts"]()).balance)) == "-7"


def test_an_answer_is_a_secret_for_an_arguments_sake(emulator: Emulator) -> None:
    """If an argument is a secret, so is the answer."""
    (activity,) = run_inline(lambda: account.get_activity_output(pulumi.Output.secret(3)))
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
    """With an unknown argument, the answer is unknown."""
    assert run_inline(lambda: form(pulumi.Output.from_input(pulumi.UNKNOWN))) is ...
    assert list(emulator.calls) == []


def test_a_wrong_argument_of_an_output_form(emulator: Emulator) -> None:
    """The error is that of the plain form."""
    refusal(
        account.FunctionError,
        lambda: run_inline(lambda: account.get_activity_output(31)),
        "days must be a whole number",
    )
