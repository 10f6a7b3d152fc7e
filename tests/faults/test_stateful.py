"""Random sequences of edits, drift, faults, refreshes and runs: the account is always what the model says."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pulumi_account.emulator import Answer, Drop, Edit, Fault, HalfBody
from pulumi_account.keys import is_auto_name
from tests.faults.model import FIELDS, Engine, Fields, InProcess, Known, Spec, Whole
from tests.warm import WarmPython

RESOURCES = ["a", "b", "c", "d", "e", "f"]
CHOICES: Mapping[str, list[Any]] = {
    "name": ["alpha", "beta", "auto-", "other-"],
    "credit_limit": [None, 0, 1, 2.5],
    "expires_at": [None, "2099-01-01T00:00:00Z", "2098-06-01T12:00:00+02:00"],
    "is_enabled": [True, False],
    "trigger": [None, "1", "2"],
}
SPECS = st.builds(Spec, **{name: st.sampled_from(values) for name, values in CHOICES.items()})
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
    """One of the next calls goes wrong, or none."""
    calling = {"operation": st.sampled_from(calls), "skip": st.integers(0, 1)}
    return st.none() | st.builds(Fault, st.sampled_from(FAULTS), **calling)


class Machine(RuleBasedStateMachine):
    """A program, the account it is about, and the model: what the state knows, and what each key is like."""

    def __init__(self, engine: Engine, *, thorough: bool) -> None:
        super().__init__()
        self.engine = engine
        self.thorough = thorough  # whether every run is made twice; else only the last one is
        self.account = self.engine.account
        self.strangers = {self.account.add(name)[0] for name in ("alpha", "alpha", "auto-0123abc", "renamed")}
        self.theirs = self._keys(self.strangers)
        self.program: dict[str, Spec] = {}

    @initialize(program=st.dictionaries(st.sampled_from(RESOURCES), SPECS, min_size=2))
    def begin(self, program: dict[str, Spec]) -> None:
        """There is a stack already."""
        self.program = program
        self._up()

    @rule(changes=CHANGES, fault=one_of_the_next(WRITES))
    def deploy(self, changes: list[tuple[str, Any, Any]], fault: Fault | None) -> None:
        """Change the program, and run it."""
        for change in changes:
            self._change(*change)
        self._arm(fault)
        self._up()

    def _change(self, verb: str, which: Any, what: Any) -> None:
        if verb == "declare":
            self.program[which] = what
        elif self.program:
            resource = sorted(self.program)[which % len(self.program)]
            spec = self.program.pop(resource)
            if verb == "edit":
                self.program[resource] = spec._replace(**dict([what]))
            elif verb == "rename":
                self.program[what] = spec

    @precondition(lambda self: self._mine())
    @rule(drift=st.lists(st.tuples(NTH, st.sampled_from(DRIFT)), min_size=1, max_size=3))
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

    @rule()
    def preview(self) -> None:
        """A preview makes no call, and tells what a run would do."""
        self.account.calls.clear()
        told = self.engine.preview(self.program)
        assert told.ok
        assert told.ops == self._expected(self.engine.known())
        assert self.account.calls.operations == []

    @rule(fault=one_of_the_next(READS))
    def refresh(self, fault: Fault | None) -> None:
        """After a refresh the state is what the account is; no call writes."""
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
            assert now.keys() <= {old.id for old in known.values()}

    def _arm(self, fault: Fault | None) -> None:
        self.account.calls.clear()
        self.account.faults.add(*[fault] if fault else [])

    def _expected(self, known: Mapping[str, Known]) -> Mapping[str, str]:
        return {name: _op(known.get(name), self.program.get(name)) for name in {*known, *self.program}}

    def _up(self) -> None:
        """What a run changes is what the program and the state differ in; a failed one loses no key."""
        known, before = self.engine.known(), self._keys(self._mine())
        done = self.engine.up(self.program)
        self.account.faults.clear()
        if done.ok:
            assert done.ops == self._expected(known)
            self._compare(known, before)
            if self.thorough:
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
                # what others have changed since the last refresh, the engine does not see
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
        """Nobody else's key is changed."""
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
        """In the end, a refresh and a run make all as declared, whatever came before, and another changes nothing."""
        try:
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
        finally:
            self.account.stop()

    def _mine(self) -> set[int]:
        return {key["id"] for key in self.account.keys()} - self.strangers

    def _keys(self, ids: set[int]) -> dict[int, Fields]:
        return {
            key["id"]: {field: key[field] for field in FIELDS}
            for key in self.account.keys()
            if key["id"] in ids
        }


def _op(known: Known | None, spec: Spec | None) -> str:
    """What the engine does about a resource, by what it knows of it."""
    if known is None or spec is None:
        return "create" if spec else "delete"
    if (known.inputs.get("rotation_triggers") or {}) != ({"quarter": spec.trigger} if spec.trigger else {}):
        return "replace"
    name, prefix = str(known.inputs["name"]), known.inputs.get("name_prefix")
    kept = prefix == spec.prefix and (not spec.prefix or is_auto_name(name, spec.prefix))
    return "same" if kept and Known(known.id, {}, known.inputs).fields() == spec.fields(name) else "update"


EXAMPLES = int(os.environ.get("PULUMI_ACCOUNT_EXAMPLES", "1"))


def play(engine: Callable[[], Engine], examples: int, steps: int, *, thorough: bool) -> None:
    """Run random sequences, the same ones each time."""
    machine: Any = lambda: Machine(engine(), thorough=thorough)  # noqa: E731 - typed as a class, used as a factory
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples * EXAMPLES,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            # shrinking takes minutes: who asks for more examples gets it
            phases=[Phase.generate] if EXAMPLES == 1 else [Phase.generate, Phase.shrink],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(120 * EXAMPLES)
def test_steps_keep_account_and_state_as_the_model_says() -> None:
    """Whatever programs, people and faults do, in any order, the provider's steps do what the model says."""
    play(InProcess, examples=100, steps=25, thorough=True)


@pytest.mark.timeout(120 * EXAMPLES)
def test_programs_keep_account_and_state_as_the_model_says(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The same of whole programs, with the SDK's own processes and real connections."""
    with WarmPython() as python:
        play(lambda: Whole(tmp_path_factory.mktemp("whole"), python), examples=3, steps=4, thorough=False)
