"""Keys as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from decimal import Decimal

_HEAD = ("ID", "NAME", "LIMIT", "ENABLED", "EXPIRES")


def format_table(keys: Iterable[Mapping[str, Any]]) -> str:
    """Keys, as `Emulator.keys` gives them, as lines of aligned columns; a head alone when there are none."""
    rows = [_HEAD, *map(_row, keys)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _row(key: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        str(key["id"]),
        _printable(key["name"]),
        _limit(key["credit_limit"]),
        "yes" if key["is_enabled"] else "no",
        _expiry(key["expires_at"]),
    )


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _limit(limit: Decimal | None) -> str:
    return "none" if limit is None else format(limit, "f")


def _expiry(instant: datetime | None) -> str:
    return "never" if instant is None else instant.isoformat(timespec="seconds").replace("+00:00", "Z")


def _printable(name: str) -> str:
    """A name cannot move the cursor of the terminal it is printed on."""
    return "".join(character if character.isprintable() else "?" for character in name)
