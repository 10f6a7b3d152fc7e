"""A project in a temporary folder whose program a test writes, with the things that it has made."""

import json
import textwrap
from pathlib import Path
from typing import Any

HEAD = """
import pulumi
from pulumi import Alias, Output, ResourceOptions
from things import Group, Thing
config = pulumi.Config()
"""


class Workbench:
    """Write a program, let an engine run it, look at what it has called."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self.things = folder / "things"
        self.project.mkdir()
        self.things.mkdir()
        (self.project / "Pulumi.yaml").write_text("name: proj\nruntime: python\n")
        self.env = {"THINGS": str(self.things), "PYTHONPATH": str(Path(__file__).parent)}

    def write(self, program: str) -> None:
        """Make this the program."""
        (self.project / "__main__.py").write_text(HEAD + textwrap.dedent(program))

    def lines(self) -> list[dict[str, Any]]:
        """The calls since last asked for, with all that is known of them."""
        file = self.things / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def calls(self, *methods: str) -> list[str]:
        """The calls since last asked for, as "method label"; then they are forgotten."""
        lines = self.lines()
        (self.things / "calls").unlink(missing_ok=True)
        return [
            f"{line['method']} {line['label']}" for line in lines if not methods or line["method"] in methods
        ]

    def fail(self, *calls: str) -> None:
        """From now on, let just these calls fail, given as "method label"."""
        (self.things / "failing").write_text("\n".join(calls))

    def has_called(self, call: str) -> bool:
        """Whether there was this call."""
        return call in [f"{line['method']} {line['label']}" for line in self.lines()]

    def made(self) -> dict[str, dict[str, Any]]:
        """What there is now on the "server", by id."""
        return {file.stem: json.loads(file.read_text()) for file in sorted(self.things.glob("*.json"))}

    def change(self, id_: str, **properties: Any) -> None:
        """Change a thing behind Pulumi's back."""
        file = self.things / f"{id_}.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **properties}))

    def remove(self, id_: str) -> None:
        """Remove a thing behind Pulumi's back."""
        (self.things / f"{id_}.json").unlink()
