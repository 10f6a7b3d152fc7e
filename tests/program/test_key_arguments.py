"""The arguments of a key, and the inputs that the engine gets. Uses Pulumi's own mocks."""

from __future__ import annotations

import inspect
import re
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account import ApiKey, ApiKeyArgs
from pulumi_account.common.instants import parse_instant
from pulumi_account.core.declaration import declared
from pulumi_account.exceptions import InvalidInputError
from pulumi_account.program.key_arguments import plain_value
from tests.support.canaries import PLAINTEXT, assert_clean
from tests.support.helpers import NOW, refusal, unhurried

# the SDK's mocks make an event loop for each of their threads and do not close it
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_input_names_are_pinned() -> None:
    """The inputs in users' states have these names."""
    assert [argument.name for argument in fields(ApiKeyArgs)] == [
        "name", "name_prefix", "credit_limit", "is_enabled", "expires_at", "expires_in", "labels", "delete_guard",
        "rotation_triggers", "adopt_key_id", "adopt_key",
    ]  # fmt: skip


def test_keywords_and_args_are_the_same(run: Callable[..., dict[str, Any]]) -> None:
    """Both forms declare the same key."""
    declared: dict[str, Any] = {"name": "n", "credit_limit": 1.5, "is_enabled": False}
    one = run(lambda: ApiKey("k", **declared))
    other = run(lambda: ApiKey("k", ApiKeyArgs(**declared)))
    assert one == other == declared


def test_typed_signature_names_every_argument() -> None:
    """For type checkers, the keyword form has exactly the arguments of `ApiKeyArgs`."""
    source = inspect.getsource(ApiKey)
    keywords = source[source.index("*,") : source.index(") -> None: ...", source.index("*,"))]
    for argument in fields(ApiKeyArgs):
        assert f"{argument.name}: {argument.type} = None" in keywords
    assert keywords.count(": pulumi.Input") == len(fields(ApiKeyArgs))


def test_both_forms_at_once_are_refused() -> None:
    """`ApiKeyArgs` together with keywords is an error."""
    with pytest.raises(TypeError, match="ApiKey 'k': give either ApiKeyArgs or keywords"):
        ApiKey("k", ApiKeyArgs(name="n"), name="m")  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("argument", "value", "line"),
    [
        ("expires_at", date(2099, 1, 1), "must not be of type date"),
        ("name", b"n", "must not be of type bytes"),
        ("name", "\ud83d", "must be Unicode text without lone surrogates"),
        ("credit_limit", 10**400, "must be a number of at most 1e+300"),
        ("credit_limit", 1j, "must not be of type complex"),
        ("credit_limit", Decimal("1.0000000000000000001"), "must have 15 digits at most, not 20"),
        ("is_enabled", object(), "must not be of type object"),
        ("expires_in", timedelta(seconds=1.5), "must be a duration of whole seconds"),
        ("rotation_triggers", {"a": None}, "must be a map of texts, but one of them is None"),
        ("rotation_triggers", {1: "a"}, "must have texts as its names, not values of type int"),
        ("rotation_triggers", {"a": {1, 2}}, "must not be of type set"),
    ],
)
def test_what_the_engine_cannot_carry_is_one_line(argument: str, value: Any, line: str) -> None:
    """A value that cannot reach `check` stops the program with one line."""
    with pytest.raises(pulumi.RunError) as caught:
        ApiKey("k", **{argument: value})
    assert str(caught.value) == f"ApiKey 'k': {argument} {line}"


def test_durations_are_texts(run: Callable[..., dict[str, Any]]) -> None:
    """A `timedelta` becomes text in the largest whole unit."""
    day = timedelta(days=1)
    inputs = run(
        lambda: ApiKey("k", name="n", expires_in=day / 2, delete_guard=pulumi.Output.from_input(7 * day))
    )
    assert inputs == {"name": "n", "expires_in": "12h", "delete_guard": "7d"}


