"""The rules about what a user declares."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from dataclasses import asdict, fields
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pulumi_account.common.instants import format_instant
from pulumi_account.common.secret import Secret
from pulumi_account.core.declaration import ApiKeyInputs, declared
from pulumi_account.exceptions import InvalidInputError
from tests.support.canaries import PLAINTEXT, assert_clean
from tests.support.helpers import FAR, NOW, refusal, unhurried

UTC = timezone.utc
#: any offset leaves these in the calendar
INSTANTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC))
OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))

FIELDS = [field.name for field in fields(ApiKeyInputs)]
FULL: dict[str, Any] = {
    "name": "production",
    "credit_limit": 12.5,
    "is_enabled": False,
    "expires_at": "2027-01-01T01:00:00+01:00",
    "labels": {"team": "search"},
    "delete_guard": "P7D",
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
    assert vars(key) == {
        **FULL,
        "name_prefix": None,
        "expires_in": None,
        "labels": {"team": "search"},
        "delete_guard": timedelta(days=7),
        "credit_limit": Decimal("12.5"),
        "expires_at": datetime(2027, 1, 1, tzinfo=UTC),
        "adopt_key_id": 7,
        "adopt_key": Secret(PLAINTEXT),
    }


def test_what_is_left_out_has_defaults() -> None:
    """A name is enough: enabled, no limit, no expiry; None counts as left out."""
    empty = dict.fromkeys(["name_prefix", "credit_limit", "is_enabled", "expires_at", "rotation_triggers"])
    assert inputs({"name": "n"}) == inputs({"name": "n", **empty})
    assert inputs({"name": "n"}) == ApiKeyInputs(name="n")
    assert inputs({"name": "n"}).is_enabled is True


def test_a_declaration_hides_its_plaintext() -> None:
    """No way of showing a declaration shows the plaintext of an adopted key."""
    key = inputs(FULL)
    assert_clean(repr(key), str(key), [key], vars(key), asdict(key))


NAMES = ["🔑 prod 👩‍💻", "מפתח ייצור", "\u202eabc", "x" * 255, "🔑" * 255, " ", "a\nb", "e\u0301"]


@pytest.mark.parametrize("name", NAMES)
def test_names_stay_as_they_are(name: str) -> None:
    """A name is neither trimmed nor normalized; its length is counted in characters."""
    assert inputs({"name": name}).name == name


@unhurried
@given(st.text(min_size=1, max_size=255))
def test_any_name_of_1_to_255_characters(name: str) -> None:
    """Any text of 1 to 255 characters is a name; one of 1 to 248 is a prefix, too."""
    assert inputs({"name": name}).name == name
    if len(name) <= 248:
        assert inputs({"name_prefix": name}).name_prefix == name


@given(st.one_of(st.integers(0, 10**300), st.just(0.0), st.floats(1e-300, 1e300)))
@example(-0.0)
def test_any_limit_from_0_is_exact(limit: float) -> None:
    """A limit is the decimal that its number is printed as; minus nought is nought."""
    money = inputs({"name": "n", "credit_limit": limit}).credit_limit
    assert money is not None
    assert money == Decimal(repr(limit)).copy_abs()
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
    (
        "credit_limit",
        math.inf,
        "must be a number of USD, but inf is not a finite number from 1e-300 to 1e300",
    ),
    (
        "credit_limit",
        math.nan,
        "must be a number of USD, but nan is not a finite number from 1e-300 to 1e300",
    ),
    (
        "credit_limit",
        1e305,
        "must be a number of USD, but 1e+305 is not a finite number from 1e-300 to 1e300",
    ),
    (
        "credit_limit",
        5e-324,
        "must be a number of USD, but 5e-324 is not a finite number from 1e-300 to 1e300",
    ),
    ("is_enabled", "true", "must be true or false, not text"),
    ("is_enabled", 1.0, "must be true or false, not 1.0"),
    ("is_enabled", {}, "must be true or false, not a map"),
    ("expires_at", 5.0, "must be text, not 5.0"),
    (
        "expires_at",
        "2027-01-01",
        "'2027-01-01' is not an ISO 8601 date and time with an offset, such as 2027-01-01T00:00:00Z",
    ),
    (
        "expires_at",
        "tomorrow",
        "text of 8 characters is not an ISO 8601 date and time with an offset, such as 2027-01-01T00:00:00Z",
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
        "2026-06-01T12:00:00Z is in the past: this machine's clock says 2026-06-01T12:00:00Z",
    ),
    ("expires_in", 90.0, "must be text, not 90.0"),
    (
        "expires_in",
        "3 months",
        "text of 8 characters is not a duration such as 90d, 36h, 30m or P90D "
        "(months and years have no fixed length)",
    ),
    ("expires_in", "0d", "'0d' must be more than 0 and at most 36525d"),
    ("delete_guard", "36h", "must be 1 to 30 whole days, such as 7d, not 36h"),
    ("delete_guard", "31d", "must be 1 to 30 whole days, such as 7d, not 31d"),
    ("delete_guard", "0d", "'0d' must be more than 0 and at most 36525d"),
    ("labels", "x", "must be a map of texts, not text"),
    ("labels", {"team": 1.0}, "must be a map of texts, but the value of 'team' is 1.0"),
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
    ("adopt_key_id", "7.5", "must be the id of a key, a whole number from 1, not text"),
    ("adopt_key_id", True, "must be the id of a key, a whole number from 1, not a boolean"),
    ("adopt_key", "", "must not be empty"),
    ("adopt_key", 7.0, "must be text, not 7.0"),
]


@pytest.mark.parametrize(("name", "value", "sentence"), WRONG)
def test_a_wrong_value_is_one_clear_line(name: str, value: object, sentence: str) -> None:
    """A wrong value gives one sentence, which begins with the property's name and says what is wrong."""
    assert failures({**BESIDE.get(name, {"name": "n"}), name: value}) == (f"{name} {sentence}",)


