"""A warm Python behaves like a cold one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_account.emulator import Emulator
from pulumi_account.testing import Result
from tests.support import ROOT
from tests.support.canaries import PROVISIONING_KEY
from tests.support.projects import engine_for, write_project
from tests.support.warm import WarmPython


@pytest.fixture(scope="module")
def warm() -> Iterator[str]:
    """A warm Python."""
    with WarmPython() as python:
        yield python


def run(python: str, folder: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run Python to its end."""
    return subprocess.run(
        [python, "-u", *args],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


def script(folder: Path, program: str) -> str:
    """Write a program, as a script and as a module; its path."""
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").touch()
    path = folder / "package" / "__main__.py"
    path.write_text(textwrap.dedent(program))
    return str(path)


LOOK = """
    import os, sys
    main = sys.modules["__main__"]
    print(__name__, main.__spec__ and main.__spec__.name, main.__dict__ is globals())
    print(sys.argv, os.getcwd(), sys.path, os.getsid(0) == os.getpid())
    print(sorted(os.environ.items()), file=sys.stderr)
    print(len(os.listdir("/dev/fd")), sys.stdin.read(), sys.executable)
"""


@pytest.mark.parametrize("form", ["module", "script", "code"])
def test_a_program_sees_what_it_would_see(warm: str, tmp_path: Path, form: str) -> None:
    """Main module, arguments, folder, path and environment are those of a cold start."""
    program = script(tmp_path, LOOK)
    args = {"module": ["-m", "package"], "script": [program], "code": ["-c", textwrap.dedent(LOOK)]}[form]
    seen = [
        subprocess.run(
            [python, "-u", *args, "a b", "-u", ""],
            cwd=tmp_path,
            env={**os.environ, "ONE": "two\nthree="},
            input="standard input",
            capture_output=True,
            text=True,
            start_new_session=True,
        )
        for python in (warm, sys.executable)
    ]
    assert seen[0].stdout == seen[1].stdout
    environments = [
        re.sub(r"\('(_|COVERAGE_\w+|LC_CTYPE|PWD|OLDPWD|SHLVL)', '.*?'\)(, )?", "", one.stderr)
        for one in seen
    ]
    assert environments[0] == environments[1]


@pytest.mark.parametrize(
    "program",
    ["", "raise SystemExit(7)", "raise SystemExit('why')", "1 / 0", "import os, signal; os.kill(os.getpid(), 9)",
     "import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "raise KeyboardInterrupt",
     "import atexit, threading, time\natexit.register(print, 'last')\n"
     "threading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()"],
)  # fmt: skip
def test_a_program_ends_as_it_would(warm: str, tmp_path: Path, program: str) -> None:
    """Status, output and the last line of errors are those of a cold start."""
    path = script(tmp_path, program)
    hot, cold = run(warm, tmp_path, path), run(sys.executable, tmp_path, path)
    assert (hot.returncode, hot.stdout) == (cold.returncode, cold.stdout)
    assert hot.stderr.splitlines()[-1:] == cold.stderr.splitlines()[-1:]


WAIT = """
    import os, threading
    try:
        print(os.getpid(), flush=True)
        while not threading.Event().wait(0.5):  # an interrupt just before a wait is heard after it
            pass
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.mark.parametrize(
    ("number", "status", "told"),
    [(signal.SIGINT, 0, "interrupted\n"), (signal.SIGTERM, -signal.SIGTERM, ""), (signal.SIGKILL, -signal.SIGKILL, "")],
)  # fmt: skip
def test_signals_reach_the_program(
    warm: str, tmp_path: Path, number: signal.Signals, status: int, told: str
) -> None:
    """An interrupt is an exception, a termination ends it, and a kill leaves no program behind."""
    with subprocess.Popen([warm, "-u", script(tmp_path, WAIT)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.send_signal(number)
        try:
            assert process.stdout.read() == told  # to its end, which comes with the program's own
            assert process.wait() == status
        finally:
            process.kill()  # where interrupts are ignored, as in the background of a shell, it would never end
    assert ended(pid)


def test_clients_that_are_killed_do_no_harm(warm: str, tmp_path: Path) -> None:
    """The server survives when clients are killed, at any time, with their programs."""
    path = script(tmp_path, "")
    for number in range(40):
        with subprocess.Popen([warm, "-u", path], stderr=subprocess.DEVNULL) as process:
            time.sleep(number / 500)
            process.kill()
    assert run(warm, tmp_path, path).returncode == 0


def test_what_engines_do_not_ask_for_is_asked_of_a_cold_python(warm: str, tmp_path: Path) -> None:
    """Other options, such as `--version`, go to a cold Python."""
    assert subprocess.run([warm, "--version"], capture_output=True, text=True).stdout.startswith("Python 3.")


def ended(pid: int) -> bool:
    """Whether a process ends within a few seconds."""
    for _ in range(500):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def test_nothing_outlives_the_process_that_uses_it(tmp_path: Path) -> None:
    """When the process that uses it is killed, the server and all its children end."""
    user = """
        import subprocess, sys
        from tests.support.warm import WarmPython
        warm = WarmPython()
        python = warm.__enter__()
        process = subprocess.Popen([python, "-u", sys.argv[1]])
        print(warm._server.pid, flush=True)
        process.wait()
    """
    (tmp_path / "user.py").write_text(textwrap.dedent(user))
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "user.py"), script(tmp_path, WAIT)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
    ) as process:
        assert process.stdout is not None
        server, program = (int(process.stdout.readline()) for _ in range(2))
        process.kill()
    assert ended(server)
    assert ended(program)


PROGRAM = """
    import os, pulumi, pulumi_account as account
    key = account.ApiKey("exact", name="n", credit_limit=10.5, rotation_triggers={"q": os.environ["QUARTER"]})
    other = account.ApiKey("dependent", name=key.key.apply(lambda text: f"n-{len(text)}"), is_enabled=False)
    pulumi.log.warn("look")
    pulumi.export("key", key.key)
    if os.environ["QUARTER"] == "3":
        account.ApiKey("bad", name="", opts=pulumi.ResourceOptions(depends_on=[key, other]))
    if os.environ["QUARTER"] == "4":
        raise ValueError("told in a traceback")
"""


def test_whole_runs_are_the_same(warm: str, tmp_path: Path) -> None:
    """Previews, updates, failures and a destroy behave the same with a warm Python as with a cold one."""
    warm_story, cold_story = (
        story(python, tmp_path / name) for name, python in [("a", warm), ("b", sys.executable)]
    )
    assert warm_story == cold_story


def story(python: str, folder: Path) -> list[object]:
    """What a few runs do and report."""
    write_project(folder, PROGRAM)
    told: list[object] = []
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
        for command, quarter in [
            ("up", 1),
            ("up", 2),
            ("preview", 3),
            ("up", 4),
            ("refresh", 1),
            ("destroy", 1),
        ]:
            env = {"ACCOUNT_ENDPOINT": emulator.url, "QUARTER": str(quarter)}
            secrets = {"account:provisioningKey": PROVISIONING_KEY}
            engine = engine_for("local", folder, env=env, secrets=secrets, python=python)
            result: Result = getattr(engine, command)()
            steps = sorted(
                (step.op, step.urn, sorted(map(str, (step.new or {}).items()))) for step in result.steps
            )
            messages = sorted(d.message.replace(str(folder), "") for d in result.diagnostics)
            told += [command, result.ok, dict(result.changes), dict(result.outputs), steps, messages]
            told += [sorted(map(str, emulator.calls.operations)), len(emulator.keys())]
    return told
