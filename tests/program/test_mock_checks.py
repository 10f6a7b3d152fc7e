"""Resources under `pulumi.runtime.set_mocks` fail on inputs that the provider refuses."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pulumi
import pytest
from pulumi.runtime.stack import run_pulumi_func

import pulumi_account as account
from pulumi_account import exceptions as err
from pulumi_account.api.settings import ENDPOINT, INSTANCE, PROVISIONING_KEY, resolve
from pulumi_account.common.instants import utc_now
from pulumi_account.core.declaration import declared
from tests.support import canaries
from tests.support.helpers import refusal
from tests.support.program_runs import Mocks, run_under_mocks, unknown

# the SDK's mocks make an event loop for each of their threads and do not close it
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

WRONG: list[dict[str, Any]] = [
    {"credit_limit": -1},
    {"credit_limit": "5"},
    {"credit_limit": True},
    {"credit_limit": Decimal("NaN")},
    {"name": ""},
    {"name": "n" * 256},
    {"name": 5},
    {"name_prefix": "n" * 249},
    {"name": "n", "name_prefix": "n"},
    {"is_enabled": "yes"},
    {"expires_at": "2001-01-01T00:00:00Z"},
    {"expires_at": "2099-01-01"},
    {"expires_at": "2099-01-01T00:00:00"},
    {"expires_in": "3 months"},
    {"expires_in": "1d", "expires_at": "2099-01-01T00:00:00Z"},
    {"delete_guard": "31d"},
    {"labels": ("a",)},
    {"rotation_triggers": {"a": 1}},
    {"rotation_triggers": ("a",)},
    {"adopt_key_id": 7},
    {"adopt_key_id": "7.5", "name": "n"},
    {"adopt_key_id": 0, "name": "n"},
    {"adopt_key": canaries.PLAINTEXT},
    {"adopt_key": "", "adopt_key_id": 7, "name": "n"},
    {"credit_limit": -1, "is_enabled": 1, "name": ""},
]


def failures_of_check(inputs: Mapping[str, Any]) -> tuple[str, ...]:
    """The failures that `check` reports for the inputs, as the engine carries them."""
    carried = {
        name: float(value) if type(value) in (int, Decimal) else value for name, value in inputs.items()
    }
    carried = {name: [*value] if isinstance(value, tuple) else value for name, value in carried.items()}
    if carried.get("rotation_triggers") == {"a": 1}:
        carried["rotation_triggers"] = {"a": 1.0}
    default = {} if {"name", "name_prefix"} & set(inputs) else {"name_prefix": "k-"}
    now = utc_now().replace(microsecond=0)
    with pytest.raises(err.InvalidInputError) as caught:
        declared({**carried, **default}, now=now)
    return tuple(failure.partition(": this machine's clock")[0] for failure in caught.value.failures)


@pytest.mark.parametrize("kind", ["plain", "output", "beside"])
@pytest.mark.parametrize("inputs", WRONG, ids=lambda inputs: ",".join(inputs))
def test_what_check_refuses_fails(inputs: dict[str, Any], kind: str) -> None:
    """An invalid value, plain, as an Output or next to one, fails with the provider's message."""

    def program() -> None:
        wrap: Any = pulumi.Output.from_input if kind == "output" else lambda value: value
        beside = {"rotation_triggers": {"b": pulumi.Output.from_input("c")}} if kind == "beside" else {}
        account.ApiKey("k", **{**beside, **{name: wrap(value) for name, value in inputs.items()}})

    error = refusal(err.InvalidInputError, lambda: run_under_mocks(program))
    failures = tuple(failure.partition(": this machine's clock")[0] for failure in error.failures)
    assert failures == failures_of_check(inputs)


def test_a_plain_value_fails_where_it_is_written() -> None:
    """The constructor raises the error of a plain value."""

    def program() -> None:
        error = refusal(err.InvalidInputError, lambda: account.ApiKey("k", credit_limit=-1))
        assert str(error) == "credit_limit must be 0 USD or more, not -1.0"

    run_under_mocks(program)


