"""The shapes of the wire, and what a user may declare."""

from __future__ import annotations

import copy
import json
import math
import traceback
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr, ValidationError

from pulumi_account.exceptions import InvalidInputError
from pulumi_account.models import (
    Activity,
    ApiKeyInputs,
    Balance,
    CreatedKey,
    DailyStats,
    Key,
    KeyList,
    declared,
    format_instant,
    parse_instant,
    parse_json,
    read_model,
    same_instant,
    to_number,
)
from tests.canaries import PLAINTEXT, assert_clean
from tests.helpers import FAR, NOW, activity_json, created_json, key_json, refusal, stats_json, unhurried

UTC = timezone.utc
SECOND = timedelta(seconds=1)
#: any offset leaves these in the calendar
NAIVE = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31))
INSTANTS = NAIVE.map(lambda moment: moment.replace(tzinfo=UTC))
OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MONEY = st.decimals(0, 10**9, places=4, allow_nan=False)


# --- instants


@unhurried
@given(INSTANTS, OFFSETS, st.sampled_from("Tt "), st.booleans())
def test_an_instant_is_read_at_any_offset(
    moment: datetime, offset: timezone, separator: str, colon: bool
) -> None:
    """However an instant is written, it is read as the same one, in UTC."""
    text = moment.astimezone(offset).isoformat(sep=separator)
    read = parse_instant(text if colon else text[:-3] + text[-2:])
    assert (read, read.tzinfo) == (moment, UTC)


@given(NAIVE)
def test_no_offset_means_utc(moment: datetime) -> None:
    """The wire's instants without an offset are in UTC."""
    assert parse_instant(moment.isoformat()) == moment.replace(tzinfo=UTC)


@given(INSTANTS, OFFSETS)
def test_a_written_instant_is_read_back(moment: datetime, offset: timezone) -> None:
    """An instant is written in one way, which loses nothing."""
    text = format_instant(moment.astimezone(offset))
    assert text == format_instant(moment)
    assert text.endswith("Z")
    assert parse_instant(text) == moment


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2027-01-01T00:00:00z", "2027-01-01T00:00:00Z"),
        ("2027-01-01 00:00Z", "2027-01-01T00:00:00Z"),
        ("2027-01-01T00:00:00.5Z", "2027-01-01T00:00:00.500000Z"),
        ("2027-01-01T00:00:00.1234567Z", "2027-01-01T00:00:00.123456Z"),
        ("2027-01-01T01:00:00+01:00", "2027-01-01T00:00:00Z"),
        ("2026-12-31T16:00:00-0800", "2027-01-01T00:00:00Z"),
        ("2027-01-01T00:00:00-00:00", "2027-01-01T00:00:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00Z"),
        ("2017-01-01T00:59:60+01:00", "2017-01-01T00:00:00Z"),
    ],
)
def test_notations_of_an_instant(text: str, written: str) -> None:
    """Every notation of ISO 8601 with date, time and offset comes out as the one that is written."""
    assert format_instant(parse_instant(text)) == written


NO_INSTANT = [
    "",
    "2027-01-01",
    "tomorrow",
    "1767225600",
    "2027-01-01T00Z",
    "20270101T000000Z",
    "2027-1-1T0:0:0Z",
]
NO_INSTANT += [
    "2027-01-01T00:00:00.Z",
    "2027-01-01T00:00:00ZZ",
    "2027-01-01T00:00:00Z\n",
    " 2027-01-01T00:00:00Z",
]
NO_INSTANT += ["٢٠٢٧-01-01T00:00:00Z", "2027-W01-1T00:00:00Z", "2027-01-01T00:00:00+01"]
NO_MOMENT = ["2027-02-30T00:00:00Z", "2027-13-01T00:00:00Z", "2027-01-01T24:00:00Z", "2027-01-01T00:60:00Z"]
NO_MOMENT += [
    "2016-12-31T12:59:60Z",
    "2016-12-31T23:58:60Z",
    "9999-12-31T23:59:60Z",
    "2016-12-31T23:59:61Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+01:00",
]
NO_MOMENT += ["9999-12-31T23:59:59-01:00", "2027-01-01T00:00:00+24:00", "2027-01-01T00:00:00+01:60"]


@pytest.mark.parametrize("text", NO_INSTANT)
def test_what_is_no_instant(text: str) -> None:
    """Any other text is no instant."""
    with pytest.raises(ValueError, match=r"^is not an ISO 8601 date and time$"):
        parse_instant(text)


