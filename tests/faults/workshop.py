"""Runs many cases of the matrix at once: makes their benches, and keeps what can be reused."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import certifi
import pytest

from pulumi_account.emulator import Emulator
from tests.faults.bench import Bench, hold
from tests.faults.door import Door
from tests.faults.matrix import PATIENT, Case, Site
from tests.faults.stacks import SECRETS, GrpcStack, ProgramStack
from tests.support.canaries import PROVISIONING_KEY
from tests.support.projects import warm_python
from tests.support.provider_process import ProviderProcess

_END = "-----END CERTIFICATE-----\n"
_AT_ONCE = 6
#: the settings of a process whose runs meet no fault
_CALM = {"ACCOUNT_RETRY_DEADLINE": str(PATIENT), "ACCOUNT_TIMEOUT": "30"}


@dataclass
class Prepared:
    """A stack before any fault, to be copied."""

    folder: Path
    bench: Bench | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Workshop:
    """Makes benches for cases, and keeps what can be reused. Safe for threads.

    :param folder: where all files are.
    :param python: runs all processes.
    """

    def __init__(self, folder: Path, python: str) -> None:
        self._folder, self._python = folder, python
        # loading the CA bundle takes longer than a run, and nothing here is encrypted
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
        """Run a case on an engine, and check what must be true of it."""
        with ExitStack() as last:
            if engine == "grpc":
                self._hold_in_processes(case, last)
            else:
                hold(self._programs_bench(engine, case, last), case)

    def _new_folder(self) -> Path:
        with self._lock:
            folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        return folder

    def _emulator(self, last: ExitStack, **options: Any) -> Emulator:
        return last.enter_context(Emulator(provisioning_key=PROVISIONING_KEY, **options))

    def _env(self, settings: Mapping[str, str], account: Emulator | Door) -> dict[str, str]:
        return {**settings, "SSL_CERT_FILE": str(self._authority), "ACCOUNT_ENDPOINT": account.url}

    def _process(self, last: ExitStack, env: Mapping[str, str], **config: str) -> ProviderProcess:
        process = ProviderProcess(SECRETS | config, self._new_folder(), env, python=self._python)
        return last.enter_context(process)

    def _hold_in_processes(self, case: Case, last: ExitStack) -> None:
        """Runs are in a process that has served other cases, except those that such a process would change."""
        settings = case.settings if case.reusable else _CALM
        idle = self._idle.setdefault(frozenset(settings.items()), [])
        try:
            emulator, kept = idle.pop()
        except IndexError:
            emulator = self._emulator(self._kept)
            kept = self._process(self._kept, self._env(settings, emulator))
        emulator.faults.clear()
        door = _door(emulator, case, last)
        env = self._env(case.settings, door or emulator)
        explicit = {"account:instance": "one", "account:endpoint": env["ACCOUNT_ENDPOINT"]}
        new = partial(self._process, last, env, **(explicit if case.site.moves else {}))
        calm = new if case.site.remembered else lambda: kept
        stack = GrpcStack(calm, faulted=calm if case.reusable else new)
        bench = Bench(emulator, stack, door, runs_are_cheap=True)
        bench.fill(case.site)
        bench.deploy(case.site)
        hold(bench, case)
        idle.append((emulator, kept))

    def _programs_bench(self, engine: str, case: Case, last: ExitStack) -> Bench:
        prepared = self._prepare(engine, case.site)
        assert prepared.bench
        folder = self._new_folder()
        shutil.copytree(prepared.folder, folder, dirs_exist_ok=True)
        last.callback(shutil.rmtree, folder)
        emulator = self._emulator(last, db=folder / "account.db")
        door = _door(emulator, case, last)
        env = self._env(case.settings, door or emulator)
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
    """The cases of this module that will run and whose engine is available."""
    items = [item for item in request.session.items if item.path == request.path]
    chosen = [(item.callspec.params["engine"], item.callspec.params["case"]) for item in items]  # type: ignore[attr-defined]
    return [(engine, case) for engine, case in chosen if engine != "cli" or shutil.which("pulumi")]


@contextmanager
def all_held(cases: Sequence[tuple[str, Case]], folder: Path) -> Iterator[Hold]:
    """Holds cases, several at a time, as a case mostly waits; each test then reports its own.

    All end before the first test reports: pytest changes the environment between tests, which threads copy.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        workshop = Workshop(folder, warm_python())
        futures = {(engine, str(case)): pool.submit(workshop.hold, engine, case) for engine, case in cases}
        wait(futures.values())
        workshop.close()
    yield lambda engine, case: futures[engine, str(case)].result()
