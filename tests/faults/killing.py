"""Kills runs halfway, and records what comes of them.

The emulator finds the moment: it holds a call before or after carrying it out, and the kill comes once all calls of
a case are held.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pulumi_account.core.reservations import RESERVATION_PREFIX
from pulumi_account.emulator import Emulator
from pulumi_account.testing import LocalEngine, Result
from tests.faults.kill_cases import CASES, ENGINE, ENGINE_ALONE, PROVIDER, TWO_INTERRUPTS, Case, Want
from tests.support.canaries import PROVISIONING_KEY
from tests.support.cli import CliEngine, require_cli
from tests.support.environment import account_environment
from tests.support.projects import project_files, warm_python, write_project

Account = Mapping[int, Mapping[str, Any]]

#: seconds for which a call is held that continues afterwards
_MOMENT = 1.0
#: the same if the engine must have exited by then; and after how many seconds without a call a provider
#: is done
_LONG_MOMENT, _QUIET = 4.0, 3.0
_PLAINTEXT = re.compile(r"\bng-[\w-]{43}")


class _Cli(CliEngine):
    def start(self, output: Path) -> subprocess.Popen[bytes]:
        command = ["pulumi", "--non-interactive", "--color", "never", "up", "--yes", "--skip-preview"]
        return _start(command, self._project, self._env, output)

    def unlock(self) -> None:
        self._pulumi("cancel", "--yes")


class _Local(LocalEngine):
    def __init__(self, project: Path, state: Path, env: Mapping[str, str]) -> None:
        super().__init__(project, state=state, env=env, python=warm_python())
        self._command = [sys.executable, "-m", "pulumi_account.testing", "up", "--state", str(state)]
        self._folder, self._variables = project, {**os.environ, **env}
        self._variables.pop("COVERAGE_PROCESS_CONFIG", None)  # to measure takes a third of the time

    def start(self, output: Path) -> subprocess.Popen[bytes]:
        return _start(self._command, self._folder, self._variables, output)

    def unlock(self) -> None:
        """Nothing to do: the lock is gone with the process that held it."""


def _start(command: list[str], folder: Path, env: Mapping[str, str], output: Path) -> subprocess.Popen[bytes]:
    # a file, not a pipe: a provider that outlives its engine keeps its standard error open
    with output.open("wb") as file:
        return subprocess.Popen(command, cwd=folder, env=env, stdout=file, stderr=subprocess.STDOUT)


class Stage:
    """A project, its account, and an engine, in a folder that can be copied.

    LocalEngine runs with a warm Python, except where it is killed: then with an ordinary one.
    """

    def __init__(self, kind: str, folder: Path, emulator: Emulator) -> None:
        self.folder, self.emulator = folder, emulator
        self._adoptable: dict[str, tuple[int, str]] = {}  # ids and plaintexts, by resource
        self._program = write_project(folder / "project", name="killed")
        project = self._program.parent
        env = account_environment(emulator.url, ACCOUNT_RETRY_DEADLINE="20")
        local = kind == "local"
        self.engine = (
            _Local(project, folder / "state.json", env) if local else _Cli(project, folder / "cli", env=env)
        )

    def write(self, wants: tuple[Want, ...]) -> None:
        """Make this the program."""
        lines = "".join(want.line(self._adoptable.get(want.resource)) for want in wants)
        self._program.write_text(f"import pulumi\nimport pulumi_account as account\n{lines}")

    def add_adoptable(self, wants: tuple[Want, ...]) -> None:
        """Add the keys that the program will adopt; each differs from its declaration."""
        for want in wants:
            if want.adopts:
                self._adoptable[want.resource] = self.emulator.add(want.name, credit_limit=1)

    def account(self) -> Account:
        """The keys, by id."""
        return {key["id"]: key for key in self.emulator.keys()}

    def state(self) -> State:
        """The engine's current state."""
        deployment = self.engine.export(show_secrets=True)["deployment"]
        keys = [r for r in deployment.get("resources") or [] if r["type"].endswith(":ApiKey")]
        current = {_name(r): int(r["id"]) for r in keys if not r.get("delete")}
        doomed = [int(r["id"]) for r in keys if r.get("delete")]
        pending = sorted(
            (op["type"], _name(op["resource"])) for op in deployment.get("pending_operations") or []
        )
        given = {self.emulator.key_of(plaintext) for plaintext in _PLAINTEXT.findall(str(deployment))}
        return State(current, doomed, pending, given)


class State(NamedTuple):
    """What an engine knows: ids by resource, those yet to be deleted, pending operations, and whose plaintexts."""

    current: Mapping[str, int]
    doomed: list[int]
    pending: list[tuple[str, str]]
    given: set[int | None]


def _name(resource: Mapping[str, Any]) -> str:
    return str(resource["urn"].rpartition("::")[2])


# --- processes


def _parent(folder: Path) -> int:
    try:
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has ended meanwhile
        return 0


def _descendants(root: int) -> list[int]:
    folders = [folder for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    parents, found = {int(folder.name): _parent(folder) for folder in folders}, [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def _is_provider(pid: int) -> bool:
    try:
        return b"pulumi.dynamic" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes] | None = None) -> None:
    end = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        assert process is None or process.poll() is None, "the engine has ended by itself"
        time.sleep(0.01)


# --- what happens


class Story(NamedTuple):
    """Which engine, which case, how it is killed."""

    engine: str
    title: str
    kill: str

    @property
    def case(self) -> Case:
        """What is held."""
        return CASES[self.title]


