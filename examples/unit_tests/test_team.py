"""Unit tests: what the program declares, under Pulumi's mocks. Nothing is sent, nothing is started."""

import pulumi
import pytest
from team import team_keys

import pulumi_account as account
from pulumi_account.exceptions import InvalidInputError
from pulumi_account.testing import AccountMocks


@pulumi.runtime.test
def test_each_member_has_a_key(account_mocks: AccountMocks) -> pulumi.Output[None]:
    ada, grace = team_keys(["ada", "grace"], limit=20).values()

    def check(values: list[object]) -> None:
        assert values == ["team-ada", 20, "mocked-key-of-ada", "team-grace"]
        assert {key.name for key in account.get_api_keys().keys} == {"team-ada", "team-grace"}

    return pulumi.Output.all(ada.name, ada.credit_limit, ada.key, grace.name).apply(check)


def test_no_money_no_keys(account_mocks: AccountMocks) -> None:
    account_mocks.balance = "39.99"
    with pytest.raises(account.FunctionError, match="at least 40 USD is needed"):
        team_keys(["ada", "grace"], limit=20)
    assert account_mocks.resources == []


def test_a_wrong_name_is_found(account_mocks: AccountMocks) -> None:
    with pytest.raises(InvalidInputError, match="name must have 1 to 255 characters, not 305"):
        team_keys(["a" * 300], limit=20)
