"""LocalEngine alone: what it refuses, what it keeps to itself, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.proto import resource_pb2

from pulumi_account.testing import LocalEngine, PassphraseError, ProjectError, StateError
from pulumi_account.testing.__main__ import main
from pulumi_account.testing.deployment import Deployment
from pulumi_account.testing.display import Display
from pulumi_account.testing.monitor import Monitor
from pulumi_account.testing.project import check_endpoints
from pulumi_account.testing.provider import Providers
from pulumi_account.testing.report import Report
from pulumi_account.testing.secrets import Vault
from pulumi_account.testing.state import Snapshot, locked
from tests.conftest import warm_python
from tests.support.helpers import mode, umask
from tests.support.programs.workbench import Workbench

SECRETS = {"pw": "hunter22", "account:token": "conf-token"}


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """An empty project."""
    return Workbench(tmp_path)


def _engine(bench: Workbench, **options: Any) -> LocalEngine:
    return LocalEngine(bench.project, **{"env": bench.env, "python": warm_python(), **options})


def _state_file(bench: Workbench) -> Path:
    return bench.project / ".local" / "local.json"


def _errors(result: Any) -> list[str]:
    return [item.message for item in result.diagnostics if item.severity == "error"]


# Secrets


def test_no_secret_leaves_the_engine_in_clear(bench: Workbench, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither state, text, JSON, steps, diagnostics nor what is passed through holds a secret."""
    bench.write("""
    s = Thing("s", secret=config.require_secret("pw"), tags={"x": Output.secret("in-tags")}, fail="update")
    t = Thing("t", opts=ResourceOptions(additional_secret_outputs=["token"]))
    pulumi.log.warn("it is hunter22")
    pulumi.export("pw", config.require_secret("pw"))
    pulumi.export("token", t.token)
    pulumi.export("nested", {"a": [Output.secret("in-output")]})
    """)
    engine = _engine(bench, secrets=SECRETS)
    seen = [engine.preview(), engine.up(), engine.preview()]
    program = (bench.project / "__main__.py").read_text()
    (bench.project / "__main__.py").write_text(program.replace('Thing("s",', 'Thing("s", size=2,'))
    failed = engine.up()
    token = engine.outputs(show_secrets=True)["token"]
    whole = "".join([_state_file(bench).read_text(), capfd.readouterr().out, json.dumps(engine.export())])
    whole += "".join(r.text + json.dumps(dict(r.json)) + repr(r) for r in [*seen, failed])
    assert [text for text in ("hunter22", "in-tags", "in-output", "conf-token", token) if text in whole] == []
    assert "it is [secret]" in whole
    assert engine.outputs() == {"pw": "[secret]", "token": "[secret]", "nested": {"a": ["[secret]"]}}
    assert engine.outputs(show_secrets=True)["pw"] == "hunter22"
    assert "hunter22" in json.dumps(engine.export(show_secrets=True))


def test_a_state_file_is_private_and_keeps_ciphertexts(bench: Workbench) -> None:
    """Mode 0600; what has not changed is not encrypted anew; nothing else is left beside it but the lock."""
    bench.write('Thing("s", secret=config.require_secret("pw"), size=int(config.get("n") or 1))')
    assert _engine(bench, secrets=SECRETS).up().ok
    first = _state_file(bench).read_text().count("ciphertext"), _ciphertexts(bench)
    assert stat.S_IMODE(_state_file(bench).stat().st_mode) == 0o600
    assert _engine(bench, secrets=SECRETS, config={"n": "2"}).up().changes == {"same": 1, "update": 1}
    assert (_state_file(bench).read_text().count("ciphertext"), _ciphertexts(bench)) == first
    assert sorted(os.listdir(_state_file(bench).parent)) == ["local.json", "local.json.lock"]


@pytest.mark.parametrize("mask", [0, 0o022])
def test_all_that_is_written_is_private(bench: Workbench, mask: int) -> None:
    """The folder has mode 0700, each file in it 0600, the lock included, whatever the umask is."""
    bench.write('Thing("s")')
    with umask(mask):
        assert _engine(bench).up().ok
    assert mode(bench.project / ".local") == 0o700
    assert {mode(file) for file in (bench.project / ".local").iterdir()} == {0o600}


