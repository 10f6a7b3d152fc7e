"""Changes of a platform team, each with the comment of its review: writes their page.

    python -m tools.review_walk

LocalEngine previews each change and `pulumi-account review` reads the preview, with an account that is in use; the
policy pack is that of the GitOps example. The walk ends with an error if a change is not stopped that must be, or the
other way round.
"""

from __future__ import annotations

import json
from datetime import timedelta

from tools.sections import DOCS, fill
from tools.walk import BEGIN, Team, exported, require, team_of

__all__ = ["page", "write"]

PROGRAM = """\
import pulumi
import pulumi_account as account
from pulumi.dynamic import CreateResult, Resource, ResourceProvider, UpdateResult


class Store(ResourceProvider):
    def create(self, props):
        return CreateResult("store", props)

    def update(self, id, olds, news):
        return UpdateResult(news)


class StoredSecret(Resource):
    def __init__(self, name, value):
        super().__init__(Store(), name, {"value": value})


keys = account.KeySet("keys", file="keys.yaml", environment="production")
if "search-indexer" in keys.keys:
    StoredSecret("indexer-secret", keys.keys["search-indexer"])
"""
#: the policy pack of the repository that teams copy
PACK = DOCS.parent / "examples" / "gitops" / "policy"
KEYS = """\
version: 1
environments: {production: {budget: 2000, protect: true}}
teams:
  search:
    owner: search@example.com
    keys:
      indexer: {credit_limit: 300, expires_in: 180d}
      crawler: {credit_limit: 100, expires_in: 180d, protect: false}
      batch: {credit_limit: 50, rotate: {every: 30d, overlap: 2d, anchor: "2030-01-01T00:00:00Z"}}
"""
CRAWLER = "      crawler: {credit_limit: 100, expires_in: 180d, protect: false}\n"
STOPS = "delete-in-use,limit-below-spent,no-owner,gap-in-rotation,over-budget"


def page() -> str:
    """Walk, and return the page's sections."""
    with team_of(PROGRAM) as team:
        (team.folder / "keys.yaml").write_text(KEYS, encoding="utf-8")
        _change(team, 0, "the first keys", merges=True)
        _use(team)
        _edit(team, "indexer: {credit_limit: 300", "indexer: {credit_limit: 500")
        _change(team, 3, "a limit is raised: the store that has the key stays as it is", merges=True)
        _edit(team, CRAWLER, "")
        _change(team, 4, "a key in use is deleted: stopped", merges=False)
        _edit(team, "    keys:\n", "    keys:\n" + CRAWLER)
        _edit(team, "    owner: search@example.com\n", "")
        _breaks_a_rule(team, 5, "keys without an owner: stopped by the policy pack")
        _edit(team, "  search:\n", "  search:\n    owner: search@example.com\n")
        _change(team, 31, "a rotation is due", merges=True)
        team.emulator.edit(_id(team, "indexer"), credit_limit=900)
        _at_night(team, 32, "somebody changed a limit by hand; the nightly job finds it")
    return "\n".join(team.lines).strip()


def _id(team: Team, name: str) -> int:
    return next(int(key["id"]) for key in team.emulator.keys() if name in key["name"])


def _use(team: Team) -> None:
    """The keys serve requests."""
    for name, cost in (("indexer", "41.20"), ("crawler", "3.75")):
        day = (BEGIN + timedelta(days=2)).date()
        team.emulator.add_usage(_id(team, name), requests=120, cost=cost, day=day)


def _edit(team: Team, old: str, new: str) -> None:
    """Change the key file, without a word: the comment says what it means."""
    file = team.folder / "keys.yaml"
    text = file.read_text(encoding="utf-8")
    require(old in text, f"keys.yaml has {old!r}")
    file.write_text(text.replace(old, new), encoding="utf-8")


def _change(team: Team, day: int, what: str, *, merges: bool) -> None:
    """Review a change, and deploy it if the review does not stop it."""
    team.on_day(day, what)
    _review(team, status=0 if merges else 3)
    if merges:
        require(team.engine().up(policy_packs=[PACK]).ok, what)


def _review(team: Team, status: int) -> None:
    preview = team.engine().preview()
    require(preview.ok, preview.text)
    (team.folder / "preview.json").write_text(json.dumps(preview.json), encoding="utf-8")
    stack = str(exported(team))
    comment = team.output(
        *("review", "preview.json", "--stack", stack, "--fail-on", STOPS, "--commit", "5eedf00d"),
        status=status,
    )
    team.lines += ["", *comment.replace("\n### ", "\n#### ").strip().splitlines()]


def _breaks_a_rule(team: Team, day: int, what: str) -> None:
    """The policy pack stops the preview, and shows which keys break which rule."""
    team.on_day(day, what)
    preview = team.engine().preview(policy_packs=[PACK])
    require(not preview.ok, "the policy pack stops the preview")
    policies = preview.text[preview.text.index("Policies:") :].partition("\n\n")[0]
    shown = policies.replace(f" (local: {PACK})", "")
    team.lines += ["", "```text", *shown.splitlines(), "```"]


def _at_night(team: Team, day: int, what: str) -> None:
    """Refresh, and review what a deployment would change back."""
    team.on_day(day, what)
    require(team.engine().refresh().ok, "the refresh")
    _review(team, status=0)


def write() -> None:
    """Fill the section of the page."""
    fill(DOCS / "review-walk.md", "walk", page())


if __name__ == "__main__":
    write()
