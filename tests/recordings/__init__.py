"""Previews by the Pulumi CLI of `program.py` and `moves.py`. `python -m tests.recordings` records them again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HOME = Path(__file__).parent


def recorded(name: str) -> dict[str, Any]:
    """A recorded preview or export."""
    document: dict[str, Any] = json.loads((HOME / f"{name}.json").read_text(encoding="utf-8"))
    return document