@pytest.mark.parametrize("name", ["credit_limit", "adopt_key_id", "is_enabled", "name"])
def test_a_number_of_thousands_of_digits(name: str) -> None:
    """A number with too many digits for Python to print is refused in one short line."""
    (failure,) = failures({**BESIDE.get(name, {"name": "n"}), name: -(10**5000)})
    assert "one of more than 300 digits" in failure
    assert len(failure) < 200


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
        "credit_limit": lambda: number and (value == 0 or 1e-300 <= value <= 1e300),
        "is_enabled": lambda: value is True or value is False,
        "expires_at": lambda: False,
        "expires_in": lambda: False,
        "delete_guard": lambda: False,
        "labels": lambda: rules["rotation_triggers"](),
        "rotation_triggers": lambda: isinstance(value, dict) and all(type(v) is str for v in value.values()),
        "adopt_key_id": lambda: number and 1 <= value < math.inf and value == int(value),
        "adopt_key": lambda: isinstance(value, str) and value != "",
    }
    return rules[name]()


@unhurried
@given(st.sampled_from(sorted(FIELDS)), ANYTHING)
def test_any_wrong_value_is_one_clear_line(name: str, value: object) -> None:
    """Whatever is wrong with a value: one line, which begins with the property's name and quotes no credential."""
    assume(not is_right(name, value))
    (sentence,) = failures({**BESIDE.get(name, {"name": "n"}), name: value})
    assert sentence.startswith(f"{name} ")


RIGHT: dict[str, st.SearchStrategy[object]] = {
    "is_enabled": st.booleans(),
    "expires_at": INSTANTS.filter(lambda moment: moment > NOW).map(format_instant),
    "expires_in": st.integers(1, 36525).map("{}d".format),
    "labels": st.dictionaries(st.text(), st.text()),
    "delete_guard": st.integers(1, 30).map("{}d".format),
    "rotation_triggers": st.dictionaries(st.text(), st.text()),
    "adopt_key": st.text(min_size=1),
}


@pytest.mark.parametrize("name", RIGHT)
@unhurried
@given(st.data())
def test_any_right_value_is_accepted(name: str, data: st.DataObject) -> None:
    """Whatever obeys the rules is accepted as it is."""
    value = data.draw(RIGHT[name])
    accepted = inputs({**BESIDE.get(name, {"name": "n"}), name: value})
    shown = getattr(accepted, name)
    shown = shown.reveal() if isinstance(shown, Secret) else shown
    shown = f"{shown.days}d" if isinstance(shown, timedelta) else shown
    assert (format_instant(shown) if isinstance(shown, datetime) else shown) == value


@pytest.mark.parametrize("text", ["90d", "P90D", "2160h", "7776000s"])
def test_a_duration_in_any_notation(text: str) -> None:
    """A duration means the same in every notation."""
    assert inputs({"name": "n", "expires_in": text}).expires_in == timedelta(days=90)


