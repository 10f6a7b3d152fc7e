"""Random sequences of programs that adopt, rename, move, force and fail: no key is deleted that a resource holds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from pulumi_account.api.client import AccountClient
from pulumi_account.core.account import Account
from pulumi_account.core.keys import Keys
from pulumi_account.core.peers import Peers
from pulumi_account.core.resource import KeyResource
from pulumi_account.emulator import Emulator
from pulumi_account.exceptions import AccountError
from tests.faults.model import EXAMPLES, Bag, Unserved, carried, clear, engine_of, exported_keys, play
from tests.faults.stacks import FRAME
from tests.support.canaries import PROVISIONING_KEY, assert_clean
from tests.support.cli import require_cli
from tests.support.helpers import ENDPOINT
from tests.support.projects import warm_python

RESOURCES = ["a", "b", "c"]
END = "the end"
#: the default instance, another one of the same account, and one of another account
INSTANCES = {"": 0, "eu": 0, "us": 1}
LIVE = 3


class Spec(NamedTuple):
    """A resource as a program declares it."""

    adopt: int | None = None
    first: bool = False  # delete_before_replace
    forced: int = 0  # replacement_trigger
    rotation: str | None = None
    limit: int | None = None
    instance: str = ""

    def arguments(self, resource: str) -> Bag:
        """As the program passes them."""
        given = {
            "name": f"{resource}-{self.limit}",
            "credit_limit": self.limit,
            "adopt_key_id": self.adopt,
            "rotation_triggers": self.rotation and {"quarter": self.rotation},
        }
        return {name: value for name, value in given.items() if value is not None}


class Entry(NamedTuple):
    """A resource in the state."""

    id: int
    inputs: Bag
    outputs: Bag
    spec: Spec
    pending: bool = False  # deleted, and not replaced so far

    @property
    def key(self) -> tuple[int, int]:
        """Its account and its id."""
        return INSTANCES[self.spec.instance], self.id


class Run(NamedTuple):
    """A run: the resources in order, those to replace whatever the diff says, and their former names."""

    program: Mapping[str, Spec]
    replace: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = {}
    #: another resource fails before these, or at the end
    failing: str | None = None


class Engine(Protocol):
    """Something that runs programs against two accounts."""

    @property
    def accounts(self) -> Sequence[Emulator]:
        """The accounts of the instances."""

    def up(self, run: Run) -> bool:
        """Deploy the program; False if anything failed."""

    def taint(self, resource: str) -> None:
        """Let the next run replace this resource."""

    def entries(self) -> Mapping[str, Entry]:
        """The current resources of the state."""

    def doomed(self) -> list[Entry]:
        """The replaced ones that are yet to be deleted."""


class FailedError(Exception):
    """A run ends here."""


class InProcess:
    """The engine's part of a run, in the order in which the engine does it; each instance has a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs = itertools.count()
        self.accounts = [Unserved(), Unserved()]
        self._state: dict[str, Entry] = {}
        self._doomed: list[Entry] = []
        self._tainted: set[str] = set()

    def entries(self) -> Mapping[str, Entry]:
        """The current resources of the state."""
        return dict(self._state)

    def doomed(self) -> list[Entry]:
        """The replaced ones that are yet to be deleted."""
        return list(self._doomed)

    def taint(self, resource: str) -> None:
        """Let the next run replace this resource."""
        self._tainted.add(resource)

    def up(self, run: Run) -> bool:
        """Deploy the program; the first error ends the run, and then nothing more is deleted."""
        self._program = run.program
        number = str(next(self._runs))
        peers = {instance: Peers(number, self._folder) for instance in INSTANCES}
        try:
            self._processes = {instance: self._process(instance, peers[instance]) for instance in INSTANCES}
            return self._run(run)
        finally:
            for peer in peers.values():
                peer.close()

    def _run(self, run: Run) -> bool:
        for new, old in run.aliases.items():
            if new not in self._state and old in self._state and old not in run.program:
                self._state[new] = self._state.pop(old)
        try:
            for name, spec in run.program.items():
                self._require(name != run.failing)
                self._deploy(name, spec, forced=name in run.replace or name in self._tainted)
            self._require(run.failing != END)
            while self._doomed:
                self._delete(self._doomed[-1])
                self._doomed.pop()
            for name in sorted(self._state.keys() - run.program.keys()):
                if not self._state[name].pending:
                    self._delete(self._state[name])
                del self._state[name]
        except (AccountError, FailedError) as error:
            assert_clean(error)
            return False
        return True

    def _require(self, fine: bool) -> None:
        if not fine:
            raise FailedError

    def _process(self, instance: str, peers: Peers) -> KeyResource:
        client = AccountClient(
            ENDPOINT, PROVISIONING_KEY, transport=self.accounts[INSTANCES[instance]].transport
        )
        return KeyResource(Account(Keys(client), instance, peers))

    def _deploy(self, name: str, spec: Spec, *, forced: bool) -> None:
        old, steps = self._state.get(name), self._processes[spec.instance]
        if old is None or forced:
            inputs = self._check(steps, {}, name, spec)
            return self._make(name, spec, inputs) if old is None else self._replace(name, spec, old, inputs)
        inputs = self._check(steps, old.inputs, name, spec)
        replaces, changed = spec.forced != old.spec.forced, False
        if not replaces:
            diff = steps.diff(str(old.id), old.outputs, inputs)
            replaces, changed = bool(diff.replaces), bool(diff.changed) or diff.moved
        if replaces or old.pending:
            return self._replace(name, spec, old, self._check(steps, {}, name, spec))
        outputs = carried(steps.update(str(old.id), old.outputs, inputs)) if changed else old.outputs
        self._state[name] = Entry(old.id, inputs, outputs, spec)
        return None

    def _check(self, steps: KeyResource, olds: Bag, name: str, spec: Spec) -> Bag:
        hidden: Bag = {"__instance_id": f"id of {spec.instance}"} if spec.instance else {}
        if spec.first:
            others = [other for other in self._program.values() if other.instance == spec.instance]
            hidden["__adopting"] = [other.adopt for other in others if other.adopt]
        checked = steps.check(olds, carried(spec.arguments(name) | hidden))
        self._require(not checked.failures)
        inputs: Bag = carried(checked.inputs)
        return inputs

    def _replace(self, name: str, spec: Spec, old: Entry, inputs: Bag) -> None:
        if spec.first and not old.pending:
            self._delete(old)
            old = self._state[name] = old._replace(pending=True)
        self._make(name, spec, inputs)
        self._doomed += [] if old.pending else [old]

    def _make(self, name: str, spec: Spec, inputs: Bag) -> None:
        made = self._processes[spec.instance].create(inputs)
        self._state[name] = Entry(int(made.id), inputs, carried(made.outputs), spec)
        self._tainted.discard(name)

    def _delete(self, old: Entry) -> None:
        self._processes[old.spec.instance].delete(str(old.id), old.outputs)


