"""What holds for any key file."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.exceptions import InvalidInputError
from pulumi_account.keyfile import load_dict
from pulumi_account.keyfile.nodes import Failures
from pulumi_account.keyfile.shape import SCHEMA, check_shape, schema_text
from pulumi_account.keyfile.sources import read_dict
from tests.keyfile.documents import failures, loaded
from tests.support import ROOT

LIFETIME = ("expires_at", "expires_in", "rotate")
#: at most one end of life, and any of the other values
LEVELS = st.builds(
    lambda values, life: {**values, **life},
    st.fixed_dictionaries(
        {},
        optional={
            "credit_limit": st.integers(0, 10**6) | st.none(),
            "is_enabled": st.booleans(),
            "delete_guard": st.sampled_from(["1d", "7d", None]),
        },
    ),
    st.sampled_from(
        [{}, {"expires_at": "2040-01-01T00:00:00Z"}, {"expires_in": "9d"}, {"rotate": {"every": "9d"}}]
        + [{name: None} for name in LIFETIME]
    ),
)
FIVE = st.tuples(LEVELS, LEVELS, LEVELS, LEVELS, LEVELS)


def document(levels: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    """A file with one key and all five levels."""
    file, environment, team, key, override = levels
    return {
        "version": 1,
        "defaults": file,
        "environments": {"e": {"defaults": environment}},
        "teams": {"t": {"defaults": team, "keys": {"k": {**key, "overrides": {"e": override}}}}},
    }


@given(FIVE)
def test_precedence_is_that_of_the_levels(levels: tuple[dict[str, Any], ...]) -> None:
    """Each value is that of the last level that sets it; of the ends of life, the last level's alone."""
    (key,) = load_dict(document(levels)).keys
    last = {
        name: next((v[name] for v in levels[::-1] if name in v), None)
        for name in ("credit_limit", "delete_guard")
    }
    life = next((v for v in levels[::-1] if any(name in v for name in LIFETIME)), {})
    assert key.credit_limit == last["credit_limit"]
    assert (key.delete_guard is None) == (last["delete_guard"] is None)
    assert key.is_enabled == next((v["is_enabled"] for v in levels[::-1] if "is_enabled" in v), True)
    assert [name for name in LIFETIME if getattr(key, name) is not None] == [
        name for name in LIFETIME if life.get(name) is not None
    ]


@given(FIVE, st.randoms())
def test_the_order_of_names_does_not_matter(levels: tuple[dict[str, Any], ...], random: Any) -> None:
    """A map is a map."""

    def shuffled(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        items = [(name, shuffled(inner)) for name, inner in value.items()]
        random.shuffle(items)
        return dict(items)

    assert load_dict(shuffled(document(levels))) == load_dict(document(levels))


@given(FIVE)
def test_places_hold_the_values(levels: tuple[dict[str, Any], ...]) -> None:
    """At the reported line and column, the file has the effective value."""
    text = json.dumps(document(levels), indent=1)
    (key,) = loaded(text).keys
    lines = text.splitlines()
    for name, value in (("credit_limit", key.credit_limit), ("is_enabled", key.is_enabled)):
        if name in key.places:
            at = key.places[name]
            shown = json.dumps(value if value is None or isinstance(value, bool) else int(value))
            assert re.match(re.escape(shown) + r"\b", lines[at.line - 1][at.column - 1 :])


@given(FIVE, st.data())
def test_failures_are_where_the_text_is(levels: tuple[dict[str, Any], ...], data: Any) -> None:
    """Invalid values that are put anywhere are all reported, each at its place, in the order of the file."""
    for level in levels:
        if data.draw(st.booleans()):
            level["credit_limit"] = "offending"
        if data.draw(st.booleans()):
            level["offending"] = 1
    text = json.dumps(document(levels), indent=1)
    places = [
        (number + 1, line.index('"offending"') + 1)
        for number, line in enumerate(text.splitlines())
        if "offending" in line
    ]
    if places:
        found = [re.match(r"keys\.yaml:(\d+):(\d+): ", line) for line in failures(text)]
        assert [(int(m[1]), int(m[2])) for m in found if m] == places


VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 2.5, "", "a", "7d", [], ["a"], ["a", "a"], {}, {"a": "b"}, {"a": {}}]
)
#: no text: in a file, it could follow !include
MAPS = VALUES.filter(lambda value: not isinstance(value, str))


def mutated(data: Any, value: Any, path: str = "") -> Any:
    """A document in which some values are others, some are missing, and some are new."""
    if not isinstance(value, dict) or data.draw(st.integers(0, 7)) == 0:
        is_team = path in (".teams", ".teams.t")
        return value if data.draw(st.integers(0, 4)) else data.draw(MAPS if is_team else VALUES)
    entries = {name: mutated(data, inner, f"{path}.{name}") for name, inner in value.items()}
    change = data.draw(st.sampled_from(["", "", "", "drop", "add"]))
    if change == "drop" and entries:
        del entries[data.draw(st.sampled_from(sorted(entries)))]
    if change == "add" and not path.endswith("teams"):
        names = ["name", "owner", "labels", "budget", "protect", "environments", "previously", "-", "x y"]
        entries[data.draw(st.sampled_from(names))] = data.draw(VALUES)
    return entries


@given(FIVE, st.data())
def test_schema_and_loader_agree(levels: tuple[dict[str, Any], ...], data: Any) -> None:
    """An editor shows a file as wrong in its shape if and only if the loader does."""
    schemas = pytest.importorskip("jsonschema_rs", exc_type=ImportError)
    changed = mutated(data, document(levels))
    found = Failures()
    root = read_dict(changed, found) if isinstance(changed, dict) else None
    if root is None:
        return
    check_shape(root, found)
    try:
        load_dict(changed)
        is_valid = True
    except InvalidInputError:
        is_valid = False
    accepts = schemas.validator_for(SCHEMA).is_valid(changed)
    assert accepts or not is_valid  # what the loader takes, the schema takes
    assert not (accepts and found)  # what has a wrong shape for the loader, has one for the schema


def test_the_schema_is_a_schema() -> None:
    """Every field has a description, and no map admits unknown fields."""
    schemas = pytest.importorskip("jsonschema_rs", exc_type=ImportError)
    schemas.meta.validate(json.loads(schema_text()))
    for schema in (SCHEMA, *SCHEMA["definitions"].values()):
        for field in schema.get("properties", {}).values():
            found = SCHEMA["definitions"].get(field.get("$ref", "").rpartition("/")[2], field)
            assert found["description"]
        assert schema.get("type") != "object" or "additionalProperties" in schema


def test_the_copy_for_editors_is_the_schema() -> None:
    """`pulumi-account keyfile schema` wrote it."""
    assert (ROOT / "examples" / "keyfile" / "keys.schema.json").read_text() == schema_text()
