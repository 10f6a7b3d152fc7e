"""Instants: reading, writing and comparing them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from pulumi_account.common.instants import INSTANT, format_instant, parse_instant, same_instant, utc_now
from tests.support.helpers import NOW, unhurried

UTC = timezone.utc
#: any offset leaves these in the calendar
NAIVE = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31))
INSTANTS = NAIVE.map(lambda moment: moment.replace(tzinfo=UTC))
OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@unhurried
@given(INSTANTS, OFFSETS, st.sampled_from("Tt "), st.booleans())
def test_an_instant_is_read_at_any_offset(
    moment: datetime, offset: timezone, separator: str, colon: bool
) -> None:
    """An instant is read as the same one in UTC from any notation."""
    text = moment.astimezone(offset).isoformat(sep=separator)
    read = parse_instant(text if colon else text[:-3] + text[-2:])
    assert (read, read.tzinfo) == (moment, UTC)


@unhurried
@given(st.from_regex(INSTANT, fullmatch=True))
@example("2027-01-01T24:00Z")
@example("2027-01-01T00:00+23:60")
@example("0001-01-01T00:00+00:01")
@example("9999-12-31T23:59:59.9999999-0000")
def test_instants_are_what_another_reader_says(text: str) -> None:
    """Any text in the form of an instant is read or refused as by pydantic, except for leap seconds."""
    assume(":60" not in text[16:19])
    try:
        moment = TypeAdapter(datetime).validate_python(text)
        expected = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValidationError, OverflowError):
        with pytest.raises(ValueError, match=r"^is not a date and time that exists$"):
            parse_instant(text)
    else:
        assert parse_instant(text) == expected


@given(NAIVE)
def test_no_offset_means_utc(moment: datetime) -> None:
    """The API's instants without an offset are in UTC."""
    assert parse_instant(moment.isoformat()) == moment.replace(tzinfo=UTC)


@given(INSTANTS, OFFSETS)
def test_a_written_instant_is_read_back(moment: datetime, offset: timezone) -> None:
    """There is one way to write an instant, and it loses nothing."""
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
    """Every notation of ISO 8601 with date, time and offset is normalized."""
    assert format_instant(parse_instant(text)) == written


@pytest.fixture(params=["CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT,M3.2.0,M11.1.0"], ids=["Berlin", "New York"])
def _elsewhere(request: pytest.FixtureRequest) -> Iterator[None]:
    """A machine whose zone has daylight saving time."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TZ", request.param)
        time.tzset()
        assert time.daylight
        yield
    time.tzset()


@pytest.mark.usefixtures("_elsewhere")
@pytest.mark.parametrize("text", ["2030-07-01T00:00:00Z", "2030-10-27T02:30:00Z", "2030-11-03T01:30:00Z"])
def test_this_machines_zone_changes_nothing(text: str) -> None:
    """Instants are read and written in UTC in any zone, also in the hour that its clocks repeat."""
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")
    assert parse_instant(text) == parse_instant(text[:-1]) == moment
    assert format_instant(moment) == text
    assert abs(utc_now() - datetime.fromtimestamp(time.time(), UTC)) < timedelta(minutes=1)


@pytest.mark.usefixtures("_elsewhere")
@given(NAIVE)
def test_what_has_no_offset_is_not_written(moment: datetime) -> None:
    """A datetime without an offset is refused, not read as one in this machine's zone."""
    with pytest.raises(ValueError, match=r" has no offset from UTC: give the datetime a tzinfo$"):
        format_instant(moment)


@pytest.mark.parametrize("moment", [datetime.min, datetime.max])
def test_an_instant_outside_the_calendar(moment: datetime) -> None:
    """The first and the last hours of the calendar may be outside it in UTC."""
    hours = 1 if moment is datetime.min else -1
    with pytest.raises(ValueError, match=r" is outside the years 1 to 9999 in UTC$"):
        format_instant(moment.replace(tzinfo=timezone(timedelta(hours=hours))))


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
    """Any other text is not an instant."""
    with pytest.raises(ValueError, match=r"^is not an ISO 8601 date and time$"):
        parse_instant(text)


@pytest.mark.parametrize("text", NO_MOMENT)
def test_instants_that_do_not_exist(text: str) -> None:
    """A leap second in the middle of a day, 30 February and years outside the calendar are not instants."""
    with pytest.raises(ValueError, match=r"^is not a date and time that exists$"):
        parse_instant(text)


@given(st.text() | st.from_regex(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?([Z]|[+-]\d\d:\d\d)", fullmatch=True))
def test_reading_an_instant_is_total(text: str) -> None:
    """Any text is an instant in UTC or a ValueError with one line."""
    assert outcome(text) in (UTC, "is not an ISO 8601 date and time", "is not a date and time that exists")


def outcome(text: str) -> object:
    """The time zone of the instant, or the reason why there is none."""
    try:
        return parse_instant(text).tzinfo
    except ValueError as error:
        return str(error)


@given(INSTANTS, st.sampled_from([1_000, 1_000_000]))
def test_a_server_may_cut_off_fractions(moment: datetime, unit: int) -> None:
    """An instant equals itself cut to milliseconds or seconds, in either order."""
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
