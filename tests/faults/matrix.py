"""The calls in a key's life, and what can go wrong with each."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pulumi_account.emulator import Answer, Drip, Drop, Edit, Fault, HalfBody, Hang
from pulumi_account.emulator.faults import OPERATIONS, Action
from tests.support.canaries import PLAINTEXT
from tests.support.helpers import FAR

Declared = Mapping[str, Mapping[str, Any]]

#: the time-out of an attempt, in seconds, for faults that are silence
TIMEOUT = 1.2
#: seconds after which an abandoned request is carried out: when the run is over
LATE = 3.0
#: the retry deadline for faults that pass, in seconds: longer than any wait that they impose, or the longest backoff
PATIENT = 12.0
#: the same for faults that last: enough for a second attempt, which comes later after silence or a 429
IMPATIENT, AFTER_A_PAUSE = 0.5, 2.2
#: whole programs meet every fault at every call, not just one of those that are alike
EVERY_FAULT = bool(os.environ.get("PULUMI_ACCOUNT_EVERY_FAULT"))

METHODS = {"create_key": "POST", "update_key": "PATCH", "delete_key": "DELETE"}


@dataclass(frozen=True, eq=False)
class Site:
    """A call in a key's life that faults hit.

    `before` is deployed first; then, with `prelude` and the fault armed, `declared` is. `earlier` are the calls
    of this run before the one that is hit, but for those that the prelude hits.
    """

    name: str
    operation: str
    declared: Declared
    before: Declared | None = None
    command: str = "up"
    prelude: tuple[Fault, ...] = ()
    earlier: tuple[str, ...] = ()
    #: how many connections are made before the one for this call
    connections: int = 0
    #: fails whatever happens to the call
    fails: bool = False
    #: the run succeeds without this call
    optional: bool = False
    #: equivalent to another site for an engine, so whole programs skip it
    twin: bool = False
    #: a key may be left behind if the call fails for good
    leaves: bool = False
    #: such a key is as it was declared, not a reservation
    completed: bool = False
    #: nothing after this call makes the run fail
    last: bool = False
    #: the next run does what this call did not do
    repeated: bool = False
    #: in a whole program, something else may come between the call before and this one
    unsteady: bool = False

    @property
    def moves(self) -> bool:
        """Whether the keys have explicit instances."""
        return any("instance" in arguments for arguments in self.declared.values())

    @property
    def remembered(self) -> bool:
        """Whether a process that deployed the program before acts otherwise: it knows its instance and adoptions."""
        return self.moves or "rename" in self.name

    @property
    def method(self) -> str:
        return METHODS.get(self.operation, "GET")

    @property
    def promises_an_overlap(self) -> bool:
        """Whether the key before works on when another generation takes its place."""
        return any("rotate_now" in arguments for arguments in self.declared.values())


@dataclass(frozen=True)
class Kind:
    """A way to go wrong."""

    name: str
    action: Action | None = None
    #: every time, or once
    lasting: bool = False
    #: every call from this one on, whatever it is
    spreading: bool = False
    #: the connection is refused
    refused: bool = False
    #: seconds until the request is carried out, after the client has given up
    late: float = 0.0
    #: is retried, and then passes
    transient: bool = False
    #: the status says yes, the body is nonsense; a DELETE's answer has none at all
    nonsense: bool = False
    #: the fields that the response takes from another person's key
    lie: tuple[str, ...] = ()
    #: the response is only that key, and the request has no effect: as if a stale cache answered
    cached: bool = False
    #: kinds of the same word are so much alike that a whole program meets only one of them at each call
    like: str = ""
    #: the calls that it makes sense for
    methods: tuple[str, ...] = ("GET", "POST", "PATCH", "DELETE")

    @property
    def slows(self) -> bool:
        """All calls wait after it."""
        return isinstance(self.action, Answer) and self.action.status == 429

    def faults(self, site: Site, stranger: Mapping[str, Any]) -> list[Fault]:
        """The faults to arm, besides the site's prelude; a lie uses fields of this stranger's key."""
        action = self._lie(stranger) if self.lie else self.action
        operations = OPERATIONS if self.spreading else (site.operation,)
        times = None if self.lasting or self.spreading else 1
        return [
            Fault(action, operation=operation, skip=site.earlier.count(operation), times=times, latency=self.late)
            for operation in operations
            if action or self.late
        ]  # fmt: skip

    def _lie(self, stranger: Mapping[str, Any]) -> Action:
        told = {name: stranger[name] for name in self.lie}
        if self.cached:
            return Answer(200, body=json.dumps({**told, "key": PLAINTEXT}).encode())
        return Edit(replace=told)


@dataclass(frozen=True)
class Case:
    """A fault at a call."""

    site: Site
    kind: Kind

    def __str__(self) -> str:
        return f"{self.site.name}:{self.kind.name}"

    @property
    def succeeds(self) -> bool:
        """Whether the run succeeds all the same."""
        site, kind = self.site, self.kind
        if site.fails:
            return False
        if site.optional and (site.last or not kind.spreading):
            return True
        if kind.lasting or kind.spreading:
            return False
        return kind.transient or (kind.nonsense and site.method == "POST")

    @property
    def may_leave(self) -> bool:
        """Whether a key may be left behind, if the run reports it."""
        return bool(self.kind.late) or (not self.succeeds and (self.site.leaves or self.kind.spreading))

    @property
    def hits(self) -> int:
        """The least number of attempts that meet the fault: a lasting fault meets each further attempt."""
        return 2 if self.kind.lasting and self.kind.transient else 1

    @property
    def reusable(self) -> bool:
        """Whether a process that serves many cases can meet this fault.

        It slows down for good after a 429, counts its reads, keeps the activity, and refuses a second adoption of a
        key.
        """
        kind, site = self.kind, self.site
        return not (
            kind.slows
            or kind.refused
            or site.operation in ("get_key", "get_activity")
            or "adopt" in site.name
        )

    @property
    def settings(self) -> dict[str, str]:
        """The provider's deadlines and time-outs."""
        kind = self.kind
        silent = isinstance(kind.action, (Hang, Drip)) or kind.late
        impatient = AFTER_A_PAUSE if silent or kind.slows else IMPATIENT
        deadline = impatient if kind.lasting or kind.spreading else PATIENT
        return {"ACCOUNT_RETRY_DEADLINE": str(deadline), "ACCOUNT_TIMEOUT": str(TIMEOUT if silent else 30)}


