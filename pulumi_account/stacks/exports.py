"""What stacks know of keys, read from their exports. Nothing else of an export is looked at: it holds secrets."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pulumi_account.api.models import Key
from pulumi_account.common.instants import read_instant, same_instant
from pulumi_account.core.properties import API_KEY_TYPE
from pulumi_account.exceptions import AccountError

__all__ = ["ExportError", "StackKey", "read_export"]


class ExportError(AccountError):
    """A file is no export of a stack; the message names it."""


@dataclass(frozen=True)
class StackKey:
    """A key as a stack knows it; ``managed`` is False where the stack only reads it (``ApiKey.get``)."""

    id: str
    created_at: datetime | None
    managed: bool

    def is_(self, key: Key) -> bool:
        """Whether it is this key of this account: ids repeat between accounts, the instants of creation do not.

        Where the stack does not tell the instant, the id decides: a key in use must not be taken for a spare one.
        """
        same_key = self.created_at is None or same_instant(self.created_at, key.created_at)
        return self.id == str(key.id) and same_key


def read_export(name: str) -> list[StackKey]:
    """The keys in a file that ``pulumi stack export`` or LocalEngine has written; ``-`` is stdin.

    Pending deletions and interrupted operations count: the stack will still see to them.

    :raises ExportError: it cannot be read, or is no such file.
    """
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        deployment = _object(_object(json.loads(content))["deployment"])
        return list(_keys(deployment))
    except OSError as error:
        problem = error.strerror or "cannot be read"
    except (ValueError, KeyError, RecursionError):  # they may hold all of it
        problem = "not what `pulumi stack export` prints"
    raise ExportError(f"{name}: {problem}")


def _keys(deployment: dict[str, Any]) -> Iterator[StackKey]:
    pending = [
        _object(operation).get("resource") for operation in _list(deployment.get("pending_operations"))
    ]
    for entry in [*_list(deployment.get("resources")), *pending]:
        resource = _object(entry)
        if resource.get("type") == API_KEY_TYPE and resource.get("id"):
            created_at = read_instant(_object(resource.get("outputs") or {}).get("created_at"))
            yield StackKey(str(resource["id"]), created_at, not resource.get("external"))


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _list(value: Any) -> list[Any]:
    """Empty where it is missing."""
    if not isinstance(value, (list, type(None))):
        raise ValueError("not a list")
    return value or []
