"""Huge previews: work and memory grow with the number of steps, and no faster. Counted, not timed."""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

from pulumi_account.review.render import as_json, as_markdown, as_text
from pulumi_account.stacks.previews import parse_preview
from tests.review.documents import consumer, deleted, preview, reviewed, rotated, state, step, updated, urn


def _document(count: int) -> bytes:
    steps: list[dict[str, Any]] = []
    for n in range(count // 5):
        steps += [
            updated(f"u{n}", n, {"credit_limit": 1}, {"credit_limit": 3}),
            deleted(f"d{n}", 10**6 + n),
            rotated(f"r{n}", 2 * 10**6 + n),
            step("replace", f"p{n}", state(f"p{n}", 3 * 10**6 + n), state(f"p{n}")),
            consumer(f"c{n}", urn(f"u{n}"), urn(f"p{n}")),
        ]
    return json.dumps({"steps": steps, "changeSummary": {}}).encode()


def _whole(content: bytes) -> None:
    got = reviewed(parse_preview(content))
    for render in (as_markdown, as_text, as_json):
        assert render(got)


def _calls(action: Callable[[], None]) -> int:
    """The number of functions that an action calls."""
    count = 0

    def note(_frame: object, event: str, _arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(before)
    return count


def test_the_work_is_linear() -> None:
    """Ten times as many steps take ten times as many calls."""
    few, many = _document(200), _document(2000)
    assert _calls(lambda: _whole(many)) < 11 * _calls(lambda: _whole(few))


def test_twenty_thousand_steps() -> None:
    """The memory is a small multiple of the file and grows no faster, and the comment is complete."""
    text = as_markdown(reviewed(parse_preview(_document(20_000))))
    assert "**4,000 keys changed, 4,000 rotated, 4,000 replaced, 4,000 deleted" in text
    few, many = _memory(_document(500)), _memory(_document(5000))
    assert many < 20
    assert many < 1.1 * few


def _memory(content: bytes) -> float:
    """The most memory that the review of a file takes, as a multiple of the file; to measure takes long."""
    tracemalloc.start()
    try:
        as_markdown(reviewed(parse_preview(content)))
        return tracemalloc.get_traced_memory()[1] / len(content)
    finally:
        tracemalloc.stop()


def test_many_stacks_are_linear() -> None:
    """Ten times as many previews take ten times as many calls."""

    def some(count: int) -> list[Any]:
        return [preview(step("replace", "a", state("a", 1), state("a"), stack=f"s{n}")) for n in range(count)]

    few, many = some(20), some(200)
    assert _calls(lambda: _render(many)) < 11 * _calls(lambda: _render(few))


def _render(previews: list[Any]) -> None:
    assert as_json(reviewed(*previews))
