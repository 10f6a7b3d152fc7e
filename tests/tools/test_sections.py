"""Sections of documents are filled between their marks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.sections import content, fill


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """A document with two sections."""
    path = tmp_path / "page.md"
    path.write_text("# Page\n\n<!-- one -->\nold\n<!-- /one -->\n\n<!-- two -->\n<!-- /two -->\nend\n")
    return path


def test_a_section_is_filled(document: Path) -> None:
    """The text stands between the marks, with an empty line on either side; all else stays."""
    fill(document, "one", "new\n")
    text = "# Page\n\n<!-- one -->\n\nnew\n\n<!-- /one -->\n\n<!-- two -->\n<!-- /two -->\nend\n"
    assert document.read_text() == text


def test_a_section_is_read(document: Path) -> None:
    """What was filled in is what is read."""
    fill(document, "two", "a\n\nb")
    assert content(document, "two") == "a\n\nb"


def test_filling_twice_changes_nothing(document: Path) -> None:
    """The same text makes the same document."""
    fill(document, "one", "new")
    once = document.read_text()
    fill(document, "one", "new")
    assert document.read_text() == once


@pytest.mark.parametrize("text", ["", "<!-- one -->", "<!-- /one -->", "<!-- /one --><!-- one -->"])
def test_missing_marks_are_an_error(document: Path, text: str) -> None:
    """A document without both marks in order is left alone, and the error names what it lacks."""
    document.write_text(text)
    with pytest.raises(ValueError, match=r"page\.md has no <!-- one --> followed by <!-- /one -->"):
        fill(document, "one", "new")
    assert document.read_text() == text
