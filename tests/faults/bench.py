"""Runs a case of the matrix on an engine, and holds what must be true of it.

Three engines: the provider's process alone, driven over gRPC as an engine drives it; LocalEngine; the real CLI.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import certifi
import pytest

from pulumi_account.common.instants import parse_instant
from pulumi_account.core.reservations import LEASE, RESERVATION_PREFIX
from pulumi_account.emulator import Answer, Drop, Emulator
from pulumi_account.testing import LocalEngine, Result
from pulumi_account.testing.state import StateError
from tests.faults.door import Door
from tests.faults.matrix import Case, Declared, Site
from tests.support.canaries import PROVISIONING_KEY, assert_clean
from tests.support.cli import CliEngine
from tests.support.provider_process import ProviderError, ProviderProcess
from tests.support.warm import WarmPython

Keys = dict[int, dict[str, Any]]

#: what engines add to an error of ours
_GENERAL = (
    "preview failed",
    "update failed",
    "refresh failed",
    "an unhandled error",
    "resource monitor shut down",
)
SECRETS = {"account:provisioningKey": PROVISIONING_KEY}
#: ours, in a traceback: the CLI interrupts a program whose resource failed, and prints where in its own code that was
FRAME = re.compile(r'File "[^"]*/pulumi_account/\w+\.py"')
_DRIFTED = 99
_END = "-----END CERTIFICATE-----\n"
_AT_ONCE = 6
_INSTANCE = (
    "{0} = account.Provider({0!r}, endpoint=os.environ['ACCOUNT_ENDPOINT'], "
    "provisioning_key=pulumi.Config('account').require_secret('provisioningKey'))"
)


class Run(NamedTuple):
    """How a run went: whether it succeeded, our own errors, and all that was told."""

    ok: bool
    errors: list[str]
    text: str


class Stack(ABC):
    """A stack that an engine deploys."""

    @abstractmethod
    def run(self, command: str, declared: Declared) -> Run:
        """``up`` or ``refresh``."""

    def get_ready(self) -> None:  # noqa: B027 - most need nothing
        """Start what can be started before the next run."""

    @abstractmethod
    def outputs(self) -> dict[str, dict[str, Any]]:
        """Each resource's outputs, its plaintext among them; in plain text."""


# --- the provider's process alone


class Resource(NamedTuple):
    """What an engine's state knows of a resource."""

    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    trigger: str | None = None


class GrpcStack(Stack):
    """An engine of the least kind: one call after the other.

    :param processes: gives the process for a run.
    """

    def __init__(self, processes: Callable[[], ProviderProcess]) -> None:
        self._processes = processes
        self._ready: ProviderProcess | None = None
        self._state: dict[str, Resource] = {}
        self._replaced: list[Resource] = []
        self._errors: list[str] = []

    def outputs(self) -> dict[str, dict[str, Any]]:
        return {name: resource.outputs for name, resource in self._state.items()}

    def get_ready(self) -> None:
        self._ready = self._processes()

    def run(self, command: str, declared: Declared) -> Run:
        self._process, self._ready = self._ready or self._processes(), None
        told = len(self._process.stderr)
        self._errors = []
        if command == "refresh":
            for name in list(self._state):
                self._try(self._read, name)
        else:
            for name, arguments in declared.items():
                self._try(self._deploy, name, arguments)
            for name in self._state.keys() - declared.keys():
                self._replaced.append(self._state.pop(name))
            self._replaced = [old for old in self._replaced if not self._try(self._delete, old)]
        text = "\n".join([*self._errors, self._process.stderr[told:]])
        return Run(not self._errors, self._errors, text)

    def _try(self, step: Callable[..., None], *args: Any) -> bool:
        if self._errors:
            return False
        try:
            step(*args)
        except ProviderError as error:
            self._errors.append(str(error))
        return not self._errors

    def _deploy(self, name: str, arguments: Mapping[str, Any]) -> None:
        given = {"name_prefix": f"{name}-"} if "name" not in arguments else {}
        given |= {"__instance_id" if name == "instance" else name: value for name, value in arguments.items()}
        trigger = given.pop("trigger", None)
        old = self._state.get(name)
        inputs = self._checked(given, old.inputs if old else None)
        if old and old.trigger == trigger:
            diff = self._process.diff(old.id, old.outputs, inputs)
            if not diff.replaces:
                if diff.changes != "none":
                    outputs = self._process.update(old.id, old.outputs, inputs)
                    self._state[name] = Resource(old.id, inputs, outputs, trigger)
                return
        if old:
            inputs = self._checked(given, None)
        key_id, outputs = self._process.create(inputs)
        self._state[name] = Resource(key_id, inputs, outputs, trigger)
        self._replaced += [old] if old else []

    def _checked(self, given: dict[str, Any], olds: dict[str, Any] | None) -> dict[str, Any]:
        inputs, failures = self._process.check(given, olds)
        assert not failures
        return inputs

    def _read(self, name: str) -> None:
        old = self._state[name]
        found = self._process.read(old.id, old.outputs, old.inputs)
        if found.id:
            self._state[name] = Resource(found.id, found.inputs, found.outs, old.trigger)
        else:
            del self._state[name]

    def _delete(self, old: Resource) -> None:
        self._process.delete(old.id, old.outputs)


