"""`AccountMocks` answers as the provider and the account do."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pulumi
import pytest

import pulumi_account as account
from pulumi_account import exceptions as err
from pulumi_account.emulator import Emulator
from pulumi_account.testing import AccountMocks
from tests.conftest import MakeEngine
from tests.support.helpers import refusal
from tests.support.program_runs import run_under_mocks as run

# the SDK's mocks give each of their threads an event loop, and close none
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

PROGRAM = """
import pulumi
import pulumi_account as account

def program():
    keys = [
        account.ApiKey("plain", name="n"),
        account.ApiKey("full", name="f", credit_limit=12.5, is_enabled=False, rotation_triggers={"a": "1"},
                       expires_at="2040-01-01T01:00:00+01:00"),
        account.ApiKey("whole", name="w", credit_limit=5),
        account.ApiKey("auto", name_prefix="auto-"),
        account.ApiKey("expiring", name="e", expires_in="P90D", labels={"team": "search"}, delete_guard="168h"),
        account.ApiKey("adopted", name="adopted", credit_limit=3, adopt_key_id=1, adopt_key="plain-text"),
        account.ApiKey.get("got", id="2"),
    ]
    return {f"{i} {name}": getattr(key, name) for i, key in enumerate(keys) for name in (
        "name", "name_prefix", "credit_limit", "is_enabled", "expires_at", "rotation_triggers", "adopt_key_id",
        "expires_in", "labels", "delete_guard", "key_id", "created_at", "key")}
"""
#: what differs from one key to the next
OWN = [f"{i} {name}" for i in range(5) for name in ("key_id", "created_at", "key")]
OWN += ["3 name", "4 expires_at", "5 created_at", "6 created_at"]


ROTATING = """
import pulumi
import pulumi_account as account

NAMES = ("name", "name_prefix", "credit_limit", "is_enabled", "labels", "delete_guard", "key_id", "created_at", "key",
         "every", "overlap", "anchor", "rotate_now", "revoke", "generation", "reason", "rotated_at",
         "next_rotation_at", "retired")

def program():
    keys = [
        account.RotatingApiKey("plain", name="n", every="30d"),
        account.RotatingApiKey("full", name="f", every="P30D", overlap="48h", anchor="2020-01-01T00:00:00Z",
                               rotate_now="1", revoke="1", credit_limit=5, is_enabled=False, labels={"team": "search"},
                               delete_guard="168h"),
        account.RotatingApiKey("auto", every="4s"),
    ]
    return {f"{i} {name}": getattr(key, name) for i, key in enumerate(keys) for name in NAMES}
