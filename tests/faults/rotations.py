"""A rotating key under a simulated clock: runs at any hour, some of which fail or are cut off, against an account.

The consumer of the key reads it from the state at any moment, and goes on using what it has read for an overlap. So a
key that stops being the current one must work until the overlap ends, counted from the run that replaced it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx

from pulumi_account.api.client import AccountClient
from pulumi_account.common.durations import parse_duration
from pulumi_account.core.account import Account
from pulumi_account.core.keys import Keys
from pulumi_account.core.reservations import RESERVATION_PREFIX
from pulumi_account.core.rotating import RotatingKeyResource
from pulumi_account.exceptions import AccountError, LeftoverError
from tests.faults.model import Unserved, carried
from tests.support.canaries import PROVISIONING_KEY, assert_clean
from tests.support.helpers import ENDPOINT

#: when the simulation begins: after any run of the tests, as the emulator's clock is only moved forward
BEGIN = datetime(2040, 1, 1, tzinfo=timezone.utc)
_HOUR = timedelta(hours=1)


class Killed(BaseException):
    """The provider's process was killed."""


@dataclass(frozen=True)
class Cut:
    """What happens at the call with this number: the network or the API fails, or a process is killed.

    :ivar kind: ``refused``: no more connections; ``lost``: the call is carried out, but its answer and all later calls
        are lost; ``failed``: the answer is a 500, once; ``abandoned``: the engine has exited after the call;
        ``killed``: so has the provider.
    """

    kind: str
    call: int


