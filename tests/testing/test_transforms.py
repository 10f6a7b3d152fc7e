"""Transforms of a program's registrations: on LocalEngine as on the real CLI."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.programs.workbench import Workbench

if TYPE_CHECKING:
    from tests.conftest import MakeEngine

pytestmark = pytest.mark.timeout(240)


def _state(run: Any) -> dict[str, dict[str, Any]]:
    return {item["urn"].rpartition("::")[2]: item for item in run.export()["deployment"]["resources"]}


def _ends(urns: list[str]) -> list[str]:
    return sorted(urn.rpartition("::")[2] for urn in urns)


DROPS = {
    "none": "",
    "new": """
from pulumi import ResourceTransformResult
pulumi.runtime.register_resource_transform(
    lambda a: ResourceTransformResult(props=a.props, opts=ResourceOptions(retain_on_delete=False)))
""",
    "old": """
from pulumi import ResourceTransformationResult
pulumi.runtime.register_stack_transformation(
    lambda a: ResourceTransformationResult(props=a.props, opts=ResourceOptions(retain_on_delete=False)))
""",
}
OPTIONS = """
eu = pulumi.ProviderResource("pulumi-python", "eu", {"account:region": "eu"})
d = Thing("d")
a = Thing("a", secret=Output.secret("hunter22"), covers="%s", opts=ResourceOptions(
    provider=eu, additional_secret_outputs=["token"], protect=True, ignore_changes=["kind"],
    replace_on_changes=["kind"], replacement_trigger="1", delete_before_replace=True, depends_on=[d]))
pulumi.export("token", a.token)
"""


@pytest.mark.parametrize("how", list(DROPS))
def test_options_can_get_lost(engine: MakeEngine, bench: Workbench, how: str) -> None:
    """A transform whose options are not merged drops all of them: the plaintext is uncovered, the instance another."""
    run = engine(bench.project, env=bench.env)
    bench.write(DROPS[how] + OPTIONS % "")
    assert run.up().ok
    a = _state(run)["a"]
    kept = how == "none"
    names = ("protect", "ignoreChanges", "replaceOnChanges", "replacementTrigger", "additionalSecretOutputs")
    assert [name in a for name in names] == [kept] * len(names)
    assert a["outputs"]["region"] == ("eu" if kept else "")
    assert _ends(a.get("dependencies", [])) == ([] if how == "old" else ["d"])
    assert ("token-of-a" in json.dumps(a)) == (not kept)
    assert (run.outputs()["token"] == "[secret]") == kept
    assert "hunter22" not in json.dumps(a)
    assert run.preview().changes == {"same": 4}


@pytest.mark.parametrize("how", ["new", "old"])
def test_a_providers_own_secrets_stay(engine: MakeEngine, bench: Workbench, how: str) -> None:
    """What the provider answers as a secret is covered, whatever becomes of the options."""
    run = engine(bench.project, env=bench.env)
    bench.write(DROPS[how] + OPTIONS % "create")
    assert run.up().outputs == {"token": "[secret]"}
    assert "token-of-a" not in json.dumps(_state(run)["a"])


ORDER = """
from pulumi import ResourceTransformResult
def named(name, **opts):
    def change(a):
        props = {**a.props, "tags": {**(a.props.get("tags") or {}), name: str(len(a.props.get("tags") or {}))}}
        return ResourceTransformResult(props=props, opts=a.opts)
    return change
pulumi.runtime.register_resource_transform(lambda a: named("stack")(a) if a.custom and a.name == "a" else None)
outer = pulumi.ComponentResource("account:index:Group", "outer", {}, ResourceOptions(
    transforms=[lambda a: named("outer")(a) if a.custom else None]))
inner = pulumi.ComponentResource("account:index:Group", "inner", {}, ResourceOptions(
    parent=outer, transforms=[lambda a: named("inner")(a) if a.custom else None]))
Thing("a", size=1, opts=ResourceOptions(parent=inner, transforms=[named("own"), named("second")]))
Thing("b", opts=ResourceOptions(parent=inner))
"""


def test_transforms_run_from_the_inside_out(engine: MakeEngine, bench: Workbench) -> None:
    """A resource's own, in their order, then its parents', then the stack's; each gets what the last one made."""
    run = engine(bench.project, env=bench.env)
    bench.write(ORDER)
    assert run.up().ok
    order = {"own": "0", "second": "1", "inner": "2", "outer": "3", "stack": "4"}
    assert _state(run)["a"]["inputs"]["tags"] == order
    assert _state(run)["b"]["inputs"]["tags"] == {"inner": "0", "outer": "1"}
    assert run.preview().changes == {"same": 5}


NEEDS = """
from pulumi import ResourceTransformResult
d, e = Thing("d", size=%s), Thing("e")
def keep(a):
    return None
def change(a):
    return ResourceTransformResult(props={**a.props, "size": 5}, opts=a.opts)
def need(a):
    return ResourceTransformResult(props=a.props, opts=ResourceOptions(depends_on=[e]))
group = pulumi.ComponentResource("account:index:Group", "group", {}, ResourceOptions(transforms=[%s]))
Thing("a", kind=d.token, opts=ResourceOptions(parent=group, depends_on=[e], transforms=[%s]))
"""