def test_what_was_open_to_others_is_narrowed(bench: Workbench) -> None:
    """A folder, a state and a lock of earlier times."""
    local = bench.project / ".local"
    bench.write("")
    assert _engine(bench).preview().ok
    for path, wide in [(local, 0o755), (local / "local.json.lock", 0o644)]:
        path.chmod(wide)
    assert _engine(bench).preview().ok
    assert (mode(local), mode(local / "local.json.lock")) == (0o700, 0o600)


def test_a_folder_of_the_users_is_left_as_it_is(bench: Workbench) -> None:
    """The state may lie anywhere: folders that are made for it are private, the user's own are not changed."""
    bench.write("")
    (bench.project / "mine").mkdir()
    (bench.project / "mine").chmod(0o755)
    state = bench.project / "mine" / "a" / "b" / "s.json"
    with umask(0):
        assert _engine(bench, state=state).up().ok
    assert [mode(path) for path in (state, state.parent, state.parent.parent)] == [0o600, 0o700, 0o700]
    assert mode(bench.project / "mine") == 0o755


def _ciphertexts(bench: Workbench) -> set[str]:
    text = _state_file(bench).read_text()
    return {part.split('"')[2] for part in text.split('"ciphertext')[1:]}


def test_a_wrong_passphrase_stops_before_anything_runs(bench: Workbench) -> None:
    """It is told in one line, and neither the program nor a provider is left running."""
    bench.write('Thing("s", secret=config.require_secret("pw"))')
    assert _engine(bench, secrets=SECRETS).up().ok
    bench.calls()
    with pytest.raises(PassphraseError, match="do not open with this passphrase"):
        _engine(bench, secrets=SECRETS, env={**bench.env, "PULUMI_CONFIG_PASSPHRASE": "other"}).up()
    assert bench.calls() == []


# Loopback only


def test_programs_and_providers_are_told_loopback_only(bench: Workbench) -> None:
    """ACCOUNT_LOOPBACK_ONLY=1 is set in the program and in every provider process."""
    bench.write("""
    import os
    eu = pulumi.ProviderResource("pulumi-python", "eu", {})
    pulumi.export("program", os.environ["ACCOUNT_LOOPBACK_ONLY"])
    pulumi.export("default", Thing("a").loopback)
    pulumi.export("eu", Thing("b", opts=ResourceOptions(provider=eu)).loopback)
    """)
    assert _engine(bench).up().outputs == {"program": "1", "default": "1", "eu": "1"}


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
    result = _engine(bench).up()
    assert not result.ok
    assert "loopback endpoints only" in _errors(result)[0]
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
    result = _engine(bench).up()
    assert not result.ok
    (error,) = _errors(result)
    assert "loopback endpoints only" in error
    assert bench.calls() == []


# What it does not do


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
    result = _engine(bench).preview()
    assert not result.ok
    assert "LocalEngine" in _errors(result)[0]
    assert name in _errors(result)[0]
    assert "\n" not in _errors(result)[0]


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
    result = _engine(bench).up()
    assert not result.ok
    assert _errors(result)[0].endswith("::a: LocalEngine does not support custom_timeouts")


# Projects and state files


_URN = "urn:pulumi:local::proj::pulumi-python:dynamic/account:Thing::"


def test_the_state_is_edited_by_urn(bench: Workbench) -> None:
    """What is not there, or would be there twice, is an error of one line that names it."""
    bench.write('Thing("a", kind="1", fail="delete"); Thing("b")')
    engine = _engine(bench)
    assert engine.up().ok
    for edit, arguments, told in (
        (engine.taint, ["nope"], f"no resource with the URN {_URN}nope"),
        (engine.rename, ["nope", "x"], f"no resource with the URN {_URN}nope"),
        (engine.rename, ["a", "b"], f"a resource {_URN}b already"),
    ):
        before = _state_file(bench).read_text()
        with pytest.raises(StateError, match=told) as caught:
            edit(_URN + arguments[0], *arguments[1:])
        assert "\n" not in str(caught.value)
        assert _state_file(bench).read_text() == before