def test_all_failures_come_at_once() -> None:
    """Invalid values, unknown properties and conflicts are reported together."""
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
NAMELESS = "adopt_key_id needs name: give the name that the adopted key is to have"
TWO_EXPIRIES = "expires_at and expires_in exclude each other: give one of them"
KEY_ALONE = "adopt_key needs adopt_key_id: give both"


@pytest.mark.parametrize(
    ("names", "conflicts"),
    [
        (["name", "name_prefix"], [BOTH]),
        (["name", "expires_at", "expires_in"], [TWO_EXPIRIES]),
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
    """Properties that exclude or need each other are reported even while a preview does not know their values."""
    values = {"name": "n", "name_prefix": "n-", "adopt_key_id": 7, "adopt_key": PLAINTEXT}
    values |= {"expires_at": FAR, "expires_in": "1d"}
    given = {name: values[name] for name in names} if known else {}
    assert failures(given, unknown=() if known else names) == tuple(conflicts)


@pytest.mark.parametrize(
    "names",
    [["name"], ["name_prefix"], ["name", "adopt_key_id"], ["name", "adopt_key_id", "adopt_key"]],
)
def test_unknown_values_pass(names: list[str]) -> None:
    """A value that a preview does not know yet does not fail."""
    assert inputs({}, unknown=names) == ApiKeyInputs()


def test_an_auto_name_stands_beside_its_prefix() -> None:
    """The auto-name does not conflict with the prefix; any other name does."""
    assert inputs({"name": "n-1", "name_prefix": "n-"}, auto_named="n-1").name == "n-1"
    assert failures({"name": "n-2", "name_prefix": "n-"}, auto_named="n-1") == (BOTH,)


AROUND_NOW = st.integers(-(10**9), 10**9).map(lambda seconds: NOW + timedelta(seconds=seconds))


@given(AROUND_NOW)
@example(NOW)
@example(NOW + timedelta(seconds=1))
def test_a_new_expiry_lies_ahead(moment: datetime) -> None:
    """An expiry in the past is refused, one in the future is not."""
    properties = {"name": "n", "expires_at": format_instant(moment)}
    if moment > NOW:
        assert inputs(properties).expires_at == moment
    else:
        assert "is in the past" in failures(properties)[0]


@given(AROUND_NOW, OFFSETS)
def test_an_expiry_in_force_may_have_passed(moment: datetime, offset: timezone) -> None:
    """A key that expired last week does not block a deployment, however its expiry is written."""
    text = moment.astimezone(offset).isoformat()
    assert inputs({"name": "n", "expires_at": text}, settled=moment).expires_at == moment


@given(AROUND_NOW)
def test_a_rotated_key_needs_an_expiry_that_lies_ahead(moment: datetime) -> None:
    """The expiry that is in force is the new key's, too."""
    properties = {"name": "n", "expires_at": format_instant(moment)}
    if moment > NOW:
        assert inputs(properties, settled=moment, rotated=True).expires_at == moment
    else:
        (line,) = failures(properties, settled=moment, rotated=True)
        assert (
            line
            == f"expires_at {format_instant(moment)} is in the past: a new key needs a later one, or none"
        )


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2035-01-01 00:00:00 +0000 UTC", "2035-01-01T00:00:00Z"),
        ("2035-01-01 10:20:30.5 +0000 UTC", "2035-01-01T10:20:30.5Z"),
        ("2035-01-01 00:00:00 -0530 -0530", "2035-01-01T00:00:00-05:30"),
    ],
)
def test_a_date_that_yaml_has_read(text: str, meant: str) -> None:
    """What becomes of a date without quotes in a stack's file: the line says how to write it."""
    (line,) = failures({"name": "n", "expires_at": text})
    assert line == f'expires_at {text!r} is a date that YAML has parsed: quote it, as "{meant}"'
    assert inputs({"name": "n", "expires_at": meant})


@given(st.integers(1, 2**53 - 1), st.sampled_from(["", ".0"]))
def test_an_adopted_id_may_be_text(number: int, end: str) -> None:
    """As a resource's `id` and a stack reference have it."""
    assert inputs({"name": "n", "adopt_key_id": f"{number}{end}"}).adopt_key_id == number


def test_another_expiry_in_the_past_is_refused() -> None:
    """Only the very expiry that is in force may lie in the past."""
    properties = {"name": "n", "expires_at": format_instant(NOW - timedelta(days=2))}
    assert "is in the past" in failures(properties, settled=NOW - timedelta(days=1))[0]


@pytest.mark.parametrize("name", sorted({*FIELDS, "unknown"}))
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
