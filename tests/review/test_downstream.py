"""What really changes downstream, and what Pulumi merely shows as changed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.review.documents import (
    UNKNOWN,
    consumer,
    created,
    deleted,
    preview,
    reviewed,
    root,
    rotated,
    state,
    step,
    updated,
    urn,
)

SECRET = "test:index:Secret"
RAISED = updated("a", 1, {"credit_limit": 5}, {"credit_limit": 7})
ROTATED = rotated("r", 2)
ROTATED_URN = urn("r", "pulumi-python:dynamic/account:RotatingApiKey")


def names(*steps: dict[str, Any]) -> tuple[list[str], list[str], list[str]]:
    """The names of the resources that change, that only seem to change, and that have nothing to do with keys."""
    got = reviewed(preview(*steps)).downstream
    return tuple([one.resource.name for one in some] for some in (got.changed, got.unchanged, got.rest))  # type: ignore[return-value]


def test_a_consumer_of_a_key_that_stays() -> None:
    """The limit changed, so the consumer only seems to change."""
    assert names(RAISED, consumer("c", urn("a"))) == ([], ["c"], [])


@pytest.mark.parametrize(
    ("change", "source"),
    [
        (ROTATED, ROTATED_URN),
        (rotated("r", 2, reason="revoke changed"), ROTATED_URN),
        (step("replace", "a", state("a", 1), state("a")), urn("a")),
        (created("a"), urn("a")),
    ],
)
def test_a_consumer_of_another_plaintext(change: dict[str, Any], source: str) -> None:
    """A rotation, a revocation, a replacement and a creation really change the consumer."""
    assert names(change, consumer("c", source)) == (["c"], [], [])


def test_a_consumer_of_the_limit() -> None:
    """A new value that the preview knows is a real change."""
    assert names(RAISED, consumer("c", urn("a"), value=7)) == (["c"], [], [])


def test_a_consumer_of_two_keys() -> None:
    """One key with another plaintext is enough."""
    assert names(RAISED, ROTATED, consumer("c", urn("a"), ROTATED_URN)) == (["c"], [], [])


def test_a_consumer_of_a_consumer() -> None:
    """What uses a resource that only seems to change only seems to change."""
    steps = [RAISED, consumer("b", urn("a")), consumer("c", urn("b", SECRET))]
    assert names(*steps) == ([], ["b", "c"], [])


def test_a_consumer_of_a_key_and_a_resource() -> None:
    """Another source that changes makes the change real; one that stays does not."""
    other = step("update", "o", {"type": SECRET}, {"type": SECRET})
    assert names(RAISED, other, consumer("c", urn("a"), urn("o", SECRET)))[0] == ["c"]
    assert names(RAISED, consumer("c", urn("a"), urn("still", SECRET)))[1] == ["c"]


def test_another_change_of_a_consumer() -> None:
    """A changed input that comes from no key is a real change."""
    one = consumer("c", urn("a"))
    one["newState"]["inputs"]["size"] = 2
    assert names(RAISED, one) == (["c"], [], [])


def test_a_nested_value() -> None:
    """A value with an unknown part is not known."""
    assert names(RAISED, consumer("c", urn("a"), value={"data": [{"token": UNKNOWN}]})) == ([], ["c"], [])


def test_a_replacement_that_would_not_happen() -> None:
    """Pulumi shows a replacement where an input that requires one is unknown."""
    assert names(RAISED, consumer("c", urn("a"), op="replace")) == ([], ["c"], [])


def test_other_resources() -> None:
    """The rest has nothing to do with a key; the stack itself does not count."""
    alone = step("delete", "x", {"type": SECRET})
    assert names(root(), RAISED, alone, deleted("d", 9)) == ([], [], ["x"])
