"""The program and the import file for keys that exist."""

from __future__ import annotations

import ast
import json
import keyword
import re
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from pulumi_account.api.models import Key
from pulumi_account.common.secret import Secret
from pulumi_account.stacks.imports import (
    ImportedKey,
    KeySetPlace,
    import_file,
    imported_keys,
    key_file,
    python_program,
    undeclarable,
)
from tests.support.canaries import PLAINTEXT, assert_clean
from tests.support.helpers import NOW, key_json, unhurried

#: what an API may send as a name: anything but lone surrogates
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255)


def keys(*names: str, **fields: Any) -> list[Key]:
    """Keys with these names and ids from 1."""
    return [Key.model_validate(key_json(id=n, name=name, **fields)) for n, name in enumerate(names, 1)]


def imported(*names: str, **fields: Any) -> list[ImportedKey]:
    """The same, with names for their resources."""
    return imported_keys(keys(*names, **fields), {}, {})


def calls(program: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Variable, resource and arguments of each declaration in a program, which has nothing else."""
    head, imports, *statements = ast.parse(program).body
    assert isinstance(head, ast.Expr)
    assert ast.unparse(imports) == "import pulumi_account as account"
    found = []
    for statement in statements:
        assert isinstance(statement, ast.Assign)
        call = statement.value
        assert isinstance(call, ast.Call)
        assert ast.unparse(call.func) == "account.ApiKey"
        arguments = {word.arg or "": ast.literal_eval(word.value) for word in call.keywords}
        found.append((ast.unparse(statement.targets[0]), ast.literal_eval(call.args[0]), arguments))
    return found


# --- names


@unhurried
@given(st.lists(NAMES, min_size=1, max_size=8))
@example(["\"'", "'", '"', '\\"', "\\", '"""', "a\nb", "a\r\nb", "\x00", "\x1b[2J", "{}", "\u202e", "\u2028"])
@example(["x" * 255, "x" * 254, "clé", "ключ", "😀", "#", "$::", "\ufeff", "-", "."])
@example(
    ["a", "a", "a-2", "a-2-2", "a_2", "class", "account", "__builtins__", "1", "None", "key-1", "key-class"]
)
def test_any_name_is_a_literal_that_evaluates_to_it(names: list[str]) -> None:
    """Resources and variables are unique, and URNs and Python admit them; nothing but declarations is in the file."""
    found = calls(python_program(imported(*names)))
    assert [arguments["name"] for _, _, arguments in found] == names
    variables, resources = {one[0] for one in found}, {one[1] for one in found}
    assert len(variables) == len(resources) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name) for name in resources)
    assert all(name.isidentifier() and not keyword.iskeyword(name) for name in variables)
    assert not {"account", "__builtins__"} & variables


@unhurried
@given(st.lists(NAMES, min_size=1, max_size=8))
def test_a_program_can_be_read_back_from_a_file(names: list[str]) -> None:
    """The bytes of the file are the program's, and what a terminal would act on is escaped."""
    program = python_program(imported(*names))
    assert program.encode().decode() == program
    assert all(character.isprintable() or character == "\n" for character in program)


@pytest.mark.parametrize(
    ("names", "resources"),
    [
        (["search", "search-2"], ["search", "search-2"]),
        (["search", "search"], ["search-1", "search-2"]),
        (["search", "search", "search-1"], ["search-1-1", "search-2", "search-1"]),
        (["Search", "search"], ["Search", "search"]),
        (["search/indexer (prod)"], ["search-indexer-prod"]),
        (["clé"], ["cle"]),
        (["ключ"], ["key-1"]),
        (["x" * 255], ["x" * 60]),
    ],
)
def test_resources_are_named_after_keys(names: list[str], resources: list[str]) -> None:
    """What a URN does not admit becomes a hyphen; ids distinguish equal names."""
    assert [one.resource for one in imported(*names)] == resources


# --- the program


def test_a_program_declares_what_the_server_has() -> None:
    """A default is left out."""
    program = python_program(imported("k", credit_limit="0.30", expires_at=None))
    assert calls(program) == [("k", "k", {"name": "k", "credit_limit": 0.3})]
    program = python_program(
        imported("k", credit_limit=None, is_enabled=False, expires_at="2020-01-01T01:00:00+01:00")
    )
    declared = {"name": "k", "is_enabled": False, "expires_at": "2020-01-01T00:00:00Z"}
    assert calls(program) == [("k", "k", declared)]


