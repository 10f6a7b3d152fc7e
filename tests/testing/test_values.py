"""Property values: what is secret, what differs, what a path means."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.testing.values import (
    OUTPUT,
    REFERENCE,
    SIGNATURE,
    UNKNOWN,
    Secret,
    UnsupportedError,
    annotate,
    changes,
    covers,
    decode,
    encode,
    encode_outputs,
    encode_plain,
    has_secret,
    has_unknown,
    keep_old,
    masked,
    output_urns,
    path_of,
    path_text,
    plain,
    same,
    secret_texts,
    visible,
    without_secrets,
)
from tests.support.helpers import unhurried

RICH = {"n": 1.5, "b": True, "none": None, "l": ["x", {"deep": Secret("s")}], "o": {"k": Secret({"a": 1.0})}}


def test_a_property_map_survives_the_wire() -> None:
    """What is encoded with its secrets is decoded to the same."""
    assert decode(encode(RICH)) == RICH


_LEAVES = st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=3) | st.just(UNKNOWN)
_VALUES = st.recursive(
    _LEAVES | _LEAVES.map(Secret),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
_BAGS = st.dictionaries(st.sampled_from("abc"), _VALUES | st.lists(_VALUES, max_size=2).map(Secret))
_URNS = st.dictionaries(st.sampled_from("abc"), st.lists(st.sampled_from(["u", "v"]), unique=True))


@unhurried
@given(_BAGS, _URNS)
def test_a_property_map_survives_a_transform(bag: dict[str, Any], urns: dict[str, list[str]]) -> None:
    """What is sent as Outputs is read back as it was, and each property knows what it depends on."""
    sent = encode_outputs(bag, urns)
    assert same(decode(sent), bag)
    assert {key: output_urns(value) for key, value in sent.fields.items()} == {
        key: set(urns.get(key, ())) for key in bag
    }


def test_only_what_is_no_plain_value_is_sent_as_an_output() -> None:
    """A transform reads plain values as they are."""
    sent = encode_outputs(
        {"plain": {"a": ["x"]}, "secret": Secret("s"), "later": [UNKNOWN], "needs": 1}, {"needs": ["u"]}
    )
    outputs = {key: OUTPUT in str(value) for key, value in sent.fields.items()}
    assert outputs == {"plain": False, "secret": True, "later": True, "needs": True}


def test_a_resource_passes_a_transform_as_a_reference() -> None:
    """Even one whose id is not known yet."""
    bag = {"r": {SIGNATURE: REFERENCE, "urn": "u", "id": UNKNOWN}}
    assert decode(encode_outputs(bag, {})) == bag


def test_a_value_without_its_secrets() -> None:
    """A null stands for each."""
    assert without_secrets(RICH) == {**RICH, "l": ["x", {"deep": None}], "o": {"k": None}}
    assert without_secrets(Secret("s")) is None


def test_a_provider_is_sent_no_marks() -> None:
    """A provider gets secrets as plain values."""
    assert decode(encode_plain(RICH)) == plain(RICH)
    assert not has_secret(plain(RICH))


@pytest.mark.parametrize(
    ("reference", "sent"),
    [({"urn": "u", "id": "i"}, "i"), ({"urn": "u", "id": ""}, UNKNOWN), ({"urn": "u"}, "u")],
)
def test_a_provider_is_sent_a_resource_as_its_id_or_urn(reference: dict[str, str], sent: str) -> None:
    """A reference becomes the id of a custom resource, unknown or not, or the URN of a component."""
    assert decode(encode_plain({"r": {SIGNATURE: REFERENCE, **reference}})) == {"r": sent}


def test_assets_are_refused() -> None:
    """An asset is refused by name."""
    struct = struct_pb2.Struct()
    struct.update({"a": {SIGNATURE: "c44067f5952c0a294b673a41bacd8c17"}})
    with pytest.raises(UnsupportedError, match="assets"):
        decode(struct)


def test_a_secret_in_a_secret_is_one_secret() -> None:
    """Marks do not pile up."""
    assert decode(encode({"s": Secret(Secret("x"))})) == {"s": Secret("x")}


def test_secrets_are_not_shown() -> None:
    """Neither masking nor repr lets a secret out."""
    assert masked(RICH)["l"] == ["x", {"deep": "[secret]"}]
    assert "s" not in repr(Secret("s")).replace("[secret]", "")


def test_the_user_reads_unknowns_and_whole_numbers() -> None:
    """Values for users have words for what is hidden or not known yet."""
    assert visible({"a": UNKNOWN, "b": 2.0, "c": [Secret(1)], "d": 2.5}) == {
        "a": "[unknown]",
        "b": 2,
        "c": ["[secret]"],
        "d": 2.5,
    }
    assert repr(visible(2.0)) == "2"


def test_texts_in_secrets_are_found_at_any_depth() -> None:
    """All texts in secrets, and only those, are to be kept out of messages."""
    assert set(secret_texts({"a": Secret({"x": ["one", 2.0]}), "b": "open"})) == {"one"}


def test_unknowns_are_found_at_any_depth() -> None:
    """An unknown in a secret in a list is an unknown."""
    assert has_unknown([{"a": Secret(UNKNOWN)}])
    assert not has_unknown(RICH)


def test_secrecy_is_carried_over_by_name() -> None:
    """Objects are gone into, lists with a secret become one secret as a whole, new names stay plain."""
    outs = {"o": {"k": "v", "p": "q"}, "l": ["a", "b"], "new": "n", "s": Secret("t")}
    ins = {"o": {"k": Secret("v")}, "l": ["a", Secret("b")], "gone": Secret("g"), "s": Secret("s")}
    assert annotate(outs, ins) == {
        "o": {"k": Secret("v"), "p": "q"},
        "l": Secret(["a", "b"]),
        "new": "n",
        "s": Secret("t"),
    }


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (True, 1.0, False),
        (1.0, 1, True),
        ({"a": None}, {}, True),
        ([1.0], [1.0, 2.0], False),
        (Secret("a"), "a", False),
        (Secret("a"), Secret("a"), True),
        ({"a": {"b": [1.0]}}, {"a": {"b": [1.0]}}, True),
    ],
)
def test_equality(a: Any, b: Any, equal: bool) -> None:
    """True is not 1, a secret is not its value, a null is like nothing."""
    assert same(a, b) is equal


def test_differences_are_found_leaf_by_leaf() -> None:
    """Adds, deletes and updates are distinguished at any depth; internal names do not count."""
    old = {"a": 1.0, "o": {"x": 1.0, "y": 2.0}, "l": [1.0, 2.0], "__p": 1.0}
    new = {"b": 1.0, "o": {"x": 3.0}, "l": [1.0, 2.0, 3.0], "__p": 2.0}
    found = [f"{kind} {path_text(path)}" for kind, path in changes(old, new)]
    assert found == ["delete a", "add b", "add l[2]", "update o.x", "delete o.y"]


def test_paths_are_taken_apart() -> None:
    """Names, indices, wildcards and quoted names."""
    assert path_of('a.b[0]["c \\"d"][*].e') == ["a", "b", 0, 'c "d', "*", "e"]


@pytest.mark.parametrize(
    ("pattern", "path", "hit"),
    [("a", ("a", "b"), True), ("a.b", ("a",), False), ("a[*].c", ("a", 3, "c"), True), ("*", ("z",), True)],
)
def test_a_path_covers_what_lies_below_it(pattern: str, path: tuple[str | int, ...], hit: bool) -> None:
    """A pattern covers its own path and longer ones."""
    assert covers(path_of(pattern), path) is hit


@pytest.mark.parametrize(
    ("path", "old", "new", "result", "fits"),
    [
        ("a", {"a": 1}, {"a": 2}, {"a": 1}, True),
        ("a", {}, {"a": 2}, {}, True),
        ("a", {"a": 1}, {}, {"a": 1}, True),
        ("a.b", {"a": {"b": 1}}, {"a": {"b": 2, "c": 3}}, {"a": {"b": 1, "c": 3}}, True),
        ("a.b", {}, {"a": {"b": 2}}, {"a": {"b": 2}}, False),
        ("a.b", {}, {}, {}, True),
        ("l[1]", {"l": [1, 2]}, {"l": [3, 4]}, {"l": [3, 2]}, True),
        ("l[1]", {"l": [1, 2]}, {"l": [3]}, {"l": [3]}, False),
        (
            "l[*].x",
            {"l": [{"x": 1}, {"x": 2}]},
            {"l": [{"x": 3}, {"x": 4}]},
            {"l": [{"x": 1}, {"x": 2}]},
            True,
        ),
        ("*", {"a": 1}, {"a": 2, "b": 3}, {"a": 1, "b": 3}, True),
        ("a[*]", {"a": 1}, {"a": 2}, {"a": 2}, True),
    ],
)
def test_the_old_value_is_kept_at_a_path(path: str, old: Any, new: Any, result: Any, fits: bool) -> None:
    """An ignored path gets its old value, where there is a place for it."""
    assert keep_old(path_of(path), old, new) is fits
    assert new == result