@pytest.mark.parametrize("text", NO_MOMENT)
def test_instants_that_do_not_exist(text: str) -> None:
    """A leap second in the middle of a day, 30 February and what lies outside the calendar are no instants."""
    with pytest.raises(ValueError, match=r"^is not a date and time that exists$"):
        parse_instant(text)


@given(st.text() | st.from_regex(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?([Z]|[+-]\d\d:\d\d)", fullmatch=True))
def test_reading_an_instant_is_total(text: str) -> None:
    """Any text is an instant in UTC or a ValueError with one line."""
    assert outcome(text) in (UTC, "is not an ISO 8601 date and time", "is not a date and time that exists")


def outcome(text: str) -> object:
    """The time zone of the instant, or why it is none."""
    try:
        return parse_instant(text).tzinfo
    except ValueError as error:
        return str(error)


@given(INSTANTS, st.sampled_from([1_000, 1_000_000]))
def test_a_server_may_cut_off_fractions(moment: datetime, unit: int) -> None:
    """An instant is the same when it was cut to milliseconds or to seconds, seen from either side."""
    cut = moment.replace(microsecond=moment.microsecond // unit * unit)
    assert same_instant(moment, cut)
    assert same_instant(cut, moment)


@given(
    INSTANTS
    | INSTANTS.map(lambda moment: moment.replace(microsecond=0))
    | INSTANTS.map(lambda moment: moment.replace(microsecond=123_000)),
    st.integers(-3_000_000, 3_000_000) | st.integers(-2_000, 2_000),
)
@example(NOW, 999_999)
@example(NOW, 1_000_000)
@example(NOW, -1_000_000)
def test_tolerance_is_the_coarser_precision(moment: datetime, microseconds: int) -> None:
    """Two instants are the same if they differ by less than a unit of the coarser one of them."""
    other = moment + timedelta(microseconds=microseconds)
    fractions = [f"{instant.microsecond:06}".rstrip("0") for instant in (moment, other)]
    coarser = max(1_000_000 if not digits else 1_000 if len(digits) <= 3 else 1 for digits in fractions)
    assert same_instant(moment, other) is same_instant(other, moment) is (abs(microseconds) < coarser)


@pytest.mark.parametrize(
    ("one", "other", "same"), [(None, None, True), (None, NOW, False), (NOW, None, False)]
)
def test_no_expiry_equals_only_no_expiry(one: datetime | None, other: datetime | None, same: bool) -> None:
    """None is the same instant as None alone."""
    assert same_instant(one, other) is same


# --- money and JSON


@given(MONEY)
def test_money_is_a_number_that_loses_nothing(money: Decimal) -> None:
    """Money becomes an integer where it is whole, else the float that is printed with its very digits."""
    number = to_number(money)
    assert Decimal(repr(number)) == money
    assert isinstance(number, int) is (money == int(money))


@given(st.decimals(allow_nan=False, allow_infinity=False), st.booleans())
def test_money_on_the_wire_is_exact(money: Decimal, quoted: bool) -> None:
    """A balance is read digit for digit, whether it comes as text or as a number."""
    text = f'"{money}"' if quoted else json_number(money)
    assert read_model(Balance, f'{{"balance": {text}}}'.encode()).balance == money


def json_number(money: Decimal) -> str:
    """A decimal in JSON's grammar."""
    return str(money).replace("E+", "e")


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_json_has_no_such_constants(constant: str) -> None:
    """NaN and Infinity are not JSON, though Python's reader takes them."""
    with pytest.raises(ValueError, match=f"^{constant} is not JSON$"):
        parse_json(f'{{"balance": {constant}}}')


@pytest.mark.parametrize("constant", ['"NaN"', '"Infinity"', '"-inf"', '"sNaN"'])
def test_money_must_be_finite(constant: str) -> None:
    """Nor is money infinite or not a number when it comes as text."""
    with pytest.raises(ValueError, match=r"^balance: "):
        read_model(Balance, f'{{"balance": {constant}}}'.encode())


@pytest.mark.parametrize(
    "body", ["", "{", "<html>", "1e99999999999999999999", "[" * 100_000, "\xff", '{"a": NaN}']
)
def test_a_body_that_is_no_json(body: str) -> None:
    """Whatever cannot be read, an exponent beyond all bounds and a bottomless nesting included, is not JSON."""
    with pytest.raises(ValueError, match=r"^the body is not JSON$"):
        read_model(Balance, body.encode("latin-1"))


# --- the wire

WIRE: list[tuple[type[Any], dict[str, Any]]] = [
    (Key, key_json()),
    (CreatedKey, created_json()),
    (KeyList, {"keys": [key_json()]}),
    (Balance, {"balance": "1.5"}),
    (DailyStats, stats_json(date="2026-05-31")),
    (Activity, activity_json()),
]


def fields_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all fields in a JSON document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
    inner = [found for name, item in items for found in fields_of(item, (*path, name))]
    return ([path] if path and isinstance(path[-1], str) else []) + inner


EVERY_FIELD = [
    pytest.param(model, sample, path, id=f"{model.__name__}-{'.'.join(map(str, path))}")
    for model, sample in WIRE
    for path in fields_of(sample)
    if path[-1] != "message"
]


def changed(sample: Any, path: tuple[Any, ...], change: Callable[..., object], *value: Any) -> Any:
    """The document with that field changed."""
    document = copy.deepcopy(sample)
    parent = document
    for step in path[:-1]:
        parent = parent[step]
    change(parent, path[-1], *value)
    return document


def read(model: type[Any], document: Any) -> Any:
    """The answer that such a document is."""
    return read_model(model, json.dumps(document).encode())


@pytest.mark.parametrize(("model", "sample"), WIRE)
def test_documented_answers_are_read(model: type[Any], sample: Any) -> None:
    """The documented JSON of each answer is read."""
    assert isinstance(read(model, sample), model)


def test_a_key_is_read_as_it_was_sent() -> None:
    """Each field of a key has its value, instants in UTC and money as Decimal."""
    assert read(Key, key_json()).model_dump() == {
        "id": 7,
        "name": "production",
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
        "expires_at": datetime(2027, 1, 1, tzinfo=UTC),
        "is_enabled": True,
        "credit_limit": Decimal("10.5"),
    }


def test_a_key_without_limit_and_expiry() -> None:
    """Null is no limit and no expiry."""
    key = read(Key, key_json(credit_limit=None, expires_at=None))
    assert (key.credit_limit, key.expires_at) == (None, None)


def test_activity_is_read_as_it_was_sent() -> None:
    """Days are dates, costs are exact, usage names its model and its key."""
    activity = read(Activity, activity_json())
    assert activity.daily_stats[0].date == date(2026, 5, 31)
    assert activity.total_stats.total_cost == Decimal("0.10")
    assert activity.top_models[0].model_name == "m"
    assert activity.api_key_usage[0].api_key_id == 7


@unhurried
@given(st.sampled_from(WIRE), st.dictionaries(st.text(), st.none() | st.integers() | st.text()))
def test_fields_of_the_future_are_ignored(answer: tuple[type[Any], Any], extra: dict[str, Any]) -> None:
    """Fields that the API adds one day change nothing."""
    model, sample = answer
    assert read(model, {**extra, **sample}) == read(model, sample)


@pytest.mark.parametrize(("model", "sample", "path"), EVERY_FIELD)
def test_a_missing_field_is_named(model: type[Any], sample: Any, path: tuple[Any, ...]) -> None:
    """An answer without one of its fields is refused, and the field named."""
    with pytest.raises(ValueError, match=rf"^{dotted(path)}: Field required$"):
        read(model, changed(sample, path, dict.pop))


@pytest.mark.parametrize(("model", "sample", "path"), EVERY_FIELD)
def test_a_wrong_field_is_named(model: type[Any], sample: Any, path: tuple[Any, ...]) -> None:
    """A field of the wrong kind is refused, named and not quoted; what is merely unusual is read."""
    values: list[object] = [{"inner": PLAINTEXT}, "", PLAINTEXT, True, -0.5, [[PLAINTEXT]]]
    for value in values:
        answer = partial(read, model, changed(sample, path, dict.__setitem__, value))
        if fits(path[-1], value):
            assert answer()
        else:
            assert all(line.startswith(dotted(path)) for line in refusal_of(answer).split("; "))


def fits(field: str, value: object) -> bool:
    """Whether such a value is right for the field after all."""
    if field in ("balance", "total_cost", "credit_limit"):
        return value == -0.5
    if field == "key":
        return value == PLAINTEXT
    return isinstance(value, {"is_enabled": bool}.get(field, str)) and (
        field in ("name", "model_name", "api_key_name", "is_enabled")
    )


def dotted(path: tuple[Any, ...]) -> str:
    """A path as messages write it."""
    return ".".join(map(str, path))


def refusal_of(action: Callable[[], object]) -> str:
    """The message of a ValueError: one clean line."""
    with pytest.raises(ValueError, match=r"\A.+\Z") as caught:
        action()
    assert_clean(str(caught.value))
    return str(caught.value)


@pytest.mark.parametrize("wrong", [0, 1767225600, 5, True, ["2026-05-31"]])
def test_a_day_is_a_text(wrong: object) -> None:
    """A number is no day, though it could be taken for seconds since 1970."""
    assert refusal_of(lambda: read(DailyStats, stats_json(date=wrong))) == "date: is not an ISO 8601 text"


@pytest.mark.parametrize("body", [[], "text", 5, None])
def test_a_body_of_another_shape(body: object) -> None:
    """An answer that is no object is refused as a whole."""
    assert refusal_of(lambda: read(Key, body)).startswith("the body: ")


def test_all_wrong_fields_are_named() -> None:
    """An answer with several wrong fields names each."""
    error = refusal_of(lambda: read(Key, key_json(id="7", name=5)))
    assert [line.split(":")[0] for line in error.split("; ")] == ["id", "name"]


def test_a_created_key_hides_its_plaintext() -> None:
    """No way of showing a new key shows its plaintext, which is there all the same."""
    key = read(CreatedKey, created_json())
    assert key.key.get_secret_value() == PLAINTEXT
    assert_clean(repr(key), str(key), key.model_dump(), key.model_dump_json(), [key])


def test_answers_cannot_be_changed() -> None:
    """What the API said stays as it is."""
    key = read(Key, key_json())
    with pytest.raises(ValidationError):
        key.name = "another"


# --- what a user declares

FULL = {
    "name": "production",
    "credit_limit": 12.5,
    "is_enabled": False,
    "expires_at": "2027-01-01T01:00:00+01:00",
    "rotation_triggers": {"quarter": "2026-3"},
    "adopt_key_id": 7.0,
    "adopt_key": PLAINTEXT,
}
#: what must stand beside a property so that only its own value can be wrong
BESIDE: dict[str, dict[str, object]] = {
    "name": {},
    "name_prefix": {},
    "adopt_key_id": {"name": "n"},
    "adopt_key": {"name": "n", "adopt_key_id": 1},
}


def inputs(properties: dict[str, Any], **context: Any) -> ApiKeyInputs:
    """The declaration at `NOW`."""
    return declared(properties, **{"now": NOW, **context})


def failures(properties: dict[str, Any], **context: Any) -> tuple[str, ...]:
    """The sentences for what is wrong: each one clean line."""
    error = refusal(InvalidInputError, lambda: inputs(properties, **context))
    assert isinstance(error, InvalidInputError)
    return error.failures


def test_a_full_declaration() -> None:
    """Every argument is read: money as Decimal, instants in UTC, numbers of the engine as integers."""
    key = inputs(FULL)
    assert key.model_dump(exclude={"adopt_key"}) == {
        **{name: value for name, value in FULL.items() if name != "adopt_key"},
        "name_prefix": None,
        "credit_limit": Decimal("12.5"),
        "expires_at": datetime(2027, 1, 1, tzinfo=UTC),
        "adopt_key_id": 7,
    }
    assert key.adopt_key is not None
    assert key.adopt_key.get_secret_value() == PLAINTEXT


def test_what_is_left_out_has_defaults() -> None:
    """A name is enough: enabled, no limit, no expiry; None counts as left out."""
    empty = dict.fromkeys(["name_prefix", "credit_limit", "is_enabled", "expires_at", "rotation_triggers"])
    assert inputs({"name": "n"}) == inputs({"name": "n", **empty})
    assert inputs({"name": "n"}).model_dump(exclude_defaults=True) == {"name": "n"}
    assert inputs({"name": "n"}).is_enabled is True


def test_a_declaration_hides_its_plaintext() -> None:
    """No way of showing a declaration shows the plaintext of an adopted key."""
    key = inputs(FULL)
    assert_clean(repr(key), str(key), key.model_dump(), key.model_dump_json(), [key])


@pytest.mark.parametrize("model", [ApiKeyInputs, CreatedKey, Key])
def test_the_models_own_errors_quote_nothing(model: type[BaseModel]) -> None:
    """Whoever validates by hand is shown no value either."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate({name: [PLAINTEXT] for name in [*model.model_fields, "unknown"]})
    assert_clean(caught.value)


NAMES = ["🔑 prod 👩‍💻", "מפתח ייצור", "\u202eabc", "x" * 255, "🔑" * 255, " ", "a\nb", "e\u0301"]


@pytest.mark.parametrize("name", NAMES)
def test_names_stay_as_they_are(name: str) -> None:
    """A name is neither trimmed nor normalised; its length is counted in characters."""
    assert inputs({"name": name}).name == name


@unhurried
@given(st.text(min_size=1, max_size=255))
def test_any_name_of_1_to_255_characters(name: str) -> None:
    """Any text of 1 to 255 characters is a name; one of 1 to 248 is a prefix, too."""
    assert inputs({"name": name}).name == name
    if len(name) <= 248:
        assert inputs({"name_prefix": name}).name_prefix == name


@given(st.one_of(st.integers(0, 10**15), st.floats(0, allow_infinity=False)))
@example(-0.0)
def test_any_limit_from_0_is_exact(limit: float) -> None:
    """A limit is the decimal that its number is printed as; minus nought is nought."""
    money = inputs({"name": "n", "credit_limit": limit}).credit_limit
    assert money is not None
    assert money == abs(Decimal(repr(limit)))
    assert not money.is_signed()


@given(st.integers(1, 2**53), st.booleans())
def test_any_whole_id_from_1(number: int, as_float: bool) -> None:
    """An id is a whole number, which the engine passes as a float."""
    assert inputs({"name": "n", "adopt_key_id": float(number) if as_float else number}).adopt_key_id == number


WRONG: list[tuple[str, object, str]] = [
    ("name", "", "must have 1 to 255 characters, not 0"),
    ("name", "x" * 256, "must have 1 to 255 characters, not 256"),
    ("name", 5.0, "must be text, not 5.0"),
    ("name", True, "must be text, not a boolean"),
    ("name_prefix", "", "must have 1 to 248 characters (seven are added), not 0"),
    ("name_prefix", "x" * 249, "must have 1 to 248 characters (seven are added), not 249"),
    ("name_prefix", ["x"], "must be text, not a list"),
    ("credit_limit", "10", "must be a number of USD, not text"),
    ("credit_limit", False, "must be a number of USD, not a boolean"),
    ("credit_limit", Decimal(1), "must be a number of USD, not a Decimal"),
    ("credit_limit", -0.01, "must be 0 USD or more, not -0.01"),
    ("credit_limit", math.inf, "must be a finite number of USD, not inf"),
    ("credit_limit", math.nan, "must be a finite number of USD, not nan"),
    ("is_enabled", "true", "must be true or false, not text"),
    ("is_enabled", 1.0, "must be true or false, not 1.0"),
    ("is_enabled", {}, "must be true or false, not a map"),
    ("expires_at", 5.0, "must be text, not 5.0"),
    (
        "expires_at",
        "2027-01-01",
        "must be an ISO 8601 date and time with an offset, such as 2027-01-01T00:00:00Z, not '2027-01-01'",
    ),
    (
        "expires_at",
        "tomorrow",
        "must be an ISO 8601 date and time with an offset, such as 2027-01-01T00:00:00Z, not text of 8 characters",
    ),
    (
        "expires_at",
        "2027-01-01T00:00:00",
        "'2027-01-01T00:00:00' has no offset from UTC: add Z, or one such as +01:00",
    ),
    ("expires_at", "2027-02-30T00:00:00Z", "'2027-02-30T00:00:00Z' is not a date and time that exists"),
    (
        "expires_at",
        "2026-06-01T12:00:00Z",
        "2026-06-01T12:00:00Z lies in the past: this machine's clock says 2026-06-01T12:00:00Z",
    ),
    ("rotation_triggers", "x", "must be a map of texts, not text"),
    ("rotation_triggers", ["x"], "must be a map of texts, not a list"),
    (
        "rotation_triggers",
        {"b": None, "a": 1.0, "c": "fine"},
        "must be a map of texts, but the value of 'a' is 1.0, the value of 'b' is nothing",
    ),
    ("rotation_triggers", {1: "x"}, "must be a map of texts, but a name is 1"),
    ("adopt_key_id", 0.0, "must be the id of a key, a whole number from 1, not 0.0"),
    ("adopt_key_id", -1.0, "must be the id of a key, a whole number from 1, not -1.0"),
    ("adopt_key_id", 1.5, "must be the id of a key, a whole number from 1, not 1.5"),
    ("adopt_key_id", math.inf, "must be the id of a key, a whole number from 1, not inf"),
    ("adopt_key_id", math.nan, "must be the id of a key, a whole number from 1, not nan"),
    ("adopt_key_id", "7", "must be the id of a key, a whole number from 1, not text"),
    ("adopt_key_id", True, "must be the id of a key, a whole number from 1, not a boolean"),
    ("adopt_key", "", "must not be empty"),
    ("adopt_key", 7.0, "must be text, not 7.0"),
]


@pytest.mark.parametrize(("name", "value", "sentence"), WRONG)
def test_a_wrong_value_is_one_clear_line(name: str, value: object, sentence: str) -> None:
    """A wrong value gives one sentence, which begins with the property's name and says what is wrong."""
    assert failures({**BESIDE.get(name, {"name": "n"}), name: value}) == (f"{name} {sentence}",)


ANYTHING = (
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=50)
    | st.lists(st.text(max_size=3))
    | st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3))
    | st.builds(PLAINTEXT.__mul__, st.integers(1, 40))
)


