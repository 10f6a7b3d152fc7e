"""Functions: what a program asks the account."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pulumi
import pytest

from pulumi_account import (
    AccountError,
    FunctionError,
    GetApiKeysResult,
    InsufficientBalanceError,
    get_activity,
    get_api_key,
    get_api_keys,
    get_balance,
    require_balance,
    runway,
)
from pulumi_account import exceptions as err
from pulumi_account.api.models import Balance, Key
from pulumi_account.common.instants import parse_instant
from pulumi_account.emulator import Answer, Drop, Edit, Emulator, Fault, Hang
from tests.support.canaries import OTHER_PROVISIONING_KEY, PLAINTEXT, PROVISIONING_KEY, assert_clean
from tests.support.helpers import FAR, key_json, refusal, stats_json

QUESTIONS: list[Callable[[], object]] = [
    get_balance,
    get_activity,
    lambda: get_api_key(1),
    lambda: get_api_key(name="n"),
    get_api_keys,
    lambda: require_balance(0),
    runway,
]
#: names that would steer a terminal, a page, an engine's colors or the direction of text
ODD_NAMES = ["<b>bold</b>", "<{%fg 1%}>red", "\x1b[31mred", "a\nb", "\u202egnp", "'; --", "${x}", " "]


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    """The account."""
    with Emulator(provisioning_key=PROVISIONING_KEY, balance="125.50") as emulator:
        yield emulator


@pytest.fixture
def emulator(server: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The account of the environment; calls are not retried."""
    server.faults.clear()
    server.balance = "125.50"
    for key in server.keys():
        server.remove(key["id"])
    server.calls.clear()
    monkeypatch.setenv("ACCOUNT_ENDPOINT", server.url)
    monkeypatch.setenv("ACCOUNT_PROVISIONING_KEY", PROVISIONING_KEY)
    monkeypatch.setenv("ACCOUNT_RETRY_DEADLINE", "0")
    return server


def failure(question: Callable[[], object], cause: type[AccountError]) -> FunctionError:
    """The error of a question; its message is that of its cause."""
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
    """The key is as the server has it, without its plaintext."""
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
    """An id may be a float, like the engine's numbers, or text, like a resource's id."""
    key_id, _ = emulator.add("production")
    assert get_api_key(kind(key_id)).id == key_id


@pytest.mark.parametrize("wrong", ["abc", "", "-1", 1.5, True, PLAINTEXT])
def test_what_is_no_id_is_refused_before_any_call(emulator: Emulator, wrong: Any) -> None:
    """An invalid id is reported, not sent."""
    error = failure(lambda: get_api_key(wrong), err.InvalidInputError)
    assert "key_id must be the id of a key" in str(error)
    assert list(emulator.calls) == []


