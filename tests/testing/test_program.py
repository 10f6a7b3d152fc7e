"""Processes: the program's and the providers', how they run side by side, fail and end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.support.programs.workbench import Workbench
from tests.testing.conftest import SECRETS, engine_for, errors, state_file


def test_four_calls_run_at_a_time(bench: Workbench) -> None:
    """Creates and deletes of independent resources keep the provider's four threads busy."""
    bench.write('[Thing(f"t{i}", delay=0.4) for i in range(8)]')
    engine = engine_for(bench)
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
    assert engine_for(bench, secrets=SECRETS, config={"n": "1"}).up().ok
    found = [json.loads(file.read_text()) for file in bench.things.glob("config-*")]
    assert sorted(found, key=len) == [
        {"account:region": "eu", "account:token": "t"},
        {"account:token": "conf-token", "proj:n": "1", "proj:pw": "hunter22"},
    ]
    for file in bench.things.glob("config-*"):
        with pytest.raises(ProcessLookupError):
            os.kill(int(file.name.partition("-")[2]), 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_records_what_it_has_begun(bench: Workbench, number: signal.Signals) -> None:
    """The creates under way are waited for and recorded, no others begin, no process stays, the status is 1."""
    bench.write('a = Thing("a", delay=1.5); Thing("b", opts=ResourceOptions(depends_on=[a]))')
    command = [sys.executable, "-m", "pulumi_account.testing", "up"]
    process = subprocess.Popen(
        command, env={**os.environ, **bench.env}, cwd=bench.project, stdout=subprocess.PIPE
    )
    _wait_for(lambda: bench.has_called("create a"))
    pending = json.loads(state_file(bench).read_text())["deployment"]["pending_operations"]
    assert [(item["type"], item["resource"]["urn"][-3:]) for item in pending] == [("creating", "::a")]
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert b"canceled" in out
    assert [id_[0] for id_ in bench.made()] == ["a"]
    deployment = json.loads(state_file(bench).read_text())["deployment"]
    assert [item["urn"][-3:] for item in deployment["resources"]][-1] == "::a"
    assert "pending_operations" not in deployment
    assert engine_for(bench).up().changes == {"same": 2, "create": 1}


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
    result = engine_for(bench).up()
    assert result.ok
    assert ["interrupted" in item.message for item in result.diagnostics] == [True]
    assert len(json.loads(state_file(bench).read_text())["deployment"]["pending_operations"]) == 1
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
    result = engine_for(bench).up()
    assert not result.ok
    assert errors(result)[-1] == "update failed"
    assert "::a" not in state_file(bench).read_text()


def test_a_program_that_exits_is_an_error(bench: Workbench) -> None:
    """A status that is not zero fails the run, and nothing is deleted."""
    bench.write('Thing("a")')
    assert engine_for(bench).up().ok
    bench.write("import sys; sys.exit(3)")
    result = engine_for(bench).up()
    assert not result.ok
    assert errors(result) == ["an unhandled error occurred: program exited with non-zero exit code: 3"]
    assert len(bench.made()) == 1


def test_a_program_that_does_not_end_is_stopped(bench: Workbench) -> None:
    """After an error the engine does not wait for a program that is busy with something else."""
    bench.write('Thing("a", size="wrong")\nimport asyncio\npulumi.run(lambda: asyncio.sleep(60))')
    began = time.monotonic()
    assert not engine_for(bench).up().ok
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
    result = engine_for(bench).up()
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
    result = engine_for(bench).up()
    assert result.ok
    assert errors(result) == ["bad"]
    assert "    1 errored" in result.text


def test_many_resources_take_seconds(bench: Workbench) -> None:
    """A hundred resources are created and deleted in seconds."""
    bench.write('[Thing(f"t{i}", tags={"x": str(i)}) for i in range(100)]')
    engine = engine_for(bench)
    for run in (engine.up, engine.destroy):
        began = time.monotonic()
        result = run()
        assert (result.ok, sum(result.changes.values())) == (True, 101)
        assert time.monotonic() - began < 15


def test_a_program_may_print_what_it_likes(bench: Workbench, capfd: pytest.CaptureFixture[str]) -> None:
    """What it prints comes through whole, to the stream that it is printed to, the last line without an end, too."""
    bench.write("""
    import sys
    print("é" * 100_000)
    sys.stderr.buffer.write(b"\\xff to stderr\\n")
    print("end", end="")
    """)
    assert engine_for(bench).up().ok
    out, err = capfd.readouterr()
    assert out == "é" * 100_000 + "\nend"
    assert err == "\N{REPLACEMENT CHARACTER} to stderr\n"


def test_a_program_may_leave_a_process_behind(bench: Workbench) -> None:
    """What it has started holds its output open; the run ends nevertheless."""
    bench.write(
        "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(30)'])"
    )
    began = time.monotonic()
    assert engine_for(bench).up().ok
    assert time.monotonic() - began < 25