"""
#: what the clock and chance decide
BY_CHANCE = [f"{i} {name}" for i in range(3) for name in ("key_id", "created_at", "rotated_at", "key")]
BY_CHANCE += ["0 anchor", "2 anchor", "0 next_rotation_at", "2 next_rotation_at", "2 name"]


def filled(accounts: Any) -> Any:
    """Two keys that the program does not declare."""
    accounts.add("legacy", credit_limit=1)
    accounts.add("other", expires_at="2040-01-01T00:00:00Z", is_enabled=False)
    return accounts


def test_outputs_are_those_of_a_real_run(tmp_path: Path, engine: MakeEngine) -> None:
    """Made, auto-named, adopted and read keys have the same outputs under mocks as from the provider."""
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    end = "\nfor name, value in program().items():\n    pulumi.export(name, value)\n"
    (tmp_path / "__main__.py").write_text(textwrap.dedent(PROGRAM) + end)
    with Emulator() as emulator:
        filled(emulator)
        env = {"ACCOUNT_ENDPOINT": emulator.url, "ACCOUNT_PROVISIONING_KEY": emulator.provisioning_key}
        made = engine(tmp_path, env=env)
        ran = made.up()
        assert ran.ok, ran.text
        real = made.outputs(show_secrets=True)
    names: dict[str, Any] = {}
    exec(PROGRAM, names)
    mocked = run(
        lambda: pulumi.Output.unsecret(pulumi.Output.all(**names["program"]())), filled(AccountMocks())
    )
    real = {name: real.get(name) for name in mocked}
    assert type(mocked["0 key_id"]) is int
    same = {name: real[name] for name in real if name not in OWN}
    assert {name: mocked[name] for name in same} == same
    for name in OWN:
        assert isinstance(mocked[name], int if "key_id" in name else str)
        assert (mocked[name] is None) == (real[name] is None)
    assert mocked["3 name"].startswith("auto-")
    assert len(mocked["3 name"]) == len(real["3 name"])


def test_outputs_of_rotating_keys_are_those_of_a_real_run(tmp_path: Path, engine: MakeEngine) -> None:
    """The first generation has the same outputs under mocks as from the provider."""
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    end = "\nfor name, value in program().items():\n    pulumi.export(name, value)\n"
    (tmp_path / "__main__.py").write_text(ROTATING + end)
    with Emulator() as emulator:
        env = {"ACCOUNT_ENDPOINT": emulator.url, "ACCOUNT_PROVISIONING_KEY": emulator.provisioning_key}
        made = engine(tmp_path, env=env)
        ran = made.up()
        assert ran.ok, ran.text
        real = made.outputs(show_secrets=True)
    names: dict[str, Any] = {}
    exec(ROTATING, names)
    mocked = run(lambda: pulumi.Output.unsecret(pulumi.Output.all(**names["program"]())), AccountMocks())
    assert {name: mocked[name] for name in mocked if name not in BY_CHANCE} == {
        name: real.get(name) for name in mocked if name not in BY_CHANCE
    }
    for name in BY_CHANCE:
        assert isinstance(mocked[name], int if "key_id" in name else str)
    assert len(mocked["2 name"]) == len(real["2 name"])


def test_the_plaintext_of_a_rotating_key_is_a_secret() -> None:
    """It is named after the resource, as that of any mocked key."""

    def program() -> Any:
        made = account.RotatingApiKey("k", every="30d")
        return pulumi.Output.all(pulumi.Output.unsecret(made.key), made.key.is_secret())

    assert run(program, AccountMocks()) == ["mocked-key-of-k", True]


def test_functions_find_a_rotating_key() -> None:
    """Its current key is one of the account's, by its id and its name."""
    mocks = filled(AccountMocks())

    def program() -> Any:
        made = account.RotatingApiKey("k", name="batch", every="30d", credit_limit=5)
        return account.get_api_key_output(made.key_id)

    assert run(program, mocks).name == "batch-0"
    assert [key.name for key in mocks.keys] == ["legacy", "other", "batch-0"]


def test_a_preview_under_mocks_takes_what_is_unknown() -> None:
    """A rotating key whose period is not known yet fails no test."""

    def program() -> None:
        every: Any = pulumi.Output.from_input(pulumi.UNKNOWN)
        account.RotatingApiKey("k", name="batch", every=every)

    run(program, AccountMocks(), preview=True)


def test_the_plaintext_is_a_secret() -> None:
    """`key` is one, whatever it holds."""

    def program() -> Any:
        made = account.ApiKey("k")
        return pulumi.Output.from_input(made.key.is_secret())

    assert run(program, AccountMocks()) is True


@pytest.mark.parametrize("declare", [{}, {"adopt_key_id": 1}], ids=["made", "adopted"])
def test_a_duration_counts_from_the_creation(declare: dict[str, Any]) -> None:
    """`expires_at` is the key's creation plus `expires_in`."""
    mocks = filled(AccountMocks())

    def program() -> Any:
        made = account.ApiKey("k", name="k", expires_in=timedelta(days=90), **declare)
        return pulumi.Output.all(made.created_at, made.expires_at).apply(
            lambda texts: [datetime.fromisoformat(text.replace("Z", "+00:00")) for text in texts]
        )

    created_at, expires_at = run(program, mocks)
    assert expires_at - created_at == timedelta(days=90)