def is_right(name: str, value: Any) -> bool:
    """The rules once more, in other words."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    rules: dict[str, Callable[[], bool]] = {
        "name": lambda: isinstance(value, str) and 0 < len(value) < 256,
        "name_prefix": lambda: isinstance(value, str) and 0 < len(value) < 249,
        "credit_limit": lambda: number and 0 <= value < math.inf,
        "is_enabled": lambda: value is True or value is False,
        "expires_at": lambda: False,
        "rotation_triggers": lambda: isinstance(value, dict) and all(type(v) is str for v in value.values()),
        "adopt_key_id": lambda: number and 1 <= value < math.inf and value == int(value),
        "adopt_key": lambda: isinstance(value, str) and value != "",
    }
    return rules[name]()


@unhurried
@given(st.sampled_from(sorted(ApiKeyInputs.model_fields)), ANYTHING)
def test_any_wrong_value_is_one_clear_line(name: str, value: object) -> None:
    """Whatever is wrong with a value: one line, which begins with the property's name and quotes no credential."""
    assume(not is_right(name, value))
    (sentence,) = failures({**BESIDE.get(name, {"name": "n"}), name: value})
    assert sentence.startswith(f"{name} ")


RIGHT: dict[str, st.SearchStrategy[object]] = {
    "is_enabled": st.booleans(),
    "expires_at": INSTANTS.filter(lambda moment: moment > NOW).map(format_instant),
    "rotation_triggers": st.dictionaries(st.text(), st.text()),
    "adopt_key": st.text(min_size=1),
}