# --- the calls

_EXACT = {"k": {"name": "production", "credit_limit": 10.5, "expires_at": FAR}}
_GUARDED = {"k": {**_EXACT["k"], "delete_guard": "7d"}}
_AUTO = {"k": {"credit_limit": 10.5, "expires_at": FAR}}
_AUTO_DISABLED = {"k": {"credit_limit": 10.5, "is_enabled": False}}
_MANY = {f"k{n}": {"name": f"production-{n}", "credit_limit": 10 + n} for n in range(6)}
_ADOPTION = {"k": {"name": "production", "credit_limit": 10.5, "adopt_key_id": 1}}

#: "trigger" and "instance" are the options `replacement_trigger` and `provider`
_FORCED = [{"k": {**_EXACT["k"], "trigger": trigger}} for trigger in ("1", "2")]
_MOVED = [{"k": {**_EXACT["k"], "instance": instance}} for instance in ("one", "other")]
_RENAMED = [{resource: _ADOPTION["k"]} for resource in ("old", "k")]

_LOST = (Fault(Drop(commit=True), operation="create_key"),)
_REFUSED = (Fault(Answer(422), operation="update_key"),)
_UNTOLD = (Fault(Answer(200, body="garbage", commit=True), operation="update_key"),)


def _triggered(quarter: str) -> Declared:
    return {"k": {**_EXACT["k"], "rotation_triggers": {"quarter": quarter}}}


