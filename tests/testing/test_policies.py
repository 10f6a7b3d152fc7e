"""Policy packs on both engines: what they check, and what a violation does to a run."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from venv import EnvBuilder

import pytest

from pulumi_account.testing import ProjectError
from tests.support.programs.workbench import Workbench
from tests.testing.conftest import command, engine_for, errors

if TYPE_CHECKING:
    from tests.conftest import MakeEngine

pytestmark = pytest.mark.timeout(240)

PACK = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy, StackValidationPolicy

def small(args, report):
    if args.props.get("size", 0) > 5:
        report("is larger than 5")

def kind(args, report):
    if "size" in args.props and "kind" not in args.props:
        report("has no kind")

def count(args, report):
    things = [resource for resource in args.resources if "size" in resource.props]
    if len(things) > 2:
        report(f"has {len(things)} things", things[0].urn if things[0].props["size"] == 3 else None)

def broken(args, report):
    if args.name == "odd":
        raise ValueError("something odd")

PolicyPack("pack", [
    ResourceValidationPolicy("small", "A small thing", small, EnforcementLevel.MANDATORY),
    ResourceValidationPolicy("kind", "A thing with a kind", kind, EnforcementLevel.ADVISORY),
    StackValidationPolicy("count", "Few things", count, EnforcementLevel.MANDATORY),
    ResourceValidationPolicy("broken", "Nothing odd", broken),
])
"""


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A policy pack about sizes, kinds and numbers of things."""
    folder = tmp_path / "pack"
    folder.mkdir()
    (folder / "PulumiPolicy.yaml").write_text("name: pack\nruntime: python\nversion: 1.2.3\n")
    (folder / "__main__.py").write_text(PACK)
    return folder


def policies(result: Any) -> str:
    """The section about policies, with the folder's name for its path, which the CLI shortens."""
    section = result.text.partition("Policies:\n")[2].partition("\n\n")[0]
    return re.sub(r"\(local: \S+/(\w+)\)", r"(local: \1)", section)


def test_resources_that_comply(engine: MakeEngine, bench: Workbench, pack: Path) -> None:
    """The run names the pack, and is like any other."""
    bench.write('Thing("a", size=5, kind="k")')
    run = engine(bench.project, env=bench.env)
    result = run.up(policy_packs=[pack])
    assert result.ok, result.text
    assert policies(result) == "    ✅ pack@v1.2.3 (local: pack)"
    assert "Resources:\n    + 2 created" in result.text
    assert bench.calls("create") == ["create a"]


def test_a_preview_shows_all_violations(engine: MakeEngine, bench: Workbench, pack: Path) -> None:
    """Mandatory ones come first; the preview fails, and has no summary."""
    bench.write('Thing("b", size=6)\nThing("a", size=7, kind="k")\nThing("c", size=1)')
    result = engine(bench.project, env=bench.env).preview(policy_packs=[pack])
    assert not result.ok
    kind = next(step.urn for step in result.steps if step.urn.endswith("::a")).split("::")[2]
    assert policies(result).splitlines() == [
        "    ❌ pack@v1.2.3 (local: pack)",
        "        - [mandatory]  count  (pulumi:pulumi:Stack: proj-local)",
        "          Few things",
        "          has 3 things",
        f"        - [mandatory]  small  ({kind}: a)",
        "          A small thing",
        "          is larger than 5",
        f"        - [mandatory]  small  ({kind}: b)",
        "          A small thing",
        "          is larger than 5",
        f"        - [advisory]  kind  ({kind}: b)",
        "          A thing with a kind",
        "          has no kind",
        f"        - [advisory]  kind  ({kind}: c)",
        "          A thing with a kind",
        "          has no kind",
    ]
    assert errors(result) == ["preview failed"]
    assert "Resources:" not in result.text


def test_an_advisory_violation_fails_nothing(engine: MakeEngine, bench: Workbench, pack: Path) -> None:
    """The run succeeds, and shows it."""
    bench.write('Thing("a", size=1)')
    result = engine(bench.project, env=bench.env).up(policy_packs=[pack])
    assert result.ok
    assert policies(result).startswith("    ⚠️ pack@v1.2.3")
    assert "[advisory]  kind" in result.text
    assert "Resources:\n    + 2 created" in result.text


def test_a_violation_stops_an_update(engine: MakeEngine, bench: Workbench, pack: Path) -> None:
    """The resource is not created, nor what depends on it."""
    bench.write('Thing("b", tags={"t": Thing("a", size=6, kind="k").token})')
    result = engine(bench.project, env=bench.env).up(policy_packs=[pack])
    assert not result.ok
    assert "[mandatory]  small" in policies(result)
    assert bench.calls("create") == []
    assert errors(result) == []