@pytest.mark.parametrize("name", RIGHT)
@unhurried
@given(st.data())
def test_any_right_value_is_accepted(name: str, data: st.DataObject) -> None:
    """Whatever obeys the rules is accepted as it is."""
    value = data.draw(RIGHT[name])
    accepted = inputs({**BESIDE.get(name, {"name": "n"}), name: value}).model_dump()[name]
    shown = accepted.get_secret_value() if isinstance(accepted, SecretStr) else accepted
    assert (format_instant(shown) if isinstance(shown, datetime) else shown) == value


def test_all_failures_come_at_once() -> None:
    """Wrong values, unknown properties and conflicts are told together."""
    wrong = {"credit_limit": -1.0, "is_enabled": "yes", "expires_at": "soon", "rotation_triggers": 1.0}
    told = failures({**wrong, "adopt_key_id": 0.5, "adopt_key": "", "budget": 5.0})
    assert [sentence.split()[0] for sentence in told] == [
        *[
            "credit_limit",
            "is_enabled",
            "expires_at",
            "rotation_triggers",
            "adopt_key_id",
            "adopt_key",
            "budget",
        ],
        *["name", "adopt_key_id"],
    ]


def test_unknown_properties_are_named() -> None:
    """A property that no key has is named, and its value is not."""
    assert failures({"name": "n", "key": PLAINTEXT}) == ("key is not a property of an API key",)


