"""Labels of keys, from stacks and names."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from pulumi_account.api.models import Key
from pulumi_account.spend.usage import KeySpending
from pulumi_account.stacks.exports import StackKey
from pulumi_account.stacks.labels import NameLabels, StackLabels
from tests.support.helpers import NOW, key_json

ADS, WEB = {"team": "ads"}, {"team": "web"}


def key(key_id: int = 7, **more: Any) -> StackKey:
    """A key in a stack."""
    return StackKey(
        **{"id": str(key_id), "created_at": NOW, "managed": True, "name": "k", "labels": ADS, **more}
    )


def row(key_id: int = 7, name: str = "k", *, deleted: bool = False) -> KeySpending:
    """The usage of a key of the account."""
    found = Key.model_validate(key_json(id=key_id, name=name, created_at=NOW.isoformat()))
    return KeySpending(name, id=key_id, key=None if deleted else found)


def labels(row: KeySpending, *keys: StackKey) -> dict[str, str]:
    """The labels of a row, which are the same for any order of the stacks' keys."""
    found = [dict(StackLabels(order)([row])[0]) for order in permutations(keys)]
    assert all(one == found[0] for one in found)
    return found[0]


def test_by_id() -> None:
    """A key has the labels of its resource, whatever it is named now."""
    assert labels(row(name="renamed"), key()) == ADS


def test_a_key_of_another_account() -> None:
    """A key with the same id and another creation is another key."""
    assert labels(row(name="other"), key(created_at=NOW - timedelta(days=1))) == {}


def test_a_deleted_key() -> None:
    """A deleted key is found by its id and its name."""
    assert labels(row(deleted=True), key()) == ADS
    assert labels(row(name="other", deleted=True), key()) == {}


def test_a_stack_that_only_reads_a_key() -> None:
    """Only a stack that manages a key labels it."""
    assert labels(row(), key(managed=False)) == {}


def test_a_replaced_key_with_the_same_name() -> None:
    """A key that no stack has any more has the labels of the resource with its name."""
    assert labels(row(3, deleted=True), key()) == ADS


@pytest.mark.parametrize(
    ("name", "found"), [("ci-0f0f0f0", ADS), ("ci-0f0f0g0", {}), ("ci-0f0f0f00", {}), ("ci-", {})]
)
def test_a_replaced_key_with_an_auto_name(name: str, found: dict[str, str]) -> None:
    """A prefix and seven hex digits make a name of the resource."""
    assert labels(row(3, name), key(name="ci-1234567", name_prefix="ci-")) == found


@pytest.mark.parametrize(
    ("name", "found"), [("batch-41", ADS), ("batch-x", {}), ("batch-", {}), ("batch", {})]
)
def test_a_generation(name: str, found: dict[str, str]) -> None:
    """The name before the generation, a hyphen and a number make a name of the resource."""
    assert labels(row(3, name), key(name="batch-42", base="batch")) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [("v2-41-0f0f0f0", ADS), ("v2-0f0f0f0", {}), ("v2-x41-0f0f0f0", {}), ("v2-41-0f0f0f", {})],
)
def test_a_generation_with_an_auto_name(name: str, found: dict[str, str]) -> None:
    """The prefix, a number, a hyphen and seven hex digits make a name of the resource."""
    assert labels(row(3, name), key(name="v2-42-1234567", stem="v2-")) == found


def test_a_stem_that_ends_in_digits() -> None:
    """The number of the generation may follow a digit."""
    assert labels(row(3, "v241-0f0f0f0"), key(name="v242-1234567", stem="v2")) == ADS


def test_two_stacks_that_agree() -> None:
    """A label that two stacks agree on counts, and so does one that only one of them has."""
    assert labels(row(), key(), key(labels={**ADS, "owner": "me"})) == {**ADS, "owner": "me"}


def test_two_stacks_that_disagree() -> None:
    """A label that two stacks disagree on is missing."""
    assert labels(row(), key(labels={**WEB, "owner": "me"}), key()) == {"owner": "me"}


def test_a_key_that_was_handed_over() -> None:
    """A stack that will delete the key does not count if another will keep it."""
    assert labels(row(), key(current=False), key(labels=WEB)) == WEB
    assert labels(row(), key(current=False)) == ADS


def test_an_exact_name_has_precedence() -> None:
    """A key's own name counts for more than another resource's prefix."""
    names = NameLabels()
    names.add(ADS, prefix="ci-")
    names.add(WEB, name="ci-0f0f0f0")
    assert names([row(name="ci-0f0f0f0"), row(name="ci-0f0f0f1")]) == [WEB, ADS]