def test_a_stack_is_checked_at_the_end(engine: MakeEngine, bench: Workbench, pack: Path) -> None:
    """Its violations fail the run after all resources are created; a policy may name a resource."""
    bench.write("".join(f'Thing("{name}", size=3, kind="k")\n' for name in "abc"))
    result = engine(bench.project, env=bench.env).up(policy_packs=[pack])
    assert not result.ok
    assert "[mandatory]  count" in policies(result)
    assert "Thing: " in policies(result).splitlines()[1]
    assert sorted(bench.calls("create")) == ["create a", "create b", "create c"]
    assert errors(result) == ["update failed"]


def test_a_policy_that_raises_fails_the_run(engine: MakeEngine, bench: Workbench, pack: Path) -> None:
    """The error has its message, and nothing is created."""
    bench.write('Thing("odd", size=1, kind="k")')
    result = engine(bench.project, env=bench.env).up(policy_packs=[pack])
    assert not result.ok
    assert "something odd" in result.text
    assert bench.calls("create") == []


def test_a_pack_that_ends_fails_the_run(bench: Workbench, pack: Path) -> None:
    """The error names the pack, and nothing is created."""
    program = PACK.replace('raise ValueError("something odd")', "__import__('os')._exit(3)")
    (pack / "__main__.py").write_text(program)
    bench.write('Thing("odd", size=1, kind="k")')
    result = engine_for(bench).up(policy_packs=[pack])
    assert errors(result) == ["pack@v1.2.3: its process ended"]
    assert bench.calls("create") == []