def test_all_such_values_are_told_at_once() -> None:
    """The error has one line for each."""
    with pytest.raises(pulumi.RunError) as caught:
        ApiKey("k", name=b"n", credit_limit=1j)  # type: ignore[call-overload]
    assert len(str(caught.value).splitlines()) == 2


def test_unknown_argument_is_refused() -> None:
    """A misspelled argument is an error."""
    with pytest.raises(TypeError, match="credit"):
        ApiKey("k", credit=5)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (({"name": "n"},), "the second argument must be ApiKeyArgs or pulumi.ResourceOptions, not dict"),
        ((ApiKeyArgs(name="n"), {"protect": True}), "opts must be pulumi.ResourceOptions, not dict"),
    ],
)
def test_arguments_of_another_type_are_named(arguments: tuple[Any, ...], line: str) -> None:
    """The error names the expected type; Python's own message would name a missing attribute."""
    with pytest.raises(TypeError, match=f"^ApiKey 'k': {line}"):
        ApiKey("k", *arguments)


@pytest.mark.parametrize("id", [7, 7.0, "7", "7.0", lambda: pulumi.Output.from_input(7.0)])
def test_an_id_may_be_of_any_kind(run: Callable[..., dict[str, Any]], id: Any) -> None:
    """The id may be a number, text, or what a stack reference makes of either."""
    found: list[str] = []

    def program() -> None:
        key = ApiKey.get("k", id() if callable(id) else id)
        key.id.apply(found.append)

    run(program)
    assert found == ["7"]


@pytest.mark.parametrize("id", ["seven", 1.5, None, True, -1])
def test_what_is_no_id_is_one_line(id: Any) -> None:
    """The program reports an invalid id in one line."""
    with pytest.raises(
        pulumi.RunError, match=r"^ApiKey\.get 'k': id must be the id of a key, a whole number$"
    ):
        ApiKey.get("k", id)


def test_options_may_be_second(run: Callable[..., dict[str, Any]]) -> None:
    """Options may be given by position, as in generated packages."""
    assert run(lambda: ApiKey("k", pulumi.ResourceOptions(), name="n")) == {"name": "n"}


def test_prefix_is_the_resource_name(run: Callable[..., dict[str, Any]]) -> None:
    """Without a name, the prefix is the resource's name and a hyphen, marked as a default."""
    assert run(lambda: ApiKey("k")) == {"name_prefix": "k-", "__default_prefix": True}


def test_prefix_of_a_long_resource_name_is_cut(run: Callable[..., dict[str, Any]]) -> None:
    """A default prefix is never too long."""
    assert run(lambda: ApiKey("k" * 300), of="k" * 300)["name_prefix"] == "k" * 247 + "-"


def test_a_secret_prefix_is_refused(run: Callable[..., dict[str, Any]]) -> None:
    """The name that is made of it is not secret."""
    refusal(
        pulumi.RunError,
        lambda: run(lambda: ApiKey("k", name_prefix=pulumi.Output.secret("customer-"))),
        match="ApiKey 'k': name_prefix must not be a secret",
    )


def test_a_prefix_that_is_an_output_is_no_secret(run: Callable[..., dict[str, Any]]) -> None:
    """Another resource's output may be a prefix."""
    assert run(lambda: ApiKey("k", name_prefix=pulumi.Output.from_input("ci-"))) == {"name_prefix": "ci-"}


def test_preview_is_told(run: Callable[..., dict[str, Any]]) -> None:
    """`check` gets a mark of previews."""
    assert run(lambda: ApiKey("k", name="n"), preview=True) == {"name": "n", "__preview": True}


