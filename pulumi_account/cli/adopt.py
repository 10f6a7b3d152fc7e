"""The command ``adopt``: files that put the account's unmanaged keys into a stack."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from enum import Enum
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from pulumi_account.api.client import AccountClient
from pulumi_account.api.models import Key
from pulumi_account.cli.account import account
from pulumi_account.cli.options import Csv, Json, chosen_form, examples
from pulumi_account.cli.output import emit, fail, say
from pulumi_account.cli.tables import Column
from pulumi_account.common.files import private, private_folder
from pulumi_account.common.secret import Secret
from pulumi_account.common.text import several
from pulumi_account.exceptions import AccountError
from pulumi_account.spend.key_state import key_state
from pulumi_account.spend.usage import LONGEST_PERIOD, usage_by_key
from pulumi_account.stacks.exports import read_export, unmanaged_keys
from pulumi_account.stacks.imports import (
    ImportedKey,
    KeySetPlace,
    import_file,
    imported_keys,
    key_file,
    python_program,
    undeclarable,
)

app = typer.Typer()

_PROGRAM, _KEY_FILE, _IMPORT = "__main__.py", "keys.yaml", "import.json"
#: what a key file admits as the name of a team or an environment
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_COLUMNS = [
    Column("id", "ID", right=True),
    Column("name", "NAME", wide=True),
    Column("resource", "RESOURCE", wide=True, drop=1),
    Column("credit_limit", "LIMIT USD", empty="none", right=True, drop=3),
    Column("expires_at", "EXPIRES", empty="never", drop=2),
    Column("marks", "MARKS"),
]


class Format(str, Enum):
    """What declares the keys."""

    PYTHON = "python"
    KEYFILE = "keyfile"


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise typer.BadParameter(
            "must have 1 to 100 letters, digits, - _ or ., and no - or . at the beginning"
        )
    return text


_Format = Annotated[Format, typer.Option("--format", help="What declares the keys.")]
_Team = Annotated[
    str, typer.Option("--team", metavar="NAME", callback=_name, help="With keyfile: the team of the keys.")
]
_Environment = Annotated[
    str,
    typer.Option("--environment", metavar="NAME", callback=_name, help="With keyfile: their environment."),
]
_Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write the files into.")]
_NamePrefix = Annotated[
    str, typer.Option("--name-prefix", metavar="TEXT", help="Only keys whose names begin with this.")
]
_Stacks = Annotated[
    list[str] | None,
    typer.Option(
        "--stack",
        metavar="EXPORT",
        help="Leave out the keys of this output of `pulumi stack export`; - is stdin; repeatable.",
    ),
]
_Plaintexts = Annotated[
    Path | None,
    typer.Option(
        "--plaintexts", metavar="FILE", help="JSON that maps ids or names of keys to plaintexts; mode 0600."
    ),
]


class PlaintextsError(AccountError):
    """The file of plaintexts cannot be used. The message quotes nothing of it."""


@app.command(
    epilog=examples(
        "pulumi stack export | pulumi-account adopt --out adopted --stack -",
        "pulumi-account adopt --out adopted --stack production.json --format keyfile --team search",
    )
)
def adopt(
    out: _Out,
    name_prefix: _NamePrefix = "",
    stacks: _Stacks = None,
    format_: _Format = Format.PYTHON,
    team: _Team = "adopted",
    environment: _Environment = "production",
    plaintexts: _Plaintexts = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Write a program and an import file for unmanaged keys.

    The command only reads the account. It writes two files and overwrites none: __main__.py declares each key as it is,
    and import.json puts the keys into state with `pulumi import --file`, which changes no key. The next preview is
    empty. With --format keyfile, it writes keys.yaml for a KeySet instead of __main__.py. The table and the program
    mark keys that are dormant (not used for 30 days), disabled, expired or without a limit.

    The API does not show the plaintexts of keys. With --plaintexts, import.json contains them, and the state keeps them
    encrypted: delete import.json after the import.

    JSON and CSV: id, name, resource, credit_limit, expires_at, marks.
    """
    form = chosen_form(as_json=as_json, as_csv=as_csv)
    place = KeySetPlace(team, environment) if format_ is Format.KEYFILE else None
    program, imports = out / (_KEY_FILE if place else _PROGRAM), out / _IMPORT
    for file in (program, imports):
        if os.path.lexists(file):
            fail(f"error: {file} exists: choose another folder")
    adopted = _found(name_prefix, stacks or (), plaintexts, unique=place is not None)
    if adopted:
        if stacks is None:
            say("note: without --stack, keys that stacks manage are not left out")
        text = key_file(adopted, place) if place else python_program(adopted)
        _write({imports: import_file(adopted, place), program: text})
    rows = [_row(one) for one in adopted]
    notes = _next_steps(program, imports, adopted, place) if adopted else []
    emit(_COLUMNS, rows, form, notes=notes, nothing="no keys to adopt")


