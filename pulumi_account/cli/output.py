"""How results are told: tables to people, JSON and CSV to programs.

Results go to stdout, everything else to stderr. Only a terminal gets colors, bars and spinners, and there a name
never acts as markup or as an escape sequence.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from textwrap import wrap
from threading import Timer
from typing import Annotated, Any, NoReturn, TextIO, TypeAlias
from unicodedata import combining, east_asian_width, normalize

import typer

from pulumi_account.common.instants import format_instant
from pulumi_account.common.text import elided, exact, visible

__all__ = [
    "Column",
    "Csv",
    "Form",
    "Json",
    "emit",
    "emit_one",
    "fail",
    "form",
    "money",
    "say",
    "waiting",
    "write",
    "write_utf8",
]

#: what the shell says of a command whose reader went away: 128 + SIGPIPE
_NOBODY_READS = 141
#: seconds that may pass without a word
_PATIENCE = 1.0
_SHORTEST_BAR, _LONGEST_BAR, _LEAST_WIDE = 6, 30, 16
#: what stands between columns, and what Rich puts around one
_GAP, _PADDING = 2, 3
#: Rich measures every cell several times: a table of 10,000 rows took it five seconds
_MOST_STYLED_ROWS = 500
_EIGHTHS = " ▏▎▍▌▋▊▉█"

Value: TypeAlias = str | bool | int | Decimal | datetime | date | None
Row: TypeAlias = Mapping[str, Value]

Json = Annotated[bool, typer.Option("--json", help="Print JSON: exact amounts as text, instants in UTC.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV with a header.")]


class Form(Enum):
    """For whom a result is."""

    TEXT = "people"
    JSON = "programs"
    CSV = "spreadsheets"


@dataclass(frozen=True)
class Column:
    """A field under its stable name, and its title in tables; without one, tables leave it out.

    ``empty`` stands for None, ``right`` is for numbers, ``bar`` draws amounts. A terminal that is too narrow leaves
    columns out, those with the largest ``drop`` first, and none with 0; then ``wide`` ones are shortened first.
    """

    field: str
    title: str = ""
    empty: str = ""
    right: bool = False
    bar: bool = False
    wide: bool = False
    drop: int = 0


def form(*, as_json: bool, as_csv: bool) -> Form:
    """The form that the options name."""
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    return Form.JSON if as_json else Form.CSV if as_csv else Form.TEXT


def emit(
    columns: Sequence[Column],
    rows: Sequence[Row],
    form: Form,
    *,
    document: object = None,
    notes: Sequence[str] = (),
    nothing: str = "",
) -> None:
    """Print rows.

    :param document: what JSON has instead of the mere rows.
    :param notes: lines below the table.
    :param nothing: what is said, beside the result, where there are no rows.
    """
    if form is Form.JSON:
        write(json.dumps(rows if document is None else document, indent=2, default=_plainly) + "\n")
    elif form is Form.CSV:
        write(_csv(columns, rows))
    else:
        width = _terminal_width()
        write(_table([c for c in columns if c.title], rows, width) + _lines(notes, width))
        if nothing and not rows:
            say(nothing)


def emit_one(columns: Sequence[Column], row: Row, form: Form) -> None:
    """Print one thing: a line for each of its fields."""
    if form is Form.TEXT:
        pairs = [{"field": column.field, "value": _cell(column, row)} for column in columns]
        lines = _aligned([Column("field"), Column("value")], [list(pair.values()) for pair in pairs])
        write("".join(f"{line}\n" for line in lines))
    else:
        emit(columns, [row], form, document=row)


def money(amount: Decimal) -> str:
    """All digits, and two decimals at least."""
    whole, _, decimals = exact(amount).partition(".")
    return whole if "E" in whole + decimals else f"{whole}.{decimals:0<2}"


def write(text: str) -> None:
    """Print a result; when nobody reads it any more, end without a word."""
    encoding = sys.stdout.encoding or "utf-8"
    with _ended_by_a_broken_pipe():
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()


def write_utf8(text: str) -> None:
    """Print a file that names its own encoding, as it would be written to a disk."""
    with _ended_by_a_broken_pipe():
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()


@contextmanager
def _ended_by_a_broken_pipe() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # what is still buffered would fail again when the interpreter ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(_NOBODY_READS) from None


def say(message: str) -> None:
    """Tell people something that is not the result: one line on stderr."""
    encoding = sys.stderr.encoding or "utf-8"
    sys.stderr.write(visible(message).encode(encoding, "backslashreplace").decode(encoding) + "\n")
    sys.stderr.flush()


def fail(message: str, status: int = 1) -> NoReturn:
    """Say what is wrong, and end."""
    say(message)
    raise typer.Exit(status)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """On a terminal, a spinner for what takes longer than a second."""
    if not _is_terminal(sys.stderr):
        yield
        return
    from rich.console import Console

    status = Console(stderr=True).status(what)
    timer = Timer(_PATIENCE, status.start)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        status.stop()


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _plainly(value: object) -> str:
    """A value for programs: every digit of an amount, and an instant in UTC."""
    if isinstance(value, Decimal):
        return exact(value)
    return format_instant(value) if isinstance(value, datetime) else str(value)


def _csv(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow([column.field for column in columns])
    writer.writerows([_field(row[column.field]) for column in columns] for row in rows)
    return text.getvalue()


def _field(value: Value) -> str:
    """A value for spreadsheets: a text that one would take for a formula begins with an apostrophe.

    Whatever its first sign looks like, and after spaces, too. Other blanks, and what is not seen, are written out.
    """
    if isinstance(value, str):
        first = normalize("NFKC", value.lstrip(" ")[:1])[:1]
        return ("'" if first and first in "=+-@\N{MINUS SIGN}" else "") + visible(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else _plainly(value)


def _cell(column: Column, row: Row) -> str:
    """A value for people."""
    value = row[column.field]
    if value is None:
        return column.empty
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return money(value)
    return visible(_plainly(value.replace(microsecond=0) if isinstance(value, datetime) else value))


def _terminal_width() -> int | None:
    """The columns of the terminal that gets the result; None where it goes elsewhere, or the terminal has no width."""
    return os.get_terminal_size(sys.stdout.fileno()).columns or None if sys.stdout.isatty() else None


def _lines(notes: Sequence[str], width: int | None) -> str:
    """Lines of text; a terminal would break them in the middle of a word."""
    if width:
        folded = [wrap(note, width, break_long_words=False, break_on_hyphens=False) for note in notes]
        notes = [_shortened(line, width) for lines in folded for line in lines]
    return "".join(f"{note}\n" for note in notes)


def _table(columns: Sequence[Column], rows: Sequence[Row], width: int | None) -> str:
    if not rows:
        return ""
    cells = [list(column) for column in zip(*([_cell(c, row) for c in columns] for row in rows), strict=True)]
    cells = [_by_the_point(texts) if c.right else texts for c, texts in zip(columns, cells, strict=True)]
    table = {column: [column.title, *texts] for column, texts in zip(columns, cells, strict=True)}
    if not width:
        return _plain(table)
    shown, padded = (_fitted(table, width, gap) for gap in (_GAP, _PADDING))
    dropped = ", ".join(column.title for column in columns if column not in shown)
    note = _lines([f"no room for {dropped}"] if dropped else [], width)
    # a column is worth more than colors
    is_styled = _is_terminal(sys.stdout) and len(rows) <= _MOST_STYLED_ROWS and len(padded) == len(shown)
    return (_styled(padded, rows, width) if is_styled else _plain(shown)) + note


def _plain(table: Mapping[Column, Sequence[str]]) -> str:
    return "".join(f"{line}\n" for line in _aligned([*table], [*zip(*table.values(), strict=True)]))


def _fitted(table: Mapping[Column, list[str]], room: int, gap: int) -> dict[Column, list[str]]:
    """What a terminal can show: without the least important columns, then with shortened cells."""
    widths = {column: max(map(_width, texts)) + gap for column, texts in table.items()}

    def least(column: Column) -> int:
        return min(widths[column], _LEAST_WIDE + gap) if column.wide else widths[column]

    while sum(map(least, widths)) > room and (unneeded := max(widths, key=lambda column: column.drop)).drop:
        del widths[unneeded]
    while (total := sum(widths.values())) > room and total > len(widths) * (gap + 1):
        widths[max(widths, key=lambda column: (least(column) < widths[column], widths[column]))] -= 1
    return {column: [_shortened(text, widths[column] - gap) for text in table[column]] for column in widths}


def _shortened(text: str, most: int) -> str:
    return text if _width(text) <= most else elided(text, most)


def _by_the_point(texts: list[str]) -> list[str]:
    """Amounts with their decimal points below each other."""
    decimals = [len(text.partition(".")[2]) + ("." in text) for text in texts]
    most = max(decimals)
    return [
        text + " " * (most - own) if text[-1:].isdigit() else text
        for text, own in zip(texts, decimals, strict=True)
    ]


def _aligned(columns: Sequence[Column], lines: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            " " * (width - _width(text)) + text if column.right else text + " " * (width - _width(text))
            for column, text, width in zip(columns, line, widths, strict=True)
        ]
        yield "  ".join(cells).rstrip()


def _width(text: str) -> int:
    """The columns that a text takes in a terminal."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def _styled(cells: Mapping[Column, Sequence[str]], rows: Sequence[Row], width: int) -> str:
    """With colors and bars, as a terminal can show them."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(force_terminal=True, highlight=False, width=width)
    room = width - sum(max(map(_width, texts)) + _PADDING for texts in cells.values()) - _PADDING
    room = min(room, _LONGEST_BAR)
    barred = [c for c in cells if c.bar and room >= _SHORTEST_BAR]
    bars = {c: _bars([row[c.field] for row in rows], room, console.encoding) for c in barred}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column, texts in cells.items():
        table.add_column(texts[0], justify="right" if column.right else "left", no_wrap=True)
        if column in barred:
            table.add_column("", no_wrap=True)
    for number in range(len(rows)):
        line = []
        for column, texts in cells.items():
            line.append(Text(texts[number + 1]))  # a Text is shown as it is: nothing in it is markup
            if column in barred:
                line.append(Text(bars[column][number], style="cyan"))
        table.add_row(*line)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def _bars(values: Sequence[Any], room: int, encoding: str) -> list[str]:
    """A bar for each value, as long as its share of the largest."""
    largest = max([*values, 0])
    shares = [float(value / largest) if value > 0 else 0.0 for value in values]
    if encoding.lower().replace("-", "") != "utf8":
        return ["#" * (round(share * room) or int(share > 0)) for share in shares]
    lengths = [round(share * room * 8) or int(share > 0) for share in shares]
    return [_EIGHTHS[8] * (n // 8) + _EIGHTHS[n % 8].strip() for n in lengths]
