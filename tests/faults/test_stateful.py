"""Random sequences of edits, drift, faults, refreshes and runs: the account always matches the model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, TypeAlias

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from pulumi_account.core.naming import is_auto_name
from pulumi_account.emulator import Answer, Drop, Edit, Fault, HalfBody
from tests.faults.model import EXAMPLES, FIELDS, Engine, Fields, InProcess, Known, Spec, Whole, play
from tests.support.cli import require_cli
from tests.support.projects import warm_python

Change: TypeAlias = tuple[str, Any, Any]  # the action, its resource, and its argument

RESOURCES = ["a", "b", "c", "d", "e", "f"]
CHOICES: Mapping[str, list[Any]] = {
    "name": ["alpha", "beta", "auto-", "other-"],
    "credit_limit": [None, 0, 1, 2.5],
    "expires_at": [None, "2099-01-01T00:00:00Z", "2098-06-01T12:00:00+02:00"],
    "is_enabled": [True, False],
    "trigger": [None, "1", "2"],
}
SPECS = st.builds(Spec, **{name: st.sampled_from(values) for name, values in CHOICES.items()})
#: not with equal keys: Hypothesis starts with the simplest program, which would waste a sequence
PROGRAMS = st.dictionaries(st.sampled_from(RESOURCES), SPECS, min_size=2).filter(
    lambda program: len(set(program.values())) > 1
)
NTH = st.integers(0, 5)
EDIT = st.tuples(st.just("edit"), NTH, st.sampled_from([(k, v) for k, vs in CHOICES.items() for v in vs]))
DECLARE = st.tuples(st.just("declare"), st.sampled_from(RESOURCES), SPECS)
REMOVE = st.tuples(st.just("remove"), NTH, st.none())
RENAME = st.tuples(st.just("rename"), NTH, st.sampled_from(RESOURCES))
CHANGES = st.lists(st.one_of(EDIT, EDIT, EDIT, DECLARE, REMOVE, RENAME), min_size=1, max_size=4)
DRIFT: list[dict[str, Any]] = [
    {},  # deleted
    {"is_enabled": False},
    {"expires_at": datetime(2020, 1, 1, tzinfo=timezone.utc)},
    {"credit_limit": 99},
    {"credit_limit": None, "name": "renamed"},
]
FAULTS = [
    Answer(402),
    Answer(429, retry_after=1),
    Answer(503, body="html"),
    Answer(500, commit=True),
    Answer(200, body="garbage", commit=True),
    Drop(commit=False),
    Drop(commit=True),
    HalfBody(),
    Edit(remove=("id",)),
]
READS, WRITES = ["get_key", "list_keys"], ["create_key", "update_key", "delete_key"]


def one_of_the_next(calls: list[str]) -> st.SearchStrategy[Fault | None]:
    """A fault of one of the next calls, of any operation or of one of these; or no fault."""
    fault = {"action": st.sampled_from(FAULTS), "skip": st.integers(0, 1)}
    of_a_kind = st.builds(Fault, **fault, operation=st.sampled_from(calls))
    return st.one_of(st.none(), st.builds(Fault, **fault), of_a_kind)


DEPLOY = st.tuples(st.just("deploy"), CHANGES, one_of_the_next(WRITES))
DRIFTS = st.tuples(st.just("drift"), st.lists(st.tuples(NTH, st.sampled_from(DRIFT)), min_size=1, max_size=3))
PREVIEW = st.tuples(st.just("preview"), CHANGES)
REFRESH = st.tuples(st.just("refresh"), one_of_the_next(READS))


class Machine(RuleBasedStateMachine):
    """A program, its account, and the model: what the state knows, and the fields of each key."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        self.begun = False
        self.account = self.engine.account
        self.strangers = {self.account.add(name)[0] for name in ("alpha", "alpha", "auto-0123abc", "renamed")}
        self.theirs = self._keys(self.strangers)
        self.program: dict[str, Spec] = {}

    @initialize(program=PROGRAMS)
    def begin(self, program: dict[str, Spec]) -> None:
        """Deploy a first program."""
        self.program, self.begun = program, True
        self._up()

    # Hypothesis leaves some rules out of each sequence; one rule lets the CLI's few sequences have all steps
    @rule(step=st.one_of(DEPLOY, DRIFTS, PREVIEW, REFRESH))
    def take(self, step: tuple[Any, ...]) -> None:
        """Deploy, drift, preview or refresh."""
        verb, *details = step
        getattr(self, verb)(*details)

    def deploy(self, changes: list[Change], fault: Fault | None) -> None:
        """Change the program, and run it."""
        self._change(changes)
        self._arm(fault)
        self._up(may_fail=fault is not None)

    def _change(self, changes: list[Change]) -> None:
        for change in changes:
            self._change_one(*change)

    def _change_one(self, verb: str, which: Any, what: Any) -> None:
        if verb == "declare":
            self.program[which] = what
        elif self.program:
            resource = sorted(self.program)[which % len(self.program)]
            spec = self.program.pop(resource)
            if verb == "edit":
                self.program[resource] = spec._replace(**dict([what]))
            elif verb == "rename":
                self.program[what] = spec

    def drift(self, drift: list[tuple[int, Fields]]) -> None:
        """Delete or change keys behind Pulumi's back."""
        for nth, change in drift:
            if mine := sorted(self._mine()):
                self._drift(mine[nth % len(mine)], change)

    def _drift(self, key_id: int, change: Fields) -> None:
        if change:
            self.account.edit(key_id, **change)
        else:
            self.account.remove(key_id)

    def preview(self, changes: list[Change]) -> None:
        """Change the program; a preview makes no call, changes no state, and reports what a run would do."""
        self._change(changes)
        known = self.engine.known()
        self.account.calls.clear()
        told = self.engine.preview(self.program)
        assert told.ok
        assert told.ops == self._expected(known)
        assert self.engine.known() == known
        assert self.account.calls.operations == []

    def refresh(self, fault: Fault | None) -> None:
        """After a refresh the state matches the account; no call writes."""
        before, known = self._keys(self._mine()), self.engine.known()
        self._arm(fault)
        done = self.engine.refresh(self.program)
        self.account.faults.clear()
        assert set(self.account.calls.operations).isdisjoint(WRITES)
        assert self._keys(self._mine()) == before
        now = {new.id: new.fields() for new in self.engine.known().values()}
        if done.ok:
            assert now == {id_: key for id_, key in before.items() if id_ not in self.engine.doomed()}
        else:
            assert fault
            assert now.keys() <= {old.id for old in known.values()}

    def _arm(self, fault: Fault | None) -> None:
        self.account.calls.clear()
        self.account.faults.add(*[fault] if fault else [])

    def _expected(self, known: Mapping[str, Known]) -> Mapping[str, str]:
        return {name: _op(known.get(name), self.program.get(name)) for name in {*known, *self.program}}

    def _up(self, *, may_fail: bool = False) -> None:
        """A run changes the differences between program and state; a failed run loses no key."""
        known, before = self.engine.known(), self._keys(self._mine())
        done = self.engine.up(self.program)
        self.account.faults.clear()
        vanished = {
            old.id for old in known.values()
        } - before.keys()  # they cannot be changed before a refresh
        assert done.ok or may_fail or vanished
        if done.ok:
            assert done.ops == self._expected(known)
            self._compare(known, before)
            self._changes_nothing()

    def _compare(self, known: Mapping[str, Known], before: Mapping[int, Fields]) -> None:
        now, keys = self.engine.known(), self._keys(self._mine())
        assert now.keys() == self.program.keys()
        assert self.engine.doomed() == set()
        for resource, spec in self.program.items():
            old, new = known.get(resource), now[resource]
            name, op = str(new.inputs["name"]), _op(old, spec)
            assert not spec.prefix or is_auto_name(name, spec.prefix)
            wanted = spec.fields(name)
            if old is None or op == "replace":
                assert keys[new.id] == wanted
            elif op == "update":
                # the engine does not see changes of others since the last refresh
                thought, was = old.fields(), before[old.id]
                assert keys[new.id] == {
                    field: was[field] if thought[field] == wanted[field] else wanted[field]
                    for field in FIELDS
                }
            else:
                assert (old, before.get(new.id)) == (new, keys.get(new.id))
            assert op == "same" or new.fields() == keys[new.id]

    def _changes_nothing(self) -> None:
        self.account.calls.clear()
        again = self.engine.up(self.program)
        assert again.ok
        assert set(again.ops.values()) <= {"same"}
        assert self.account.calls.operations == []

    # --- what always holds

    @invariant()
    def strangers_are_untouched(self) -> None:
        """The keys of others do not change."""
        assert self._keys(self.strangers) == self.theirs

    @invariant()
    def no_key_is_lost(self) -> None:
        """Every key in the account is in the state; one fault at a time leaves nothing behind."""
        assert self._mine() <= {known.id for known in self.engine.known().values()} | self.engine.doomed()

    @invariant()
    def plaintexts_unlock_their_keys(self) -> None:
        """The plaintext that the state has is that of its key, for as long as there is one."""
        for known in self.engine.known().values():
            if self.account.key(known.id):
                assert self.account.key_of(known.outputs["key"]) == known.id

    def teardown(self) -> None:
        """Finally the account is as declared, whatever came before."""
        try:
            if self.begun:
                self._settle()
        finally:
            self.account.stop()

    def _settle(self) -> None:
        """A refresh and a run make everything as declared, and another run changes nothing."""
        self.account.faults.clear()
        assert self.engine.refresh(self.program).ok
        assert self.engine.up(self.program).ok
        state, keys = self.engine.known(), self._keys(self._mine())
        assert state.keys() == self.program.keys()
        assert keys == {
            state[name].id: spec.fields(str(state[name].inputs["name"]))
            for name, spec in self.program.items()
        }
        self._changes_nothing()

    def _mine(self) -> set[int]:
        return {key["id"] for key in self.account.keys()} - self.strangers

    def _keys(self, ids: set[int]) -> dict[int, Fields]:
        return {
            key["id"]: {field: key[field] for field in FIELDS}
            for key in self.account.keys()
            if key["id"] in ids
        }


