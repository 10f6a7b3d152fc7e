"""Key files for tests."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from pulumi_account.exceptions import InvalidInputError
from pulumi_account.keyfile import DeclaredKey, KeyFile, load
from tests.support.canaries import assert_clean

__all__ = ["HEAD", "failures", "loaded", "only"]

#: before a list of teams; teams are indented by two
HEAD = "version: 1\nenvironments: {production: {}}\nteams:\n"


def _write(folder: Path, text: str, files: dict[str, str]) -> Path:
    for name, content in {"keys.yaml": text, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return folder / "keys.yaml"


def loaded(text: str, **files: str) -> KeyFile:
    """The keys of a valid file, beside which there are other files."""
    with tempfile.TemporaryDirectory() as folder:
        return load(_write(Path(folder), text, files))


def only(text: str) -> DeclaredKey:
    """The only key of a file."""
    (key,) = loaded(text).keys
    return key


def failures(text: str, **files: str) -> list[str]:
    """The failures of an invalid file, without the folder in which it is."""
    with tempfile.TemporaryDirectory() as folder:
        with pytest.raises(InvalidInputError) as caught:
            load(_write(Path(folder), text, files))
        assert_clean(caught.value.failures)
        return [line.replace(f"{folder}/", "") for line in caught.value.failures]
