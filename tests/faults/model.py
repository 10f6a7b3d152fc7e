"""Random sequences of programs, people and faults against a model of the account.

The model knows what an engine knows: an `up` sees what the program has changed since the last run, and what others
have changed only after a refresh. Two engines fit it: `InProcess`, which does the engine's part in the order in which
the engine does it, with no process and no network; and `Whole`, which runs whole programs on LocalEngine or on the
real CLI.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import httpx
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from pulumi.output import UNKNOWN, Unknown

from pulumi_account.api.client import AccountClient
from pulumi_account.api.retry import RetryTransport
from pulumi_account.common.instants import parse_instant
from pulumi_account.core.account import Account
from pulumi_account.core.keys import Keys
from pulumi_account.core.naming import auto_name
from pulumi_account.core.resource import KeyResource
from pulumi_account.emulator import Emulator
from pulumi_account.emulator.store import MEMORY, Store
from pulumi_account.exceptions import AccountError
from tests.support import projects
from tests.support.canaries import PROVISIONING_KEY, assert_clean
from tests.support.environment import account_environment
from tests.support.helpers import ENDPOINT, FakeClock

Bag = dict[str, Any]
#: a key's name, credit_limit, expires_at and is_enabled
Fields = Mapping[str, Any]
FIELDS = ("name", "credit_limit", "expires_at", "is_enabled")


EXAMPLES = int(os.environ.get("PULUMI_ACCOUNT_EXAMPLES", "1"))


def play(machine: Callable[[], RuleBasedStateMachine], examples: int, steps: int) -> None:
    """Run random sequences, the same every time."""
    made: Any = machine  # typed as a class, used as a factory
    run_state_machine_as_test(
        made,
        settings=settings(
            max_examples=examples * EXAMPLES,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            # shrinking takes minutes, so only runs with more examples do it
            phases=[Phase.generate] if EXAMPLES == 1 else [Phase.generate, Phase.shrink],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


class Spec(NamedTuple):
    """What a program declares of a key; a name is exact, or a prefix that ends in a hyphen."""

    name: str
    credit_limit: float | None = None
    expires_at: str | None = None
    is_enabled: bool = True
    trigger: str | None = None

    @property
    def prefix(self) -> str | None:
        """The prefix, if this is auto-named."""
        return self.name if self.name.endswith("-") else None

    def arguments(self) -> Bag:
        """As the program passes them."""
        given = {
            "name_prefix" if self.prefix else "name": self.name,
            "credit_limit": self.credit_limit,
            "expires_at": self.expires_at,
            "is_enabled": self.is_enabled,
            "rotation_triggers": self.trigger and {"quarter": self.trigger},
        }
        return {name: value for name, value in given.items() if value is not None}

    def fields(self, name: str) -> Fields:
        """The fields that the key must have, given the name if it is auto-named."""
        limit, expiry = self.credit_limit, self.expires_at
        return {
            "name": name if self.prefix else self.name,
            "credit_limit": None if limit is None else Decimal(repr(limit)),
            "expires_at": None if expiry is None else parse_instant(expiry),
            "is_enabled": self.is_enabled,
        }


Program = Mapping[str, Spec]


class Outcome(NamedTuple):
    """Whether a run succeeded, and the operation on each resource."""

    ok: bool
    ops: Mapping[str, str]


class Engine(Protocol):
    """Something that runs programs against an account."""

    @property
    def account(self) -> Emulator:
        """Whose keys the programs declare."""

    def preview(self, program: Program) -> Outcome:
        """What `up` would do."""

    def up(self, program: Program) -> Outcome:
        """Deploy the program."""

    def refresh(self, program: Program) -> Outcome:
        """Refresh every key."""

    def known(self) -> Mapping[str, Known]:
        """The state: the current keys by resource."""

    def doomed(self) -> set[int]:
        """The ids of replaced keys that are yet to be deleted."""


class Known(NamedTuple):
    """A resource in the state."""

    id: int
    inputs: Bag
    outputs: Bag

    def fields(self) -> Fields:
        """The key's fields in the state."""
        limit, expiry = self.outputs.get("credit_limit"), self.outputs.get("expires_at")
        return {
            "name": self.outputs["name"],
            "credit_limit": None if limit is None else Decimal(repr(limit)),
            "expires_at": None if expiry is None else parse_instant(expiry),
            "is_enabled": self.outputs["is_enabled"],
        }


# --- the emulator without a server


