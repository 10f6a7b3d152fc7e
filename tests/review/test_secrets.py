"""No secret of a preview gets into a review, wherever a preview holds it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.review.render import as_json, as_markdown, as_text
from pulumi_account.stacks.previews import parse_preview
from tests.recordings import HOME, recorded
from tests.review.documents import account, preview, reviewed, state, step

CANARY = "canary-5d0c2a"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": CANARY}
NAMES = sorted(path.stem for path in HOME.glob("*.json") if path.stem not in ("export", "failed"))
#: where a name or a label that is no secret is shown
SHOWN = ("name", "owner", "team", "environment", "urn", "type")
_BAGS = ("inputs", "outputs")


def shown(document: dict[str, Any]) -> str:
    """All formats of the review of a preview; nothing if one line refuses the preview."""
    try:
        one = parse_preview(json.dumps(document).encode())
    except ValueError as error:
        return str(error)
    got = reviewed(one)
    return as_markdown(got) + as_json(got) + as_text(got)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each value in a document."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from places(item, (*path, name))


def planted(document: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The document with another value at a place."""
    copy = deepcopy(document)
    target: Any = copy
    for name in path[:-1]:
        target = target[name]
    target[path[-1]] = value
    return copy


def _is_shown(path: tuple[Any, ...]) -> bool:
    """Whether a plain text at this place is a name, or a label that a review shows."""
    inside = [name for name in path if name in _BAGS]
    return path[-1] in SHOWN and (not inside or path[-1] == "name" or "labels" in path)


@pytest.mark.parametrize("name", NAMES)
def test_no_value_of_any_other_property(name: str) -> None:
    """A text at all places at once that are no names: values, nested values, reasons, operations, messages."""
    document = recorded(name)
    for path in list(places(document)):
        if (
            path
            and not _is_shown(path)
            and isinstance(_at(document, path), (str, int, float, bool, type(None)))
        ):
            document = planted_in_place(document, path, CANARY)
    assert CANARY not in shown(document)


def _at(document: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        document = document[name]
    return document


def planted_in_place(document: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """As `planted`, without a copy."""
    _at(document, path[:-1])[path[-1]] = value
    return document


@pytest.mark.parametrize("name", ["changes-diff", "adopt"])
@given(data=st.data())
def test_no_value_at_any_place(name: str, data: st.DataObject) -> None:
    """One place at a time, so that the rest of the preview is read: as a text, encrypted, in a list, or as a name."""
    document = recorded(name)
    path = data.draw(st.sampled_from([path for path in places(document) if path and not _is_shown(path)]))
    value = data.draw(
        st.sampled_from([CANARY, SECRET, [CANARY], {"value": CANARY}, {CANARY: CANARY}, f"\n{CANARY}"])
    )
    if path[-1] == "labels" and isinstance(value, dict):
        return
    assert CANARY not in shown(planted(document, path, value))


@pytest.mark.parametrize("name", ["changes-diff", "adopt"])
@given(data=st.data())
def test_no_encrypted_value_at_any_place(name: str, data: st.DataObject) -> None:
    """Also where a name or a label stands, an encrypted value is not shown."""
    document = recorded(name)
    path = data.draw(st.sampled_from([path for path in places(document) if path]))
    assert CANARY not in shown(planted(document, path, SECRET))


@given(data=st.data())
def test_no_unknown_property(data: st.DataObject) -> None:
    """A property that no key has, by its name and its value, in any object of a preview."""
    document = recorded("changes-diff")
    objects = [path for path in places(document) if isinstance(_at(document, path), dict)]
    path = data.draw(st.sampled_from([path for path in objects if path[-1:] != ("labels",)]))
    extra = {**_at(document, path), CANARY: CANARY}
    assert CANARY not in shown(planted(document, path, extra) if path else extra)


@pytest.mark.parametrize("name", ["changes-steps", "adopt", "refresh"])
@given(data=st.data())
def test_values_of_wrong_kinds(name: str, data: st.DataObject) -> None:
    """A preview with a number, a boolean, a list or an object at any place is read, or refused in one line."""
    document = recorded(name)
    path = data.draw(st.sampled_from([path for path in places(document) if path]))
    values: list[Any] = [0, -1, 10**200, 1.5, True, None, [], {}, [None], "", "::::::", "\ud800"]
    value = data.draw(st.sampled_from(values))
    assert shown(planted(document, path, value))


def test_a_step_without_a_state() -> None:
    """A preview whose deletion of a key has no state is refused: it would not say which key is deleted."""
    document = recorded("changes-steps")
    step = next(step for step in document["steps"] if step["op"] == "delete" and "ApiKey" in step["urn"])
    del step["oldState"]
    assert shown(document) == "not what `pulumi preview --json` prints"


def test_secrets_in_plain_text() -> None:
    """A preview with `--show-secrets` has the plaintexts in it; none is shown."""
    text = json.dumps(recorded("changes-diff")).replace('"[secret]"', f'"{CANARY}"')
    assert CANARY not in shown(json.loads(text))


def test_other_labels() -> None:
    """Labels other than owner, team and environment are only counted."""
    text = json.dumps(recorded("changes-diff")).replace(
        '"owner": "berta"', f'"owner": "berta", "{CANARY}": "{CANARY}"'
    )
    assert CANARY not in shown(json.loads(text))


def test_a_secret_name_that_the_account_knows() -> None:
    """The review shows the resource's name instead."""
    one = preview(step("same", "resource", state("[secret]", 1), state("[secret]", 1)))
    got = as_markdown(reviewed(one, facts=account((1, CANARY, None))))
    assert "Without a limit, and not in the exposure: 1: `resource`" in got
    assert CANARY not in got
