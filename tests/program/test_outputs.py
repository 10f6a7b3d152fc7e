"""The outputs of a key. Uses Pulumi's own mocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from pulumi_account import ApiKey
from tests.support.program_runs import run_under_mocks

# the SDK's mocks make an event loop for each of their threads and do not close it
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_a_mocks_id_may_be_any_text() -> None:
    """In a preview under mocks, `key_id` is then unknown, without an error."""
    found: list[Any] = []
    run_under_mocks(lambda: ApiKey("k").key_id.apply(found.append) and None, preview=True)
    assert found == []


def test_types_of_outputs(run: Callable[..., dict[str, Any]]) -> None:
    """Outputs have their Python types: the id is an int, a map is a map, a missing value is None."""
    seen: list[Any] = []

    def program() -> None:
        key = ApiKey("k", name="n", rotation_triggers={"q": "1"})
        outputs = pulumi.Output.all(key.key_id, key.rotation_triggers, key.credit_limit, key.id)
        outputs.apply(seen.extend)

    run(program)
    assert seen == [1, {"q": "1"}, None, "1"]
    assert type(seen[0]) is int
