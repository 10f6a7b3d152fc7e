"""Programs with explicit provider instances, on both engines: a key stays in its account when they are renamed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from pulumi_account.emulator import Emulator
from pulumi_account.testing import Result
from tests.support.canaries import OTHER_PROVISIONING_KEY, PROVISIONING_KEY
from tests.support.projects import Project

pytestmark = pytest.mark.timeout(400)

PROGRAM = """
{first}
import os, pulumi, pulumi_account as account
from pulumi import Alias, ResourceOptions

class Team(pulumi.ComponentResource):
    def __init__(self, kind):
        super().__init__(f"account:index:{{kind}}", kind, {{}})

config = pulumi.Config()
one, other = Team("One"), Team("Other")
instances = {{
    "one": account.Provider({one}, endpoint=os.environ["ACCOUNT_ENDPOINT"],
        provisioning_key=config.require_secret("one"), opts=ResourceOptions(parent=one, aliases={aliases})),
    "other": account.Provider("account", endpoint=os.environ["OTHER_ENDPOINT"],
        provisioning_key=config.require_secret("other"), opts=ResourceOptions(parent=other)),
}}
account.ApiKey("k", name="k", credit_limit=1, opts=ResourceOptions(provider=instances[{instance}]))
"""


class Accounts(NamedTuple):
    """A project, and the two accounts of its program."""

    project: Project
    one: Emulator
    other: Emulator

    def run(
        self, command: str, *, one: str = "account", instance: str = "one", alias: str = "", first: str = ""
    ) -> Result:
        """Run the program, with this name of the first instance and the key in one of the two."""
        aliases = f"[Alias(name={alias!r})]" if alias else "[]"
        self.project.write(
            PROGRAM.format(one=repr(one), instance=repr(instance), aliases=aliases, first=first)
        )
        for account in (self.one, self.other):
            account.calls.clear()
        return self.project.run(command)

    def keys(self) -> tuple[list[int], list[int]]:
        """The ids of the keys in both accounts."""
        one, other = ([key["id"] for key in account.keys()] for account in (self.one, self.other))
        return one, other


@pytest.fixture
def accounts(project: Project) -> Iterator[Accounts]:
    """A stack with a key in the first of two accounts."""
    with Emulator(provisioning_key=OTHER_PROVISIONING_KEY) as other:
        project.options = {
            "env": {"OTHER_ENDPOINT": other.url},
            "secrets": {"one": PROVISIONING_KEY, "other": OTHER_PROVISIONING_KEY},
        }
        found = Accounts(project, project.emulator, other)
        assert found.run("up").ok
        yield found


def test_a_key_that_moves_between_instances_of_one_name_is_replaced(accounts: Accounts) -> None:
    """Two components have a provider of the same name: the preview shows that the key moves, and it does."""
    assert accounts.run("preview", instance="other").changes == {"replace": 1, "same": 5}
    assert accounts.run("up", instance="other").changes == {"replace": 1, "same": 5}
    assert accounts.keys() == ([], [1])
    assert accounts.run("refresh", instance="other").ok
    assert accounts.run("up", instance="other").changes == {"same": 6}


def test_an_instance_that_is_renamed_with_an_alias_replaces_nothing(accounts: Accounts) -> None:
    """The key stays, even after the alias is removed; after a refresh has seen the new name, no call is made."""
    for command in ("preview", "up"):
        assert accounts.run(command, one="renamed", alias="account").changes == {"update": 1, "same": 5}
        assert accounts.one.calls.operations == ["get_key"]
    assert accounts.run("refresh", one="renamed").ok
    assert accounts.run("up", one="renamed").changes == {"same": 6}
    assert accounts.one.calls.operations == []
    assert accounts.keys() == ([1], [])


def test_an_instance_that_is_renamed_in_the_state_replaces_nothing(accounts: Accounts) -> None:
    """The key stays after ``pulumi state rename`` too."""
    urn = "urn:pulumi:local::story::account:index:One$pulumi:providers:pulumi-python::account"
    accounts.project.engine().rename(urn, "renamed")
    assert accounts.run("up", one="renamed").changes == {"update": 1, "same": 5}
    assert accounts.run("up", one="renamed").changes == {"same": 6}
    assert accounts.keys() == ([1], [])


def test_another_instance_of_the_same_account_replaces_nothing(accounts: Accounts) -> None:
    """A new name without an alias makes a new instance, which looks for the key in its account."""
    changes = {"create": 1, "delete": 1, "same": 5}
    assert accounts.run("preview", one="renamed").changes == changes
    assert accounts.one.calls.operations == ["get_key"]
    assert accounts.run("up", one="renamed").changes == changes
    assert accounts.run("up", one="renamed").changes == {"same": 6}
    assert accounts.keys() == ([1], [])


def test_a_transform_that_drops_the_provider_moves_the_key(accounts: Accounts) -> None:
    """Options that are not merged drop the provider: the default one's account is asked, and has no such key."""
    dropping = """
import pulumi
pulumi.runtime.register_stack_transform(
    lambda args: pulumi.ResourceTransformResult(args.props, pulumi.ResourceOptions(retain_on_delete=False))
    if args.type_.endswith(":ApiKey") else None
)"""
    accounts.project.options["env"]["ACCOUNT_ENDPOINT"] = accounts.one.url
    result = accounts.run("preview", instance="other", first=dropping)
    assert result.changes == {"same": 6}  # the default provider's account is the one that has the key
    other = accounts.run("up", instance="other")
    assert other.changes == {"replace": 1, "same": 5}
    moved = accounts.run("preview", instance="other", first=dropping)
    assert moved.changes == {"replace": 1, "same": 5}