class Whole:
    """LocalEngine or the real CLI, which work on several resources at once."""

    def __init__(self, kind: str, folder: Path, python: str) -> None:
        self.accounts = [Emulator(provisioning_key=PROVISIONING_KEY) for _ in range(2)]
        for account in self.accounts:
            account.start()
        self._program = folder / "__main__.py"
        self._engine = engine_of(kind, folder, self.accounts[0].url, python)
        self._resources: list[dict[str, Any]] = []

    def entries(self) -> Mapping[str, Entry]:
        """The current resources of the state."""
        return {_name_in(found["urn"]): _entry(found) for found in self._resources if not found.get("delete")}

    def doomed(self) -> list[Entry]:
        """The replaced ones that are yet to be deleted."""
        return [_entry(found) for found in self._resources if found.get("delete")]

    def taint(self, resource: str) -> None:
        """Let the next run replace this resource."""
        self._engine.taint(self._urn(resource))

    def up(self, run: Run) -> bool:
        """Deploy the program; resources after the failing one wait for it."""
        self._program.write_text("\n".join(self._lines(run)))
        result = self._engine.up(replace=[self._urn(name) for name in run.replace & self.entries().keys()])
        assert_clean(result)
        assert not FRAME.search(result.text)
        self._resources = exported_keys(self._engine)
        return result.ok

    def _urn(self, resource: str) -> str:
        (urn,) = (r["urn"] for r in self._resources if _name_in(r["urn"]) == resource and not r.get("delete"))
        return str(urn)

    def _lines(self, run: Run) -> Iterator[str]:
        yield "import pulumi, pulumi_account as account"
        yield "from pulumi import Alias, ResourceOptions"
        yield "after, made, instances = [], [], {}"
        for instance, nth in INSTANCES.items():
            if instance:
                yield (
                    f"instances[{instance!r}] = account.Provider({instance!r}, "
                    f"endpoint={self.accounts[nth].url!r}, provisioning_key={PROVISIONING_KEY!r})"
                )
        state = self.entries()
        for name, spec in run.program.items():
            old = run.aliases.get(name)
            if name == run.failing:
                yield from self._failing("[]")
            options = {
                "delete_before_replace": str(spec.first),
                "replacement_trigger": repr(f"{spec.forced}" if spec.forced else None),
                "provider": f"instances.get({spec.instance!r})",
                "aliases": f"[Alias(name={old!r})]" if old in state and old not in run.program else "[]",
                "depends_on": "after",
            }
            opts = ", ".join(f"{option}={value}" for option, value in options.items())
            yield f"made.append(account.ApiKey({name!r}, **{spec.arguments(name)!r}, opts=ResourceOptions({opts})))"
        if run.failing == END:
            yield from self._failing("made")

    def _failing(self, after: str) -> Iterator[str]:
        # there is no such key; by then, resources before it are done, and those after it have not begun
        yield f"after = [account.ApiKey('sibling', adopt_key_id=999, opts=ResourceOptions(depends_on={after}))]"


