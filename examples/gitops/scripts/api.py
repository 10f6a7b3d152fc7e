"""GitHub's API, through `gh`."""

import json
import os
import subprocess
from typing import Any

BOT = "github-actions[bot]"


def call(path: str, method: str = "GET", **fields: Any) -> Any:
    """The answer of one call about this repository; a GET returns all pages as one list."""
    command = ["gh", "api", f"repos/{os.environ['GITHUB_REPOSITORY']}/{path}", "--method", method]
    command += ["--input", "-"] if fields else ["--paginate", "--slurp"]
    done = subprocess.run(command, input=json.dumps(fields), stdout=subprocess.PIPE, text=True, check=True)
    if fields:
        return json.loads(done.stdout)
    return [item for page in json.loads(done.stdout) for item in (page if isinstance(page, list) else [page])]