class Unserved(Emulator):
    """The account API with no server: a transport asks it directly."""

    def __init__(self) -> None:
        super().__init__(provisioning_key=PROVISIONING_KEY)
        self._kept = Store(MEMORY)
        self.transport = AsgiTransport(self._application(self._kept))

    def stop(self) -> None:
        """Forget everything."""
        self.transport.close()
        self._kept.close()

    @property
    def _store(self) -> Store:
        return self._kept


class _Wire:
    """Stands in for the TCP connection, which faults cut."""

    def __init__(self) -> None:
        self.cut = False

    def is_closing(self) -> bool:
        return self.cut

    def close(self) -> None:
        self.cut = True

    abort = close


class AsgiTransport(httpx.BaseTransport):
    """Passes requests to an ASGI application."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        """Close the event loop; closing an `AccountClient` calls nothing of the kind."""
        self._loop.close()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The application's answer, or a lost connection."""
        return self._loop.run_until_complete(self._exchange(request))

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        wire, sent = _Wire(), []
        incoming = [{"type": "http.request", "body": request.read(), "more_body": False}]

        async def receive() -> Any:
            return incoming.pop() if incoming else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": request.method,
            "path": request.url.path,
            "query_string": request.url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "state": {"transport": wire},
        }
        await self._app(scope, receive, send)
        if wire.cut:
            raise httpx.RemoteProtocolError("the connection was cut", request=request)
        head, *bodies = sent
        body = b"".join(message["body"] for message in bodies)
        return httpx.Response(head["status"], headers=head["headers"], content=body)


class _Shared(httpx.BaseTransport):
    """A shared transport that clients do not close."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.handle_request = inner.handle_request  # type: ignore[method-assign]


# --- an engine in this process


class InProcess:
    """The engine's part of a run: check, diff, create, replace or update; undeclared resources are deleted last."""

    def __init__(self) -> None:
        self.account = Unserved()
        self._state: dict[str, Known] = {}
        self._doomed: list[Known] = []

    def known(self) -> Mapping[str, Known]:
        """The state: the current keys by resource."""
        return dict(self._state)

    def doomed(self) -> set[int]:
        """The ids of replaced keys that are yet to be deleted."""
        return {old.id for old in self._doomed}

    def preview(self, program: Program) -> Outcome:
        """What `up` would do."""
        steps = self._process()
        ops = {name: self._plan(steps, name, spec, preview=True)[0] for name, spec in program.items()}
        return Outcome(True, ops | dict.fromkeys(self._state.keys() - program.keys(), "delete"))

    def up(self, program: Program) -> Outcome:
        """Deploy the program; the first error ends the run, and then nothing is deleted."""
        steps, ops = self._process(), {}
        try:
            for name, spec in program.items():
                ops[name], inputs = self._plan(steps, name, spec, preview=False)
                self._do(steps, ops[name], name, inputs)
        except AccountError as error:
            assert_clean(error)
            return Outcome(False, {})
        done = [self._delete(steps, old) for old in self._doomed]
        self._doomed = [old for old, gone in zip(self._doomed, done, strict=True) if not gone]
        for name in self._state.keys() - program.keys():
            ops[name] = "delete"
            if gone := self._delete(steps, self._state[name]):
                del self._state[name]
            done.append(gone)
        return Outcome(all(done), ops)

    def refresh(self, program: Program) -> Outcome:
        """Refresh every key; an error with one does not stop the others."""
        steps, ok = self._process(), True
        for name, old in list(self._state.items()):
            try:
                found = steps.read(str(old.id), carried(old.outputs))
            except AccountError as error:
                assert_clean(error)
                ok = False
                continue
            if found:
                self._state[name] = Known(old.id, carried(found.inputs), carried(found.outputs))
            else:
                del self._state[name]
        return Outcome(ok, {})

    def _process(self) -> KeyResource:
        clock = FakeClock()
        inner = _Shared(self.account.transport)
        transport = RetryTransport(inner, sleep=clock.sleep, clock=clock)
        return KeyResource(
            Account(
                Keys(AccountClient(ENDPOINT, PROVISIONING_KEY, transport=transport)),
                is_unknown=lambda value: isinstance(value, Unknown),
            )
        )

    def _plan(self, steps: KeyResource, name: str, spec: Spec, *, preview: bool) -> tuple[str, Bag]:
        old = self._state.get(name)
        inputs = self._check(steps, old.inputs if old else {}, spec, preview=preview)
        if old is None:
            return "create", inputs
        diff = steps.diff(str(old.id), old.outputs, inputs)
        if not diff.moved and (not diff.changed or inputs == old.inputs):
            return "same", inputs
        if diff.replaces:
            return "replace", self._check(steps, {}, spec, preview=preview)
        return "update", inputs

    def _check(self, steps: KeyResource, olds: Bag, spec: Spec, *, preview: bool) -> Bag:
        draw = (lambda _: UNKNOWN) if preview else auto_name
        checked = steps.check(olds, carried(spec.arguments()), preview=preview, draw=draw)
        assert not checked.failures
        inputs: Bag = carried(checked.inputs)
        return inputs

    def _do(self, steps: KeyResource, op: str, name: str, inputs: Bag) -> None:
        if op in ("create", "replace"):
            made = steps.create(inputs)
            self._doomed += [self._state[name]] if op == "replace" else []
            self._state[name] = Known(int(made.id), inputs, carried(made.outputs))
        elif op == "update":
            old = self._state[name]
            changed = steps.update(str(old.id), old.outputs, inputs)
            self._state[name] = Known(old.id, inputs, carried(changed))

    def _delete(self, steps: KeyResource, old: Known) -> bool:
        try:
            steps.delete(str(old.id), old.outputs)
        except AccountError as error:
            assert_clean(error)
            return False
        return True