def test_of_two_resources_of_a_urn_the_living_one_is_tainted(bench: Workbench) -> None:
    """What waits for its deletion is no more; which of the two to rename cannot be known."""
    bench.write('Thing("a", kind="1", fail="delete")')
    engine = _engine(bench)
    assert engine.up().ok
    bench.write('Thing("a", kind="2")')
    assert not engine.up().ok
    engine.taint(_URN + "a")
    things = [item for item in engine.export()["deployment"]["resources"] if item["urn"] == _URN + "a"]
    assert sorted((item.get("delete", False), item.get("taint", False)) for item in things) == [
        (False, True),
        (True, False),
    ]
    with pytest.raises(StateError, match=f"more than one resource with the URN {_URN}a"):
        engine.rename(_URN + "a", "b")


def test_the_state_is_not_edited_during_a_run(bench: Workbench) -> None:
    """Whoever holds the file keeps it."""
    bench.write('Thing("a")')
    engine = _engine(bench)
    assert engine.up().ok
    with locked(_state_file(bench)), pytest.raises(StateError, match="another run holds"):
        engine.taint(_URN + "a")


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
        _engine(bench).preview()
    assert _engine(bench, secrets=SECRETS).preview().outputs == {"pw": "[secret]"}


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


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{", "is not a state file"), ('{"version": 4, "deployment": {}}', "version 4; only 3")],
)
def test_a_file_that_is_no_state_is_refused(bench: Workbench, text: str, reason: str) -> None:
    """And it is left as it is."""
    file = bench.project / "s.json"
    file.write_text(text)
    with pytest.raises(StateError, match=reason):
        _engine(bench, state=file).outputs()
    assert file.read_text() == text


def test_a_second_run_is_told_of_the_first(bench: Workbench) -> None:
    """Two runs never share a state file."""
    bench.write("")
    with locked(_state_file(bench)), pytest.raises(StateError, match="another run holds"):
        _engine(bench).preview()
    assert _engine(bench).preview().ok


def test_a_preview_leaves_the_state_alone(bench: Workbench) -> None:
    """Not a byte of the file changes, and none is made."""
    bench.write('Thing("a", kind=config.get("k") or "1", before=True)')
    assert _engine(bench).preview().ok
    assert not _state_file(bench).exists()
    assert _engine(bench).up().ok
    before = _state_file(bench).read_bytes()
    assert _engine(bench, config={"k": "2"}).preview().changes == {"same": 1, "replace": 1}
    assert _state_file(bench).read_bytes() == before


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ('Thing("a"); Thing("a")', "Duplicate resource URN"),
        (
            'Thing("n1", opts=ResourceOptions(aliases=[Alias(name="old")]))\n'
            'Thing("n2", opts=ResourceOptions(aliases=[Alias(name="old")]))',
            "Duplicate resource alias",
        ),
        (
            'n = Thing("new", opts=ResourceOptions(aliases=[Alias(name="old")]))\n'
            'Thing("old", opts=ResourceOptions(depends_on=[n]))',
            "conflicting with alias",
        ),
    ],
)
def test_two_resources_cannot_be_one(bench: Workbench, program: str, told: str) -> None:
    """Neither under their own names nor under former ones."""
    bench.write('Thing("old")')
    assert _engine(bench).up().ok
    bench.write(program)
    result = _engine(bench).preview()
    assert not result.ok
    assert told in _errors(result)[0]


def test_every_property_can_be_shown(bench: Workbench) -> None:
    """With `diff`, nested lists and objects show what is added, changed and gone; a lock marks what is protected."""
    bench.write(
        'Thing("a", tags={"l": ["x", {"k": 1}], "gone": "g", "t": "s"}, opts=ResourceOptions(protect=True))'
    )
    first = _engine(bench, diff=True).up().text
    assert '            l   : [\n                [0]: "x"\n                [1]: {\n' in first
    bench.write('Thing("a", tags={"l": ["y", {"k": 1}, None, []], "new": {}, "t": ["s"]}, size=1.5)')
    second = _engine(bench, diff=True).preview().text
    assert "(update) 🔓" in second
    for line in (
        '~ [0]: "x" => "y"',
        '- gone: "g"',
        "+ new : {}",
        '- t   : "s"',
        "+ t   : [",
        "+ size : 1.5",
    ):
        assert line in second