def test_a_key_by_its_name(emulator: Emulator) -> None:
    """A name matches as a whole, not its beginning or end."""
    for name in ("prod", "Production", "production-2", "a-production"):
        emulator.add(name)
    key_id, _ = emulator.add("production")
    assert get_api_key(name="production").id == key_id
    assert emulator.calls.operations == ["list_keys"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_told_as_they_are(emulator: Emulator, name: str) -> None:
    """A name is returned unchanged and finds its key."""
    key_id, _ = emulator.add(name)
    assert get_api_key(name=name).id == key_id
    assert [key.name for key in get_api_keys().keys] == [name]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_ambiguous_name_lists_the_ids(emulator: Emulator, name: str) -> None:
    """If several keys have the name, the error lists their ids."""
    ids = [emulator.add(name)[0] for _ in range(3)]
    error = failure(lambda: get_api_key(name=name), err.InvalidInputError)
    assert str(error) == "name matches 3 keys: give key_id, one of {}, {}, {}".format(*ids)


def test_a_very_ambiguous_name_is_still_one_line(emulator: Emulator) -> None:
    """The error lists at most twenty ids."""
    listed(emulator, [key_json(id=number, name="n", expires_at=None) for number in range(1, 10_001)])
    error = failure(lambda: get_api_key(name="n"), err.InvalidInputError)
    assert str(error).endswith(", 19, 20 or 9980 others")


@pytest.mark.parametrize("name", ["", "production ", PLAINTEXT, *ODD_NAMES])
def test_a_name_that_no_key_has(emulator: Emulator, name: str) -> None:
    """The error does not quote the name, which may be a plaintext by mistake."""
    emulator.add("production")
    error = failure(lambda: get_api_key(name=name), err.NotFoundError)
    assert str(error) == f"the account has no key with the requested name of {len(name)} characters"


@pytest.mark.parametrize("given", [{}, {"key_id": 1, "name": "n"}])
def test_either_id_or_name(emulator: Emulator, given: Any) -> None:
    """Neither and both are refused before any call."""
    error = failure(lambda: get_api_key(**given), err.InvalidInputError)
    assert str(error) == "key_id or name must be given, and not both"
    assert list(emulator.calls) == []


def test_get_api_keys(emulator: Emulator) -> None:
    """All keys are returned, in the API's order."""
    ids = [emulator.add(name)[0] for name in ("b", "a")]
    result = get_api_keys()
    assert type(result) is GetApiKeysResult
    assert [(key.id, key.name) for key in result.keys] == list(zip(ids, ("b", "a"), strict=True))
    assert emulator.calls.operations == ["list_keys"]


@pytest.fixture
def four(emulator: Emulator) -> Emulator:
    """An account of four keys."""
    emulator.add("a-endless", credit_limit=0)
    emulator.add("a-old", expires_at="2030-01-01T00:00:00Z", is_enabled=False)
    emulator.add("b-far", expires_at=FAR, credit_limit=5)
    emulator.add("b-disabled", is_enabled=False)
    return emulator


NEW_YEAR = datetime(2030, 1, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"name_prefix": "a-"}, ["a-endless", "a-old"]),
        ({"name_prefix": ""}, ["a-endless", "a-old", "b-far", "b-disabled"]),
        ({"is_enabled": True}, ["a-endless", "b-far"]),
        ({"is_enabled": False}, ["a-old", "b-disabled"]),
        ({"has_credit_limit": True}, ["a-endless", "b-far"]),
        ({"has_credit_limit": False}, ["a-old", "b-disabled"]),
        ({"expires_before": NEW_YEAR}, []),
        ({"expires_before": "2030-01-01T00:00:01Z"}, ["a-old"]),
        ({"expires_before": "2030-01-01T01:00:00+01:00"}, []),
        ({"expires_before": "2100-01-01T00:00:00+0100"}, ["a-old", "b-far"]),
        ({"name_prefix": "b-", "is_enabled": False, "has_credit_limit": False}, ["b-disabled"]),
    ],
)
def test_filters(four: Emulator, filters: Any, names: list[str]) -> None:
    """All given filters apply; they need one call and keep the API's order."""
    assert [key.name for key in get_api_keys(**filters).keys] == names
    assert four.calls.operations == ["list_keys"]


def test_every_filter_that_cannot_be_used_is_told_at_once(emulator: Emulator) -> None:
    """Four invalid filters are four reasons in one line, without the values, and nothing is sent."""
    wrong: Any = {
        "name_prefix": 5,
        "is_enabled": PLAINTEXT,
        "has_credit_limit": 1,
        "expires_before": PLAINTEXT,
    }
    error = failure(lambda: get_api_keys(**wrong), err.InvalidInputError)
    assert str(error) == (
        "name_prefix must be text; is_enabled must be true or false; has_credit_limit must be true or false; "
        "expires_before is not an ISO 8601 date and time with an offset, such as 2027-01-01T00:00:00Z"
    )
    assert list(emulator.calls) == []


@pytest.mark.parametrize(
    "wrong",
    ["2030-01-01T00:00:00", "2030-01-01", "2030-02-30T00:00:00Z", "Z", 5, datetime(2030, 1, 1)],
)
def test_an_instant_needs_an_offset(emulator: Emulator, wrong: Any) -> None:
    """An ambiguous or invalid instant is refused before any call."""
    failure(lambda: get_api_keys(expires_before=wrong), err.InvalidInputError)
    assert list(emulator.calls) == []


def listed(emulator: Emulator, keys: list[dict[str, Any]]) -> None:
    """Let the next list of the account contain these keys."""
    emulator.faults.add(Fault(Answer(200, body=json.dumps({"keys": keys}).encode()), operation="list_keys"))


def test_ten_thousand_keys(emulator: Emulator) -> None:
    """An account may have many keys."""
    listed(emulator, [key_json(id=number, name=f"k{number}", expires_at=None) for number in range(10_000)])
    assert len(get_api_keys(name_prefix="k99").keys) == 111


