"""The shapes of the API's responses."""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from pulumi_account.api.models import Activity, Balance, CreatedKey, DailyStats, Key, KeyList, read_model
from pulumi_account.common.money import exact, usd
from pulumi_account.common.text import count
from pulumi_account.spend.runway import runway
from pulumi_account.spend.usage import Usage, other_models, total, usage_by_day, usage_by_key, usage_by_model
from tests.support.canaries import PLAINTEXT, assert_clean
from tests.support.helpers import (
    NOW,
    NUMBERS,
    activity_json,
    created_json,
    key_json,
    refusal,
    stats_json,
    unhurried,
)

UTC = timezone.utc


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
    """Read a document as a response."""
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
    """Null means no limit and no expiry."""
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
    """Unknown fields are ignored."""
    model, sample = answer
    assert read(model, {**extra, **sample}) == read(model, sample)


@pytest.mark.parametrize(("model", "sample", "path"), EVERY_FIELD)
def test_a_missing_field_is_named(model: type[Any], sample: Any, path: tuple[Any, ...]) -> None:
    """A response that lacks a field is refused, and the error names the field."""
    with pytest.raises(ValueError, match=rf"^{dotted(path)}: is missing$"):
        read(model, changed(sample, path, dict.pop))


@pytest.mark.parametrize(("model", "sample", "path"), EVERY_FIELD)
def test_a_wrong_field_is_named(model: type[Any], sample: Any, path: tuple[Any, ...]) -> None:
    """A field of the wrong type is refused, and named but not quoted; unusual but valid values are read."""
    values: list[object] = [{"inner": PLAINTEXT}, "", PLAINTEXT, True, -0.5, [[PLAINTEXT]]]
    for value in values:
        answer = partial(read, model, changed(sample, path, dict.__setitem__, value))
        if fits(path[-1], value):
            assert answer()
        else:
            assert all(line.startswith(dotted(path)) for line in refusal_of(answer).split("; "))


def fits(field: str, value: object) -> bool:
    """Whether such a value is valid for the field."""
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
    """The message of a ValueError: one clean line, without pydantic's words."""
    with pytest.raises(ValueError, match=r"\A.+\Z") as caught:
        action()
    assert_clean(str(caught.value))
    assert not PYDANTIC.search(str(caught.value))
    return str(caught.value)


PYDANTIC = re.compile("Value error|Input|[Ff]ield required|should|valid|instance|pydantic")
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@unhurried
@given(st.sampled_from([(model, sample, path) for model, sample in WIRE for path in fields_of(sample)]), JUNK)
def test_a_wrong_field_is_told_in_plain_words(field: Any, junk: Any) -> None:
    """Any value is either read, or the error says what is wrong, without pydantic's words."""
    model, sample, path = field
    problem = problem_of(lambda: read(model, changed(sample, path, dict.__setitem__, junk)))
    assert not PYDANTIC.search(problem)


@pytest.mark.parametrize(
    ("model", "changes", "problem"),
    [
        (Key, {"id": "7"}, "id: is not a whole number"),
        (Key, {"id": -1}, "id: is too small"),
        (Key, {"id": 2**63}, "id: is too large"),
        (Key, {"name": 5}, "name: is not a string"),
        (Key, {"is_enabled": 1}, "is_enabled: is not true or false"),
        (CreatedKey, {"key": ""}, "key: is empty"),
        (CreatedKey, {"key": 5}, "key: is not a string"),
        (KeyList, {"keys": {}}, "keys: is not a list"),
        (KeyList, {"keys": [1]}, "keys.0: is not an object"),
        (DailyStats, {"date": "2026-13-01"}, "date: is not a day such as 2026-05-31"),
        (DailyStats, {"date": "2026-05-31T01:00:00"}, "date: is not a day such as 2026-05-31"),
    ],
)
def test_what_is_wrong_is_said(model: type[Any], changes: dict[str, Any], problem: str) -> None:
    """Each kind of invalid value has its message."""
    sample = next(sample for kind, sample in WIRE if kind is model)
    assert refusal_of(lambda: read(model, {**sample, **changes})) == problem


MARK = "the number goes here"
NUMERIC = [
    (model, json.dumps(changed(sample, path, dict.__setitem__, MARK)).replace(f'"{MARK}"', "%s"), path)
    for model, sample in WIRE
    for path in fields_of(sample)
    if re.search("id$|limit|balance|total_[a-z_]+|count$|period", str(path[-1])) and path[-1] != "total_stats"
]


@unhurried
@given(st.sampled_from(NUMERIC), NUMBERS, st.booleans())
def test_any_number_is_read_or_refused(where: Any, number: str, quoted: bool) -> None:
    """Any number in a field is read, or refused in one short line."""
    model, document, _ = where
    problem = problem_of(
        lambda: read_model(model, (document % (f'"{number}"' if quoted else number)).encode())
    )
    assert problem.isprintable()
    assert len(problem) < 500


def problem_of(action: Callable[[], object]) -> str:
    """The message of a ValueError; empty if there is none."""
    try:
        action()
    except ValueError as error:
        return str(error)
    return ""