BOTH = "name and name_prefix exclude each other: give one of them"
NEITHER = "name or name_prefix must be given"
NAMELESS = "adopt_key_id needs name: say which name the adopted key shall have"
KEY_ALONE = "adopt_key goes with adopt_key_id: give both"


@pytest.mark.parametrize(
    ("names", "conflicts"),
    [
        (["name", "name_prefix"], [BOTH]),
        ([], [NEITHER]),
        (["name_prefix", "adopt_key_id"], [NAMELESS]),
        (["adopt_key_id"], [NEITHER, NAMELESS]),
        (["name", "adopt_key"], [KEY_ALONE]),
        (["adopt_key"], [NEITHER, KEY_ALONE]),
        (["name_prefix", "adopt_key_id", "adopt_key"], [NAMELESS]),
        (["name", "name_prefix", "adopt_key"], [BOTH, KEY_ALONE]),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_conflicts(names: list[str], conflicts: list[str], known: bool) -> None:
    """Properties that exclude or need each other are told, also while a preview does not know their values."""
    values = {"name": "n", "name_prefix": "n-", "adopt_key_id": 7, "adopt_key": PLAINTEXT}
    given = {name: values[name] for name in names} if known else {}
    assert failures(given, unknown=() if known else names) == tuple(conflicts)


@pytest.mark.parametrize(
    "names",
    [["name"], ["name_prefix"], ["name", "adopt_key_id"], ["name", "adopt_key_id", "adopt_key"]],
)
def test_unknown_values_pass(names: list[str]) -> None:
    """What a preview does not know yet is no failure."""
    assert inputs({}, unknown=names) == ApiKeyInputs()


def test_an_auto_name_stands_beside_its_prefix() -> None:
    """The name that auto-naming gave is no conflict with the prefix; any other name is."""
    assert inputs({"name": "n-1", "name_prefix": "n-"}, auto_named="n-1").name == "n-1"
    assert failures({"name": "n-2", "name_prefix": "n-"}, auto_named="n-1") == (BOTH,)


AROUND_NOW = st.integers(-(10**9), 10**9).map(lambda seconds: NOW + timedelta(seconds=seconds))


@given(AROUND_NOW)
@example(NOW)
@example(NOW + SECOND)
def test_a_new_expiry_lies_ahead(moment: datetime) -> None:
    """An expiry in the past is refused, one in the future is not."""
    properties = {"name": "n", "expires_at": format_instant(moment)}
    if moment > NOW:
        assert inputs(properties).expires_at == moment
    else:
        assert "lies in the past" in failures(properties)[0]


@given(AROUND_NOW, OFFSETS)
def test_an_expiry_in_force_may_have_passed(moment: datetime, offset: timezone) -> None:
    """A key that expired last week does not block a deployment, however its expiry is written."""
    text = moment.astimezone(offset).isoformat()
    assert inputs({"name": "n", "expires_at": text}, settled=moment).expires_at == moment


def test_another_expiry_in_the_past_is_refused() -> None:
    """Only the very expiry that is in force may lie in the past."""
    properties = {"name": "n", "expires_at": format_instant(NOW - timedelta(days=2))}
    assert "lies in the past" in failures(properties, settled=NOW - timedelta(days=1))[0]


@pytest.mark.parametrize("name", sorted({*ApiKeyInputs.model_fields, "unknown"}))
@pytest.mark.parametrize(
    "value",
    [
        PLAINTEXT,
        PLAINTEXT * 20,
        [PLAINTEXT],
        {"a": [PLAINTEXT]},
        {"a": {"b": PLAINTEXT}},
        (PLAINTEXT,),
        PLAINTEXT.encode(),
        f"{FAR} {PLAINTEXT}",
    ],
    ids=repr,
)
def test_no_value_that_may_be_a_credential_is_quoted(name: str, value: object) -> None:
    """Wherever a credential is put by mistake, no message holds it."""
    assert_clean(*told({**BESIDE.get(name, {"name": "n"}), name: value}))


def told(properties: dict[str, Any]) -> tuple[str, ...]:
    """What is wrong, if anything is."""
    try:
        inputs(properties)
    except InvalidInputError as error:
        return (*error.failures, str(error), repr(error), *traceback.format_exception(error))
    return ()