def test_no_keys(emulator: Emulator) -> None:
    """An account may have no keys."""
    assert get_api_keys().keys == []


def test_get_activity(emulator: Emulator) -> None:
    """Usage is by day, model and key, deleted keys included, with exact amounts."""
    emulator.add_usage(
        7, "m", requests=2, cost="0.000000000000000001", input_tokens=3, output_tokens=4, key_name="x"
    )
    activity = get_activity(days=3)
    assert activity.period_days == 3
    assert activity.total_stats.total_cost == Decimal("0.000000000000000001")
    assert type(activity.daily_stats[0].date) is date
    assert [(usage.api_key_id, usage.api_key_name) for usage in activity.api_key_usage] == [(7, "x")]
    assert [model.model_name for model in activity.top_models] == ["m"]
    assert emulator.calls.operations == ["get_activity"]


@pytest.mark.parametrize("days", [1, 30, 7.0])
def test_a_period(emulator: Emulator, days: Any) -> None:
    """The period may be 1 to 30 days, also as a float, like the engine's numbers."""
    assert get_activity(days).period_days == days


@pytest.mark.parametrize("days", [0, 31, -1, 1.5, float("nan"), float("inf"), True, "7", None, [7]])
@pytest.mark.parametrize("function", [get_activity, runway])
def test_a_period_that_there_is_not(emulator: Emulator, function: Callable[[Any], object], days: Any) -> None:
    """Other periods are refused before any call."""
    error = failure(lambda: function(days), err.InvalidInputError)
    assert str(error) == "days must be a whole number of days from 1 to 30"
    assert list(emulator.calls) == []


@pytest.mark.parametrize("minimum", [0, 50, 125.5, "125.50", "1e2", Decimal("125.500000000000000000"), 0.1])
def test_enough_is_left(emulator: Emulator, minimum: Any) -> None:
    """If the balance reaches the minimum, the program gets the balance."""
    assert require_balance(minimum) == Balance(balance=Decimal("125.50"))


@pytest.mark.parametrize(
    ("balance", "minimum", "line"),
    [
        ("12.34", 50, "is 12.34 USD, but at least 50 USD is needed"),
        ("49.999999", 50, "is 49.999999 USD, but at least 50 USD is needed"),
        ("0.000000000000000001", "0.01", "is 0.000000000000000001 USD, but at least 0.01 USD is needed"),
        ("49.999999999999999999", 50.0, "is 49.999999999999999999 USD, but at least 50.0 USD is needed"),
        ("-3", 0, "is -3 USD, but at least 0 USD is needed"),
        ("5", Decimal("1E+300"), "is 5 USD, but at least 1E+300 USD is needed"),
    ],
)
def test_too_little_is_left(emulator: Emulator, balance: str, minimum: Any, line: str) -> None:
    """One line reports the balance and the minimum, with all digits."""
    emulator.balance = balance
    error = failure(lambda: require_balance(minimum), InsufficientBalanceError)
    assert str(error) == f"the account's balance {line}: top it up, or require less"
    assert isinstance(error.cause, InsufficientBalanceError)
    assert (error.cause.balance, error.cause.minimum) == (Decimal(balance), Decimal(str(minimum)))


def test_an_absurd_balance_is_still_one_short_line(emulator: Emulator) -> None:
    """A balance of a thousand digits is truncated, not rounded."""
    emulator.faults.add(Fault(Edit(replace={"balance": "49." + "9" * 1000})))
    error = failure(lambda: require_balance(50), InsufficientBalanceError)
    assert "is 49.99999" in str(error)
    assert len(str(error)) < 200


AMOUNT = "must be an amount of USD, 0 or more, such as 50 or '12.50'"


WRONG_AMOUNTS = ["a lot", "", PLAINTEXT, -1, "-0.01", float("nan"), "Infinity", "1e999999999", True, [50]]


@pytest.mark.parametrize("wrong", [*WRONG_AMOUNTS, pytest.param(10**5000, id="5001 digits")])
def test_what_is_no_amount(emulator: Emulator, wrong: Any) -> None:
    """Both invalid amounts are reported at once, before any call, without the values."""
    error = failure(lambda: require_balance(wrong, warn_below=wrong), err.InvalidInputError)
    assert str(error) == f"minimum {AMOUNT}; warn_below {AMOUNT}"
    assert list(emulator.calls) == []


