"""Projects and their configuration, and the endpoints that LocalEngine refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pulumi_account.testing import LocalEngine, ProjectError
from pulumi_account.testing.project import check_endpoints
from tests.support.programs.workbench import Workbench
from tests.testing.conftest import SECRETS, engine_for, errors


def test_programs_and_providers_are_told_loopback_only(bench: Workbench) -> None:
    """ACCOUNT_LOOPBACK_ONLY=1 is set in the program and in every provider process."""
    bench.write("""
    import os
    eu = pulumi.ProviderResource("pulumi-python", "eu", {})
    pulumi.export("program", os.environ["ACCOUNT_LOOPBACK_ONLY"])
    pulumi.export("default", Thing("a").loopback)
    pulumi.export("eu", Thing("b", opts=ResourceOptions(provider=eu)).loopback)
    """)
    assert engine_for(bench).up().outputs == {"program": "1", "default": "1", "eu": "1"}


@pytest.mark.parametrize(
    "options",
    [
        {"env": {"ACCOUNT_ENDPOINT": "https://api.naga.ac"}},
        {"config": {"account:endpoint": "http://10.0.0.1:8080"}},
        {"secrets": {"account:endpoint": "http://localhost.example.org"}},
    ],
)
def test_a_far_endpoint_is_refused_before_anything_runs(bench: Workbench, options: dict[str, Any]) -> None:
    """An endpoint that is not on this machine is refused in one line."""
    bench.write('open("ran", "w").close()')
    with pytest.raises(ProjectError, match="loopback endpoints only") as caught:
        LocalEngine(bench.project, **options).up()
    assert "\n" not in str(caught.value)
    assert not (bench.project / "ran").exists()


def test_a_far_endpoint_is_refused_from_a_transform_as_well(bench: Workbench) -> None:
    """What a transform makes of an instance is looked at, not what the program has given it."""
    bench.write("""
    from pulumi import ResourceTransformResult
    def move(a):
        return ResourceTransformResult(props={**a.props, "account:endpoint": "https://api.naga.ac"}, opts=a.opts)
    far = pulumi.ProviderResource("pulumi-python", "far", {}, ResourceOptions(transforms=[move]))
    Thing("a", opts=ResourceOptions(provider=far))
    """)
    result = engine_for(bench).up()
    assert not result.ok
    assert "loopback endpoints only" in errors(result)[0]
    assert bench.made() == {}


@pytest.mark.parametrize("endpoint", ["http://127.0.0.2:1", "http://[::1]:1", "http://localhost:1", ""])
def test_an_endpoint_on_this_machine_is_taken(endpoint: str) -> None:
    """All of 127.0.0.0/8, ::1 and localhost are this machine; no endpoint is none to refuse."""
    check_endpoints({"ACCOUNT_ENDPOINT": endpoint}, {"account:endpoint": endpoint})


def test_a_far_endpoint_of_an_explicit_provider_is_refused(bench: Workbench) -> None:
    """The inputs of a provider instance are looked at as well."""
    bench.write("""
    far = pulumi.ProviderResource("pulumi-python", "far", {"account:endpoint": Output.secret("https://api.naga.ac")})
    Thing("a", opts=ResourceOptions(provider=far))
    """)
    result = engine_for(bench).up()
    assert not result.ok
    (error,) = errors(result)
    assert "loopback endpoints only" in error
    assert bench.calls() == []


def test_a_project_is_found_from_within(bench: Workbench) -> None:
    """The nearest Pulumi.yaml above counts; `main` may be a folder or a file; plain stack configuration is read."""
    (bench.project / "Pulumi.yaml").write_text(
        "name: proj\nruntime: {name: python, options: {virtualenv: none}}\nmain: src/app.py\n"
        "config: {a: 1, b: {default: two}, c: {value: true}}\n"
    )
    (bench.project / "src").mkdir()
    (bench.project / "src" / "app.py").write_text(
        "import os, pulumi\nc = pulumi.Config()\n"
        "pulumi.export('got', [c.get(k) for k in 'abcde'] + [os.path.basename(os.getcwd())])\n"
    )
    (bench.project / "Pulumi.dev.yaml").write_text("config:\n  proj:b: from stack\n  proj:d: {x: 1}\n")
    engine = LocalEngine(bench.project / "src", stack="dev", config={"e": "given"}, env=bench.env)
    assert engine.up().outputs == {"got": ["1", "from stack", "true", '{"x": 1}', "given", "src"]}
    assert (bench.project / ".local" / "dev.json").exists()


def test_an_encrypted_value_must_be_given(bench: Workbench) -> None:
    """A secure value in the stack's file cannot be read: it is asked for by name, and then not missed."""
    (bench.project / "Pulumi.local.yaml").write_text("config:\n  proj:pw: {secure: v1:abc}\n")
    bench.write('pulumi.export("pw", config.require_secret("pw"))')
    with pytest.raises(ProjectError, match=r"proj:pw in Pulumi\.local\.yaml is encrypted"):
        engine_for(bench).preview()
    assert engine_for(bench, secrets=SECRETS).preview().outputs == {"pw": "[secret]"}


@pytest.mark.parametrize(
    ("text", "reason"), [("name: x\nruntime: nodejs\n", "not the project file"), ("a: [\n", "Pulumi.yaml: ")]
)
def test_a_folder_without_a_python_project_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """The error is one line."""
    with pytest.raises(ProjectError, match=r"no Pulumi\.yaml in"):
        LocalEngine(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text(text)
    with pytest.raises(ProjectError, match=reason):
        LocalEngine(tmp_path)
