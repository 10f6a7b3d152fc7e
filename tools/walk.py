"""Three simulated months of a platform team, run by LocalEngine against the emulator: writes its transcript.

    python -m tools.walk

Both clocks are moved, so each run is as one on that day. The walk ends with an error if a step does not do what the
transcript says: every `Team` method that deploys checks that each consumer's key works.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

from pulumi_account.emulator import Emulator
from pulumi_account.testing import LocalEngine, Result
from tools.sections import DOCS, fill

__all__ = ["Team", "exported", "markdown", "require", "team_of", "transcript", "write"]

BEGIN = datetime(2030, 1, 7, 9, tzinfo=timezone.utc)
KEY = "walk-provisioning-key"

PROGRAM = """\
import pulumi
import pulumi_account as account

keys = account.KeySet("keys", file="keys.yaml", environment="production")
for name in ("search-batch", "search-indexer", "platform-indexer"):
    if name in keys.keys:
        pulumi.export(name, keys.keys[name])
"""
SEARCH = """\
  search:
    owner: search@example.com
    budget: 600
    keys:
      indexer: {credit_limit: 300, delete_guard: 7d}
      batch:
        credit_limit: 50
        rotate: {every: 30d, overlap: 2d}
"""
MOVED = """\
  platform:
    owner: platform@example.com
    keys:
      indexer: {previously: [search/indexer], credit_limit: 300, delete_guard: 7d}
"""


class Team:
    """A project, its account, and the plaintext that the consumer of ``search-batch`` uses.

    :param program: the text of ``__main__.py``.
    """

    def __init__(self, folder: Path, emulator: Emulator, program: str) -> None:
        self.folder, self.emulator = folder, emulator
        self.lines: list[str] = []
        self.in_use = ""
        self._today = BEGIN
        self._set_clock()
        for name, text in (("Pulumi.yaml", "name: keys\nruntime: python\n"), ("__main__.py", program)):
            (folder / name).write_text(text, encoding="utf-8")

    def say(self, line: str) -> None:
        """Add a line to the transcript."""
        self.lines.append(line)

    def on_day(self, number: int, what: str) -> None:
        """Let time pass until a day of the walk."""
        self._today = BEGIN + timedelta(days=number)
        self._set_clock()
        self.say(f"\n## Day {number}: {what}")

    def _set_clock(self) -> None:
        self.emulator.clock.offset = self._today - datetime.now(timezone.utc)

    def engine(self) -> LocalEngine:
        """The stack on this day."""
        return LocalEngine(self.folder, env=self._environment(), python=sys.executable)

    def _environment(self) -> dict[str, str]:
        return {
            "ACCOUNT_ENDPOINT": self.emulator.url,
            "ACCOUNT_PROVISIONING_KEY": KEY,
            "ACCOUNT_CLOCK_OFFSET": str(self.emulator.clock.offset.total_seconds()),
        }

    def command(self, *arguments: str) -> None:
        """Run the command and show what it prints."""
        self.say(f"$ pulumi-account {' '.join(arguments)}")
        self.lines += self.output(*arguments).rstrip().splitlines() or ["(nothing)"]

    def output(self, *arguments: str, status: int = 0) -> str:
        """What the command prints; it must end with this status."""
        done = subprocess.run(
            [sys.executable, "-m", "pulumi_account", *arguments],
            cwd=self.folder,
            env={**os.environ, **self._environment()},
            capture_output=True,
            text=True,
            check=False,
        )
        require(done.returncode == status, f"{arguments}: {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def edit(self, old: str, new: str) -> None:
        """Change the key file."""
        file = self.folder / "keys.yaml"
        text = file.read_text(encoding="utf-8")
        require(old in text, f"keys.yaml has {old!r}")
        file.write_text(text.replace(old, new), encoding="utf-8")
        gone, came = old.splitlines(), new.splitlines()
        self.say("# in keys.yaml:")
        self.lines += [f"-{line}" for line in gone if line not in came]
        self.lines += [f"+{line}" for line in came if line not in gone]

    def up(self, *, calls: int | None = None) -> Result:
        """Deploy, and show what changed; the consumer's key must work before and after."""
        self._require_working_key()
        before = len(self.emulator.calls)
        result = self.engine().up()
        require(result.ok, result.text)
        made = [f"{call.method} {call.path}" for call in list(self.emulator.calls)[before:]]
        require(calls is None or len(made) == calls, f"{calls} calls, not {made}")
        changed = {op: number for op, number in result.changes.items() if op != "same"}
        summary = ", ".join(f"{number} to {op}" for op, number in changed.items()) or "no changes"
        plural = "" if len(made) == 1 else "s"
        self.say(f"$ pulumi up   # {summary}; {len(made)} call{plural}")
        for step in result.steps:
            if step.diff:
                self.say(f"  ~ {step.urn.rpartition('::')[2]}: {', '.join(step.diff)}")
        # the seconds, and the ids of keys that are made side by side, differ from walk to walk
        self.lines += [
            f"  {re.sub(r'(?<=key )[0-9]+', 'N', re.sub(r'T[0-9:]+Z', '', diagnostic.message))}"
            for diagnostic in result.diagnostics
        ]
        self._require_working_key()
        return result

    def take_key(self) -> None:
        """Deploy the consumer: it reads the key from the stack."""
        self.in_use = str(self.engine().outputs(show_secrets=True)["search-batch"])
        self.say("the consumer in another stack takes the key that search-batch has now")

    def batch(self) -> None:
        """Show the keys of ``search-batch``."""
        for key in self.emulator.keys():
            if key["name"].startswith("search-batch"):
                ends = key["expires_at"].strftime("%Y-%m-%d") if key["expires_at"] else "never"
                used = "   <- used by the consumer" if key["id"] == self._id_in_use() else ""
                self.say(f"  {key['name']}  expires {ends}{used}")

    def _id_in_use(self) -> int | None:
        return self.emulator.key_of(self.in_use) if self.in_use else None

    def _require_working_key(self) -> None:
        if self.in_use:
            key = self.emulator.key(self._id_in_use() or 0)
            ends = key["expires_at"] if key else None
            require(key is not None and (ends is None or ends > self._today), "the consumer's key works")