def _found(
    name_prefix: str, stacks: Iterable[str], plaintexts: Path | None, *, unique: bool
) -> list[ImportedKey]:
    """The keys that the files are to have; it reads the account.

    :param unique: leave out keys of equal names, which a key file does not admit.
    """
    known = [key for name in stacks for key in read_export(name)]
    given = {} if plaintexts is None else _read_plaintexts(plaintexts)
    with account() as client:
        keys = [key for key in client.list_keys() if key.name.startswith(name_prefix)]
        used, now = _used(client), client.now()
    found = _declarable(unmanaged_keys(keys, known), now)
    names = Counter(key.name for key in found)
    if unique and (twins := [key.id for key in found if names[key.name] > 1]):
        which = ", ".join(map(str, twins[:20])) + (", …" if len(twins) > 20 else "")
        say(f"warning: left out, as a key file admits each name once: {which}; --format python admits them")
        found = [key for key in found if names[key.name] == 1]
    marks = {key.id: _marks(key, used, now) for key in found}
    return imported_keys(found, marks, _by_id(given, found))


def _used(client: AccountClient) -> set[int] | None:
    """The ids of the keys that were used in the longest period; None if the API does not say."""
    try:
        activity = client.get_activity(LONGEST_PERIOD)
    except AccountError as error:
        say(f"warning: no key is marked as dormant: {error}")
        return None
    return {usage.id for usage in usage_by_key((), activity) if usage.is_used}


def _declarable(keys: Iterable[tuple[Key, str | None]], now: datetime) -> list[Key]:
    """The keys that a program can declare; it prints which others there are."""
    found, reservations = [], 0
    for key, note in keys:
        if note == "reservation":
            reservations += 1
        elif problem := undeclarable(key, now):
            say(f"warning: key {key.id} is left out: {problem}")
        else:
            found.append(key)
    if reservations:
        are = "is" if reservations == 1 else "are"
        say(f"note: {several(reservations, 'reservation')} {are} left out: see pulumi-account leftovers")
    return sorted(found, key=lambda key: key.id)


def _marks(key: Key, used: set[int] | None, now: datetime) -> list[str]:
    marks = {
        "expired": key_state(key, now) == "expired",
        "disabled": not key.is_enabled,
        "no limit": key.credit_limit is None,
        "dormant": used is not None and key.id not in used,
    }
    return [mark for mark, holds in marks.items() if holds]


def _read_plaintexts(path: Path) -> dict[str, Secret]:
    """The plaintexts in a file, by id or name.

    :raises PlaintextsError: other users can open the file, or it is not a map of texts.
    """
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise PlaintextsError(f"{path}: other users can open it: chmod 600 {path}")
        content = file.read()
    try:
        pairs = json.loads(content, object_pairs_hook=tuple)
        given = {name: Secret(text) for name, text in pairs if isinstance(text, str) and text}
        if isinstance(pairs, tuple) and len(given) == len(pairs):
            return given
    except (ValueError, TypeError, RecursionError):  # their messages may contain the whole file
        pass
    raise PlaintextsError(f"{path}: must be a JSON object that maps each id or name to a plaintext, once")


def _by_id(given: Mapping[str, Secret], keys: Iterable[Key]) -> dict[int, Secret]:
    """The plaintexts of these keys.

    :raises PlaintextsError: an entry names more than one key, or a key has more than one entry.
    """
    plaintexts: dict[int, Secret] = {}
    named: dict[str, list[int]] = {}
    for key in keys:
        for name in {key.name, str(key.id)} & given.keys():
            named.setdefault(name, []).append(key.id)
    for name, ids in named.items():
        if len(ids) > 1 or ids[0] in plaintexts:
            which = ", ".join(map(str, ids))
            raise PlaintextsError(
                f"plaintexts: it is not clear which is that of key {which}: use ids, each once"
            )
        plaintexts[ids[0]] = given[name]
    if unused := len(given) - len(named):
        belong = "belongs" if unused == 1 else "belong"
        say(f"warning: {several(unused, 'plaintext')} {belong} to no key that is adopted")
    return plaintexts


def _write(files: Mapping[Path, str]) -> None:
    """Write all of these files with mode 0600, or none."""
    written: list[Path] = []
    try:
        for path, text in files.items():
            private_folder(path.parent)
            with open(path, "x", encoding="utf-8", opener=private) as file:
                written.append(path)
                file.write(text)
    except BaseException:
        for path in written:
            with suppress(OSError):
                path.unlink()
        raise


def _row(one: ImportedKey) -> dict[str, Any]:
    key = one.key
    return {
        "id": key.id,
        "name": key.name,
        "resource": one.resource,
        "credit_limit": key.credit_limit,
        "expires_at": key.expires_at,
        "marks": ", ".join(one.marks) or None,
    }


def _next_steps(
    program: Path, imports: Path, adopted: list[ImportedKey], place: KeySetPlace | None
) -> list[str]:
    command = f"pulumi import --file {quote(str(imports))} --protect=false --generate-code=false"
    declaration = (
        f'account.KeySet("keys", file="{_KEY_FILE}", environment="{place.environment}")' if place else ""
    )
    secret = sum(one.plaintext is not None for one in adopted)
    return [
        f"wrote {program}, which declares {several(len(adopted), 'key')}, and {imports}",
        *([f"add to the program: {declaration}"] if place else []),
        f"next, in the project that gets the {'file' if place else 'program'}: {command}",
        *([f"then delete {imports}: it contains {several(secret, 'plaintext')}"] if secret else []),
    ]