@pytest.mark.parametrize(
    ("marks", "line"), [((), "# key 1"), (("expired", "no limit"), "# key 1: expired, no limit")]
)
def test_marks_are_comments(marks: Sequence[str], line: str) -> None:
    """A comment has the key's id and its marks."""
    assert line in python_program(imported_keys(keys("k"), {1: marks}, {})).splitlines()


# --- the import file


def test_an_entry_has_all_that_a_state_has() -> None:
    """With outputs in it, the engine reads nothing; both bags name the provider."""
    (entry,) = json.loads(import_file(imported("k")))["resources"]
    inputs = {"name": "k", "credit_limit": 10.5, "is_enabled": True, "expires_at": "2027-01-01T00:00:00Z"}
    assert entry["type"] == "pulumi-python:dynamic/account:ApiKey"
    assert (entry["name"], entry["id"]) == ("k", "1")
    assert entry["inputs"].pop("__provider") == entry["outputs"].pop("__provider")
    assert entry["inputs"] == inputs
    assert entry["outputs"] == {**inputs, "key_id": 1, "created_at": "2026-01-01T00:00:00Z"}


def test_a_plaintext_is_marked_as_secret() -> None:
    """So the engine encrypts it; the program and every repr are without it."""
    found = imported_keys(keys("k"), {}, {1: Secret(PLAINTEXT)})
    assert_clean(found, python_program(found))
    (entry,) = json.loads(import_file(found))["resources"]
    secret = "1b47061264138c4ac30d75fd1eb44270"
    assert entry["outputs"]["key"] == {
        "4dabf18193072939515e22adb298388d": secret,
        "plaintext": json.dumps(PLAINTEXT),
    }


# --- what cannot be declared


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, None),
        ({"expires_at": "2020-01-01T00:00:00Z"}, None),
        ({"name": "a\ud800"}, "its name has lone surrogates"),
        ({"name": ""}, "name must have 1 to 255 characters, not 0"),
        ({"name": "x" * 256}, "name must have 1 to 255 characters, not 256"),
        ({"credit_limit": "-1"}, "credit_limit must be 0 USD or more, not -1"),
    ],
)
def test_what_no_program_can_declare(fields: dict[str, Any], problem: str | None) -> None:
    """The reason names the property."""
    key = Key.model_validate(key_json(**fields))
    assert undeclarable(key, datetime.now(timezone.utc)) == problem
    assert undeclarable(key, NOW) == problem


# --- a key file


@unhurried
@given(st.lists(NAMES, min_size=1, max_size=8))
@example(
    [
        "\"'",
        "\\",
        "a\r\nb",
        "\x00\x1b",
        "{team}",
        "{",
        "}}",
        "\u202e",
        "\u2028",
        "\x85",
        "\ufeff",
        "😀",
        "a: #b",
    ]
)
def test_any_name_is_a_yaml_text_that_evaluates_to_it(names: list[str]) -> None:
    """Braces are doubled, because a key file's names are templates; what cannot be printed is escaped."""
    text = key_file(imported(*names), KeySetPlace("search", "production"))
    assert all(character.isprintable() or character == "\n" for character in text)
    declared = yaml.safe_load(text)["teams"]["search"]["keys"]
    found = [key["name"].replace("{{", "{").replace("}}", "}") for key in declared.values()]
    assert found == names
    assert all(
        key["name"].count("{") == 2 * name.count("{")
        for key, name in zip(declared.values(), names, strict=True)
    )


def test_a_key_file_declares_what_the_server_has() -> None:
    """One team in one environment; a default is left out, and marks are comments."""
    keys_ = imported_keys(keys("null", is_enabled=False), {1: ["disabled"]}, {})
    text = key_file(keys_, KeySetPlace("search", "production"))
    assert "      # key 1: disabled\n" in text
    key = {"name": "null", "credit_limit": 10.5, "is_enabled": False, "expires_at": "2027-01-01T00:00:00Z"}
    assert yaml.safe_load(text) == {
        "version": 1,
        "environments": {"production": {}},
        "teams": {"search": {"keys": {"null": key}}},
    }


def test_keys_of_a_key_file_are_children_of_a_key_set() -> None:
    """The component comes first; the children have its labels."""
    component, child = json.loads(import_file(imported("k"), KeySetPlace("search", "ci")))["resources"]
    assert component == {"type": "account:index:KeySet", "name": "keys", "component": True}
    assert (child["name"], child["parent"]) == ("search-k", "keys")
    labels = {"team": "search", "environment": "ci", "key": "k"}
    assert child["inputs"]["labels"] == child["outputs"]["labels"] == labels
