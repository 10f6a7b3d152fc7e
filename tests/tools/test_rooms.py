"""The table of rooms in the documents."""

from __future__ import annotations

from tools import rooms
from tools.sections import DOCS, content


def test_the_design_page_has_the_table() -> None:
    """The design page shows the rooms as their docstrings describe them."""
    assert content(DOCS / "design.md", "rooms") == rooms.table(modules=False)


def test_the_table_lists_every_room_and_module() -> None:
    """Each module has one line; a room's own line comes before those of its modules."""
    lines = rooms.table().splitlines()[2:]
    assert len(lines) == len({*rooms.PACKAGE.glob("*/**/*.py"), *rooms.PACKAGE.glob("[a-z]*.py")})
    assert lines[0].startswith("| **`cli/`** | The command line")