def _name_in(urn: str) -> str:
    return urn.rpartition("::")[2]


def _entry(resource: dict[str, Any]) -> Entry:
    instance = str(resource["provider"]).split("::")[-2]
    spec = Spec(instance=instance if instance in INSTANCES else "")
    inputs, outputs = clear(resource["inputs"]), clear(resource["outputs"])
    return Entry(int(resource["id"]), inputs, outputs, spec, bool(resource.get("pendingReplacement")))


CHOICES: Mapping[str, list[Any]] = {
    "adopt": [None, 1],
    "first": [True, False],
    "forced": [1, 2],
    "rotation": ["1", "2"],
    "limit": [5],
    "instance": ["eu", "us"],
}
SPECS = st.builds(
    Spec,
    adopt=st.sampled_from([None, None, *range(1, LIVE + 1)]),
    first=st.booleans(),
    forced=st.sampled_from([0, 1, 2]),
    rotation=st.sampled_from([None, "1", "2"]),
    limit=st.sampled_from([None, 5]),
    instance=st.sampled_from([*INSTANCES, ""]),
)
EDITS = st.one_of(
    st.tuples(st.just("declare"), st.sampled_from(RESOURCES), SPECS),
    st.tuples(st.just("remove"), st.sampled_from(RESOURCES), st.none()),
    st.tuples(st.just("rename"), st.sampled_from(RESOURCES), st.sampled_from(RESOURCES)),
    st.tuples(st.just("alias"), st.sampled_from(RESOURCES), st.sampled_from(RESOURCES)),
    st.tuples(st.just("edit"), st.sampled_from(RESOURCES), st.just(("adopt", None))),
    st.tuples(
        st.just("edit"),
        st.sampled_from(RESOURCES),
        st.sampled_from([(name, value) for name, values in CHOICES.items() for value in values]),
    ),
)
NONE: frozenset[str] = frozenset()
STEPS = st.tuples(
    st.lists(EDITS, max_size=3),
    st.sampled_from([NONE, NONE, *(frozenset([name]) for name in RESOURCES)]),  # tainted
    st.sampled_from([NONE, NONE, *(frozenset([name]) for name in RESOURCES)]),  # to be replaced
    st.sampled_from([None, END, *RESOURCES]),  # where a sibling fails
)


