"""Functions whose answers depend on resources."""

from __future__ import annotations

from typing import Any, cast

import pulumi
import pytest
from pulumi import InvokeOutputOptions, ResourceOptions

import pulumi_account as account
from pulumi_account.emulator import Emulator
from tests.support.program_runs import run_inline

# the SDK's mocks make an event loop for each of their threads and do not close it
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_what_depends_on_resources_is_asked_after_them(emulator: Emulator) -> None:
    """An answer from before the resources were made is not reused after; one answer serves all that wait for them."""

    def program() -> Any:
        team = pulumi.ComponentResource("account:index:Team", "team")
        key = account.ApiKey("k", name="k", opts=ResourceOptions(parent=team))
        account.get_balance()
        named: list[Any] = [team, [key], pulumi.Output.from_input([key]), pulumi.Output.from_input(team)]
        return pulumi.Output.all(
            *(account.get_balance_output(opts=InvokeOutputOptions(depends_on=one)) for one in named),
            account.require_balance_output(key.id.apply(int)),
        ).apply(len)

    assert run_inline(program) == 5
    assert emulator.calls.operations == ["get_balance"] * 2


def test_an_answer_depends_on_what_it_waited_for(emulator: Emulator) -> None:
    """A resource that takes the answer as an input depends on the resources that the answer waited for."""

    def program() -> Any:
        key = account.ApiKey("k", name="k")
        answer = account.get_balance_output(opts=InvokeOutputOptions(depends_on=[key]))
        found: Any = pulumi.Output.from_input(cast(Any, answer.resources()))
        return found.apply(lambda resources: key in resources)

    assert run_inline(program) is True