# --- whole programs


class ProgramStack(Stack):
    """A program, on LocalEngine or on the real CLI."""

    def __init__(self, folder: Path, kind: str, env: Mapping[str, str], python: str) -> None:
        self.folder = folder
        self._stderr = folder / "stderr"
        self._stderr.touch()
        self._write("Pulumi.yaml", "name: story\nruntime: python\n")
        # what processes say on their standard error goes to the user as it is: so it is caught here
        self._write("python", f'#!/bin/sh\nexec 2>>"{self._stderr}"\nexec "{python}" "$@"\n').chmod(0o700)
        own = {**env, "PULUMI_CONFIG_PASSPHRASE": ""}
        if kind == "local":
            own_python = str(folder / "python")
            state = folder / "state.json"
            self._engine: LocalEngine | CliEngine = LocalEngine(
                folder, state=state, env=own, secrets=SECRETS, python=own_python
            )
        else:
            self._engine = CliEngine(folder, folder / "cli", env=own, secrets=SECRETS, python=python)

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def run(self, command: str, declared: Declared) -> Run:
        lines = ["import os, pulumi, pulumi_account as account"]
        for name, arguments in declared.items():
            given = dict(arguments)
            opts = {"replacement_trigger": repr(given.pop("trigger", None))}
            if instance := given.pop("instance", None):
                lines.append(_INSTANCE.format(instance))
                opts["provider"] = instance
            options = ", ".join(f"{option}={value}" for option, value in opts.items())
            lines.append(f"{name} = account.ApiKey({name!r}, pulumi.ResourceOptions({options}), **{given!r})")
            lines.append(f"pulumi.export({name!r}, {name}.key)")
        self._write("__main__.py", "\n".join(lines))
        told = len(self._stderr.read_text())
        result = self._result(command)
        errors = [d.message.strip() for d in result.diagnostics if d.severity == "error"]
        messages = [d.message for d in result.diagnostics]
        text = "\n".join([result.text, *messages, self._stderr.read_text()[told:]])
        assert_clean(text, result.steps, result.outputs, result.diagnostics, self._files())
        return Run(result.ok, [line for line in errors if not line.startswith(_GENERAL)], text)

    def _result(self, command: str) -> Result:
        while True:
            try:
                result: Result = getattr(self._engine, command)()
            except (
                StateError
            ):  # a process that another thread is just starting has a copy of the lock for a moment
                time.sleep(0.01)
            else:
                return result

    def outputs(self) -> dict[str, dict[str, Any]]:
        resources = self._engine.export(show_secrets=True)["deployment"].get("resources", [])
        opened = {r["urn"]: _opened(r.get("outputs", {})) for r in resources if not r.get("delete")}
        found = {urn.split("::")[-1]: outputs for urn, outputs in opened.items() if "ApiKey::" in urn}
        exported = next((outputs for urn, outputs in opened.items() if "pulumi:pulumi:Stack::" in urn), {})
        for name, outputs in found.items():
            assert outputs.get("key") == exported.get(name, outputs.get("key"))
        return found

    def _files(self) -> str:
        files = [path for path in self.folder.rglob("*") if path.is_file() and path.suffix != ".py"]
        return "\n".join(path.read_text(errors="replace") for path in files)