class _Wire(httpx.BaseTransport):
    def __init__(self, inner: httpx.BaseTransport, cut: Cut | None) -> None:
        self._inner, self._cut, self.calls, self.was_cut = inner, cut, 0, False
        self.requests: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        cut = self._cut
        if cut is None or self.calls < cut.call:
            return self._send(request)
        first, self.was_cut = not self.was_cut, True
        if cut.kind == "refused" or (cut.kind == "lost" and not first):
            raise httpx.ConnectError("refused")
        if cut.kind == "failed" and first:
            return httpx.Response(500, json={"error": {"type": "server_error", "message": "no"}})
        answer = self._send(request)
        if cut.kind == "lost":
            raise httpx.ReadError("lost")
        if cut.kind == "killed":
            raise Killed
        return answer

    def _send(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(f"{request.method} {request.url.path}")
        return self._inner.handle_request(request)


@dataclass
class Run:
    """What a run did."""

    ok: bool
    op: str
    requests: list[str]


class Simulation:
    """A stack with one rotating key, its account, and the promises made to its consumers. A context manager."""

    def __init__(self) -> None:
        self.account = Unserved()
        self.now = BEGIN
        self.inputs: dict[str, Any] = {}
        self.outputs: dict[str, Any] = {}
        #: until when each replaced key must work
        self.promised: dict[int, datetime] = {}
        #: the ids of the keys that an error asked the user to delete
        self.named: set[int | None] = set()
        #: complete keys that a killed process made: their plaintexts are lost, and no state has them
        self.orphans: set[int] = set()
        #: the ids of the keys that `revoke` has to delete
        self.revoked: set[int] = set()
        #: the ids of the keys on which no consumer may rely: revoked, or deleted elsewhere
        self.void: set[int] = set()

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *_: object) -> None:
        self.account.stop()

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.now += by

    def _process(
        self, cut: Cut | None, ahead: timedelta, *, refreshes: bool = False
    ) -> tuple[_Wire, RotatingKeyResource]:
        """A process on a machine whose clock runs ahead of the account's, or behind it."""
        self.account.clock.offset = self.now - datetime.now(timezone.utc)
        wire = _Wire(self.account.transport, cut)

        def clock() -> datetime:
            return self.account.clock.now() + ahead

        client = AccountClient(ENDPOINT, PROVISIONING_KEY, transport=wire, clock=clock)
        abandoned = cut is not None and cut.kind == "abandoned" and not refreshes
        keys = Keys(client, abandoned=lambda: abandoned and wire.was_cut)
        return wire, RotatingKeyResource(Account(keys, clock=clock))

    def refresh(self, cut: Cut | None = None) -> bool:
        """Read the current key; returns whether the run succeeded."""
        _, steps = self._process(cut, timedelta(0), refreshes=True)
        try:
            found = steps.read("id", carried(self.outputs))
        except (AccountError, Killed):
            return False
        assert set(self.retired()) == {entry["key_id"] for entry in found.outputs["retired"]}
        self.inputs, self.outputs = found.inputs, found.outputs
        return True

    def delete_elsewhere(self, key_ids: set[int]) -> None:
        """Someone deletes these keys of the account."""
        for key_id in key_ids:
            if self._find(key_id):
                self.account.remove(key_id)
        self.void |= key_ids

    def run(
        self, declared: Mapping[str, Any], cut: Cut | None = None, *, ahead: timedelta = timedelta(0)
    ) -> Run:
        """Check, compare, and create or update, in a process of its own.

        :param ahead: how far the machine's clock runs ahead of the account's.
        """
        wire, steps = self._process(cut, ahead)
        abandoned = cut is not None and cut.kind == "abandoned"
        checked = steps.check(carried(self.inputs), carried(dict(declared)))
        assert checked.failures == ()
        op, outputs = "same", self.outputs
        revokes = declared.get("revoke") not in (None, self.outputs.get("revoke")) and bool(self.outputs)
        self.void |= self.known() if revokes else set()
        ended = (self._find(self.outputs.get("key_id")) or {}).get("expires_at")
        try:
            if not self.outputs:
                op, outputs = "create", steps.create(carried(checked.inputs)).outputs
            else:
                diff = steps.diff("id", carried(self.outputs), carried(checked.inputs))
                if diff.changed or diff.silent:
                    op = "update"
                    outputs = steps.update("id", carried(self.outputs), carried(checked.inputs))
        except AccountError as error:
            assert_clean(error)
            if abandoned and not revokes:
                current = self._find(self.outputs.get("key_id"))
                assert not current or current["expires_at"] == ended, "the old key's expiry is as it was"
            if isinstance(error, LeftoverError):
                self.named.add(error.key_id)
            return Run(False, op, wire.requests)
        except Killed:
            self._note_kill(checked.inputs)
            return Run(False, op, wire.requests)
        if abandoned and wire.was_cut:
            return Run(False, op, wire.requests)
        self.revoked |= self.known() if revokes else set()
        self._record(checked.inputs, outputs)
        return Run(True, op, wire.requests)

    def _record(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        before, end = self.outputs.get("key_id"), self.now + parse_duration(inputs["overlap"])
        if before not in (None, outputs["key_id"]):
            self.promised.setdefault(int(before), end)
        # who has read a replaced key has done so by now, and a shorter overlap promises less
        self.promised = {key_id: min(promised, end) for key_id, promised in self.promised.items()}
        self.inputs, self.outputs = inputs, outputs
        current = self._find(outputs["key_id"])
        if current and current["expires_at"] is None:
            self.promised.pop(current["id"], None)

    def _note_kill(self, inputs: Mapping[str, Any]) -> None:
        """A killed process may have set the old key's expiry, and left a complete key; neither is in the state."""
        found = self._find(self.outputs.get("key_id"))
        if found and found["expires_at"]:
            self.promised.setdefault(found["id"], self.now + parse_duration(inputs["overlap"]))
        self.orphans |= {key["id"] for key in self.alive()} - self.known()

    def _find(self, key_id: Any) -> Any:
        return next((key for key in self.account.keys() if key["id"] == key_id), None)

    def alive(self) -> list[Any]:
        """The keys of the account that work, without reservations, which can spend nothing."""
        return [
            key
            for key in self.account.keys()
            if not key["name"].startswith(RESERVATION_PREFIX) and _works(key, self.now)
        ]

    def reservations(self) -> list[Any]:
        """Those that have not expired."""
        return [
            key
            for key in self.account.keys()
            if key["name"].startswith(RESERVATION_PREFIX) and _works(key, self.now)
        ]

    def retired(self) -> set[int]:
        """The ids of the retired keys in the state."""
        return {int(entry["key_id"]) for entry in self.outputs.get("retired", ())}

    def unrevoked(self) -> set[int]:
        """The ids of revoked keys that still work and that no later run will delete."""
        alive = {key["id"] for key in self.alive()} & self.revoked
        return alive - {int(key_id) for key_id in self.outputs.get("__revoked", ())}

    def unsettled(self) -> list[str]:
        """What is not as it should be after a run without faults."""
        current = self._find(self.outputs["key_id"])
        ends = [(self._find(key_id) or {}).get("expires_at") for key_id in self.retired()]
        lines = (
            ["the current key expires, or does not work"]
            if current["expires_at"] or not _works(current, self.now)
            else []
        )
        return lines + [f"a retired key expires at {end}" for end in ends if not end or end <= self.now]

    def known(self) -> set[int]:
        """The ids of the keys in the state."""
        ids = self.retired()
        return ids | ({int(self.outputs["key_id"])} if "key_id" in self.outputs else set())

    def broken_promises(self) -> list[str]:
        """A line for each consumer whose key stopped working too early."""
        current = self.outputs.get("key_id")
        lines = []
        lost = {*self.promised, *self.void}
        if current is not None and current not in lost and not _works(self._find(current), self.now):
            lines.append(f"the current key {current} does not work")
        for key_id, end in self.promised.items():
            if (
                key_id not in self.void
                and end > self.now
                and not _works(self._find(key_id), end - timedelta(seconds=1))
            ):
                lines.append(f"key {key_id} does not work until {end}")
        return lines


def _works(key: Any, moment: datetime) -> bool:
    if key is None or not key["is_enabled"]:
        return False
    return key["expires_at"] is None or bool(key["expires_at"] > moment)
