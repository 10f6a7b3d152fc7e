"""What a program asks the account for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pulumi
import pytest

from pulumi_account import (
    AccountError,
    FunctionError,
    GetApiKeysResult,
    get_api_key,
    get_api_keys,
    get_balance,
)
from pulumi_account import exceptions as err
from pulumi_account.emulator import Answer, Drop, Emulator, Fault
from pulumi_account.models import Balance, Key, parse_instant
from tests.canaries import OTHER_PROVISIONING_KEY, PLAINTEXT, PROVISIONING_KEY, assert_clean
from tests.helpers import FAR, refusal

QUESTIONS: list[Callable[[], object]] = [get_balance, lambda: get_api_key(1), get_api_keys]


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    """The account."""
    with Emulator(provisioning_key=PROVISIONING_KEY, balance="125.50") as emulator:
        yield emulator


@pytest.fixture
def emulator(server: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The account that the environment names; calls are tried once."""
    server.faults.clear()
    for key in server.keys():
        server.remove(key["id"])
    server.calls.clear()
    monkeypatch.setenv("ACCOUNT_ENDPOINT", server.url)
    monkeypatch.setenv("ACCOUNT_PROVISIONING_KEY", PROVISIONING_KEY)
    monkeypatch.setenv("ACCOUNT_RETRY_DEADLINE", "0")
    return server


def failure(question: Callable[[], object], cause: type[AccountError]) -> FunctionError:
    """The error of a question, which says what its cause says."""
    error = refusal(FunctionError, question)
    assert isinstance(error, FunctionError)
    assert type(error.cause) is cause
    assert str(error) == str(error.cause)
    return error


def test_get_balance(emulator: Emulator) -> None:
    """The balance is exact money."""
    assert get_balance() == Balance(balance=Decimal("125.50"))
    assert emulator.calls.operations == ["get_balance"]


def test_get_api_key(emulator: Emulator) -> None:
    """A key is told as the server has it, without its plaintext."""
    key_id, plaintext = emulator.add("production", credit_limit="12.5", expires_at=FAR, is_enabled=False)
    key = get_api_key(key_id)
    assert type(key) is Key
    assert key.model_dump(exclude={"created_at"}) == {
        "id": key_id,
        "name": "production",
        "credit_limit": Decimal("12.5"),
        "expires_at": parse_instant(FAR),
        "is_enabled": False,
    }
    assert plaintext not in repr(key)
    assert emulator.calls.operations == ["get_key"]


@pytest.mark.parametrize("kind", [float, str])
def test_an_id_from_the_engine(emulator: Emulator, kind: Any) -> None:
    """An id may come as a float, as numbers of the engine do, or as the text that a resource's id is."""
    key_id, _ = emulator.add("production")
    assert get_api_key(kind(key_id)).id == key_id


@pytest.mark.parametrize("wrong", ["abc", "", "-1", 1.5, True, PLAINTEXT])
def test_what_is_no_id_is_refused_before_any_call(emulator: Emulator, wrong: Any) -> None:
    """An id that is none is told, not sent."""
    error = failure(lambda: get_api_key(wrong), err.InvalidInputError)
    assert "key_id must be the id of a key" in str(error)
    assert list(emulator.calls) == []


def test_get_api_keys(emulator: Emulator) -> None:
    """All keys are told, in the API's order."""
    ids = [emulator.add(name)[0] for name in ("b", "a")]
    result = get_api_keys()
    assert type(result) is GetApiKeysResult
    assert [(key.id, key.name) for key in result.keys] == list(zip(ids, ("b", "a"), strict=True))
    assert emulator.calls.operations == ["list_keys"]


def test_no_keys(emulator: Emulator) -> None:
    """An account may have no keys."""
    assert get_api_keys().keys == []


def test_a_key_that_is_not_there(emulator: Emulator) -> None:
    """A missing key is an error."""
    assert "status 404" in str(failure(lambda: get_api_key(4711), err.NotFoundError))


@pytest.mark.parametrize(
    ("action", "cause"),
    [
        (Answer(401), err.AuthenticationError),
        (Answer(404, body="html"), err.UnexpectedResponseError),
        (Answer(429), err.RateLimitError),
        (Answer(500), err.ServerError),
        (Answer(200, body="garbage"), err.UnexpectedResponseError),
        (Drop(), err.ResponseLostError),
    ],
    ids=repr,
)
def test_what_the_account_answers(emulator: Emulator, action: Any, cause: type[AccountError]) -> None:
    """Whatever goes wrong is a FunctionError with the very cause."""
    emulator.faults.add(Fault(action))
    failure(get_balance, cause)


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_may_fail(emulator: Emulator, question: Callable[[], object]) -> None:
    """No question lets another error out."""
    emulator.faults.add(Fault(Answer(500)))
    failure(question, err.ServerError)


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ACCOUNT_PROVISIONING_KEY", ""),
        ("ACCOUNT_PROVISIONING_KEY", f"{PROVISIONING_KEY} {OTHER_PROVISIONING_KEY}"),
        ("ACCOUNT_ENDPOINT", "http://account.invalid"),
        ("ACCOUNT_ENDPOINT", PROVISIONING_KEY),
        ("ACCOUNT_RETRY_DEADLINE", "soon"),
    ],
)
def test_what_is_configured_wrongly(
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    question: Callable[[], object],
    name: str,
    value: str,
) -> None:
    """A missing or wrong setting is a FunctionError, too, and nothing is sent."""
    monkeypatch.setenv(name, value)
    failure(question, err.ConfigurationError)
    assert len(emulator.calls) == 0


def test_a_wrong_key_is_refused_without_being_told(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that the account does not know is not shown."""
    monkeypatch.setenv("ACCOUNT_PROVISIONING_KEY", OTHER_PROVISIONING_KEY)
    failure(get_balance, err.AuthenticationError)


def test_an_account_that_is_not_there(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection is a FunctionError with the endpoint in it."""
    monkeypatch.setenv("ACCOUNT_ENDPOINT", "http://127.0.0.1:1")
    assert "http://127.0.0.1:1" in str(failure(get_balance, err.ConnectFailedError))


def test_function_errors_are_shown_without_a_traceback() -> None:
    """Pulumi shows a RunError as one line; whoever catches an AccountError has it as well."""
    error = FunctionError(err.KeyGoneError("gone"))
    assert isinstance(error, pulumi.RunError)
    assert isinstance(error, AccountError)
    assert str(error) == "gone"
    assert_clean(repr(error))
