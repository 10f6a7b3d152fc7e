"""YAML as a key file admits it."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.keyfile.nodes import MAX_DEPTH, Failures, plain
from pulumi_account.keyfile.yaml_text import UnreadableError, parse


def read(text: str) -> tuple[Any, list[str]]:
    """The value of a text, or None, and the failures."""
    found = Failures()
    try:
        return plain(parse(text, "k.yaml", 0, found)), found.lines()
    except UnreadableError:
        return None, found.lines()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("2027-01-01", "2027-01-01"),
        ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("12:30:45", "12:30:45"),
        ("'1'", "1"),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("007", 7),
        ("-3", -3),
        ("12.50", Decimal("12.50")),
        ("1e3", Decimal(1000)),
        ("0.1234567890123456789", Decimal("0.1234567890123456789")),
        (".inf", ".inf"),
        ("1e999", "1e999"),
    ],
)
def test_plain_values_are_those_of_yaml_1_2(text: str, value: object) -> None:
    """What older YAML takes for a boolean, a date or a number in base 60 is text, and numbers keep all digits."""
    assert read(f"a: {text}") == ({"a": value}, [])


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        ("a: 1\nb: 2\na: 3", "k.yaml:3:1: the same name as in line 1"),
        ("a: [1}", "k.yaml:1:6: is not YAML: did not find expected ',' or ']' while parsing a flow sequence"),
        ("a: 1\n---\nb: 2", "k.yaml:2:1: the file has more than one document"),
        ("a: !!str 1", "k.yaml:1:4: a tag other than !include FILE cannot be used"),
        ("a: !include [x]", "k.yaml:1:4: a tag other than !include FILE cannot be used"),
        ("a: !!python/object:os.system x", "k.yaml:1:4: a tag other than !include FILE cannot be used"),
        ("a: 1\n\x07b: 2", "k.yaml:2:1: is not YAML: a control character"),
        ("? [a]\n: 1", "k.yaml:1:3: a name must be text, without a tag and no alias"),
        ("a: *b", "k.yaml:1:4: no anchor of this name ends before"),
        ("a: &b [*b]", "k.yaml:1:8: no anchor of this name ends before"),
        ("a:\nb: 1", "k.yaml:1:3: has no value"),
    ],
)
def test_what_is_refused(text: str, failure: str) -> None:
    """Each has its place."""
    assert read(text)[1] == [failure]


def test_an_alias_is_what_its_anchor_is() -> None:
    """An anchor's value can be used again."""
    assert read("a: &x {b: 1}\nc: *x") == ({"a": {"b": 1}, "c": {"b": 1}}, [])


def test_aliases_are_counted_as_often_as_they_are_used() -> None:
    """Ten lines that would become a billion values are refused at once."""
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    (failure,) = read("\n".join(lines))[1]
    assert failure.endswith(": the file has more than 200,000 values, counting each use of an alias")


def test_depth_is_bounded() -> None:
    """Nesting too deep is refused with its place, and far too deep nesting crashes nothing."""
    deep = "[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2)
    assert read(deep)[1] == ["k.yaml:1:34: is nested more than 32 levels deep"]
    assert len(read("[" * 100_000)[1]) == 1


def test_an_empty_text_is_nothing() -> None:
    """It has no document."""
    assert read("# only a comment\n") == (None, [])


@given(st.text(alphabet=st.sampled_from("ab:-?[]{}&*!|>'\"%@#,\n\t \\0") | st.characters(), max_size=60))
def test_no_text_crashes(text: str) -> None:
    """Any text is either a value or has failures with places."""
    text = text.encode(errors="replace").decode()
    value, lines = read(text)
    assert all(line.startswith("k.yaml:") for line in lines)
    assert value is None or not lines or isinstance(value, (dict, list, str))


def test_without_pyyaml_one_line_says_what_to_install() -> None:
    """The extra names what is missing."""
    code = "import sys; sys.modules['yaml'] = None; import pulumi_account.keyfile"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        "pulumi_account.exceptions.ConfigurationError: key files need PyYAML: pip install 'pulumi_account[keyfile]'"
    )
