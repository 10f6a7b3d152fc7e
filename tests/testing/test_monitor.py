"""What LocalEngine does not support: it refuses each by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.proto import resource_pb2

from pulumi_account.testing.deployment import Deployment
from pulumi_account.testing.display import Display
from pulumi_account.testing.monitor import Monitor
from pulumi_account.testing.provider import Providers
from pulumi_account.testing.report import Report
from pulumi_account.testing.secrets import Vault
from pulumi_account.testing.state import Snapshot
from tests.support.programs.workbench import Workbench
from tests.testing.conftest import engine_for, errors


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ('Thing("a", opts=ResourceOptions(import_="x"))', "import_"),
        ('pulumi.runtime.invoke("pulumi-python:index:f", {}); Thing("b")', "functions"),
        ('Thing("a", file=pulumi.StringAsset("x"))', "assets"),
        ('pulumi.StackReference("org/proj/other")', "the provider pulumi"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(bench: Workbench, program: str, name: str) -> None:
    """An option or call that has no meaning here is an error of one line, not ignored."""
    bench.write(program)
    result = engine_for(bench).preview()
    assert not result.ok
    assert "LocalEngine" in errors(result)[0]
    assert name in errors(result)[0]
    assert "\n" not in errors(result)[0]


class _RefusedError(Exception):
    pass


class _Context:
    """Stands in for a gRPC call's context."""

    def abort(self, code: object, details: str) -> None:
        """Raise, as the real one does."""
        raise _RefusedError(f"{code} {details}")


def _monitor(tmp_path: Path) -> tuple[Monitor, Callable[[], list[str]]]:
    """A monitor of an empty stack, and what it has reported."""
    report = Report(Display("preview", "local", "proj", False, None), {})
    snapshot = Snapshot(tmp_path / "none.json", lambda salt: Vault("", salt), read_only=True)
    providers = Providers(lambda _: pytest.fail("no provider is needed"), [])
    deployment = Deployment(("proj", "local"), snapshot, providers, report, preview=True, config={})
    return Monitor(deployment), lambda: [
        item.message for item in report.close(None, {}, ok=False).diagnostics
    ]


@pytest.mark.parametrize(
    ("field", "value", "option"),
    [
        ("remote", True, "remote components"),
        ("customTimeouts", {"create": "1m"}, "custom_timeouts"),
        ("hooks", {"before_create": ["h"]}, "hooks"),
        ("replace_with", ["urn"], "replace_with"),
        ("deletedWith", "urn", "deleted_with"),
        ("envVarMappings", {"A": "B"}, "env_var_mappings"),
        ("hideDiffs", ["a"], "hide_diffs"),
        ("packageRef", "p", "packages"),
        ("version", "1.0.0", "version"),
        ("pluginDownloadURL", "u", "plugin_download_url"),
    ],
)
def test_every_other_option_is_refused_by_name(tmp_path: Path, field: str, value: Any, option: str) -> None:
    """Whatever an SDK can send that this engine does not do."""
    monitor, messages = _monitor(tmp_path)
    request = resource_pb2.RegisterResourceRequest(
        type="pulumi-python:dynamic:R", name="r", custom=True, **{field: value}
    )
    with pytest.raises(_RefusedError, match="UNAVAILABLE"):
        monitor.RegisterResource(request, _Context())
    assert messages() == [f"pulumi-python:dynamic:R::r: LocalEngine does not support {option}"]


@pytest.mark.parametrize(
    ("type_", "provider"),
    [("aws:s3/bucket:Bucket", "aws"), ("pulumi:providers:aws", "aws"), ("pulumi:pulumi:X", "pulumi")],
)
def test_other_providers_are_refused_by_name(tmp_path: Path, type_: str, provider: str) -> None:
    """Only dynamic providers can run without plugins."""
    monitor, messages = _monitor(tmp_path)
    with pytest.raises(_RefusedError):
        monitor.RegisterResource(
            resource_pb2.RegisterResourceRequest(type=type_, name="r", custom=True), _Context()
        )
    assert messages() == [f"{type_}::r: LocalEngine runs dynamic providers only, not the provider {provider}"]


def test_calls_that_it_cannot_serve_are_refused_by_name(tmp_path: Path) -> None:
    """Functions, methods, hooks and the like."""
    monitor, messages = _monitor(tmp_path)
    for call in ("Call", "RegisterPackage", "RegisterStackInvokeTransform", "RegisterResourceHook"):
        with pytest.raises(_RefusedError):
            getattr(monitor, call)(None, _Context())
    supported = [
        f"LocalEngine does not support {what}"
        for what in ("methods (call)", "packages", "stack invoke transforms", "hooks")
    ]
    assert messages() == supported


def test_older_sdks_learn_what_is_supported(tmp_path: Path) -> None:
    """A feature is asked for by name; an unknown one is not there."""
    monitor, _ = _monitor(tmp_path)
    for name, there in (("secrets", True), ("aliasSpecs", True), ("nonsense", False)):
        request = resource_pb2.SupportsFeatureRequest(id=name)
        assert monitor.SupportsFeature(request, _Context()).hasSupport is there


def test_an_option_from_a_transform_is_refused_by_name(bench: Workbench) -> None:
    """As if the program had given it."""
    bench.write("""
    from pulumi import CustomTimeouts, ResourceTransformResult
    def slow(a):
        return ResourceTransformResult(props=a.props, opts=ResourceOptions(custom_timeouts=CustomTimeouts(create="1m")))
    Thing("a", opts=ResourceOptions(transforms=[slow]))
    """)
    result = engine_for(bench).up()
    assert not result.ok
    assert errors(result)[0].endswith("::a: LocalEngine does not support custom_timeouts")