MAKING = (
    Site("make-exact-POST", "create_key", _EXACT),
    Site("make-auto-POST", "create_key", _AUTO),
    Site("make-exact-PATCH", "update_key", _EXACT, earlier=("create_key",), connections=1),
    Site("make-auto-PATCH", "update_key", _AUTO_DISABLED, earlier=("create_key",), connections=1, twin=True),
    Site("withdraw-exact-DELETE", "delete_key", _EXACT, prelude=_REFUSED, earlier=("create_key",), connections=2,
         fails=True, leaves=True),
    Site("withdraw-auto-DELETE", "delete_key", _AUTO_DISABLED, prelude=_REFUSED, earlier=("create_key",),
         connections=2, fails=True, leaves=True, twin=True),
    Site("withdraw-completed-DELETE", "delete_key", _EXACT, prelude=_UNTOLD, earlier=("create_key",),
         connections=2, fails=True, leaves=True, completed=True, twin=True),
)  # fmt: skip

RECOVERY = (
    Site("recover-exact-LIST", "list_keys", _EXACT, prelude=_LOST, connections=1, leaves=True),
    Site("recover-auto-LIST", "list_keys", _AUTO, prelude=_LOST, connections=1, leaves=True),
    Site("recover-exact-DELETE", "delete_key", _EXACT, prelude=_LOST, earlier=("list_keys",), connections=2,
         leaves=True),
    Site("recover-auto-DELETE", "delete_key", _AUTO, prelude=_LOST, earlier=("list_keys",), connections=2,
         leaves=True, twin=True),
    Site("look-again-LIST", "list_keys", _EXACT, prelude=_LOST,
         earlier=("list_keys", "delete_key", "create_key"), connections=4, optional=True),
)  # fmt: skip

KEEPING = (
    Site("update-PATCH", "update_key", {"k": {**_EXACT["k"], "credit_limit": 7}}, before=_EXACT),
    Site("delete-DELETE", "delete_key", {}, before=_EXACT),
    Site("read-GET", "get_key", _EXACT, before=_EXACT, command="refresh"),
    Site("read-LIST", "list_keys", _MANY, before=_MANY, command="refresh", earlier=("get_key",) * 3,
         connections=3, unsteady=True),
    Site("adopt-GET", "get_key", _ADOPTION),
    Site("adopt-PATCH", "update_key", _ADOPTION, earlier=("get_key",), connections=1),
    Site("rename-adopt-GET", "get_key", _RENAMED[1], before=_RENAMED[0]),
    Site("force-POST", "create_key", _FORCED[1], before=_FORCED[0], twin=True),
    Site("force-PATCH", "update_key", _FORCED[1], before=_FORCED[0], earlier=("create_key",), connections=1,
         twin=True),
    Site("force-DELETE", "delete_key", _FORCED[1], before=_FORCED[0],
         earlier=("create_key", "update_key"), connections=2, unsteady=True),
    Site("move-GET", "get_key", _MOVED[1], before=_MOVED[0]),
    Site("rotate-POST", "create_key", _triggered("2"), before=_triggered("1")),
    Site("rotate-PATCH", "update_key", _triggered("2"), before=_triggered("1"), earlier=("create_key",),
         connections=1, twin=True),
    Site("rotate-DELETE", "delete_key", _triggered("2"), before=_triggered("1"),
         earlier=("create_key", "update_key"), connections=2, unsteady=True),
    Site("guard-GET", "get_activity", {}, before=_GUARDED, twin=True),
    Site("guard-DELETE", "delete_key", {}, before=_GUARDED, earlier=("get_activity",), connections=1, twin=True),
)  # fmt: skip

_BATCH = {"name": "production", "credit_limit": 10.5, "every": "30d"}
_FIRST = {"k": _BATCH}
_NEXT = {"k": {**_BATCH, "rotate_now": "1"}}
_REVOKED = {"k": {**_BATCH, "revoke": "1"}}
_MADE = ("get_key", "create_key", "update_key")

