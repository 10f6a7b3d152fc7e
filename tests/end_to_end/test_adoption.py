"""Programs that adopt keys, on both engines: no key that a resource holds is deleted, and a preview tells all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_account.emulator import Emulator
from pulumi_account.testing import Result
from tests.end_to_end.test_keys import ENGINES, Bench, ended_with
from tests.support.canaries import PROVISIONING_KEY
from tests.support.cli import require_cli

pytestmark = pytest.mark.timeout(400)

URN = "urn:pulumi:local::story::pulumi-python:dynamic/account:ApiKey::{}"
FAILING = 'account.ApiKey("failing", name="failing", adopt_key_id=999, opts=pulumi.ResourceOptions(depends_on=[{}]))'


@pytest.fixture(params=ENGINES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """An empty project, and an account with a key that is in use."""
    if request.param == "cli":
        require_cli()
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
        emulator.add("live")
        yield Bench(request.param, tmp_path, emulator)


def up(bench: Bench, *lines: str) -> Result:
    """Deploy these lines."""
    bench.write("\n".join(["import pulumi, pulumi_account as account", *lines]))
    return bench.run("up")


def adopting(resource: str, options: str = "") -> str:
    """A resource that adopts the key in use."""
    return (
        f'{resource} = account.ApiKey("{resource}", name="live", adopt_key_id=1, '
        f"opts=pulumi.ResourceOptions({options}))"
    )


def ids(bench: Bench) -> list[int]:
    """The keys of the account."""
    return [key["id"] for key in bench.emulator.keys()]


# --- forced replacements


@pytest.mark.parametrize("first", [True, False])
def test_a_changed_trigger_is_refused(bench: Bench, first: bool) -> None:
    """The preview and the deployment say no, and the key lives; then all is as it was."""
    options = f"delete_before_replace={first}, replacement_trigger="
    assert up(bench, adopting("k", options + "'a'")).ok
    bench.write("import pulumi, pulumi_account as account\n" + adopting("k", options + "'b'"))
    for command in ("preview", "up"):
        (line,) = ended_with(bench.run(command))
        assert "remove adopt_key_id from it first" in line
    assert ids(bench) == [1]
    assert up(bench, adopting("k", options + "'a'")).changes == {"same": 2}


def test_a_tainted_resource_is_not_deleted_first(bench: Bench) -> None:
    """The deployment says no, and the key lives."""
    program = adopting("k", "delete_before_replace=True")
    assert up(bench, program).ok
    bench.engine().taint(URN.format("k"))
    (line,) = ended_with(up(bench, program))
    assert "key 1 is not deleted" in line
    assert "`pulumi state untaint`" in line
    assert ids(bench) == [1]


def test_a_targeted_resource_is_not_deleted_first(bench: Bench) -> None:
    """The same of ``up --replace``."""
    assert up(bench, adopting("k", "delete_before_replace=True")).ok
    (line,) = ended_with(bench.engine().up(replace=[URN.format("k")]))
    assert "key 1 is not deleted" in line
    assert ids(bench) == [1]
    assert bench.run("up").changes == {"same": 2}


def test_a_tainted_resource_adopts_its_key_again(bench: Bench) -> None:
    """Where the new resource comes first, it has the key when the old one goes."""
    assert up(bench, adopting("k")).ok
    bench.engine().taint(URN.format("k"))
    assert bench.run("up").changes == {"replace": 1, "same": 1}
    assert ids(bench) == [1]
    assert up(bench, 'account.ApiKey("k", name="live")').ok
    assert bench.run("up").changes == {"same": 2}
    assert ids(bench) == [1]


def test_a_key_that_was_adopted_is_replaced_when_it_is_asked_for(bench: Bench) -> None:
    """Once the arguments are removed, a forced replacement does what it says."""
    assert up(bench, adopting("k")).ok
    assert up(bench, 'account.ApiKey("k", name="live")').ok
    bench.engine().taint(URN.format("k"))
    assert bench.run("up").changes == {"replace": 1, "same": 1}
    assert ids(bench) == [2]


# --- failed runs


def test_a_failed_rename_loses_no_key(bench: Bench) -> None:
    """A run failed before it deleted the old resource; then the arguments are removed: the new one keeps the key."""
    assert up(bench, adopting("old")).ok
    assert not up(bench, adopting("new"), FAILING.format("new")).ok
    result = up(bench, 'account.ApiKey("new", name="live")')
    assert result.changes == {"update": 1, "delete": 1, "same": 1}
    assert any("key 1 is kept" in line.message for line in result.diagnostics)
    assert ids(bench) == [1]
    assert bench.run("up").changes == {"same": 2}
    assert bench.run("destroy").ok
    assert ids(bench) == []


def test_a_pending_deletion_loses_no_key(bench: Bench) -> None:
    """A failed replacement left a deletion behind, and the key was adopted anew since: it lives."""
    assert up(bench, adopting("k")).ok
    rotated = 'k = account.ApiKey("k", name="rotated", rotation_triggers={"quarter": "2"})'
    assert not up(bench, rotated, FAILING.format("k")).ok
    assert ids(bench) == [1, 2]
    assert not up(bench, adopting("k"), FAILING.format("k")).ok
    assert up(bench, 'account.ApiKey("k", name="live")').ok
    assert ids(bench) == [1]
    assert bench.run("up").changes == {"same": 2}


# --- previews


def test_a_preview_says_what_an_adoption_changes(bench: Bench) -> None:
    """It says so in a line for each property, defaults that nobody wrote down included, and writes nothing."""
    bench.emulator.edit(1, is_enabled=False, credit_limit=3)
    before = bench.emulator.keys()
    bench.write(
        'import pulumi_account as account\naccount.ApiKey("chk", name="chk", adopt_key_id=1, credit_limit=7)'
    )
    result = bench.run("preview")
    assert result.ok
    for line in (
        "adopt_key_id 1: name 'live' => 'chk'",
        "adopt_key_id 1: credit_limit 3 => 7",
        "adopt_key_id 1: is_enabled false => true",
    ):
        assert line in result.text
    assert "expires_at" not in result.text
    assert bench.emulator.keys() == before
    assert bench.emulator.calls.operations == ["get_key"]


def test_a_preview_of_an_adoption_asks_for_the_key(bench: Bench) -> None:
    """An id that the account does not have fails in the preview."""
    bench.write('import pulumi_account as account\naccount.ApiKey("k", name="k", adopt_key_id=999)')
    (line,) = ended_with(bench.run("preview"))
    assert line.endswith("has a problem: adopt_key_id 999: the account has no such key")


# --- several instances


def test_a_key_that_another_instance_adopts_lives(bench: Bench) -> None:
    """A second instance of the same account is another process: it learns there what was adopted in the first."""
    twin = (
        f'twin = account.Provider("twin", endpoint="{bench.emulator.url}", '
        'provisioning_key=pulumi.Config("account").require_secret("provisioningKey"))'
    )
    assert up(bench, 'account.ApiKey("old", name="mine")').ok
    (_, mine) = ids(bench)
    moved = (
        f'account.ApiKey("new", name="mine", adopt_key_id={mine}, opts=pulumi.ResourceOptions(provider=twin))'
    )
    assert up(bench, twin, moved).ok
    assert ids(bench) == [1, mine]
    assert bench.run("up").changes == {"same": 3}