@pytest.mark.parametrize(
    ("own", "parents", "needed", "by_kind"),
    [
        ("", "change", ["d", "e"], ["d"]),
        ("", "need", ["d", "e"], ["d"]),
        ("keep", "", ["d", "e"], ["d"]),
        ("change", "", ["d", "e"], []),
        ("need", "", ["e"], []),
        ("keep", "need", ["e"], []),
    ],
)
def test_what_a_resource_needs(
    engine: MakeEngine, bench: Workbench, own: str, parents: str, needed: list[str], by_kind: list[str]
) -> None:
    """Transforms of its own decide on it, and the SDK lets properties forget on what they depend."""
    run = engine(bench.project, env=bench.env)
    bench.write(NEEDS % (1, parents, own))
    assert run.up().ok
    a = _state(run)["a"]
    assert _ends(a["dependencies"]) == needed
    assert _ends(a["propertyDependencies"]["kind"]) == by_kind
    assert a["inputs"].get("size") == (5 if "change" in (own, parents) else None)


def test_a_transform_sees_outputs(engine: MakeEngine, bench: Workbench) -> None:
    """What is secret or not known yet is an Output, and stays what it is."""
    run = engine(bench.project, env=bench.env)
    bench.write("""
    from pulumi import ResourceTransformResult
    seen = {}
    def look(a):
        seen.update({key: isinstance(value, Output) for key, value in a.props.items()})
        seen["tag"] = isinstance(a.props["tags"]["x"], Output) or isinstance(a.props["tags"], Output)
        return ResourceTransformResult(props={**a.props, "kind": a.props["kind"].apply(str.upper)}, opts=a.opts)
    d = Thing("d")
    a = Thing("a", kind=d.token, secret=Output.secret("s"), size=2, tags={"x": Output.secret("hunter22")},
        opts=ResourceOptions(transforms=[look]))
    pulumi.export("seen", a.urn.apply(lambda _: {k: seen[k] for k in ("kind", "secret", "size", "tag")}))
    """)
    assert run.preview().changes == {"create": 3}
    assert run.up().outputs == {"seen": {"kind": True, "secret": True, "size": False, "tag": True}}
    a = _state(run)["a"]
    assert "hunter22" not in json.dumps(a)
    assert a["inputs"]["kind"].startswith("TOKEN-OF-D")


def test_a_transform_may_alias(engine: MakeEngine, bench: Workbench) -> None:
    """Aliases that a transform adds count."""
    run = engine(bench.project, env=bench.env)
    bench.write('Thing("old", size=1)')
    assert run.up().ok
    bench.write("""
    from pulumi import ResourceTransformResult
    def alias(a):
        return ResourceTransformResult(props={**a.props, "label": "old"}, opts=ResourceOptions.merge(
            a.opts, ResourceOptions(aliases=[Alias(name="old")], protect=True)))
    Thing("new", size=1, opts=ResourceOptions(transforms=[alias]))
    """)
    assert run.up().changes == {"same": 2}
    assert _state(run)["new"]["protect"] is True


def test_a_transform_that_raises_fails_the_program(engine: MakeEngine, bench: Workbench) -> None:
    """The message says so, and nothing is made."""
    run = engine(bench.project, env=bench.env)
    bench.write("""
    def bad(a):
        raise ValueError("no way")
    Thing("a", opts=ResourceOptions(transforms=[bad]))
    """)
    result = run.up()
    assert not result.ok
    (told,) = [item.message for item in result.diagnostics if item.severity == "error"]
    assert "invoke transform: rpc error: code = Unknown desc = Invoke callback" in told
    assert "no way" in told
    assert bench.made() == {}


def test_look_ups_are_not_transformed(engine: MakeEngine, bench: Workbench) -> None:
    """Nor is the default instance, or the stack; an explicit instance is."""
    run = engine(bench.project, env=bench.env)
    bench.write('Thing("a")')
    assert run.up().ok
    (made,) = bench.made()
    bench.write(f"""
    seen = []
    pulumi.runtime.register_resource_transform(lambda a: seen.append(a.name))
    eu = pulumi.ProviderResource("pulumi-python", "eu", {{}})
    a = Thing("a")
    found = Thing("found", opts=ResourceOptions(id="{made}"))
    pulumi.export("seen", Output.all(a.urn, eu.urn, found.token).apply(lambda _: sorted(seen)))
    """)
    assert run.up().outputs == {"seen": ["a", "eu"]}


def test_a_child_inherits_its_parents_options(engine: MakeEngine, bench: Workbench) -> None:
    """What a child inherits, its transform sees, and may drop."""
    run = engine(bench.project, env=bench.env)
    bench.write("""
    from pulumi import ResourceTransformResult
    seen = []
    def drop(a):
        seen.append(a.opts.protect)
        return ResourceTransformResult(props=a.props, opts=ResourceOptions())
    group = pulumi.ComponentResource("account:index:Group", "group", {}, ResourceOptions(protect=True))
    a = Thing("a", opts=ResourceOptions(parent=group, transforms=[drop]))
    pulumi.export("seen", a.urn.apply(lambda _: seen))
    """)
    assert run.up().outputs == {"seen": [True]}
    assert "protect" not in _state(run)["a"]