@dataclass(frozen=True)
class Killed:
    """One run that was killed, and the two that followed."""

    story: Story
    bystanders: Account
    before: Account
    known: State
    after_kill: Account
    killed: State
    next: Result
    after_up: Account
    settled: State
    outputs: Mapping[str, int | None]
    further: Result
    further_calls: list[str | None]
    told: str

    @property
    def case(self) -> Case:
        """What was held."""
        return self.story.case

    def left(self) -> list[Mapping[str, Any]]:
        """The keys in the account that are neither declared nor a bystander's."""
        mine = set(self.settled.current.values())
        return [key for id_, key in self.after_up.items() if id_ not in mine and id_ not in self.bystanders]

    def reserved(self) -> list[Mapping[str, Any]]:
        """Leftovers whose last call was not carried out."""
        return [key for key in self.left() if key["name"].startswith(RESERVATION_PREFIX)]

    def completed(self) -> list[Mapping[str, Any]]:
        """Leftovers whose last call was carried out."""
        return [key for key in self.left() if not key["name"].startswith(RESERVATION_PREFIX)]


def play(story: Story, factory: pytest.TempPathFactory) -> Killed:
    """Kill a run, and run the program twice more."""
    if story.engine == "cli":
        require_cli()
    folder = factory.mktemp("killed") / "stage"
    if story.case.before:
        shutil.copytree(deployed(story, factory), folder)
    else:
        folder.mkdir()
    with stored_account(folder) as emulator:
        return _play(story, Stage(story.engine, folder, emulator))


_ready: dict[tuple[str, str, Path], Path] = {}


def deployed(story: Story, factory: pytest.TempPathFactory) -> Path:
    """The folder of a stage on which the first program was deployed; made once, to be copied."""
    key = story.engine, story.title, factory.getbasetemp()
    if key not in _ready:
        folder = factory.mktemp("ready")
        with stored_account(folder) as emulator:
            stage = Stage(story.engine, folder, emulator)
            stage.write(story.case.before)
            assert stage.engine.up().ok
        _ready[key] = folder
    return _ready[key]


def stored_account(folder: Path) -> Emulator:
    """The account in a stage's folder."""
    return Emulator(provisioning_key=PROVISIONING_KEY, db=folder / "account.db")


def _play(story: Story, stage: Stage) -> Killed:
    stage.add_adoptable(story.case.after)
    before, known = stage.account(), stage.state()
    bystanders = _add_bystanders(story.case, stage.emulator)
    stage.write(story.case.after)
    run_and_kill(story, stage, {key["name"]: id_ for id_, key in before.items()})
    after_kill, killed = stage.account(), stage.state()
    if story.kill in (ENGINE, ENGINE_ALONE):
        stage.engine.unlock()
    second = stage.engine.up()
    after_up, settled = stage.account(), stage.state()
    outputs = stage.engine.outputs(show_secrets=True)
    stage.emulator.calls.clear()
    further = stage.engine.up()
    return Killed(
        story=story,
        bystanders=bystanders,
        before=before,
        known=known,
        after_kill=after_kill,
        killed=killed,
        next=second,
        after_up=after_up,
        settled=settled,
        outputs={name: stage.emulator.key_of(plaintext) for name, plaintext in outputs.items()},
        further=further,
        further_calls=stage.emulator.calls.operations,
        told=f"{second} {further} {project_files(stage.folder)}",
    )


def _add_bystanders(case: Case, emulator: Emulator) -> Account:
    """Keys of other people, with equal and with similar names."""
    names = [
        name
        for want in case.after
        for name in (
            want.name,
            f"{want.name} ",
            f"{want.resource}-0123abc",
            f"{RESERVATION_PREFIX}{want.name}",
        )
    ]
    ids = [emulator.add(name, credit_limit=number)[0] for number, name in enumerate(names)]
    return {key["id"]: key for key in emulator.keys() if key["id"] in ids}


def run_and_kill(story: Story, stage: Stage, ids: Mapping[str, int]) -> None:
    """Run the program, and kill the run once its calls are held.

    :param ids: the ids of the keys whose calls are held, by name.
    """
    moments = {PROVIDER: None, ENGINE: None, ENGINE_ALONE: _LONG_MOMENT}
    faults = [held.fault(ids, moments.get(story.kill, _MOMENT)) for held in story.case.held]
    stage.emulator.faults.add(*faults, *story.case.prelude)
    output = stage.folder / "output"
    process = stage.engine.start(output)
    try:
        _wait_for(lambda: all(map(stage.emulator.faults.hits, faults)), process)
        family = _descendants(process.pid)
        _kill_in_this_way(story.kill, process, family, output)
        assert process.wait(100) != 0
        if story.kill == ENGINE_ALONE:
            _wait_until_quiet(stage.emulator)
        if story.kill in (ENGINE, ENGINE_ALONE):
            assert any(map(_is_provider, family)), "a provider outlives its engine"
            _kill(family)
            _wait_for(lambda: not any(map(_is_provider, family)))
    finally:
        process.kill()
        process.wait()
    stage.emulator.faults.clear()


def _kill_in_this_way(kill: str, process: subprocess.Popen[bytes], family: list[int], output: Path) -> None:
    if kill == PROVIDER:
        _kill([pid for pid in family if _is_provider(pid)])
    elif kill in (ENGINE, ENGINE_ALONE):
        process.kill()
    else:
        process.send_signal(signal.SIGINT)
    if kill == TWO_INTERRUPTS:  # two signals at once would be one
        _wait_for(lambda: b"^C received" in output.read_bytes(), process)
        process.send_signal(signal.SIGINT)


def _wait_until_quiet(emulator: Emulator) -> None:
    """Wait until the provider that is left has nothing more to do."""
    time.sleep(_LONG_MOMENT)
    calls, since = -1, time.monotonic()
    while time.monotonic() - since < _QUIET:
        if calls < len(emulator.calls):
            calls, since = len(emulator.calls), time.monotonic()
        time.sleep(0.1)