def require(holds: bool, what: str) -> None:
    """End the walk if a step does not do what it must.

    :raises SystemExit: it does not.
    """
    if not holds:
        raise SystemExit(f"the walk failed: {what}")


def transcript() -> str:
    """Walk, and return the transcript as markdown."""
    with team_of(PROGRAM) as team:
        _take_over(team)
        _declare(team)
        _rotate(team)
        _revoke(team)
        _move(team)
    return markdown(team.lines)


def markdown(lines: list[str]) -> str:
    """The lines as consoles below their headings."""
    text = "\n".join(lines)
    return re.sub(r"\n\n(## [^\n]*)\n", r"\n```\n\n\1\n\n```console\n", f"\n{text}\n```")[6:]


@contextmanager
def team_of(program: str) -> Iterator[Team]:
    """A team with an empty account, and a program."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Emulator(provisioning_key=KEY, balance="2000", fractions=False) as emulator,
    ):
        yield Team(Path(folder), emulator, program)


def _take_over(team: Team) -> None:
    team.on_day(0, "fifty keys, made by hand, come into a stack")
    for number in range(1, 51):
        team.emulator.add(f"service-{number:02}", credit_limit=None if number % 10 == 0 else 5)
    team.command("adopt", "--out", "adopted", "--format", "keyfile")
    del team.lines[4:-3]  # the table of fifty keys is long
    team.lines.insert(4, " …")
    (team.folder / "adopted" / "keys.yaml").rename(team.folder / "keys.yaml")
    imported = team.engine().import_resources(team.folder / "adopted" / "import.json", protect=False)
    team.say(f"$ pulumi import --file adopted/import.json --protect=false   # {imported} resources")
    require(set(team.engine().preview().changes) == {"same"}, "the preview after the import is empty")
    team.up(calls=0)
    team.command("keys", "unmanaged", str(exported(team)))


def exported(team: Team) -> Path:
    """The stack's export, in a file of the project."""
    file = Path("production.json")
    (team.folder / file).write_text(json.dumps(team.engine().export()), encoding="utf-8")
    return file


def _declare(team: Team) -> None:
    team.on_day(1, "the search team gets two keys, one of which rotates every 30 days")
    team.edit("teams:\n", "teams:\n" + SEARCH)
    team.up()
    team.take_key()
    team.on_day(22, "an unchanged program makes no call")
    team.up(calls=0)


def _rotate(team: Team) -> None:
    team.on_day(36, "a run five days after the rotation was due")
    team.up()
    team.batch()
    team.on_day(37, "the consumer is deployed within the overlap")
    team.take_key()
    team.batch()
    team.on_day(43, "the first run after the overlap deletes the old key")
    team.up()
    team.batch()
    team.on_day(80, "five weeks without a run: one rotation, not two")
    team.up()
    team.batch()
    team.take_key()


def _revoke(team: Team) -> None:
    team.on_day(81, "the key has leaked")
    team.edit(
        "        rotate: {every: 30d, overlap: 2d}\n",
        "        rotate: {every: 30d, overlap: 2d, revoke: INC-4711}\n",
    )
    team.in_use = ""  # it must stop working
    team.up()
    team.batch()
    team.take_key()


def _move(team: Team) -> None:
    team.on_day(90, "a key moves to another team: no key is deleted or made")
    team.edit("      indexer: {credit_limit: 300, delete_guard: 7d}\n", "")
    team.edit("teams:\n", "teams:\n" + MOVED)
    ids = {key["id"] for key in team.emulator.keys() if "indexer" in key["name"]}
    team.up()
    found = {key["id"]: key["name"] for key in team.emulator.keys() if "indexer" in key["name"]}
    require(set(found) == ids, "the key is the same")
    team.say(f"  the same key is now named {found[min(ids)]}")
    team.command("keys", "unmanaged", str(exported(team)))


def write() -> None:
    """Fill the section of the page."""
    fill(DOCS / "walk.md", "walk", transcript())


if __name__ == "__main__":
    write()
