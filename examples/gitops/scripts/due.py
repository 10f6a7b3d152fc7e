"""Print the rotating keys that a night may update: `python scripts/due.py PREVIEW`.

These are due for a rotation, or have a retired key that has expired. A key that somebody has also changed elsewhere is
not one of them: its rotation would undo that change, which is drift.
"""

import json
import sys
from pathlib import Path
from typing import Any

ROTATION = {"decided_at", "generation", "name", "reason"}


def due(step: dict[str, Any]) -> bool:
    """Whether a step of a preview rotates a key, or deletes a retired one, and changes nothing else."""
    changed = set(step.get("detailedDiff") or {})
    rotates = "generation" in changed and changed <= ROTATION
    return ":RotatingApiKey::" in step["urn"] and step["op"] == "update" and (rotates or not changed)


if __name__ == "__main__":
    for step in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["steps"]:
        if due(step):
            print(step["urn"])