@pytest.mark.parametrize("wrap", [lambda value: value, pulumi.Output.from_input])
def test_instants_and_money_become_plain(
    run: Callable[..., dict[str, Any]], wrap: Callable[[Any], Any]
) -> None:
    """A datetime and a Decimal may be given, also as Outputs."""
    moment = datetime(2040, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    inputs = run(lambda: ApiKey("k", name="n", expires_at=wrap(moment), credit_limit=wrap(Decimal("10.10"))))
    assert inputs == {"name": "n", "expires_at": "2040-01-01T00:00:00+01:00", "credit_limit": 10.1}


# a zone defined by its rule: a machine may have no time zone database
_TYPE = struct.pack(">5s15x6llbB4s", b"TZif2", 0, 0, 0, 0, 1, 4, 3600, 0, 0, b"CET")
BERLIN = ZoneInfo.from_file(BytesIO(2 * _TYPE + b"\nCET-1CEST,M3.5.0,M10.5.0/3\n"), "Berlin")


@pytest.mark.parametrize(
    ("wall", "fold", "instant"),
    [
        ("2030-10-27T02:30", 0, "2030-10-27T00:30:00Z"),
        ("2030-10-27T02:30", 1, "2030-10-27T01:30:00Z"),
        ("2030-10-27T01:59:59.999999", 0, "2030-10-26T23:59:59.999999Z"),
        ("2030-10-27T03:00", 0, "2030-10-27T02:00:00Z"),
        ("2030-03-31T02:30", 0, "2030-03-31T01:30:00Z"),
        ("2030-03-31T02:30", 1, "2030-03-31T00:30:00Z"),
        ("2030-03-31T00:00", 0, "2030-03-30T23:00:00Z"),
        ("2030-04-01T00:00", 0, "2030-03-31T22:00:00Z"),
    ],
)
def test_wall_clocks_that_change(
    run: Callable[..., dict[str, Any]], wall: str, fold: int, instant: str
) -> None:
    """An hour that occurs twice is two instants; a skipped hour and the days around it are right, too."""
    moment = datetime.fromisoformat(wall).replace(tzinfo=BERLIN, fold=fold)
    inputs = run(lambda: ApiKey("k", name="n", expires_at=moment))
    assert declared(inputs, now=NOW).expires_at == parse_instant(instant)


@unhurried
@given(st.datetimes(datetime(2027, 1, 1), datetime(2090, 1, 1), timezones=st.just(timezone.utc)))
def test_an_instant_survives_any_wall_clock(moment: datetime) -> None:
    """A local time in Berlin declares its instant."""
    text = plain_value(moment.astimezone(BERLIN))
    assert declared({"name": "n", "expires_at": text}, now=NOW).expires_at == moment


def test_a_datetime_without_a_zone_is_refused(run: Callable[..., dict[str, Any]]) -> None:
    """It does not count as local time of this machine."""
    line = "expires_at '2030-10-27T02:30:00' has no offset from UTC: add Z, or one such as +01:00"
    naive = datetime(2030, 10, 27, 2, 30)
    refusal(InvalidInputError, lambda: run(lambda: ApiKey("k", name="n", expires_at=naive)), re.escape(line))


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_money_is_exact_or_refused(money: Decimal) -> None:
    """A Decimal that a float cannot represent is refused, never changed."""
    if len(money.as_tuple().digits) <= 15 and abs(money.adjusted()) < 300:
        assert Decimal(repr(plain_value(money))) == money
        return
    with suppress(pulumi.RunError):
        assert Decimal(repr(plain_value(money))) == money


@pytest.mark.parametrize("wrong", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_decimals_that_are_no_numbers_reach_check(wrong: str) -> None:
    """NaN and infinite Decimals reach `check`, which refuses them."""
    assert str(plain_value(Decimal(wrong))) in ("nan", "inf", "-inf")


def test_adopted_plaintext_is_a_secret(run: Callable[..., dict[str, Any]]) -> None:
    """`adopt_key` becomes a secret even if the program passes plain text."""
    inputs = run(lambda: ApiKey("k", name="n", adopt_key_id=1, adopt_key=PLAINTEXT))
    assert inputs["adopt_key"] == {
        "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
        "value": PLAINTEXT,
    }


def test_args_do_not_show_the_plaintext() -> None:
    """The repr of `ApiKeyArgs` omits the plaintext."""
    assert_clean(repr(ApiKeyArgs(name="n", adopt_key=PLAINTEXT)))
