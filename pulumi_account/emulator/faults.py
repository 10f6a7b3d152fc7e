"""Faults on demand: which calls go wrong, and how.

Faults(
    Fault(Answer(503, retry_after=1), operation="create_key"),          # the first POST only
    Fault(Drop(commit=True), operation="create_key", skip=1),           # the second POST only
    Fault(latency=0.05, times=None, probability=0.1),                   # a tenth of all calls, for ever
    seed=7,
)
"""

from __future__ import annotations

import random
import threading
from dataclasses import KW_ONLY, dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from pulumi_account.emulator.checks import require

if TYPE_CHECKING:
    from collections.abc import Mapping

OPERATIONS = (
    "get_balance",
    "get_activity",
    "list_keys",
    "create_key",
    "get_key",
    "update_key",
    "delete_key",
)

BodyKind = Literal["error", "detail", "html", "empty", "garbage"]


@dataclass(frozen=True)
class Answer:
    """Answer with this status instead of the real one.

    `commit` says whether the request takes effect first. The body is the documented error JSON, FastAPI's
    `{"detail": …}`, an HTML page, nothing, bytes that are no JSON, or the bytes given.
    """

    status: int
    _: KW_ONLY
    body: BodyKind | bytes = "error"
    commit: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after: int | None = None
    """Seconds for a `Retry-After` header; None sends none."""
    retry_after_date: bool = False
    """Send `Retry-After` as an HTTP date, by the server's clock."""

    def __post_init__(self) -> None:
        require(200 <= self.status <= 599, "status must be a final one, 200 to 599")


@dataclass(frozen=True)
class Drop:
    """Cut the connection without an answer, after the request took effect or before."""

    _: KW_ONLY
    commit: bool = False


@dataclass(frozen=True)
class Hang:
    """Say nothing until the client gives up or the seconds are over; then cut the connection."""

    seconds: float | None = None
    _: KW_ONLY
    commit: bool = False


@dataclass(frozen=True)
class HalfBody:
    """Commit, promise the whole body in `Content-Length`, send half of it and cut the connection.

    An answer that has no body is not sent at all.
    """

    commit: ClassVar[bool] = True


@dataclass(frozen=True)
class Drip:
    """Commit, then send the body a byte at a time, so many seconds apart."""

    seconds: float = 1.0
    commit: ClassVar[bool] = True


@dataclass(frozen=True)
class Edit:
    """Commit, then change the JSON of a 2xx answer: fields taken out, fields replaced.

    A field is named by its path: `"id"`, `"keys.0.name"`. Fields that are not there stay out.
    """

    commit: ClassVar[bool] = True
    _: KW_ONLY
    remove: tuple[str, ...] = ()
    replace: Mapping[str, Any] = field(default_factory=dict)


Action = Answer | Drop | Hang | HalfBody | Drip | Edit


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong for certain calls.

    A call matches when operation, method and path (a pattern such as `"/v1/account/keys/*"`) do; what is left
    out matches every call. The first `skip` matching calls go well. Of those after them, each is hit with the
    given probability, until `times` calls were hit; `times=None` is for ever.

    Raises:
        ValueError: an unknown operation, or a number outside its range.
    """

    action: Action | None = None
    """What happens instead of the real answer; None only adds the latency."""
    _: KW_ONLY
    operation: str | None = None
    method: str | None = None
    path: str | None = None
    skip: int = 0
    times: int | None = 1
    probability: float = 1.0
    latency: float = 0.0
    """Seconds to wait before the call is handled at all. The call goes on even if the client is gone by then."""

    def __post_init__(self) -> None:
        known = self.operation is None or self.operation in OPERATIONS
        require(known, f"operation must be one of {', '.join(OPERATIONS)}")
        require(self.skip >= 0, "skip must be at least 0")
        require(self.times is None or self.times >= 1, "times must be at least 1, or None")
        require(0 <= self.probability <= 1, "probability must be from 0 to 1")
        require(self.latency >= 0, "latency must be at least 0")

    def matches(self, operation: str | None, method: str, path: str) -> bool:
        """Whether it applies to such a call."""
        return (
            self.operation in (None, operation)
            and (self.method is None or self.method.upper() == method)
            and (self.path is None or fnmatchcase(path, self.path))
        )


class Plan(NamedTuple):
    """What is to go wrong with one call."""

    latency: float
    action: Action | None


class Faults:
    """The faults of a server. Safe to use from any thread, also while the server runs.

    Faults are asked in the order they were added. Latencies add up; the first action found is the one that
    happens, and actions after it are not asked, so their `skip` and `times` do not count that call.
    """

    def __init__(self, *faults: Fault, seed: int | None = None) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311 - chance for tests, repeatable on purpose
        self._armed: list[_Armed] = []
        self.add(*faults)

    def add(self, *faults: Fault) -> None:
        """Arm these faults."""
        with self._lock:
            self._armed.extend(map(_Armed, faults))

    def clear(self) -> None:
        """Disarm all faults."""
        with self._lock:
            self._armed.clear()

    @property
    def armed(self) -> list[Fault]:
        """The faults, in order, those included that have hit all they were to hit."""
        with self._lock:
            return [armed.fault for armed in self._armed]

    def hits(self, fault: Fault) -> int:
        """How many calls this fault has hit since it was added; 0 when it is not armed."""
        with self._lock:
            return sum(armed.hits for armed in self._armed if armed.fault is fault)

    def plan(self, operation: str | None, method: str, path: str) -> Plan:
        """Decide what goes wrong with a call that has just come."""
        latency, action = 0.0, None
        with self._lock:
            for armed in self._armed:
                fault = armed.fault
                decided = action is not None and fault.action is not None
                if not decided and fault.matches(operation, method, path) and armed.hit(self._random):
                    latency += fault.latency
                    action = action or fault.action
        return Plan(latency, action)


class _Armed:
    """A fault and how often it was met."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.hits = 0
        self._left_to_skip = fault.skip

    def hit(self, chance: random.Random) -> bool:
        """Count a matching call; whether it is hit."""
        if self._left_to_skip:
            self._left_to_skip -= 1
            return False
        exhausted = self.fault.times is not None and self.hits >= self.fault.times
        if exhausted or chance.random() >= self.fault.probability:
            return False
        self.hits += 1
        return True
