"""Usage grouped by labels."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_account.spend.attribution import (
    Labels,
    LabelSource,
    attributed,
    keyless_usage,
    label_text,
    usage_by_label,
)
from pulumi_account.spend.usage import KeySpending, Usage

COSTS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)
TEXTS = st.sampled_from(["search", "ads", "unassigned", "unassigned (label)", "\x1b[31m", "=1"])


def row(key_id: int, cost: object = 1, name: str = "k") -> KeySpending:
    """The usage of a key."""
    return KeySpending(name, 2, Decimal(str(cost)), 3, 4, id=key_id)


def by_id(labels: dict[int, dict[str, str]]) -> LabelSource:
    """A source that knows labels of keys by their ids."""

    def source(rows: Sequence[KeySpending]) -> list[Labels]:
        return [labels.get(one.id, {}) for one in rows]

    return source


def test_groups_are_sums() -> None:
    """The most expensive group comes first, and the unassigned one last."""
    rows = [row(1, "1.5"), row(2, 2), row(3, "0.6"), row(4, 9)]
    labels = [{"team": "ads"}, {"team": "search"}, {"team": "ads"}, {"owner": "me"}]
    found = usage_by_label("team", rows, labels, Usage("", 8, Decimal("13.1"), 12, 16))
    assert [(group.name, group.cost, group.requests, group.keys) for group in found] == [
        ("ads", Decimal("2.1"), 4, 2),
        ("search", 2, 2, 1),
        ("unassigned", 9, 2, 1),
    ]
    assert not any(keyless_usage(rows, Usage("", 8, Decimal("13.1"), 12, 16)).numbers)


def test_usage_without_a_key_is_unassigned() -> None:
    """What the API counts in the total, but under no key, is unassigned, and is shown separately."""
    whole = Usage("", 5, Decimal(3), 4, 4)
    found = usage_by_label("team", [row(1)], [{"team": "ads"}], whole)
    assert [(group.name, group.cost, group.keys) for group in found] == [
        ("ads", Decimal(1), 1),
        ("unassigned", Decimal(2), 0),
    ]
    assert keyless_usage([row(1)], whole) == Usage("", 3, Decimal(2), 1, 0)


def test_keys_that_cost_more_than_the_total() -> None:
    """If the API's total is below the sum of its keys, the unassigned group has the negative difference."""
    found = usage_by_label("team", [row(1)], [{"team": "ads"}], Usage("", 2, Decimal("0.9"), 3, 4))
    assert [(group.name, group.cost) for group in found] == [
        ("ads", 1),
        ("unassigned", Decimal("-0.1")),
    ]


def test_nothing_is_unassigned() -> None:
    """If every use belongs to a key with the label, there is no unassigned group."""
    found = usage_by_label("team", [row(1)], [{"team": "ads"}], Usage("", 2, Decimal(1), 3, 4))
    assert [group.name for group in found] == ["ads"]


@pytest.mark.parametrize("value", ["unassigned", "unassigned (label)", "unassigned (label) (label)"])
def test_no_value_is_taken_for_unassigned(value: str) -> None:
    """A label with the name of the unassigned group has a group of its own."""
    found = usage_by_label("team", [row(1), row(2)], [{"team": value}, {}], Usage("", 4, Decimal(2), 6, 8))
    assert [group.name for group in found] == [f"{value} (label)", "unassigned"]


def test_other_names_stay() -> None:
    """Only names like that of the unassigned group change."""
    assert [label_text(value) for value in ("Unassigned", "unassigned ", "ads")] == [
        "Unassigned",
        "unassigned ",
        "ads",
    ]


def test_precedence() -> None:
    """Each label comes from the first source that has it."""
    first, second = (
        by_id({1: {"team": "ads"}}),
        by_id({1: {"team": "search", "owner": "me"}, 2: {"team": "web"}}),
    )
    assert attributed([row(1), row(2), row(3)], [first, second]) == [
        {"team": "ads", "owner": "me"},
        {"team": "web"},
        {},
    ]


def test_an_empty_value_is_missing() -> None:
    """An empty value does not hide that of the next source."""
    assert attributed([row(1)], [by_id({1: {"team": ""}}), by_id({1: {"team": "ads"}})]) == [{"team": "ads"}]


@given(
    costs=st.lists(st.tuples(COSTS, st.none() | TEXTS), max_size=12),
    whole=COSTS,
    numbers=st.tuples(*[st.integers(-(10**20), 10**20)] * 3),
)
def test_groups_add_up_exactly(
    costs: list[tuple[Decimal, str | None]], whole: Decimal, numbers: tuple[int, int, int]
) -> None:
    """The groups' sum is the account's total, to the last digit, and each key is in one group."""
    rows = [row(key_id, cost) for key_id, (cost, _) in enumerate(costs)]
    labels: list[Labels] = [{} if team is None else {"team": team} for _, team in costs]
    requests, tokens_in, tokens_out = numbers
    groups = usage_by_label("team", rows, labels, Usage("", requests, whole, tokens_in, tokens_out))
    with localcontext() as context:
        context.prec = 2000
        assert sum(group.cost for group in groups) == whole
    assert sum(group.requests for group in groups) == requests
    assert sum(group.input_tokens for group in groups) == tokens_in
    assert sum(group.output_tokens for group in groups) == tokens_out
    assert sum(group.keys for group in groups) == len(rows)
    assert len({group.name for group in groups}) == len(groups)


@given(costs=st.lists(st.tuples(COSTS, st.none() | TEXTS), max_size=4), whole=COSTS)
def test_the_order_of_keys_does_not_matter(costs: list[tuple[Decimal, str | None]], whole: Decimal) -> None:
    """Any order of the keys gives the same groups in the same order."""
    pairs = [(row(key_id, cost), {"team": team} if team else {}) for key_id, (cost, team) in enumerate(costs)]
    total = Usage("", 1, whole, 1, 1)
    found = [
        usage_by_label("team", [one for one, _ in order], [labels for _, labels in order], total)
        for order in permutations(pairs)
    ]
    assert all(other == found[0] for other in found)
