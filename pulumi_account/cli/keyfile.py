"""The commands ``keyfile check``, ``keyfile show`` and ``keyfile schema``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from pulumi_account.cli.options import CONDITION, Csv, Json, chosen_form, examples
from pulumi_account.cli.output import emit, fail, say, write
from pulumi_account.cli.tables import Column, Row, Value, value_text
from pulumi_account.common.durations import format_duration
from pulumi_account.exceptions import InvalidInputError
from pulumi_account.keyfile.model import DeclaredKey, KeyFile, Rotation

app = typer.Typer(
    no_args_is_help=True,
    epilog=examples("pulumi-account keyfile check keys.yaml", "pulumi-account keyfile show keys.yaml"),
)

_File = Annotated[Path, typer.Argument(metavar="FILE", help="The key file.")]
_Environment = Annotated[
    str | None, typer.Option("--environment", metavar="NAME", help="Only the keys of this environment.")
]
_COLUMNS = [
    Column("team", "TEAM", drop=2),
    Column("key", "KEY"),
    Column("environment", "ENVIRONMENT", drop=1),
    Column("property", "PROPERTY"),
    Column("value", "VALUE", empty="none", wide=True),
    Column("place", "FROM", wide=True),
]


@app.command(epilog=examples("pulumi-account keyfile check keys.yaml"))
def check(file: _File) -> None:
    """Check a key file, without a call to the API.

    Print the number of keys of each environment. If something is wrong, print all of it to stderr instead, each as
    file:line:column: what, and exit with status 3.
    """
    found = _loaded(file)
    numbers = Counter(key.environment for key in found.keys)
    for name in found.environments:
        write(f"{name}: {numbers[name]} {'key' if numbers[name] == 1 else 'keys'}\n")


@app.command(
    epilog=examples(
        "pulumi-account keyfile show keys.yaml --environment production",
        "pulumi-account keyfile show keys.yaml --json",
    )
)
def show(file: _File, environment: _Environment = None, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show the effective values of each key, and the place that each comes from.

    A value that the file does not set has no row. If something is wrong in the file, do as check does.

    JSON and CSV: team, key, environment, property, value, place.
    """
    form = chosen_form(as_json=as_json, as_csv=as_csv)
    found = _loaded(file)
    if environment is not None and environment not in found.environments:
        fail(f"error: the file has no environment {environment}: it has {', '.join(found.environments)}")
    keys = found.keys if environment is None else found.of(environment)
    emit(_COLUMNS, [row for key in keys for row in _rows(key)], form, nothing="no keys")


@app.command(epilog=examples("pulumi-account keyfile schema > keys.schema.json"))
def schema() -> None:
    """Print the JSON Schema of key files.

    Editors complete and check a key file that begins with the line

    # yaml-language-server: $schema=./keys.schema.json
    """
    from pulumi_account.keyfile.shape import schema_text

    write(schema_text())


def _loaded(file: Path) -> KeyFile:
    from pulumi_account.keyfile.resolve import load

    try:
        return load(file)
    except InvalidInputError as error:
        for failure in error.failures:
            say(failure)
        raise typer.Exit(CONDITION) from None


def _rows(key: DeclaredKey) -> Iterator[Row]:
    """The values that the file sets, in the order of the key's fields; then the labels."""
    labels = {f"labels.{name}": value for name, value in sorted(key.labels.items())}
    for name, value in {**vars(key), **labels}.items():
        if place := key.places.get(name):
            yield {
                "team": key.team,
                "key": key.key,
                "environment": key.environment,
                "property": name,
                "value": _cell(value),
                "place": str(place),
            }


def _cell(value: Any) -> Value:
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, Rotation):
        parts = {name: _cell(part) for name, part in vars(value).items() if part is not None}
        return ", ".join(f"{name} {value_text(part)}" for name, part in parts.items())
    return cast("Value", value)