def _op(known: Known | None, spec: Spec | None) -> str:
    """The engine's operation for a resource, given the state."""
    if known is None or spec is None:
        return "create" if spec else "delete"
    if (known.inputs.get("rotation_triggers") or {}) != ({"quarter": spec.trigger} if spec.trigger else {}):
        return "replace"
    name, prefix = str(known.inputs["name"]), known.inputs.get("name_prefix")
    kept = prefix == spec.prefix and (not spec.prefix or is_auto_name(name, spec.prefix))
    return "same" if kept and Known(known.id, {}, known.inputs).fields() == spec.fields(name) else "update"


@pytest.mark.timeout(300 * EXAMPLES)
def test_steps_keep_account_and_state_as_the_model_says() -> None:
    """The provider matches the model, whatever programs, people and faults do, in any order."""
    play(lambda: Machine(InProcess()), examples=60, steps=25)


@pytest.mark.timeout(900 * EXAMPLES)
@pytest.mark.parametrize(
    ("kind", "examples", "steps"), [("local", 2, 20), ("cli", 3, 13)], ids=["local", "cli"]
)
def test_programs_keep_account_and_state_as_the_model_says(
    kind: str, examples: int, steps: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whole programs, with the SDK's own processes and real connections, match the model too, on both engines."""
    if kind == "cli":
        require_cli()
    play(lambda: Machine(Whole(kind, tmp_path_factory.mktemp(kind), warm_python())), examples, steps)