class Machine(RuleBasedStateMachine):
    """A program that changes from run to run, over accounts with keys that are in use."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        for account in engine.accounts:
            for nth in range(LIVE):
                account.add(f"live-{nth}")
        self.program: dict[str, Spec] = {}
        self.aliases: dict[str, str] = {}
        self.managed: set[tuple[int, int]] = set()

    @initialize(first=SPECS, second=SPECS)
    def begin(self, first: Spec, second: Spec) -> None:
        """Deploy a first program."""
        self.program = {"a": first, "b": second}
        self._up(Run(self.program))

    @rule(step=STEPS)
    def deploy(self, step: tuple[list[Any], frozenset[str], frozenset[str], str | None]) -> None:
        """The program is edited, resources are tainted or targeted, and it is run."""
        edits, tainted, targeted, failing = step
        self.aliases = {}
        for edit in edits:
            self._edit(*edit)
        for resource, entry in self.engine.entries().items():
            spec = self.program.get(resource)
            # a limit: a key that is deleted first cannot wait until a resource of another account adopts it
            if spec and spec.instance != entry.spec.instance:
                self.program[resource] = spec._replace(first=False)
        for resource in tainted & self.engine.entries().keys():
            self.engine.taint(resource)
        self._up(Run(dict(self.program), targeted, self.aliases, failing))

    def _edit(self, verb: str, resource: str, what: Any) -> None:
        if verb == "declare":
            self.program[resource] = what
        elif resource in self.program:
            spec = self.program.pop(resource)
            if verb in ("rename", "alias"):
                self.program[what] = spec
                self.aliases |= {what: resource} if verb == "alias" else {}
            elif verb == "edit":
                self.program[resource] = spec._replace(**dict([what]))

    def _up(self, run: Run) -> None:
        before = self._keys()
        done = self.engine.up(run)
        entries, doomed = self.engine.entries(), self.engine.doomed()
        held = {entry.key for entry in entries.values() if not entry.pending}
        kept = {entries[name].key for name in run.program if name in entries and not entries[name].pending}
        wanted = {
            (INSTANCES[spec.instance], spec.adopt) for spec in run.program.values() if spec.adopt is not None
        }
        self.managed |= held
        gone = before - self._keys()
        assert not gone & kept, "a key is gone that a resource holds"
        assert not gone & wanted, "a key is gone that the program adopts"
        assert gone <= self.managed, "a key is gone that was never the stack's"
        made = {key for key in self._keys() if key[1] > LIVE}
        assert made <= held | {entry.key for entry in doomed}, "a key is left that nobody knows"
        assert not done or entries.keys() == run.program.keys()

    def _keys(self) -> set[tuple[int, int]]:
        return {
            (nth, key["id"]) for nth, account in enumerate(self.engine.accounts) for key in account.keys()
        }

    def teardown(self) -> None:
        """In the end an empty program deletes all that the stack has, and nothing else."""
        try:
            self._up(Run({}))
            assert not self.engine.entries()
            assert not self.engine.doomed()
        finally:
            for account in self.engine.accounts:
                account.stop()


@pytest.mark.timeout(300 * EXAMPLES)
def test_steps_delete_no_key_that_a_resource_holds(tmp_path: Path) -> None:
    """Whatever programs adopt, rename, move, force and drop, and whatever fails, in any order."""
    play(lambda: Machine(InProcess(tmp_path)), examples=300, steps=12)


@pytest.mark.timeout(900 * EXAMPLES)
@pytest.mark.parametrize(("kind", "examples"), [("local", 6), ("cli", 8)], ids=["local", "cli"])
def test_programs_delete_no_key_that_a_resource_holds(
    kind: str, examples: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whole programs, which work on several resources at once, keep the rules too, on both engines."""
    if kind == "cli":
        require_cli()
    play(lambda: Machine(Whole(kind, tmp_path_factory.mktemp(kind), warm_python())), examples, steps=10)
