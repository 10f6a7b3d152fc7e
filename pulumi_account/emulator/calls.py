"""A record of every request that the server has received."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload


@dataclass
class Call:
    """One request, without its headers, which hold a credential."""

    method: str
    path: str
    query: str
    operation: str | None
    """The name of the operation, such as `create_key`; None for an unknown path or method."""
    body: bytes
    """Empty if the server did not read it: the caller had no provisioning key, or the body exceeded 1 MiB."""
    status: int | None = None
    """The status of the answer; None until a complete answer is sent."""

    @property
    def json(self) -> Any:
        """The body as JSON; None if it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class Calls(Sequence[Call]):
    """The requests so far, in the order of arrival. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []

    def append(self, call: Call) -> None:
        """Add a record."""
        with self._lock:
            self._calls.append(call)

    def clear(self) -> None:
        """Delete all records."""
        with self._lock:
            self._calls.clear()

    def of(self, operation: str) -> list[Call]:
        """The records of one operation."""
        return [call for call in self._snapshot() if call.operation == operation]

    @property
    def operations(self) -> list[str | None]:
        """The names of the operations, in order."""
        return [call.operation for call in self._snapshot()]

    @overload
    def __getitem__(self, index: int) -> Call: ...

    @overload
    def __getitem__(self, index: slice) -> list[Call]: ...

    def __getitem__(self, index: int | slice) -> Call | list[Call]:
        return self._snapshot()[index]

    def __len__(self) -> int:
        return len(self._snapshot())

    def __repr__(self) -> str:
        return f"Calls({self._snapshot()!r})"

    def _snapshot(self) -> list[Call]:
        with self._lock:
            return list(self._calls)