def test_functions_find_what_is_declared() -> None:
    """A key of the program is one of the account's."""
    mocks = filled(AccountMocks())

    def program() -> Any:
        made = account.ApiKey("k", name="k", credit_limit=5)
        return account.get_api_key_output(made.id)

    assert run(program, mocks).name == "k"
    assert [key.name for key in mocks.keys] == ["legacy", "other", "k"]


def test_functions_answer() -> None:
    """Balance, activity, keys by id, by name and by filters."""
    mocks = filled(AccountMocks(balance=Decimal("70")))
    today = datetime.now(timezone.utc).date()
    yesterday = today - timedelta(days=1)
    mocks.add_usage(1, "large", requests=2, cost="7", input_tokens=5, output_tokens=6, day=yesterday)
    mocks.add_usage(1, "large", cost="100", day=today - timedelta(days=9))

    def program() -> None:
        assert account.get_balance().balance == 70
        assert account.runway(7).days == 70
        assert account.get_activity().total_stats.total_cost == 107
        assert account.get_activity(7).api_key_usage[0].api_key_name == "legacy"
        assert account.get_api_key(2).name == "other"
        assert account.get_api_key(name="legacy").credit_limit == 1
        assert [key.name for key in account.get_api_keys(is_enabled=False).keys] == ["other"]

    run(program, mocks)
    assert [args.token.rpartition(":")[2] for args in mocks.calls][:3] == [
        "getBalance",
        "getActivity",
        "getBalance",
    ]


@pytest.mark.parametrize(
    ("ask", "line"),
    [
        (lambda: account.get_api_key(9), "the account has no key 9"),
        (lambda: account.get_api_key(name="none"), "the account has no key with the requested name"),
        (lambda: account.get_api_key(name="twice"), "name matches 2 keys: give key_id, one of 3, 4"),
    ],
)
def test_what_is_not_there(ask: Callable[[], object], line: str) -> None:
    """A key that is missing or ambiguous fails as it does on an account."""
    mocks = filled(AccountMocks())
    mocks.add("twice")
    mocks.add("twice")
    refusal(account.FunctionError, lambda: run(ask, mocks), line)


@pytest.mark.parametrize(
    ("declare", "kind", "line"),
    [
        (
            lambda: account.ApiKey("k", name="n", adopt_key_id=9),
            err.AdoptionError,
            "the account has no such key",
        ),
        (lambda: account.ApiKey.get("g", "9"), err.NotFoundError, "the account has no key 9"),
    ],
)
def test_keys_that_are_not_there(declare: Callable[[], object], kind: type[Exception], line: str) -> None:
    """Nor can a missing key be adopted or read."""
    refusal(kind, lambda: run(lambda: declare() and None, AccountMocks()), line)


def test_a_keys_secrets_are_not_shown() -> None:
    """The plaintext of an adopted key stays a secret, and is in no repr of the mocks' keys."""
    mocks = filled(AccountMocks())

    def program() -> Any:
        made = account.ApiKey("k", name="n", adopt_key_id=1, adopt_key="plain-text")
        return pulumi.Output.all(pulumi.Output.unsecret(made.key), made.key.is_secret())

    assert run(program, mocks) == ["plain-text", True]
    assert "plain-text" not in repr(mocks.keys)


def test_resources_of_others_are_taken() -> None:
    """Their inputs are their outputs."""
    mocks = AccountMocks()
    run(lambda: account.Provider("eu", provisioning_key="p") and None, mocks)
    assert [args.typ for args in mocks.resources] == ["pulumi:providers:pulumi-python"]


def test_functions_of_others_are_not_made_up() -> None:
    """The error says what to override."""
    with pytest.raises(NotImplementedError, match="does not answer aws:index/x:x: override `call`"):
        run(lambda: pulumi.runtime.invoke("aws:index/x:x", {}) and None, AccountMocks())


def test_instants_of_added_keys() -> None:
    """A `datetime` may be given."""
    mocks = AccountMocks()
    mocks.add("k", expires_at=datetime(2030, 1, 1, tzinfo=timezone(timedelta(hours=1))))
    found = run(lambda: account.get_api_key(1), mocks)
    assert found.expires_at == datetime(2029, 12, 31, 23, tzinfo=timezone.utc)