READ = st.builds("{}e{}".format, st.integers(-(10**20), 10**20), st.integers(-300, 280))


@unhurried
@given(
    st.lists(READ, min_size=4, max_size=4), st.integers(-(10**300), 10**300), st.integers(-(10**300), 10**300)
)
def test_what_is_read_can_be_computed_with(money: list[str], number: int, period: int) -> None:
    """Sums, shares, means and texts of any numbers that were read work, and are short."""
    balance, limit, *costs = money
    used = {"total_cost": costs[0], "total_input_tokens": number, "total_output_tokens": number}
    stats = {**used, "total_cost": costs[1], "total_requests": number}
    activity = read(
        Activity,
        {
            "period_days": period,
            "total_stats": stats,
            "daily_stats": [{**stats, "date": "2026-05-31"}] * 2,
            "top_models": [{**used, "request_count": number, "model_name": name} for name in "aab"],
            "api_key_usage": [{**used, "request_count": number, "api_key_id": 7, "api_key_name": "n"}] * 2,
        },
    )
    keys = [read(Key, key_json(credit_limit=limit))]
    rows: list[Usage] = [*usage_by_key(keys, activity), *usage_by_model(activity), other_models(activity)]
    rows += usage_by_day(activity, NOW.date())
    left = runway(read(Balance, {"balance": balance}), activity, NOW)
    told = [str(left), *(f"{usd(row.cost)} {count(row.requests)} {count(row.tokens)}" for row in rows)]
    told += [exact(total(rows).cost)[:300]]
    assert max(map(len, told)) < 400
    assert all(math.isfinite(float(row.cost) + float(row.tokens)) for row in rows)
    float(usage_by_key(keys, activity)[0].limit_used or 0)


@unhurried
@given(st.text(max_size=12) | st.from_regex(r"-?[0-9]{1,400}(e[0-9]{1,4})?", fullmatch=True))
@example("0000-01-01")
@example("10000-01-01")
@example("9" * 5000)
def test_any_text_is_a_day_or_refused(text: str) -> None:
    """A day is in the calendar, or the response is refused in one line."""
    problem = problem_of(lambda: read(DailyStats, stats_json(date=text)))
    assert problem.startswith("date: ") or not problem
    assert len(problem) < 200


@pytest.mark.parametrize("wrong", [0, 1767225600, 5, True, ["2026-05-31"]])
def test_a_day_is_a_text(wrong: object) -> None:
    """A number is not a day, even if it could be seconds since 1970."""
    assert refusal_of(lambda: read(DailyStats, stats_json(date=wrong))) == "date: is not an ISO 8601 string"


@pytest.mark.parametrize("body", [[], "text", 5, None])
def test_a_body_of_another_shape(body: object) -> None:
    """A response that is not an object is refused."""
    assert refusal_of(lambda: read(Key, body)).startswith("the body: ")


@pytest.mark.parametrize(
    "body", [f'{{"key": "{PLAINTEXT}"', f'{{"key": ["{PLAINTEXT}"]}}', f'"{PLAINTEXT}\xff"']
)
def test_a_broken_body_is_forgotten(body: str) -> None:
    """The error has no reference to the body, which may contain a plaintext."""
    refusal(ValueError, lambda: read_model(CreatedKey, body.encode("latin-1")))


@pytest.mark.parametrize("item", [b"[]", b"1.5", b"{}", b'{"a":{}}', b"[[[[]]]]"])
def test_a_flood_of_values(item: bytes) -> None:
    """Millions of values, which would take far more memory than their text, are refused before they are built."""
    body = b'{"keys": [%b]}' % b",".join([item] * 3_000_001)
    assert refusal_of(lambda: read_model(KeyList, body)) == "there are more than 3,000,000 values"


def test_many_wrong_items() -> None:
    """The error names the first invalid item of a list."""
    problem = refusal_of(lambda: read(KeyList, {"keys": [{}] * 10_000}))
    assert problem.startswith("keys.0.id: is missing; ")
    assert "keys.1" not in problem


def test_all_wrong_fields_are_named() -> None:
    """The error names each invalid field."""
    error = refusal_of(lambda: read(Key, key_json(id="7", name=5)))
    assert [line.split(":")[0] for line in error.split("; ")] == ["id", "name"]


def test_a_created_key_hides_its_plaintext() -> None:
    """No representation of a new key shows its plaintext, which is accessible nevertheless."""
    key = read(CreatedKey, created_json())
    assert key.key.get_secret_value() == PLAINTEXT
    assert_clean(repr(key), str(key), key.model_dump(), key.model_dump_json(), [key])


def test_answers_cannot_be_changed() -> None:
    """Models are immutable."""
    key = read(Key, key_json())
    with pytest.raises(ValidationError):
        key.name = "another"


@pytest.mark.parametrize("model", [CreatedKey, Key])
def test_the_models_own_errors_quote_nothing(model: type[BaseModel]) -> None:
    """Pydantic's own errors show no value either."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate({name: [PLAINTEXT] for name in [*model.model_fields, "unknown"]})
    assert_clean(caught.value)
