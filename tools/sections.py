"""Generated sections of documents, each between its marks: ``<!-- name -->`` and ``<!-- /name -->``."""

from __future__ import annotations

from pathlib import Path

__all__ = ["DOCS", "ROOT", "content", "fill"]

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def fill(document: Path, name: str, text: str) -> None:
    """Put a text between the marks of a section.

    :param document: the Markdown file.
    :param name: the section's name.
    :param text: the new content.
    """
    before, _, after = _split(document, name)
    block = f"{_begin(name)}\n\n{text.strip()}\n\n{_end(name)}"
    document.write_text(f"{before}{block}{after}", encoding="utf-8")


def content(document: Path, name: str) -> str:
    """What stands between the marks of a section.

    :param document: the Markdown file.
    :param name: the section's name.
    """
    return _split(document, name)[1].strip()


def _split(document: Path, name: str) -> tuple[str, str, str]:
    before, begin, rest = document.read_text(encoding="utf-8").partition(_begin(name))
    inside, end, after = rest.partition(_end(name))
    if not (begin and end):
        raise ValueError(f"{document} has no {_begin(name)} followed by {_end(name)}")
    return before, inside, after


def _begin(name: str) -> str:
    return f"<!-- {name} -->"


def _end(name: str) -> str:
    return f"<!-- /{name} -->"