def test_a_refused_key_has_no_outputs() -> None:
    """A test that awaits an output of a refused key gets the reason."""
    seen: list[BaseException] = []

    async def look(key: account.ApiKey) -> None:
        try:
            await key.name.future()
        except err.InvalidInputError as error:
            seen.append(error)

    def program() -> Any:
        return look(account.ApiKey("k", credit_limit=pulumi.Output.from_input(-1)))

    async def main() -> None:
        pulumi.runtime.set_mocks(Mocks())
        with pytest.raises(err.InvalidInputError):
            await run_pulumi_func(program)

    contextvars.copy_context().run(asyncio.run, main())
    assert len(seen) == 1


def test_no_mock_sees_the_check() -> None:
    """A mock gets the inputs of a real run."""
    mock = Mocks()

    def program() -> None:
        account.ApiKey("k", name=pulumi.Output.from_input("n"), credit_limit=5)
        account.Provider("eu", provisioning_key=pulumi.Output.secret("p"))
        account.ApiKey.get("g", pulumi.Output.from_input("7"))

    run_under_mocks(program, mock)
    found = {args.name: {*args.inputs} - {"__provider"} for args in mock.made}
    assert found == {"k": {"name", "credit_limit"}, "eu": {INSTANCE, PROVISIONING_KEY}, "g": set()}


def test_what_is_unknown_is_not_refused() -> None:
    """In a preview under mocks, only known inputs are checked."""
    run_under_mocks(
        lambda: account.ApiKey("k", name=unknown(), credit_limit=unknown()) and None, preview=True
    )
    wrong = refusal(
        err.InvalidInputError,
        lambda: run_under_mocks(
            lambda: account.ApiKey("k", name=unknown(), credit_limit=-1) and None, preview=True
        ),
    )
    assert wrong.failures == ("credit_limit must be 0 USD or more, not -1.0",)


def test_an_output_that_is_none_is_left_out() -> None:
    """An input whose value is None is left out, as in a real run."""

    def program() -> None:
        nothing: Any = pulumi.Output.from_input(None)
        account.ApiKey("k", name=nothing, name_prefix="p", credit_limit=nothing)

    run_under_mocks(program)


@pytest.mark.parametrize("wrap", [lambda value: value, pulumi.Output.from_input, pulumi.Output.secret])
@pytest.mark.parametrize(
    ("key", "endpoint"),
    [("", None), ("p\n\x00", None), ("p", "http://account.example"), ("p", "nonsense"), ("p", "https://a b")],
)
def test_wrong_arguments_of_a_provider(wrap: Callable[[Any], Any], key: str, endpoint: str | None) -> None:
    """The error is that of the provider's process."""
    with pytest.raises(err.ConfigurationError) as expected:
        resolve({INSTANCE: "eu", PROVISIONING_KEY: key, ENDPOINT: endpoint}, {})

    def program() -> None:
        account.Provider("eu", provisioning_key=wrap(key), endpoint=endpoint and wrap(endpoint))

    assert str(refusal(err.ConfigurationError, lambda: run_under_mocks(program))) == str(expected.value)


def test_a_provider_that_is_not_known_yet() -> None:
    """In a preview under mocks, an unknown key or endpoint is not refused."""
    run_under_mocks(
        lambda: account.Provider("eu", provisioning_key=unknown(), endpoint=unknown()) and None, preview=True
    )


def test_this_machines_environment_is_no_part_of_a_unit_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment does not affect the check of a provider's arguments."""
    monkeypatch.setenv("ACCOUNT_LOOPBACK_ONLY", "1")
    monkeypatch.setenv("ACCOUNT_TIMEOUT", "never")
    run_under_mocks(
        lambda: account.Provider("eu", provisioning_key="p", endpoint="https://eu.example") and None
    )


@pytest.mark.parametrize("wrap", [lambda value: value, pulumi.Output.from_input])
def test_a_wrong_id_to_get(wrap: Callable[[Any], Any]) -> None:
    """`ApiKey.get` refuses an invalid id."""
    refusal(
        pulumi.RunError,
        lambda: run_under_mocks(lambda: account.ApiKey.get("g", wrap("production")) and None),
        "ApiKey.get 'g': id must be the id of a key, a whole number",
    )