def carried(value: Any) -> Any:
    """A value as the engine transmits it: numbers are floats, None is left out, secrets are opened."""
    if isinstance(value, Mapping):
        if "value" in value:
            return value["value"]
        return {name: carried(item) for name, item in value.items() if item is not None}
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


# --- whole programs


class Whole:
    """LocalEngine or the real CLI, with a warm Python, and programs in a folder."""

    def __init__(self, kind: str, folder: Path, python: str) -> None:
        self.account = Emulator(provisioning_key=PROVISIONING_KEY)
        self.account.start()
        self._program = folder / "__main__.py"
        self._engine = engine_of(kind, folder, self.account.url, python)
        self._keys: list[dict[str, Any]] = []

    def known(self) -> Mapping[str, Known]:
        """The state: the current keys by resource."""
        return {
            r["urn"].rpartition("::")[2]: Known(int(r["id"]), clear(r["inputs"]), clear(r["outputs"]))
            for r in self._keys
            if not r.get("delete")
        }

    def doomed(self) -> set[int]:
        """The ids of replaced keys that are yet to be deleted."""
        return {int(r["id"]) for r in self._keys if r.get("delete")}

    def preview(self, program: Program) -> Outcome:
        """What `up` would do."""
        return self._run("preview", program)

    def up(self, program: Program) -> Outcome:
        """Deploy the program."""
        return self._run("up", program)

    def refresh(self, program: Program) -> Outcome:
        """Refresh every key."""
        return self._run("refresh", program)

    def _run(self, verb: str, program: Program) -> Outcome:
        lines = [f"account.ApiKey({name!r}, **{spec.arguments()!r})\n" for name, spec in program.items()]
        self._program.write_text("import pulumi_account as account\n" + "".join(lines))
        result = getattr(self._engine, verb)()
        assert_clean(result)
        # once for each run: the CLI takes a third of a second for it
        self._keys = exported_keys(self._engine)
        ops = {step.urn.rpartition("::")[2]: step.op for step in result.steps if ":ApiKey::" in step.urn}
        return Outcome(result.ok, ops)


def engine_of(kind: str, folder: Path, endpoint: str, python: str) -> projects.Engine:
    """LocalEngine or the real CLI, for the project in a folder."""
    projects.write_project(folder, name="random")
    env = account_environment(endpoint, ACCOUNT_RETRY_DEADLINE="20")
    return projects.engine_for(kind, folder, env=env, python=python)


def exported_keys(engine: projects.Engine) -> list[dict[str, Any]]:
    """The keys in the state, as an export has them."""
    resources: list[dict[str, Any]] = engine.export(show_secrets=True)["deployment"].get("resources") or []
    return [resource for resource in resources if str(resource["type"]).endswith(":ApiKey")]


def clear(value: Any) -> Any:
    """A value with its secrets in plain text."""
    if isinstance(value, dict):
        sealed = value.get("plaintext")
        return json.loads(sealed) if sealed else {name: clear(item) for name, item in value.items()}
    return value