ROTATING = (
    Site("first-generation-PATCH", "update_key", _FIRST, earlier=("create_key",), connections=1, twin=True),
    Site("next-generation-GET", "get_key", _NEXT, before=_FIRST, twin=True),
    Site("next-generation-POST", "create_key", _NEXT, before=_FIRST, earlier=_MADE[:1], connections=1, twin=True),
    Site("next-generation-PATCH", "update_key", _NEXT, before=_FIRST, earlier=_MADE[:2], connections=2, twin=True),
    Site("retire-PATCH", "update_key", _NEXT, before=_FIRST, earlier=_MADE, connections=3, optional=True, last=True,
         repeated=True),
    Site("revoke-GET", "get_key", _REVOKED, before=_FIRST, earlier=_MADE, connections=3, optional=True, last=True,
         repeated=True, twin=True),
    Site("revoke-DELETE", "delete_key", _REVOKED, before=_FIRST, earlier=(*_MADE, "get_key"), connections=4,
         optional=True, last=True, repeated=True, twin=True),
    Site("read-generation-GET", "get_key", _NEXT, before=_NEXT, command="refresh", twin=True),
    Site("delete-generation-DELETE", "delete_key", {}, before=_FIRST, twin=True),
)  # fmt: skip

_SITES = (*MAKING, *RECOVERY, *KEEPING, *ROTATING)


# --- the faults

_ALL = ("id", "name", "created_at", "expires_at", "is_enabled", "credit_limit")
_WRONG = b'{"id": "seven", "keys": {"id": 7}}'
_WRITES = ("POST", "PATCH", "DELETE")


KINDS = (
    Kind("refused-once", refused=True, transient=True),
    Kind("refused-from-then-on", refused=True, spreading=True),
    Kind("reset-once", Drop(), transient=True, like="lost"),
    Kind("silence-once", Hang(), transient=True, like="lost"),
    Kind("reset-for-ever", Drop(), lasting=True, transient=True, like="for ever"),
    Kind("silence-for-ever", Hang(), lasting=True, transient=True, like="for ever"),
    Kind("503-for-ever", Answer(503), lasting=True, transient=True, like="for ever"),
    Kind("done-then-silence-once", Hang(commit=True), transient=True, methods=_WRITES, like="done, lost"),
    Kind("done-then-reset-once", Drop(commit=True), transient=True, methods=_WRITES, like="done, lost"),
    Kind("done-then-drips-once", Drip(), transient=True, methods=_WRITES, like="done, lost"),
    Kind("done-then-silence-for-ever", Hang(commit=True), lasting=True, transient=True, methods=_WRITES, like="done"),
    Kind("done-then-reset-for-ever", Drop(commit=True), lasting=True, transient=True, methods=_WRITES, like="done"),
    Kind("done-then-504-for-ever", Answer(504, commit=True), lasting=True, transient=True, methods=_WRITES,
         like="done"),
    Kind("done-then-504-once", Answer(504, commit=True), transient=True, methods=_WRITES, like="done 5xx"),
    Kind("done-then-500-once", Answer(500, commit=True), transient=True, methods=_WRITES, like="done 5xx"),
    Kind("done-then-502-once", Answer(502, commit=True), transient=True, methods=_WRITES, like="done 5xx"),
    Kind("done-late", late=LATE, transient=True, methods=("POST",)),
    Kind("500-once", Answer(500), transient=True, like="5xx"),
    Kind("502-once", Answer(502, body="html"), transient=True, like="5xx"),
    Kind("503-once", Answer(503), transient=True, like="5xx"),
    Kind("504-once", Answer(504, body="empty"), transient=True, like="5xx"),
    Kind("half-a-body-once", HalfBody(), transient=True),
    Kind("half-a-body-for-ever", HalfBody(), lasting=True, transient=True, like="nonsense for ever"),
    Kind("garbage-once", Answer(200, body="garbage", commit=True), nonsense=True, like="nonsense"),
    Kind("page-once", Answer(200, body="html"), nonsense=True, like="nonsense"),
    Kind("garbage-for-ever", Answer(200, body="garbage", commit=True), lasting=True, nonsense=True,
         like="nonsense for ever"),
    Kind("wrong-shape-once", Answer(200, body=_WRONG, commit=True), nonsense=True),
    Kind("wrong-shape-for-ever", Answer(200, body=_WRONG, commit=True), lasting=True, nonsense=True,
         like="nonsense for ever"),
    Kind("no-plaintext-once", Edit(remove=("key",)), nonsense=True, methods=("POST",)),
    Kind("no-plaintext-for-ever", Edit(remove=("key",)), lasting=True, nonsense=True, methods=("POST",)),
    Kind("somebody-elses-key-once", lie=_ALL, nonsense=True, methods=("POST",), like="lie"),
    Kind("somebody-elses-id-once", lie=("id", "created_at"), nonsense=True, methods=("POST",), like="lie"),
    Kind("somebody-elses-key-from-a-cache-once", lie=_ALL, cached=True, nonsense=True, methods=("POST",), like="lie"),
    Kind("somebody-elses-key-for-ever", lie=_ALL, lasting=True, nonsense=True, methods=("POST",),
         like="nonsense for ever"),
    Kind("404-page-once", Answer(404, body="html"), like="404"),
    Kind("404-page-for-ever", Answer(404, body="html"), lasting=True, like="404"),
    Kind("429-once", Answer(429), transient=True, like="429"),
    Kind("429-retry-after-once", Answer(429, retry_after=1), transient=True, like="429"),
    Kind("429-for-ever", Answer(429), lasting=True, transient=True, like="429 for ever"),
    Kind("429-retry-after-for-ever", Answer(429, retry_after=1), lasting=True, transient=True, like="429 for ever"),
    Kind("401-from-then-on", Answer(401), spreading=True, like="from then on"),
    Kind("403-from-then-on", Answer(403), spreading=True, like="from then on"),
    Kind("400-once", Answer(400), like="4xx"),
    Kind("422-once", Answer(422, body="detail"), like="4xx"),
)  # fmt: skip


