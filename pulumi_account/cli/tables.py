"""Tables for people: plain text, or with colors and bars in a terminal, fitted to its width."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from textwrap import wrap
from typing import Any, TextIO, TypeAlias
from unicodedata import combining, east_asian_width

from pulumi_account.common.instants import format_instant
from pulumi_account.common.money import exact
from pulumi_account.common.text import elided, percent, visible

_SHORTEST_BAR, _LONGEST_BAR, _LEAST_WIDE = 6, 30, 16
#: the columns of space between cells, and those that Rich puts around a cell
_GAP, _PADDING = 2, 3
#: Rich measures every cell several times, which takes five seconds for 10,000 rows
_MOST_STYLED_ROWS = 500
_EIGHTHS = " ▏▎▍▌▋▊▉█"

Value: TypeAlias = str | bool | int | Decimal | datetime | date | None
Row: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True)
class Column:
    """A field by its stable name, and its title in tables; tables leave out a column without a title.

    ``empty`` stands for None, ``right`` aligns numbers, ``bar`` draws amounts, ``share`` shows per cent. In a narrow
    terminal, columns are left out, the largest ``drop`` first, but none with 0; then cells are shortened, those of
    ``wide`` columns first.
    """

    field: str
    title: str = ""
    empty: str = ""
    right: bool = False
    bar: bool = False
    share: bool = False
    wide: bool = False
    drop: int = 0


def money(amount: Decimal) -> str:
    """All digits, and at least two decimals."""
    whole, _, decimals = exact(amount).partition(".")
    return whole if "E" in whole + decimals else f"{whole}.{decimals:0<2}"


def value_text(value: object) -> str:
    """A value for programs: every digit of an amount, and an instant in UTC."""
    if isinstance(value, Decimal):
        return exact(value)
    return format_instant(value) if isinstance(value, datetime) else str(value)


def cell(column: Column, row: Row) -> str:
    """A value for people."""
    value = row[column.field]
    if value is None:
        return column.empty
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return percent(value) if column.share else money(value)
    return visible(value_text(value.replace(microsecond=0) if isinstance(value, datetime) else value))


def table(columns: Sequence[Column], rows: Sequence[Row], width: int | None) -> str:
    """A table as lines of text.

    :param width: the columns of the terminal; None for unlimited.
    """
    if not rows:
        return ""
    texts = {
        column: [column.title, *_by_the_point(column, [cell(column, row) for row in rows])]
        for column in columns
    }
    if not width:
        return _plain(texts)
    shown, padded = (_fitted(texts, width, gap) for gap in (_GAP, _PADDING))
    dropped = ", ".join(column.title for column in columns if column not in shown)
    note = wrapped([f"no room for {dropped}"] if dropped else [], width)
    # columns are worth more than colors, which need more room
    is_styled = is_colorful(sys.stdout) and len(rows) <= _MOST_STYLED_ROWS and len(padded) == len(shown)
    return (_styled(padded, rows, width) if is_styled else _plain(shown)) + note


def wrapped(notes: Sequence[str], width: int | None) -> str:
    """Lines of text, wrapped between words for a terminal."""
    if width:
        folded = [wrap(note, width, break_long_words=False, break_on_hyphens=False) for note in notes]
        notes = [_shortened(line, width) for lines in folded for line in lines]
    return "".join(f"{note}\n" for note in notes)


def aligned(right: Sequence[bool], rows: Sequence[Sequence[str]]) -> str:
    """Lines of cells below each other; ``right`` says which columns are aligned to the right."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = []
        for text, width, is_right in zip(row, widths, right, strict=True):
            space = " " * (width - _width(text))
            cells.append(space + text if is_right else text + space)
        lines.append((" " * _GAP).join(cells).rstrip() + "\n")
    return "".join(lines)


def is_colorful(stream: TextIO) -> bool:
    """Whether a stream is a terminal that shows colors and moves its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _plain(cells: Mapping[Column, Sequence[str]]) -> str:
    return aligned([column.right for column in cells], [*zip(*cells.values(), strict=True)])


def _fitted(cells: Mapping[Column, list[str]], room: int, gap: int) -> dict[Column, list[str]]:
    """The part of a table that fits: without the least important columns, then with shortened cells."""
    widths = {column: max(map(_width, texts)) + gap for column, texts in cells.items()}

    def least(column: Column) -> int:
        return min(widths[column], _LEAST_WIDE + gap) if column.wide else widths[column]

    while sum(map(least, widths)) > room and (unneeded := max(widths, key=lambda column: column.drop)).drop:
        del widths[unneeded]
    while (total := sum(widths.values())) > room and total > len(widths) * (gap + 1):
        widths[max(widths, key=lambda column: (least(column) < widths[column], widths[column]))] -= 1
    return {column: [_shortened(text, widths[column] - gap) for text in cells[column]] for column in widths}


def _shortened(text: str, most: int) -> str:
    return text if _width(text) <= most else elided(text, most)


def _by_the_point(column: Column, texts: list[str]) -> list[str]:
    """Numbers padded so that their decimal points are below each other."""
    if not column.right:
        return texts
    decimals = [len(text.partition(".")[2]) + ("." in text) for text in texts]
    most = max(decimals)
    padded = zip(texts, decimals, strict=True)
    return [text + " " * (most - own) if text[-1:].isdigit() else text for text, own in padded]


def _width(text: str) -> int:
    """The number of columns that a text takes in a terminal."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def _styled(cells: Mapping[Column, Sequence[str]], rows: Sequence[Row], width: int) -> str:
    """A table with colors and bars."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(force_terminal=True, highlight=False, width=width)
    room = width - sum(max(map(_width, texts)) + _PADDING for texts in cells.values()) - _PADDING
    room = min(room, _LONGEST_BAR)
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    columns: list[list[Text]] = []
    for column, texts in cells.items():
        grid.add_column(texts[0], justify="right" if column.right else "left", no_wrap=True)
        columns.append([Text(text) for text in texts[1:]])  # unlike a str, a Text is never markup
        if column.bar and room >= _SHORTEST_BAR:
            grid.add_column("", no_wrap=True)
            bars = _bars([row[column.field] for row in rows], room, console.encoding)
            columns.append([Text(bar, style="cyan") for bar in bars])
    for line in zip(*columns, strict=True):
        grid.add_row(*line)
    with console.capture() as capture:
        console.print(grid)
    return capture.get()


def _bars(values: Sequence[Any], room: int, encoding: str) -> list[str]:
    """A bar for each value, as long as its share of the largest."""
    largest = max([*values, 0])
    shares = [float(value / largest) if value > 0 else 0.0 for value in values]
    if encoding.lower().replace("-", "") != "utf8":
        return ["#" * (round(share * room) or int(share > 0)) for share in shares]
    lengths = [round(share * room * 8) or int(share > 0) for share in shares]
    return [_EIGHTHS[8] * (n // 8) + _EIGHTHS[n % 8].strip() for n in lengths]
