"""Provider instances as resources that are renamed, moved, changed and replaced: on LocalEngine as on the real CLI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.programs.workbench import Workbench

if TYPE_CHECKING:
    from tests.conftest import MakeEngine

pytestmark = pytest.mark.timeout(240)

PROVIDERS = "urn:pulumi:local::proj::pulumi:providers:pulumi-python::"


def _instance(run: Any, name: str) -> tuple[str, str]:
    """The URN and the id of an instance."""
    (found,) = [
        (item["urn"], item["id"])
        for item in run.export()["deployment"]["resources"]
        if ":providers:" in item["type"] and item["urn"].endswith(f"::{name}")
    ]
    return found


def _instance_of(run: Any, thing: str) -> tuple[str, str]:
    """The URN and the id of the instance that the state has for a thing."""
    (ref,) = [
        item["provider"]
        for item in run.export()["deployment"]["resources"]
        if item["urn"].endswith(f"Thing::{thing}")
    ]
    urn, _, id_ = ref.rpartition("::")
    return urn, id_


def _calls(bench: Workbench) -> list[str]:
    """The calls since last asked for, and by which instance."""
    lines = bench.lines()
    bench.calls()
    names = {("check", True): "recheck"}
    return [
        f"{names.get((line['method'], bool(line['olds'])), line['method'])} in {line['region']}"
        for line in lines
    ]


ONE = """
one = pulumi.ProviderResource("pulumi-python", "%s", {"account:region": "%s"}, ResourceOptions(%s))
Thing("a", kind="%s", opts=ResourceOptions(provider=one))
pulumi.export("id", one.id)
"""


def test_an_instance_keeps_its_id(engine: MakeEngine, bench: Workbench) -> None:
    """Through renames, with an alias, after it and in the state, and new inputs; its things stay and refer to it."""
    run = engine(bench.project, env=bench.env)
    bench.write(ONE % ("first", "eu", "", 1))
    assert run.preview().ok
    assert run.up().ok
    _, id_ = _instance(run, "first")
    bench.calls()
    for name, region, options in (
        ("second", "eu", "aliases=[Alias(name='first')]"),
        ("second", "eu", ""),
        ("third", "us", "aliases=[Alias(name='second')]"),
        ("third", "eu", ""),
    ):
        bench.write(ONE % (name, region, options, 1))
        assert "Thing a" not in run.preview().text
        assert run.up().ok
        assert _instance_of(run, "a") == _instance(run, name) == (PROVIDERS + name, id_)
        assert run.outputs() == {"id": id_}
        assert _calls(bench) == [f"recheck in {region}", f"diff in {region}"] * 2
    run.rename(PROVIDERS + "third", "fourth")
    assert _instance_of(run, "a") == _instance(run, "fourth") == (PROVIDERS + "fourth", id_)
    bench.write(ONE % ("fourth", "eu", "", 1))
    assert run.preview().changes == {"same": 3}
    assert run.up().changes == {"same": 3}
    assert _instance_of(run, "a") == (PROVIDERS + "fourth", id_)


NESTED = """
group = pulumi.ComponentResource("account:index:%s", "group", {}, ResourceOptions(%s))
one = pulumi.ProviderResource("pulumi-python", "one", {"account:region": "eu"}, ResourceOptions(%s))
Thing("a", opts=ResourceOptions(provider=one))
"""


def test_an_instance_moves_with_its_component(engine: MakeEngine, bench: Workbench) -> None:
    """Into a component by an alias of its own, then with the component that gets another type by an alias."""
    run = engine(bench.project, env=bench.env)
    bench.write(NESTED % ("Group", "", ""))
    assert run.up().ok
    _, id_ = _instance(run, "one")
    own = "parent=group, aliases=[Alias(parent=pulumi.ROOT_STACK_RESOURCE)]"
    for kind, group, instance in (
        ("Group", "", own),
        ("Group", "", "parent=group"),
        ("Crowd", "aliases=[Alias(type_='account:index:Group')]", "parent=group"),
        ("Crowd", "", "parent=group"),
    ):
        bench.write(NESTED % (kind, group, instance))
        assert run.preview().changes == {"same": 4}
        assert run.up().changes == {"same": 4}
        urn = f"urn:pulumi:local::proj::account:index:{kind}$pulumi:providers:pulumi-python::one"
        assert _instance_of(run, "a") == _instance(run, "one") == (urn, id_)
    assert run.refresh().changes == {"same": 4}


def test_a_preview_knows_an_instances_id(engine: MakeEngine, bench: Workbench) -> None:
    """Unless it would make the instance; then whoever is given the id has an unknown."""
    run = engine(bench.project, env=bench.env)
    program = """
    one = pulumi.ProviderResource("pulumi-python", "%s", {"account:region": "%s"}, ResourceOptions(aliases=%s))
    a = Thing("a", kind=one.id, opts=ResourceOptions(provider=one))
    """
    bench.write(program % ("one", "eu", "None"))
    assert run.preview().changes == {"create": 3}
    assert run.up().ok
    for name, region, aliases in (("one", "us", "None"), ("two", "us", "[Alias(name='one')]")):
        bench.write(program % (name, region, aliases))
        assert run.preview().changes in ({"same": 3}, {"same": 2, "update": 1})
        assert run.up().ok
    bench.write(program % ("three", "us", "None"))
    assert run.preview().changes == {"same": 1, "create": 1, "replace": 1, "delete": 1}


TWO = """
first = pulumi.ComponentResource("account:index:First", "first")
second = pulumi.ComponentResource("account:index:Second", "second")
eu = pulumi.ProviderResource("pulumi-python", "one", {"account:region": "eu"}, ResourceOptions(parent=first))
us = pulumi.ProviderResource("pulumi-python", "one", {"account:region": "us"}, ResourceOptions(parent=second))
Thing("a", kind="%s", opts=ResourceOptions(provider=%s, delete_before_replace=%s))
"""


def test_a_thing_moves_between_instances_of_one_name(engine: MakeEngine, bench: Workbench) -> None:
    """Only the new one is asked; a move without a change is in the state alone, and no provider hears of it."""
    run = engine(bench.project, env=bench.env)
    bench.write(TWO % (1, "eu", False))
    assert run.up().ok
    assert _calls(bench) == ["check in eu", "create in eu"]
    bench.write(TWO % (1, "us", False))
    assert run.preview().changes == {"same": 6}
    assert run.up().changes == {"same": 6}
    assert _calls(bench) == ["recheck in us", "diff in us"] * 2
    urn, _ = _instance_of(run, "a")
    assert urn.split("::")[2].startswith("account:index:Second$")
    assert run.refresh().changes == {"same": 6}
    assert _calls(bench) == ["read in us", "diff in us"]


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("there", [False, True])
def test_a_thing_that_moves_and_is_replaced(
    engine: MakeEngine, bench: Workbench, before: bool, there: bool
) -> None:
    """The new instance makes it, the old one deletes it, even if the program has dropped that."""
    run = engine(bench.project, env=bench.env)
    old, new = (
        f'{region} = pulumi.ProviderResource("pulumi-python", "{region}", {{"account:region": "{region}"}})\n'
        for region in ("eu", "us")
    )
    thing = 'Thing("a", kind="%s", opts=ResourceOptions(provider=%s, delete_before_replace=%s))'
    bench.write(old + thing % (1, "eu", before))
    assert run.up().ok
    bench.calls()
    bench.write((old if there else "") + new + thing % (2, "us", before))
    assert run.up().ok
    last = ["delete in eu", "create in us"] if before else ["create in us", "delete in eu"]
    assert _calls(bench) == ["recheck in us", "diff in us", "check in us", *last]
    assert len(bench.made()) == 1


def test_a_thing_moves_to_the_default_instance_and_back(engine: MakeEngine, bench: Workbench) -> None:
    """As between any others."""
    run = engine(bench.project, env=bench.env)
    bench.write(ONE % ("one", "eu", "", 1))
    assert run.up().ok
    bench.calls()
    bench.write('Thing("a", kind="1")')
    assert run.up().changes == {"same": 2, "delete": 1}
    assert _calls(bench) == ["recheck in None", "diff in None"]
    assert _instance_of(run, "a") == _instance(run, "default")
    bench.write(ONE % ("one", "eu", "", 1))
    assert run.up().changes == {"same": 2, "create": 1}
    assert _instance_of(run, "a") == _instance(run, "one")


@pytest.mark.parametrize("how", ["taint", "replace"])
def test_an_instance_can_be_replaced(engine: MakeEngine, bench: Workbench, how: str) -> None:
    """It gets another id, and its things stay."""
    run = engine(bench.project, env=bench.env)
    bench.write(ONE % ("one", "eu", "", 1))
    assert run.up().ok
    _, id_ = _instance(run, "one")
    bench.calls()
    if how == "taint":
        run.taint(PROVIDERS + "one")
    result = run.up(replace=[PROVIDERS + "one"] if how == "replace" else [])
    assert result.changes == {"same": 2, "replace": 1}
    assert _calls(bench) == ["recheck in eu", "diff in eu"]
    assert _instance(run, "one") != (PROVIDERS + "one", id_)
    assert _instance_of(run, "a") == _instance(run, "one")


def test_an_instance_that_is_deleted_first_takes_its_things_along(
    engine: MakeEngine, bench: Workbench
) -> None:
    """They are deleted by the old instance and made by the new one; no diff is asked for."""
    run = engine(bench.project, env=bench.env)
    bench.write(ONE % ("one", "eu", "", 1))
    assert run.up().ok
    bench.calls()
    bench.write(ONE % ("one", "us", "delete_before_replace=True", 1))
    assert run.up(replace=[PROVIDERS + "one"]).changes == {"same": 1, "replace": 2}
    assert _calls(bench) == ["delete in eu", "check in us", "create in us"]
    assert _instance_of(run, "a") == _instance(run, "one")
    assert len(bench.made()) == 1


def test_a_rename_in_the_state_reaches_whatever_refers_to_it(engine: MakeEngine, bench: Workbench) -> None:
    """Parents, dependencies and those of properties; a program that has the new name finds it all unchanged."""
    run = engine(bench.project, env=bench.env)
    program = """
    a = Thing("%s", label="a")
    b = Thing("b", kind=a.token, opts=ResourceOptions(depends_on=[a]))
    c = Thing("c", opts=ResourceOptions(parent=a))
    """
    bench.write(program % "a")
    assert run.up().ok
    urn = "urn:pulumi:local::proj::pulumi-python:dynamic/account:Thing::"
    run.rename(urn + "a", "other")
    state = {item["urn"].rpartition("::")[2]: item for item in run.export()["deployment"]["resources"]}
    assert state["b"]["dependencies"] == state["b"]["propertyDependencies"]["kind"] == [urn + "other"]
    assert state["c"]["parent"] == urn + "other"
    bench.write(program % "other")
    assert run.preview().changes == {"same": 4}
