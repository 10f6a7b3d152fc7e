"""Printing results: tables for people, JSON and CSV for programs.

Results go to stdout, everything else to stderr. Only a terminal gets colors, bars and spinners. A name is never printed
as markup or as an escape sequence.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Timer
from typing import NoReturn
from unicodedata import normalize

import typer

from pulumi_account.cli.options import Form
from pulumi_account.cli.tables import (
    Column,
    Row,
    Value,
    aligned,
    cell,
    is_colorful,
    table,
    value_text,
    wrapped,
)
from pulumi_account.common.text import visible

#: the shell's status for a program that wrote to a closed pipe: 128 + SIGPIPE
_BROKEN_PIPE = 141
#: seconds before the spinner appears
_PATIENCE = 1.0


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

    :param document: what JSON has instead of only the rows.
    :param notes: lines below the table.
    :param nothing: printed to stderr if there are no rows.
    """
    if form is Form.JSON:
        write(json.dumps(rows if document is None else document, indent=2, default=value_text) + "\n")
    elif form is Form.CSV:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow([column.field for column in columns])
        writer.writerows([_field(row[column.field]) for column in columns] for row in rows)
        write(text.getvalue())
    else:
        # None if the output is not a terminal, or the terminal has no width
        width = os.get_terminal_size(sys.stdout.fileno()).columns or None if sys.stdout.isatty() else None
        write(table([c for c in columns if c.title], rows, width) + wrapped(notes, width))
        if nothing and not rows:
            say(nothing)


def emit_one(columns: Sequence[Column], row: Row, form: Form) -> None:
    """Print one row, as text with a line for each field."""
    if form is Form.TEXT:
        write(aligned([False, False], [[column.field, cell(column, row)] for column in columns]))
    else:
        emit(columns, [row], form, document=row)


def write(text: str) -> None:
    """Print a result; if its reader has exited, end silently."""
    encoding = sys.stdout.encoding or "utf-8"
    with _ended_by_a_broken_pipe():
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()


def write_utf8(text: str) -> None:
    """Print a file that names its own encoding, with the bytes that it would have on a disk."""
    with _ended_by_a_broken_pipe():
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()


@contextmanager
def _ended_by_a_broken_pipe() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # the interpreter would fail again at its end, when it flushes the buffer
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(_BROKEN_PIPE) from None


def say(message: str) -> None:
    """Print a line that is not part of the result, to stderr."""
    encoding = sys.stderr.encoding or "utf-8"
    sys.stderr.write(visible(message).encode(encoding, "backslashreplace").decode(encoding) + "\n")
    sys.stderr.flush()


def fail(message: str, status: int = 1) -> NoReturn:
    """Print what is wrong, and end."""
    say(message)
    raise typer.Exit(status)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show a spinner on a terminal if the block takes longer than a second."""
    if not is_colorful(sys.stderr):
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


def _field(value: Value) -> str:
    """A value for spreadsheets: a text that they would take for a formula begins with an apostrophe.

    That also holds after spaces, and for characters that look like a formula's first one. Other blanks and invisible
    characters are escaped.
    """
    if isinstance(value, str):
        first = normalize("NFKC", value.lstrip(" ")[:1])[:1]
        return ("'" if first and first in "=+-@\N{MINUS SIGN}" else "") + visible(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else value_text(value)
