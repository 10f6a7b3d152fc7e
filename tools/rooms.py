"""The rooms of the package: prints their table, made from the docstrings, and checks the arrows between them.

    python -m tools.rooms

A room is a module or a folder of ``pulumi_account``. It imports only from rooms in rows below its own.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["PACKAGE", "ROWS", "imports", "rooms", "table", "wrong_arrows"]

PACKAGE = Path(__file__).parent.parent / "pulumi_account"
#: from the top of the house to its ground
ROWS = [
    ["cli"],
    ["report", "metrics", "watch", "review", "policy_pack"],
    ["stacks"],
    ["program"],
    ["lifecycle"],
    ["process", "keyfile"],
    ["core", "spend", "policy"],
    ["api"],
    ["common"],
    ["exceptions"],
]
#: what stands beside the house: the emulator imports nothing of it, and nothing but the command line imports these
BESIDE = ["testing", "emulator"]
_ROW = {room: number for number, row in enumerate(ROWS) for room in row}


def rooms(package: Path = PACKAGE) -> list[str]:
    """The names of all modules and folders of a package."""
    found = {path.parent.name for path in package.glob("*/__init__.py")}
    return sorted(found | {path.stem for path in package.glob("*.py") if not path.stem.startswith("__")})


def imports(file: Path) -> Iterator[str]:
    """The modules of the package that a file imports, without the package's name; deferred imports included."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            names = [
                f"{source}.{alias.name}" if source == "pulumi_account" else source for alias in node.names
            ]
        else:
            continue
        yield from {
            name.removeprefix("pulumi_account.")
            for name in names
            if name.startswith(("pulumi_account.", "."))
        }


def wrong_arrows(package: Path = PACKAGE) -> list[str]:
    """Each room without a row, each import that points upward or sideways, and each relative one, as a line."""
    placed = {*_ROW, *BESIDE}
    return [
        f"{room} has no row in ROWS of tools/rooms.py" for room in rooms(package) if room not in placed
    ] + [
        f"{file.relative_to(package)} imports {target}"
        for room in rooms(package)
        if room in placed
        for file in _files(package, room)
        for target in imports(file)
        if not _may_import(room, target.partition(".")[0])
    ]


def _may_import(room: str, target: str) -> bool:
    if room == target:
        return True
    if room in BESIDE:
        return room == "testing" and target != ""
    if target in BESIDE:
        return room == "cli"
    return _ROW[room] < _ROW.get(target, -1)


def _files(package: Path, room: str) -> list[Path]:
    return sorted((package / room).rglob("*.py")) or [package / f"{room}.py"]


def table(*, modules: bool = True) -> str:
    """The rooms from top to ground, in Markdown; each line is the first of a docstring.

    :param modules: list the modules of each room, too.
    """
    lines = ["| room | what it is for |", "|---|---|"]
    for room in [name for row in [*ROWS, BESIDE] for name in row]:
        for file in _files(PACKAGE, room):
            is_room = file in (PACKAGE / room / "__init__.py", PACKAGE / f"{room}.py")
            if modules or is_room:
                path = str(file.relative_to(PACKAGE)).removesuffix("__init__.py")
                lines.append(f"| {'**`{}`**' if is_room else '`{}`'} | {{}} |".format(path, _summary(file)))
    return "\n".join(lines)


def _summary(file: Path) -> str:
    documented = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return documented.partition("\n")[0].replace("``", "`")


if __name__ == "__main__":
    sys.stdout.write(f"{table()}\n")
    sys.exit("\n".join(wrong_arrows()) or 0)