def test_a_folder_without_a_pack(bench: Workbench, tmp_path: Path) -> None:
    """The error names the folder."""
    bench.write("")
    done = command(bench, "preview", "--policy-pack", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == f"error: {tmp_path} is not a policy pack: it has no PulumiPolicy.yaml\n"


def test_a_pack_that_does_not_start(bench: Workbench, pack: Path) -> None:
    """The error names the folder, and what the pack printed is shown."""
    bench.write("")
    (pack / "__main__.py").write_text("raise ValueError('nothing works')")
    done = command(bench, "preview", "--policy-pack", str(pack))
    assert done.returncode == 1
    assert done.stderr.endswith(
        f"error: the policy pack {pack} did not start: run its __main__.py with Python to see the reason; "
        "it may neither fail nor print anything\n"
    )


def test_violations_are_results(bench: Workbench, pack: Path) -> None:
    """A test can look at them; secrets in their messages are masked."""
    (pack / "__main__.py").write_text(
        PACK.replace("is larger than 5", "{args.props['tags']['t']} is larger").replace(
            'report("{', 'report(f"{'
        )
    )
    bench.write('Thing("a", size=6, kind="k", tags=Output.secret({"t": "hunter22"}))')
    result = engine_for(bench).preview(policy_packs=[pack])
    assert [(found.policy, found.level, found.pack) for found in result.violations] == [
        ("small", "mandatory", "pack@v1.2.3")
    ]
    assert "hunter22" not in result.text
    assert "[secret]" in result.violations[0].message


LOOK = """
import json, os
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy, StackValidationPolicy

def urns(resources):
    return [resource.urn for resource in resources]

def about(args):
    provider, first = args.provider, args.opts.delete_before_replace
    about = {"name": args.name, "props": sorted(args.props), "first": first, "protect": args.opts.protect}
    return {**about, "provider": provider and [provider.resource_type, provider.name, sorted(provider.props)]}

def write(kind, found):
    with open(os.path.join(os.environ["THINGS"], kind), "a") as file:
        file.write(json.dumps(found) + "\\n")

def one(args, report):
    write("one", about(args))

def whole(args, report):
    for resource in args.resources:
        uses = {name: urns(found) for name, found in resource.property_dependencies.items()}
        parent = resource.parent and resource.parent.name
        write("whole", {**about(resource), "parent": parent, "on": urns(resource.dependencies), "uses": uses})

PolicyPack("look", [
    ResourceValidationPolicy("one", "A resource", one),
    StackValidationPolicy("whole", "All resources", whole),
])
"""


def seen(bench: Workbench, kind: str) -> dict[str, dict[str, Any]]:
    """What the policies saw of each resource, by its name."""
    lines = map(json.loads, (bench.things / kind).read_text().splitlines())
    return {line.pop("name"): line for line in lines}


def test_what_a_policy_sees(engine: MakeEngine, bench: Workbench, pack: Path) -> None:
    """Declared resources with their options, providers and dependencies; no internal properties, and no reads."""
    (pack / "__main__.py").write_text(LOOK)
    bench.write(
        """
        eu = pulumi.ProviderResource("pulumi-python", "eu", {"account:region": "eu"})
        Thing("a", size=1, opts=ResourceOptions(provider=eu, delete_before_replace=True))
        group = Group("g", opts=ResourceOptions(protect=True))
        b = Thing("b", size=2, opts=ResourceOptions(parent=group))
        Thing("c", size=b.size, opts=ResourceOptions(delete_before_replace=False))
        Thing("d", opts=ResourceOptions(id="known"))
        pulumi.export("size", b.size)
        """
    )
    (bench.things / "known.json").write_text("{}")
    result = engine(bench.project, env=bench.env).up(policy_packs=[pack])
    assert result.ok, result.text
    one, found = seen(bench, "one"), seen(bench, "whole")
    assert sorted(one) == sorted(found) == ["a", "b", "c", "default", "eu", "g", "proj-local"]
    assert one["a"]["provider"] == ["pulumi:providers:pulumi-python", "eu", ["account:region"]]
    assert (
        one["b"]["provider"][:2]
        == found["c"]["provider"][:2]
        == ["pulumi:providers:pulumi-python", "default"]
    )
    assert one["g"]["provider"] is None
    assert [one[name]["first"] for name in "abc"] == [True, None, False]
    assert [one[name]["protect"] for name in "abg"] == [False, True, True]
    assert one["a"]["props"] == ["label", "size"]
    assert found["proj-local"]["props"] == ["size"]
    (urn,) = found["c"]["on"]
    assert urn.endswith("::b")
    assert found["c"]["uses"] == {"size": [urn]}
    assert found["b"]["parent"] == "g"


CONFIG = """
from pulumi_policy import EnforcementLevel, PolicyConfigSchema, PolicyPack, ResourceValidationPolicy

def small(args, report):
    config = args.get_config()
    if args.props.get("size", 0) > config["most"]:
        report(f"is larger than {config['most']:g}")

schema = PolicyConfigSchema({"most": {"type": "number", "default": 3}})
policies = [ResourceValidationPolicy("small", "A small thing", small, EnforcementLevel.MANDATORY, schema)]
PolicyPack("pack", policies, initial_config=INITIAL)
"""


def test_settings_of_the_pack(engine: MakeEngine, bench: Workbench, pack: Path) -> None:
    """Its initial configuration has a level, too."""
    (pack / "__main__.py").write_text(CONFIG.replace("INITIAL", "{'small': {'most': 4}}"))
    bench.write('Thing("a", size=5)')
    result = engine(bench.project, env=bench.env).preview(policy_packs=[pack])
    assert "[advisory]  small" in policies(result)
    assert "is larger than 4" in policies(result)


@pytest.mark.parametrize(
    ("initial", "level"), [("None", "mandatory"), ("{'all': EnforcementLevel.ADVISORY}", "advisory")]
)
def test_default_settings(bench: Workbench, pack: Path, initial: str, level: str) -> None:
    """The schema has them; the level may be that of all policies."""
    (pack / "__main__.py").write_text(CONFIG.replace("INITIAL", initial))
    bench.write('Thing("a", size=5)')
    (found,) = engine_for(bench).preview(policy_packs=[pack]).violations
    assert found.level == level
    assert found.message.endswith("is larger than 3")


@pytest.mark.parametrize(
    ("pack_yaml", "program", "error"),
    [
        (
            "",
            CONFIG.replace("MANDATORY", "REMEDIATE"),
            "LocalEngine does not support remediation: pack@v1, small",
        ),
        ("", CONFIG.replace("}})", '}}, ["most", "least"])'), "pack@v1, small: least is required"),
        ("runtime: nodejs", "", "{pack} is not a policy pack in Python"),
        (
            "runtime: {name: python, options: {virtualenv: venv}}",
            "",
            "the policy pack {pack} needs a virtual environment: there is no {pack}/venv/bin/python",
        ),
    ],
)
def test_a_pack_that_cannot_run(
    bench: Workbench, pack: Path, pack_yaml: str, program: str, error: str
) -> None:
    """The error is one line."""
    bench.write("")
    (pack / "PulumiPolicy.yaml").write_text(f"{pack_yaml or 'runtime: python'}\nversion: 1\n")
    (pack / "__main__.py").write_text(program.replace("INITIAL", "None"))
    with pytest.raises(ProjectError) as caught:
        engine_for(bench).preview(policy_packs=[pack])
    assert str(caught.value) == error.format(pack=pack)


def test_a_pack_with_its_own_virtual_environment(bench: Workbench, pack: Path) -> None:
    """Its Python runs the pack."""
    EnvBuilder(symlinks=True).create(pack / "venv")
    (site,) = (pack / "venv").glob("lib/python*/site-packages")
    (site / "all.pth").write_text("\n".join(sys.path))
    (pack / "PulumiPolicy.yaml").write_text("runtime: {name: python, options: {virtualenv: venv}}\n")
    program = PACK.replace("is larger than 5", "{sys.prefix}").replace('report("{', 'import sys; report(f"{')
    (pack / "__main__.py").write_text(program)
    bench.write('Thing("a", size=6, kind="k")')
    (found,) = engine_for(bench).preview(policy_packs=[pack]).violations
    assert found.message.endswith(str(pack / "venv"))
