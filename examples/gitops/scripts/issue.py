"""Keep one issue about drift: `python scripts/issue.py FOLDER`.

The issue is open while the folder has descriptions, DRIFT.md for each stack.
"""

import sys
from pathlib import Path

from api import BOT, call

MARKER = "<!-- drift of keys -->"
INTRODUCTION = f"""{MARKER}
Somebody has changed keys outside this repository. The next deployment undoes that, as listed below. To keep a change,
write it into `keys.yaml`; to undo it now, run the workflow `deploy`.
"""


def keep(descriptions: list[str]) -> None:
    """Open, update or close the issue."""
    found = [issue for issue in call("issues?state=open") if issue["user"]["login"] == BOT]
    numbers = [issue["number"] for issue in found if (issue["body"] or "").startswith(MARKER)]
    body = "\n".join([INTRODUCTION, *descriptions])
    if descriptions and numbers:
        call(f"issues/{numbers[0]}", "PATCH", body=body)
    elif descriptions:
        call("issues", "POST", title="Keys have drifted", body=body)
    elif numbers:
        call(f"issues/{numbers[0]}", "PATCH", state="closed")


if __name__ == "__main__":
    keep([path.read_text(encoding="utf-8") for path in sorted(Path(sys.argv[1]).glob("*.md"))])
