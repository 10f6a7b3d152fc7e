"""Reading previews."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pulumi_account.policy.facts import UNKNOWN
from pulumi_account.stacks.previews import PreviewError, parse_preview, read_preview
from pulumi_account.stacks.resources import Urn, key_state
from tests.recordings import HOME, recorded

STEP = {"op": "create", "urn": "urn:pulumi:dev::keys::a:b:C::name", "newState": {"type": "a:b:C"}}
NOT_A_PREVIEW = "not what `pulumi preview --json` prints"
FAILED = "the preview failed, so it does not show every change; `pulumi preview` without --json shows why"


def document(**more: Any) -> bytes:
    """A preview with one step."""
    return json.dumps({"steps": [STEP], "changeSummary": {"create": 1}, **more}).encode()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty: did `pulumi preview --json` fail?"),
        (b" \n", "empty: did `pulumi preview --json` fail?"),
        (document()[:-20], "not complete: the end is missing"),
        (document()[:-2] + b"}", NOT_A_PREVIEW),
        (b"Previewing update (dev):", NOT_A_PREVIEW),
        (b"[]", NOT_A_PREVIEW),
        (b"{}", NOT_A_PREVIEW),
        (b"null", NOT_A_PREVIEW),
        (b"\xff{}", NOT_A_PREVIEW),
        (b'{"steps": NaN}', NOT_A_PREVIEW),
        (b'{"steps": ' + b"[" * 100_000, NOT_A_PREVIEW),
        (b'{"steps": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", NOT_A_PREVIEW),
        (b'{"steps": [' + b"1," * 3_000_001 + b"1]}", "there are more than 3,000,000 values"),
        (b'{"deployment": {}}', "an export of a stack, not a preview: give it with --stack"),
        (
            b'{"sequence": 1}\n{"sequence": 2}',
            "a stream of events: unset PULUMI_ENABLE_STREAMING_JSON_PREVIEW",
        ),
        (b'{"sequence":1}\n{"sequence":2}', "a stream of events: unset PULUMI_ENABLE_STREAMING_JSON_PREVIEW"),
        (document(steps={}), NOT_A_PREVIEW),
        (document(steps=[1]), NOT_A_PREVIEW),
        (document(steps=[{}]), NOT_A_PREVIEW),
        (document(steps=[{**STEP, "urn": "name"}]), NOT_A_PREVIEW),
        (document(steps=[{**STEP, "newState": []}]), NOT_A_PREVIEW),
        (document(steps=[{**STEP, "newState": {"inputs": "x"}}]), NOT_A_PREVIEW),
        (document(diagnostics=[{"severity": "error"}]), FAILED),
        # the program has failed before the first resource
        (b'{"config": {}, "diagnostics": [{"severity": "error", "message": "x"}], "duration": 1}', FAILED),
        (b'{"diagnostics": [{"severity": "warning", "message": "x"}]}', NOT_A_PREVIEW),
        (
            document(steps=[STEP, {**STEP, "urn": "urn:pulumi:prod::keys::a:b:C::name"}]),
            "the steps belong to several stacks",
        ),
    ],
)
def test_what_is_not_a_complete_preview(content: bytes, problem: str) -> None:
    """One line says what is wrong, and quotes nothing."""
    with pytest.raises(ValueError, match=re.escape(problem)) as caught:
        parse_preview(content)
    assert str(caught.value) == problem


def test_the_error_names_the_file(tmp_path: Path) -> None:
    """A file that cannot be read, and one that is no preview."""
    with pytest.raises(PreviewError, match="none: No such file or directory"):
        read_preview(str(tmp_path / "none"))
    (tmp_path / "empty").touch()
    with pytest.raises(PreviewError, match="empty: empty: did"):
        read_preview(str(tmp_path / "empty"))


def test_a_preview_without_changes() -> None:
    """The stack may be new and empty."""
    got = parse_preview(b'{"config": {}, "duration": 1, "changeSummary": {}}')
    assert (got.stack, got.steps, got.complete) == ("", (), True)


@pytest.mark.parametrize("name", sorted(path.stem for path in HOME.glob("*.json")))
def test_recorded_previews(name: str) -> None:
    """Everything that the CLI wrote is read, except an export and a preview that failed. A replacement is one step."""
    if name in ("export", "moves-export", "failed", "protected"):
        with pytest.raises(PreviewError):
            read_preview(str(HOME / f"{name}.json"))
        return
    got = read_preview(str(HOME / f"{name}.json"))
    assert got.stack == "recorded/dev"
    ops = [step["op"] for step in recorded(name)["steps"]]
    left_behind = name == "moves-steps"
    parts = (
        sum(op in ("create-replacement", "delete-replaced", "read-replacement") for op in ops) - left_behind
    )
    assert len(got.steps) == len(ops) - parts
    assert "other" not in [step.op for step in got.steps]


@pytest.mark.parametrize(
    ("name", "complete"),
    [("first", True), ("changes-diff", False), ("changes-sames", True), ("refresh", True), ("target", False)],
)
def test_whether_all_resources_are_mentioned(name: str, complete: bool) -> None:
    """With `--show-sames` or `--refresh`, for a new stack, but not with `--target`."""
    assert read_preview(str(HOME / f"{name}.json")).complete == complete


def test_a_protected_key_is_deleted() -> None:
    """The CLI fails; the line names the resource."""
    problem = "the preview failed, because it deletes or replaces protected resources: protected"
    with pytest.raises(PreviewError, match=f"protected.json: {problem}$"):
        read_preview(str(HOME / "protected.json"))


def test_many_protected_resources() -> None:
    """The line shows five names, without control characters."""
    steps = [
        {**STEP, "op": "delete", "urn": f"{STEP['urn']}\n{n}", "oldState": {"protect": True}}
        for n in range(7)
    ]
    content = document(steps=steps, diagnostics=[{"severity": "error", "message": "m"}])
    with pytest.raises(ValueError, match=r"protected resources: \S+\[U\+000A\]0, .*4 and 2 more$"):
        parse_preview(content)


def test_an_unknown_operation() -> None:
    """It has no name that a report could print."""
    got = parse_preview(document(steps=[{**STEP, "op": "<b>"}]))
    assert [step.op for step in got.steps] == ["other"]


def test_names_with_colons() -> None:
    """A resource's name may contain the separator of a URN."""
    assert Urn.parse("urn:pulumi:dev::keys::a:b:P$c:d:E::x::y") == Urn("keys/dev", "c:d:E", "x::y")


@pytest.mark.parametrize(
    "state",
    [
        {"inputs": {"name": "n"}, "additionalSecretOutputs": ["name"]},
        {
            "inputs": {"name": "n"},
            "propertyDependencies": {"name": ["urn:pulumi:d::p::pulumi-python:dynamic/account:ApiKey::k"]},
        },
        {"inputs": {"name": {"4dabf18193072939515e22adb298388d": "…", "ciphertext": "n"}}},
        {"inputs": {"name": "[secret]"}},
    ],
)
def test_a_name_that_may_be_secret(state: dict[str, Any]) -> None:
    """Also a plain text is left out if it is declared as secret, or comes from a key."""
    urn = Urn("p/d", "pulumi-python:dynamic/account:ApiKey", "resource")
    assert key_state(state, urn).facts.name is None


def test_an_expiry_beyond_all_calendars() -> None:
    """It is not known, and breaks nothing."""
    urn = Urn("keys/dev", "pulumi-python:dynamic/account:ApiKey", "k")
    state = {"inputs": {"expires_in": "90d"}, "outputs": {"created_at": "9999-12-31T00:00:00Z"}}
    assert key_state(state, urn).facts.expires is UNKNOWN
