"""Write the review of a commit into a pull request: `python scripts/comment.py NUMBER COMMIT FILE`.

There is one comment, which each review replaces. The review of a commit that is no longer the newest is dropped.
"""

import sys
from pathlib import Path

from api import BOT, call

MARKER = "<!-- pulumi-account-review "


def write(number: str, commit: str, body: str) -> None:
    """Update the comment, or make it."""
    [pull_request] = call(f"pulls/{number}")
    if pull_request["head"]["sha"] != commit:
        print(f"{commit} is no longer the newest commit: its review is dropped")
        return
    comments = [
        comment
        for comment in call(f"issues/{number}/comments")
        if comment["user"]["login"] == BOT and comment["body"].startswith(MARKER)
    ]
    if comments:
        call(f"issues/comments/{comments[0]['id']}", "PATCH", body=body)
    else:
        call(f"issues/{number}/comments", "POST", body=body)


if __name__ == "__main__":
    write(sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_text(encoding="utf-8"))
