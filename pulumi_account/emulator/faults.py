"""Faults on demand: which calls go wrong, and how.

Faults(
    Fault(Answer(503, retry_after=1), operation="create_key"),          # the first POST only
    Fault(Drop(commit=True), operation="create_key", skip=1),           # the second POST only
    Fault(latency=0.05, times=None, probability=0.1),                   # a tenth of all calls, forever
    seed=7,
)
"""

from __future__ import annotations

import random
import threading
from dataclasses import KW_ONLY, dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OPERATIONS", "Action", "Answer", "Drip", "Drop", "Edit", "Fault", "Faults", "HalfBody", "Hang"]

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

    :ivar body: the documented error JSON, FastAPI's `{"detail": …}`, an HTML page, nothing, bytes that are not JSON,
        or the given bytes.
    :ivar commit: whether the request takes effect first.
    :ivar retry_after: seconds for a `Retry-After` header; None sends no such header.
    :ivar retry_after_date: whether `Retry-After` is an HTTP date, by the server's clock.
    """

    status: int
    _: KW_ONLY
    body: BodyKind | bytes = "error"
    commit: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after: int | None = None
    retry_after_date: bool = False

    def __post_init__(self) -> None:
        if not 200 <= self.status <= 599:
            raise ValueError("status must be a final one, 200 to 599")


@dataclass(frozen=True)
class Drop:
    """Cut the connection without an answer.

    :ivar commit: whether the request takes effect first.
    """

    _: KW_ONLY
    commit: bool = False


@dataclass(frozen=True)
class Hang:
    """Send nothing until the client gives up or the time is over; then cut the connection.

    :ivar seconds: the time; None waits for the client.
    :ivar commit: whether the request takes effect first.
    """

    seconds: float | None = None
    _: KW_ONLY
    commit: bool = False


@dataclass(frozen=True)
class HalfBody:
    """Commit, announce the whole body in `Content-Length`, send half of it, and cut the connection.

    An answer without a body is not sent.
    """

    commit: ClassVar[bool] = True


@dataclass(frozen=True)
class Drip:
    """Commit, then send the body one byte at a time.

    :ivar seconds: the pause between two bytes.
    """

    seconds: float = 1.0
    commit: ClassVar[bool] = True


@dataclass(frozen=True)
class Edit:
    """Commit, then change the JSON of a 2xx answer.

    A field is named by its path, such as `"id"` or `"keys.0.name"`. A path that leads nowhere changes nothing.

    :ivar remove: the fields to remove.
    :ivar replace: new values by field.
    """

    commit: ClassVar[bool] = True
    _: KW_ONLY
    remove: tuple[str, ...] = ()
    replace: Mapping[str, Any] = field(default_factory=dict)


Action = Answer | Drop | Hang | HalfBody | Drip | Edit


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong for certain calls.

    A call matches if its operation, method and path match; None matches every call. The first `skip` matching calls
    succeed. Each later one is hit with the given probability, until `times` calls are hit.

    :ivar action: what happens instead of the real answer; None only adds the latency.
    :ivar path: a pattern such as `"/v1/account/keys/*"`.
    :ivar times: None means no end.
    :ivar latency: seconds to wait before the call is handled. The call continues even if the client gives up.
    :raises ValueError: an unknown operation, or a number out of range.
    """

    action: Action | None = None
    _: KW_ONLY
    operation: str | None = None
    method: str | None = None
    path: str | None = None
    skip: int = 0
    times: int | None = 1
    probability: float = 1.0
    latency: float = 0.0

    def __post_init__(self) -> None:
        for is_valid, rule in [
            (self.operation in (None, *OPERATIONS), f"operation must be one of {', '.join(OPERATIONS)}"),
            (self.skip >= 0, "skip must be at least 0"),
            (self.times is None or self.times >= 1, "times must be at least 1, or None"),
            (0 <= self.probability <= 1, "probability must be from 0 to 1"),
            (self.latency >= 0, "latency must be at least 0"),
        ]:
            if not is_valid:
                raise ValueError(rule)

    def matches(self, operation: str | None, method: str, path: str) -> bool:
        """Whether the fault applies to this call."""
        return (
            self.operation in (None, operation)
            and (self.method is None or self.method.upper() == method)
            and (self.path is None or fnmatchcase(path, self.path))
        )


class Plan(NamedTuple):
    """What goes wrong with one call."""

    latency: float
    action: Action | None


class Faults:
    """The faults of a server. Safe to use from any thread, also while the server runs.

    Faults apply in the order in which they were added. Latencies add up. The first action that hits decides; later
    actions ignore that call, so that their `skip` and `times` do not count it.

    :param seed: makes the probabilities repeatable.
    """

    def __init__(self, *faults: Fault, seed: int | None = None) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311 - chance for tests, repeatable on purpose
        self._armed: list[_Armed] = []
        self.add(*faults)

    def add(self, *faults: Fault) -> None:
        """Add faults."""
        with self._lock:
            self._armed.extend(map(_Armed, faults))

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._armed.clear()

    @property
    def armed(self) -> list[Fault]:
        """The faults, in order, including those that have hit all their calls."""
        with self._lock:
            return [armed.fault for armed in self._armed]

    def hits(self, fault: Fault) -> int:
        """How many calls this fault has hit since it was added; 0 if it is not there."""
        with self._lock:
            return sum(armed.hits for armed in self._armed if armed.fault is fault)

    def plan(self, operation: str | None, method: str, path: str) -> Plan:
        """Decide what goes wrong with a new call."""
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
    """A fault, and how many calls it has skipped and hit."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.hits = 0
        self._left_to_skip = fault.skip

    def hit(self, chance: random.Random) -> bool:
        """Count a matching call; returns whether the fault hits it."""
        if self._left_to_skip:
            self._left_to_skip -= 1
            return False
        exhausted = self.fault.times is not None and self.hits >= self.fault.times
        if exhausted or chance.random() >= self.fault.probability:
            return False
        self.hits += 1
        return True