# Processes


def test_four_calls_run_at_a_time(bench: Workbench) -> None:
    """Creates and deletes of independent resources keep the provider's four threads busy."""
    bench.write('[Thing(f"t{i}", delay=0.4) for i in range(8)]')
    engine = _engine(bench)
    for run, method in ((engine.up, "create"), (engine.destroy, "delete")):
        assert run().ok
        times = [line["at"] for line in bench.lines() if line["method"] == method]
        bench.calls()
        assert max(sum(0 <= other - at < 0.35 for other in times) for at in times) == 4


def test_each_instance_has_a_process_and_its_own_configuration(bench: Workbench) -> None:
    """The default instance gets the stack's configuration, an explicit one exactly its inputs, all in clear."""
    bench.write("""
    eu = pulumi.ProviderResource("pulumi-python", "eu", {"account:region": "eu", "account:token": Output.secret("t")})
    Thing("a", opts=ResourceOptions(provider=eu)); Thing("b", opts=ResourceOptions(provider=eu)); Thing("c")
    """)
    assert _engine(bench, secrets=SECRETS, config={"n": "1"}).up().ok
    found = [json.loads(file.read_text()) for file in bench.things.glob("config-*")]
    assert sorted(found, key=len) == [
        {"account:region": "eu", "account:token": "t"},
        {"account:token": "conf-token", "proj:n": "1", "proj:pw": "hunter22"},
    ]
    for file in bench.things.glob("config-*"):
        with pytest.raises(ProcessLookupError):
            os.kill(int(file.name.partition("-")[2]), 0)


def _command(bench: Workbench, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pulumi_account.testing", *args]
    env = {**os.environ, **bench.env, **options}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=bench.project)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_records_what_it_has_begun(bench: Workbench, number: signal.Signals) -> None:
    """The creates under way are waited for and recorded, no others begin, no process stays, the status is 1."""
    bench.write('a = Thing("a", delay=1.5); Thing("b", opts=ResourceOptions(depends_on=[a]))')
    command = [sys.executable, "-m", "pulumi_account.testing", "up"]
    process = subprocess.Popen(
        command, env={**os.environ, **bench.env}, cwd=bench.project, stdout=subprocess.PIPE
    )
    _wait_for(lambda: bench.has_called("create a"))
    pending = json.loads(_state_file(bench).read_text())["deployment"]["pending_operations"]
    assert [(item["type"], item["resource"]["urn"][-3:]) for item in pending] == [("creating", "::a")]
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert b"canceled" in out
    assert [id_[0] for id_ in bench.made()] == ["a"]
    deployment = json.loads(_state_file(bench).read_text())["deployment"]
    assert [item["urn"][-3:] for item in deployment["resources"]][-1] == "::a"
    assert "pending_operations" not in deployment
    assert _engine(bench).up().changes == {"same": 2, "create": 1}


def _wait_for(condition: Any) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_killed_run_leaves_a_pending_create(bench: Workbench) -> None:
    """The next run warns of it, and drops nothing of it from the state."""
    bench.write('Thing("a", delay=1.5)')
    command = [sys.executable, "-m", "pulumi_account.testing", "up"]
    process = subprocess.Popen(
        command, env={**os.environ, **bench.env}, cwd=bench.project, stdout=subprocess.DEVNULL
    )
    _wait_for(lambda: bench.has_called("create a"))
    process.kill()
    process.wait()
    result = _engine(bench).up()
    assert result.ok
    assert ["interrupted" in item.message for item in result.diagnostics] == [True]
    assert len(json.loads(_state_file(bench).read_text())["deployment"]["pending_operations"]) == 1
    _stop_orphans(bench)


def _stop_orphans(bench: Workbench) -> None:
    for file in bench.things.glob("config-*"):
        try:
            os.kill(int(file.name.partition("-")[2]), signal.SIGKILL)
        except ProcessLookupError:
            continue


def test_a_provider_that_dies_is_an_error(bench: Workbench) -> None:
    """The resource fails, the run ends, the create is not recorded."""
    bench.write('Thing("a", die=True)')
    result = _engine(bench).up()
    assert not result.ok
    assert _errors(result)[-1] == "update failed"
    assert "::a" not in _state_file(bench).read_text()


