"""Print a version's section of the changelog, as a release's notes: `python -m tools.changelog 1.2.3`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).parent.parent / "CHANGELOG.md"


def section(text: str, version: str) -> str:
    """The lines below a version's heading, up to the next one.

    :param text: the changelog.
    :param version: as the heading has it, with or without brackets and a date behind it.
    :raises LookupError: the changelog has no such section, or an empty one.
    """
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        if heading.split(" ")[0].strip("[]") == version and body.strip():
            return body.strip() + "\n"
    raise LookupError(f"CHANGELOG.md says nothing about {version}")


if __name__ == "__main__":
    try:
        (wanted,) = sys.argv[1:]
        sys.stdout.write(section(CHANGELOG.read_text(encoding="utf-8"), wanted))
    except LookupError as error:
        sys.exit(str(error))
    except ValueError:
        sys.exit("usage: python -m tools.changelog VERSION")