def runs(*sites: Site, every: bool = True) -> list[tuple[str, Case]]:
    """The cases at these sites, each with its engine.

    The provider's process meets every fault at each call; whole programs do if the environment asks for it, else
    those that are alike in turn, at every second call.

    :param every: false if the process, too, meets every fault only then.
    """
    alone = [case for site in sites for case in _of(site, every=every or EVERY_FAULT)]
    few = [Case(site, kind) for site in sites if not site.twin for kind in _in_turn()[site.name]]
    programs = [case for case in (alone if EVERY_FAULT else few) if _can_be_timed(case)]
    engines = {"grpc": alone, "local": programs, "cli": programs}
    return [(engine, case) for engine, met in engines.items() for case in met]


def _can_be_timed(case: Case) -> bool:
    """Whether a port can be closed for a moment in a whole program just when this call is made."""
    passes = case.kind.refused and not case.kind.spreading
    return not passes or (case.site.connections > 0 and not case.site.unsteady)


def _of(site: Site, *, every: bool) -> list[Case]:
    kinds = [kind for kind in KINDS if site.method in kind.methods]
    turn = _SITES.index(site)
    return [Case(site, kind) for kind in kinds if every or kind in _one_of_those_like(kind, kinds, turn)]


@cache
def _in_turn() -> Mapping[str, list[Kind]]:
    """What whole programs meet at each site: of the kinds that are alike, the one met least so far.

    That is at every second site, if there are enough sites for all of these kinds.
    """
    met: Counter[str] = Counter()
    chosen: dict[str, list[Kind]] = {site.name: [] for site in _SITES if not site.twin}
    for number, word in enumerate(dict.fromkeys(kind.like or kind.name for kind in KINDS)):
        alike = [kind for kind in KINDS if word in (kind.like, kind.name)]
        methods = {method for kind in alike for method in kind.methods}
        sites = [site for site in _SITES if not site.twin and site.method in methods]
        step = 2 if len(sites) >= 2 * len(alike) else 1
        for site in sites[number % step :: step]:
            fits = [kind for kind in alike if site.method in kind.methods]
            kind = min(fits, key=lambda kind: (met[kind.name], len(kind.methods)))
            met[kind.name] += 1
            chosen[site.name].append(kind)
    return chosen


def _one_of_those_like(kind: Kind, kinds: list[Kind], turn: int) -> list[Kind]:
    """Kinds that are alike take turns from site to site."""
    alike = [other for other in kinds if other.like == kind.like] if kind.like else [kind]
    return [alike[turn % len(alike)]]