def test_a_minimum_is_needed(emulator: Emulator) -> None:
    """None is not an amount."""
    nothing: Any = None
    assert str(failure(lambda: require_balance(nothing), err.InvalidInputError)) == f"minimum {AMOUNT}"


@pytest.mark.parametrize(
    ("warn_below", "warning"),
    [
        (None, ""),
        ("125.50", ""),
        ("125.51", "warning: the account's balance is 125.50 USD, less than 125.51 USD: top it up soon\n"),
    ],
)
def test_a_low_balance_is_warned_of(
    emulator: Emulator, capsys: pytest.CaptureFixture[str], warn_below: str | None, warning: str
) -> None:
    """The program goes on with a warning of one line."""
    assert require_balance(1, warn_below=warn_below).balance == Decimal("125.50")
    assert capsys.readouterr().err == warning


def test_runway(emulator: Emulator) -> None:
    """The balance divided by the mean daily cost of the period, and how it is computed."""
    emulator.clock.advance(400 * 86_400)  # the usage of the other tests is outside of the period
    assert runway().days is None
    emulator.clock.advance(600)  # the API caches the activity
    today = emulator.clock.now().date()
    emulator.add_usage(7, cost="70", day=today - timedelta(days=14))
    emulator.add_usage(7, cost="1000", day=today)
    left = runway(days=14)
    assert (left.days, left.mean_daily_cost, left.period_days) == (Decimal("25.1"), Decimal(5), 14)
    assert left.days_at_7_day_mean is None
    assert left.days_at_30_day_mean == Decimal("25.1")
    assert str(left).startswith("25.1 days, until 20")
    assert ": 125.50 USD left at 5.00 USD a day over the last 14 whole days; 7-day mean: no" in str(left)


def test_a_negative_balance_lasts_no_days(emulator: Emulator) -> None:
    """A negative balance lasts 0 days."""
    emulator.balance = "-0.5"
    emulator.add_usage(7, cost="1", day=emulator.clock.now().date() - timedelta(days=1))
    emulator.clock.advance(600)
    assert runway(days=1).days == 0
    assert get_balance().balance == Decimal("-0.5")


def test_absurd_numbers(emulator: Emulator) -> None:
    """The largest balance and the smallest cost make one short line."""
    day = (emulator.clock.now() - timedelta(days=1)).date().isoformat()
    yesterday = stats_json(date=day, total_cost="1E-300")
    emulator.faults.add(
        Fault(Edit(replace={"balance": "9E+300"}), operation="get_balance"),
        Fault(Edit(replace={"daily_stats": [yesterday]}), operation="get_activity"),
    )
    assert str(runway()).startswith("over 1,000,000 days: 9.00E+300 USD left at <0.0001 USD a day")


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
    """Each failure is a FunctionError with the right cause."""
    emulator.faults.add(Fault(action))
    failure(get_balance, cause)


def test_a_silent_account(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call without an answer fails after the time-out, with one line."""
    monkeypatch.setenv("ACCOUNT_TIMEOUT", "0.1")
    emulator.faults.add(Fault(Hang()))
    assert "ReadTimeout" in str(failure(get_balance, err.ResponseLostError))


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_may_fail(emulator: Emulator, question: Callable[[], object]) -> None:
    """No function raises another kind of error."""
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
    """A missing or invalid setting is a FunctionError, too, and nothing is sent."""
    monkeypatch.setenv(name, value)
    failure(question, err.ConfigurationError)
    assert len(emulator.calls) == 0


def test_a_wrong_key_is_refused_without_being_told(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error does not show a provisioning key that the account refuses."""
    monkeypatch.setenv("ACCOUNT_PROVISIONING_KEY", OTHER_PROVISIONING_KEY)
    failure(get_balance, err.AuthenticationError)


def test_an_account_that_is_not_there(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed connection is a FunctionError that names the endpoint."""
    monkeypatch.setenv("ACCOUNT_ENDPOINT", "http://127.0.0.1:1")
    assert "http://127.0.0.1:1" in str(failure(get_balance, err.ConnectFailedError))


def test_function_errors_are_shown_without_a_traceback() -> None:
    """It is a RunError, which Pulumi shows as one line, and an AccountError."""
    error = FunctionError(err.KeyGoneError("gone"))
    assert isinstance(error, pulumi.RunError)
    assert isinstance(error, AccountError)
    assert str(error) == "gone"
    assert_clean(repr(error))