def _opened(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a state, secrets opened."""
    return {
        name: json.loads(value["plaintext"]) if isinstance(value, dict) and "plaintext" in value else value
        for name, value in values.items()
    }


# --- a case


@dataclass
class Bench:
    """An account with other people's keys in it, and an engine."""

    emulator: Emulator
    stack: Stack
    door: Door | None = None
    runs_are_cheap: bool = False
    legacy: int = 0
    plaintext: str = ""
    others: Keys = field(default_factory=dict)

    def fill(self, site: Site) -> None:
        """Put keys of others into the account: some are named as ours are or might be."""
        for key in self.emulator.keys():
            self.emulator.remove(key["id"])
        soon = datetime.now(timezone.utc) + LEASE / 2
        self.legacy, self.plaintext = self.emulator.add("legacy", credit_limit=3)
        for name in ("production", "Production", "production-7", "k-0123abc", "k-"):
            self.emulator.add(name, credit_limit=5)
        self.emulator.add(f"{RESERVATION_PREFIX}{'0' * 32}", credit_limit=0, expires_at=soon)
        self.others = self.keys()
        if "adopt" in site.name:
            del self.others[self.legacy]

    @property
    def stranger(self) -> dict[str, Any]:
        """Somebody else's key, which was made long ago, as the API writes it."""
        key = next(key for key in self.emulator.keys() if key["name"] == "production-7")
        return {**key, "created_at": "2020-01-01T00:00:00Z", "credit_limit": float(key["credit_limit"])}

    def keys(self) -> Keys:
        """All keys, by id."""
        return {key["id"]: key for key in self.emulator.keys()}

    def placed(self, declared: Declared) -> Declared:
        """The declaration for this account, where the key to be adopted has an id of its own."""
        return {
            name: {
                argument: self.legacy if argument == "adopt_key_id" else value
                for argument, value in one.items()
            }
            for name, one in declared.items()
        }

    def deploy(self, site: Site) -> None:
        """What is there before anything goes wrong."""
        if site.before is not None:
            assert self.stack.run("up", site.before).ok

    def arm(self, case: Case) -> None:
        """Let it go wrong."""
        self.emulator.calls.clear()
        self.emulator.faults.clear()
        self.emulator.faults.add(*case.site.prelude, *case.kind.faults(case.site, self.stranger))
        if self.door:
            self.door.close_after(case.site.connections, for_ever=case.kind.spreading)

    def disarm(self, case: Case) -> None:
        """Let all go well again, once it did go wrong."""
        faults = self.emulator.faults
        hits = [faults.hits(fault) for fault in faults.armed if fault.operation == case.site.operation]
        assert all(number >= case.hits for number in hits), hits
        faults.clear()
        if self.door:
            assert self.door.was_shut
            self.door.open()


def hold(bench: Bench, case: Case) -> None:
    """Let a run go wrong, and the next one go well; what must be true, is."""
    site = case.site
    declared = bench.placed(site.declared)
    if site.command == "refresh":
        for outputs in bench.stack.outputs().values():
            bench.emulator.edit(outputs["key_id"], credit_limit=_DRIFTED)
    before = bench.keys()
    bench.stack.get_ready()
    bench.arm(case)
    faulted = bench.stack.run(site.command, declared)
    _wait_for_late_ones(bench, case)
    _told_in_one_line(faulted, case)
    _told_why_it_waits(faulted, case)
    bench.disarm(case)
    given = bench.stack.outputs()
    _in_use(bench, given, case)
    left = _left_behind(bench, faulted, given, before, case)
    if faulted.ok:
        assert_settled(bench, given, declared, left, drifted=site.command == "refresh")
    if not faulted.ok or bench.runs_are_cheap or isinstance(case.kind.action, Drop):
        bench.emulator.calls.clear()
        _succeed(bench, site.command, declared, left)
        assert not faulted.ok or {call.method for call in bench.emulator.calls} <= {"GET"}
        if site.command == "refresh":
            _succeed(bench, "up", declared, left)


def _succeed(bench: Bench, command: str, declared: Declared, left: set[int]) -> None:
    """A run in which nothing goes wrong leaves everything as it is to be."""
    run = bench.stack.run(command, declared)
    assert run.ok, run.text
    assert_settled(bench, bench.stack.outputs(), declared, left, drifted=command == "refresh")


def _wait_for_late_ones(bench: Bench, case: Case) -> None:
    end = time.monotonic() + 30
    while case.kind.late and bench.emulator.calls.of("create_key")[0].status is None:
        assert time.monotonic() < end
        time.sleep(0.02)


def _told_in_one_line(run: Run, case: Case) -> None:
    """It has succeeded, or it has failed with one line for each resource."""
    assert run.ok is case.succeeds, run.text
    assert run.ok or 1 <= len(run.errors) <= len(case.site.declared or "k"), run.errors
    for line in run.errors:
        assert line.isprintable(), line
        assert "InternalError" not in line
    assert not FRAME.search(run.text), run.text
    assert not run.ok or not run.errors


def _told_why_it_waits(run: Run, case: Case) -> None:
    """A pause that the API asks for is explained."""
    asked = isinstance(case.kind.action, Answer) and case.kind.action.retry_after
    assert not asked or f"answers 429, too many requests: waiting {asked:.1f} s" in run.text, run.text


def _in_use(bench: Bench, outputs: Mapping[str, Mapping[str, Any]], case: Case) -> None:
    """Every plaintext that was given to somebody opens its key, unless that is to be deleted."""
    for one in outputs.values() if case.site.declared else ():
        assert "key" not in one or bench.emulator.key_of(one["key"]) == one["key_id"]


def _left_behind(
    bench: Bench, run: Run, outputs: Mapping[str, Mapping[str, Any]], before: Keys, case: Case
) -> set[int]:
    """The keys that nobody has, which this run has told of.

    Under an exact name they can do no harm, unless they were completed already.
    """
    managed = {int(one["key_id"]) for one in outputs.values()}
    left = bench.keys().keys() - before.keys() - managed
    assert len(left) <= 1
    assert case.may_leave or not left
    for key_id in left:
        key = bench.keys()[key_id]
        assert key["name"] in run.text or re.search(rf"\bkey {key_id}\b", run.text), (
            f"untold: {key}, {run.text}"
        )
        if case.site.completed:
            assert key["name"] == case.site.declared["k"]["name"]
        elif "auto" not in case.site.name:
            assert key["name"].startswith(RESERVATION_PREFIX)
            assert key["credit_limit"] == 0
            assert key["expires_at"] <= datetime.now(timezone.utc) + LEASE
    return left


def assert_settled(
    bench: Bench,
    outputs: Mapping[str, Mapping[str, Any]],
    declared: Declared,
    left: set[int],
    *,
    drifted: bool,
) -> None:
    """The account holds what is declared, what was told of, and what others have, as they left it."""
    _as_declared(bench, outputs, declared, drifted=drifted)
    assert bench.keys().keys() == bench.others.keys() | left | {
        int(one["key_id"]) for one in outputs.values()
    }
    assert {key_id: bench.emulator.key(key_id) for key_id in bench.others} == bench.others


def _as_declared(
    bench: Bench, outputs: Mapping[str, Mapping[str, Any]], declared: Declared, *, drifted: bool
) -> None:
    """One key for each resource, as it is declared, and its plaintext is the one that was given."""
    assert outputs.keys() == declared.keys()
    for resource, wanted in declared.items():
        found, key = outputs[resource], bench.keys()[int(outputs[resource]["key_id"])]
        name, expires_at = wanted.get("name"), wanted.get("expires_at")
        assert key["name"] == name if name else re.fullmatch(rf"{resource}-[0-9a-f]{{7}}", key["name"])
        assert (
            key["credit_limit"] == (_DRIFTED if drifted else wanted["credit_limit"]) == found["credit_limit"]
        )
        assert key["expires_at"] == (parse_instant(expires_at) if expires_at else None)
        assert key["is_enabled"] is wanted.get("is_enabled", True)
        plaintext = bench.plaintext if "adopt_key_id" in wanted else found["key"]
        assert bench.emulator.key_of(plaintext) == key["id"]


# --- many cases


@dataclass
class Prepared:
    """What was there before anything went wrong, to be copied."""

    folder: Path
    bench: Bench | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Workshop:
    """Makes benches for cases, and keeps what can be used again. Safe for threads.

    :param folder: where all files are.
    :param python: runs all processes.
    """

    def __init__(self, folder: Path, python: str) -> None:
        self._folder, self._python = folder, python
        # to read all of the world's authorities takes longer than a run, and nothing here is encrypted
        self._authority = folder / "authority.pem"
        self._authority.write_text(Path(certifi.where()).read_text().partition(_END)[0] + _END)
        self._lock = threading.Lock()
        self._idle: dict[frozenset[tuple[str, str]], list[tuple[Emulator, ProviderProcess]]] = {}
        self._prepared: dict[tuple[str, Site], Prepared] = {}
        self._numbers = count()
        self._kept = ExitStack()

    def close(self) -> None:
        """End the processes that were kept."""
        self._kept.close()

    def hold(self, engine: str, case: Case) -> None:
        """Hold what must be true of a case, on an engine."""
        with ExitStack() as last:
            if engine != "grpc":
                hold(self._programs_bench(engine, case, last), case)
            elif case.reusable:
                self._hold_again(case)
            else:
                bench = self._grpc_bench(case, last)
                bench.deploy(case.site)
                hold(bench, case)

    def _new_folder(self) -> Path:
        with self._lock:
            folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        return folder

    def _settings(self, case: Case) -> dict[str, str]:
        return {**case.settings, "SSL_CERT_FILE": str(self._authority)}

    def _emulator(self, last: ExitStack, **options: Any) -> Emulator:
        return last.enter_context(Emulator(provisioning_key=PROVISIONING_KEY, **options))

    def _process(self, last: ExitStack, endpoint: str, case: Case) -> ProviderProcess:
        env = {**self._settings(case), "ACCOUNT_ENDPOINT": endpoint}
        explicit = {"account:instance": "one", "account:endpoint": endpoint} if case.site.moves else {}
        config = SECRETS | explicit
        return last.enter_context(ProviderProcess(config, self._new_folder(), env, python=self._python))

    def _hold_again(self, case: Case) -> None:
        """In a process that has been through other cases."""
        idle = self._idle.setdefault(frozenset(case.settings.items()), [])
        try:
            emulator, process = idle.pop()
        except IndexError:
            emulator = self._emulator(self._kept)
            process = self._process(self._kept, emulator.url, case)
        bench = Bench(emulator, GrpcStack(lambda: process), runs_are_cheap=True)
        emulator.faults.clear()
        bench.fill(case.site)
        bench.deploy(case.site)
        hold(bench, case)
        idle.append((emulator, process))

    def _grpc_bench(self, case: Case, last: ExitStack) -> Bench:
        """In processes of its own, a new one for each run."""
        emulator = self._emulator(last)
        door = _door(emulator, case, last)
        processes = partial(self._process, last, (door or emulator).url, case)
        bench = Bench(emulator, GrpcStack(processes), door, runs_are_cheap=True)
        bench.fill(case.site)
        return bench

    def _programs_bench(self, engine: str, case: Case, last: ExitStack) -> Bench:
        prepared = self._prepare(engine, case.site)
        assert prepared.bench
        folder = self._new_folder()
        shutil.copytree(prepared.folder, folder, dirs_exist_ok=True)
        last.callback(shutil.rmtree, folder)
        emulator = self._emulator(last, db=folder / "account.db")
        door = _door(emulator, case, last)
        env = {**self._settings(case), "ACCOUNT_ENDPOINT": (door or emulator).url}
        stack = ProgramStack(folder, engine, env, self._python)
        return replace(prepared.bench, emulator=emulator, stack=stack, door=door)

    def _prepare(self, engine: str, site: Site) -> Prepared:
        with self._lock:
            prepared = self._prepared.setdefault(
                (engine, site), Prepared(self._folder / f"{engine}-{site.name}")
            )
        with prepared.lock, ExitStack() as last:
            if prepared.bench is None:
                prepared.folder.mkdir()
                emulator = self._emulator(last, db=prepared.folder / "account.db")
                env = {"ACCOUNT_ENDPOINT": emulator.url}
                bench = Bench(emulator, ProgramStack(prepared.folder, engine, env, self._python))
                bench.fill(site)
                bench.deploy(site)
                prepared.bench = bench
        return prepared


def _door(emulator: Emulator, case: Case, last: ExitStack) -> Door | None:
    if not case.kind.refused:
        return None
    door = Door(emulator.url)
    last.callback(door.stop)
    return door


Hold = Callable[[str, Case], None]


def selected(request: pytest.FixtureRequest) -> list[tuple[str, Case]]:
    """The cases of this module that are to be run, as far as there is an engine for them."""
    items = [item for item in request.session.items if item.path == request.path]
    chosen = [(item.callspec.params["engine"], item.callspec.params["case"]) for item in items]  # type: ignore[attr-defined]
    return [(engine, case) for engine, case in chosen if engine != "cli" or shutil.which("pulumi")]


@contextmanager
def all_held(cases: Sequence[tuple[str, Case]], folder: Path) -> Iterator[Hold]:
    """Holds cases, several at a time, as most of a case is waiting; each test then tells how its own went.

    All are over before the first test tells: pytest changes the environment between tests, which threads copy.
    """
    with WarmPython() as python, ThreadPoolExecutor(_AT_ONCE) as pool:
        workshop = Workshop(folder, python)
        futures = {(engine, str(case)): pool.submit(workshop.hold, engine, case) for engine, case in cases}
        wait(futures.values())
        workshop.close()
    yield lambda engine, case: futures[engine, str(case)].result()
