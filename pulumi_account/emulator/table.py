"""Prints keys as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HEAD = ("ID", "NAME", "LIMIT", "ENABLED", "EXPIRES")


def format_table(keys: Iterable[Mapping[str, Any]]) -> str:
    """Keys as lines of aligned columns, under a header.

    :param keys: keys as `Emulator.keys` returns them.
    """
    rows = [_HEAD, *map(_row, keys)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _row(key: Mapping[str, Any]) -> tuple[str, ...]:
    limit, expires_at = key["credit_limit"], key["expires_at"]
    return (
        str(key["id"]),
        # a name must not move the cursor of the terminal
        "".join(character if character.isprintable() else "?" for character in key["name"]),
        "none" if limit is None else format(limit, "f"),
        "yes" if key["is_enabled"] else "no",
        "never" if expires_at is None else expires_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