def test_a_program_that_exits_is_an_error(bench: Workbench) -> None:
    """A status that is not zero fails the run, and nothing is deleted."""
    bench.write('Thing("a")')
    assert _engine(bench).up().ok
    bench.write("import sys; sys.exit(3)")
    result = _engine(bench).up()
    assert not result.ok
    assert _errors(result) == ["an unhandled error occurred: program exited with non-zero exit code: 3"]
    assert len(bench.made()) == 1


def test_a_program_that_does_not_end_is_stopped(bench: Workbench) -> None:
    """After an error nobody waits for a program that is busy with something else."""
    bench.write('Thing("a", size="wrong")\nimport asyncio\npulumi.run(lambda: asyncio.sleep(60))')
    began = time.monotonic()
    assert not _engine(bench).up().ok
    assert time.monotonic() - began < 20


def test_messages_and_output_of_a_program_are_shown(
    bench: Workbench, capfd: pytest.CaptureFixture[str]
) -> None:
    """The display shows ``pulumi.log``, except debugging, and what a provider prints; a program prints for itself."""
    bench.write("""
    a = Thing("a", say="provider says")
    pulumi.log.info("hello"); pulumi.log.warn("careful", a); pulumi.log.debug("hidden")
    print("printed")
    """)
    result = _engine(bench).up()
    assert result.ok
    assert sorted((d.severity, d.urn[-3:], d.message) for d in result.diagnostics) == [
        ("info", "", "hello"),
        ("info", "", "provider says"),
        ("warning", "::a", "careful"),
    ]
    assert "    warning: careful" in result.text
    assert "    provider says" in result.text
    assert capfd.readouterr().out.strip() == "printed"


def test_an_error_that_is_logged_is_shown(bench: Workbench) -> None:
    """A program may log an error and succeed all the same."""
    bench.write('Thing("a"); pulumi.log.error("bad")')
    result = _engine(bench).up()
    assert result.ok
    assert _errors(result) == ["bad"]
    assert "    1 errored" in result.text


def test_many_resources_take_seconds(bench: Workbench) -> None:
    """A hundred resources are created and deleted in seconds."""
    bench.write('[Thing(f"t{i}", tags={"x": str(i)}) for i in range(100)]')
    engine = _engine(bench)
    for run in (engine.up, engine.destroy):
        began = time.monotonic()
        result = run()
        assert (result.ok, sum(result.changes.values())) == (True, 101)
        assert time.monotonic() - began < 15


# The command line


def test_commands_print_what_happened_and_set_the_status(bench: Workbench) -> None:
    """Preview, up, output and destroy work from the command line, with secrets from the environment."""
    bench.write(
        'pulumi.export("pw", config.require_secret("pw")); pulumi.export("n", Thing("a", size=1).size)'
    )
    up = _command(bench, "up", "--secret", "proj:pw", "--config", "x=1", "--diff", PROJ_PW="hunter22")
    assert up.returncode == 0, up.stderr
    assert "+ pulumi-python:dynamic/account:Thing: (create)" in up.stdout
    assert _command(bench, "output").stdout == "n\t1\npw\t[secret]\n"
    assert json.loads(_command(bench, "output", "--json", "--show-secrets").stdout) == {
        "n": 1,
        "pw": "hunter22",
    }
    digest = json.loads(_command(bench, "preview", "--json", "--secret", "pw=hunter22").stdout)
    assert digest["changeSummary"] == {"same": 2}
    assert digest["config"] == {"proj:pw": "[secret]"}
    assert "- 2 deleted" in _command(bench, "destroy").stdout


