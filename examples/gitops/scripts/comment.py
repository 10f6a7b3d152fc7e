"""Write the review of a commit into a pull request: `python scripts/comment.py NUMBER COMMIT FILE`.

There is one comment, which each review replaces. The review of a commit that is no longer the newest is dropped.
Without the file, the comment says that there is no review.
"""

import re
import sys
from pathlib import Path

from api import BOT, call

MARKER = "<!-- pulumi-account-review "
KEY_FILES = re.compile(r"keys\.yaml|teams/.*")


def text(number: str, commit: str, review: Path) -> str:
    """The comment."""
    failed = f"{MARKER}commit={commit} -->\n\n**There is no review of this commit: its checks say why.**\n"
    body = review.read_text(encoding="utf-8") if review.exists() else failed
    others = [file for file in call(f"pulls/{number}/files") if not KEY_FILES.fullmatch(file["filename"])]
    if others:
        body += f"\n**Files other than key files: {len(others)}.** They were not run: read them.\n"
    return body


def write(number: str, commit: str, review: Path) -> None:
    """Update the comment, or make it."""
    [pull_request] = call(f"pulls/{number}")
    if pull_request["head"]["sha"] != commit:
        print(f"{commit} is no longer the newest commit: its review is dropped")
        return
    body = text(number, commit, review)
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
    write(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