def test_wrong_commands_have_status_2(bench: Workbench, capsys: pytest.CaptureFixture[str]) -> None:
    """Usage errors are told apart from failures."""
    for args in (
        [],
        ["up", "--config", "novalue"],
        ["up", "--secret", "=value"],
        ["up", "--secret", "not:set"],
    ):
        with pytest.raises(SystemExit) as caught:
            main(args)
        assert caught.value.code == 2
    assert "NS_KEY" in capsys.readouterr().err
    assert main(["up", str(bench.project), "--state", str(bench.project / "Pulumi.yaml")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "args",
    [
        ["--secret", "ns:key=hunter22", "up"],
        ["up", "--secret", "=hunter22"],
        ["up", "--secret", "hunter22"],
        ["up", "--secret", "user:hunter22"],
        ["up", "--secrt", "ns:key=hunter22"],
        ["up", "--secrt=ns:key=hunter22"],
        ["up", "--s=ns:key=hunter22"],
        ["up", "--secret", "ns:key=two", "words,", "hunter22"],
        ["up", "--secret", "ns:key=hunter22", "--stack"],
        ["up", "--secret", "ns:key=hunter22", "--stack", "../../x"],
        ["up", "--secret", "ns:key=hunter22", "--state", "/dev/null/x"],
        ["up", "--secret", "account:endpoint=https://user:hunter22@api.invalid/hunter22"],
        ["up", "--secret", "account:endpoint=https://hunter22.invalid"],
        ["up", "--secret", "account:endpoint=https://[hunter22"],
        ["up", "--secret", "account:endpoint=hunter22"],
        ["up", "--config", "account:endpoint=https://user:hunter22@api.invalid/hunter22"],
    ],
)
def test_no_error_of_the_command_line_tells_a_secret(
    bench: Workbench, args: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong with the command, or with where it would make keys."""
    monkeypatch.chdir(bench.project)
    try:
        status = main(args)
    except SystemExit as end:
        status = int(end.code or 0)
    out, err = capfd.readouterr()
    assert status in (1, 2)
    assert "hunter22" not in out + err
    assert "error: " in err.splitlines()[-1]


def test_the_environments_endpoint_is_not_quoted(bench: Workbench) -> None:
    """An endpoint that is refused may hold a password: its host is all that is told."""
    done = _command(bench, "up", ACCOUNT_ENDPOINT="https://user:hunter22@api.invalid/hunter22")
    assert (done.returncode, "hunter22" in done.stdout + done.stderr) == (1, False)
    assert "ACCOUNT_ENDPOINT is on api.invalid" in done.stderr


@pytest.mark.parametrize(
    "failure",
    ["raise ValueError(pw)", "raise KeyError(pw)", "raise ValueError(json.dumps(pw))", "sys.exit(pw)", "print(pw)",
     "print(repr(pw), file=sys.stderr)", "pulumi.log.error(pw)", "raise OSError(0, quote(pw))",
     "[print(line.strip()) for line in pw.splitlines()]"],
)  # fmt: skip
def test_no_failure_of_a_program_tells_a_secret(bench: Workbench, failure: str) -> None:
    """Whether it is raised, logged or printed, and whether as it is or as Python, JSON or a URL writes it."""
    bench.write(f"import json, sys\nfrom urllib.parse import quote\npw = config.require('pw')\n{failure}")
    done = _command(bench, "up", "--secret", "pw= first hunter22 'q'\n\tsecond \"hunter22\" é\\ \n")
    assert "hunter22" not in done.stdout + done.stderr
    assert "[secret]" in done.stdout + done.stderr


def test_a_program_may_print_what_it_likes(bench: Workbench, capfd: pytest.CaptureFixture[str]) -> None:
    """What it prints comes through whole, to the stream that it is printed to, the last line without an end, too."""
    bench.write("""
    import sys
    print("é" * 100_000)
    sys.stderr.buffer.write(b"\\xff to stderr\\n")
    print("end", end="")
    """)
    assert _engine(bench).up().ok
    out, err = capfd.readouterr()
    assert out == "é" * 100_000 + "\nend"
    assert err == "\N{REPLACEMENT CHARACTER} to stderr\n"


def test_a_program_may_leave_a_process_behind(bench: Workbench) -> None:
    """What it has started holds its output open; the run ends nevertheless."""
    bench.write(
        "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(30)'])"
    )
    began = time.monotonic()
    assert _engine(bench).up().ok
    assert time.monotonic() - began < 25


@pytest.mark.parametrize("verb", ["preview", "up", "refresh", "destroy", "output"])
def test_help_says_what_it_is_for(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command's help has the word on loopback endpoints."""
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    assert "ACCOUNT_LOOPBACK_ONLY=1" in capsys.readouterr().out
