"""The command ``review``: what a preview does to keys, for the reviewers of a change."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated

import typer

from pulumi_account.cli.account import account
from pulumi_account.cli.options import CONDITION, examples, usd
from pulumi_account.cli.output import fail, say, write, write_utf8
from pulumi_account.common.durations import parse_duration
from pulumi_account.common.instants import utc_now
from pulumi_account.common.money import parse_number
from pulumi_account.policy.rules import Settings
from pulumi_account.review.account import AccountFacts, ask
from pulumi_account.review.render import SCHEMA, as_json, as_markdown, as_text
from pulumi_account.review.review import Options, review
from pulumi_account.review.rules import DESCRIPTIONS, Thresholds
from pulumi_account.stacks.exports import StackState, read_state
from pulumi_account.stacks.previews import Preview, read_preview

app = typer.Typer()

#: where services that run workflows write the commit
_COMMITS = ("GITHUB_SHA", "CI_COMMIT_SHA", "BITBUCKET_COMMIT", "BUILD_SOURCEVERSION", "CIRCLE_SHA1")
_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}", re.ASCII)
_WIDTH = max(map(len, DESCRIPTIONS)) + 2
_RULES = "\b\nRules:\n" + "\n".join(f"  {name:{_WIDTH}}{text}" for name, text in DESCRIPTIONS.items())


class Format(str, Enum):
    """The formats of a review."""

    MARKDOWN = "markdown"
    JSON = "json"
    TEXT = "text"


def _show_schema(wanted: bool) -> None:
    if wanted:
        write(SCHEMA.read_text(encoding="utf-8"))
        raise typer.Exit


def _share(text: str) -> Decimal:
    try:
        share = parse_number(text.removesuffix("%"))
    except ValueError:
        share = Decimal(-1)
    if not (text.endswith("%") and 0 <= share <= 100):
        raise typer.BadParameter("must be a share from 0% to 100%, such as 25%")
    return share / 100


def _lifetime(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise typer.BadParameter(f"is not a regular expression: {error}") from None
    return text


def _budget(text: str) -> tuple[str, Decimal]:
    team, _, amount = text.rpartition("=")
    return team, usd(amount)


_Previews = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PREVIEW]...", help="Output of `pulumi preview --json`; by default stdin, or -."),
]
_Format = Annotated[Format, typer.Option("--format", help="The format of the review.")]
_Stacks = Annotated[
    list[str] | None,
    typer.Option(
        "--stack",
        metavar="EXPORT",
        help="Output of `pulumi stack export`, which has the keys that do not change.",
    ),
]
_FailOn = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-on", metavar="RULE,...", help="Exit with status 3 if one of these rules finds something."
    ),
]
_Deny = Annotated[
    list[str] | None,
    typer.Option(
        "--deny", metavar="RULE,...", help="The same, also if one of these rules could not be checked."
    ),
]
_MaxRemoved = Annotated[
    Decimal,
    typer.Option(
        "--max-removed", metavar="SHARE", parser=_share, help="The share of keys that may be deleted."
    ),
]
_MaxLimit = Annotated[
    Decimal | None, typer.Option("--max-limit", metavar="USD", parser=usd, help="For limit-too-high.")
]
_MaxLifetime = Annotated[
    timedelta | None,
    typer.Option(
        "--max-lifetime", metavar="DURATION", parser=_lifetime, help="For expires-too-late, such as 90d."
    ),
]
_NamePattern = Annotated[
    str | None,
    typer.Option(
        "--name-pattern", metavar="REGEX", parser=_pattern, help="For bad-name: matches whole names."
    ),
]
_Budgets = Annotated[
    list[str] | None,
    typer.Option("--budget", metavar="[TEAM=]USD", help="For over-budget: of each stack, or a team."),
]
_Production = Annotated[
    list[str] | None,
    typer.Option(
        "--production", metavar="LABEL", help="For unprotected: environments, by default production."
    ),
]
_Commit = Annotated[
    str | None, typer.Option("--commit", metavar="HASH", help="For the marker; by default from GITHUB_SHA.")
]
_Schema = Annotated[
    bool,
    typer.Option(
        "--schema", is_eager=True, callback=_show_schema, help="Print the JSON Schema of --format json."
    ),
]


@app.command(
    "review",
    epilog=examples(
        "pulumi preview --json | pulumi-account review",
        "pulumi-account review preview.json --fail-on delete-in-use,no-owner",
        "pulumi-account review a.json b.json --stack a-export.json --format json",
    )
    + "\n\n"
    + _RULES,
)
def review_(
    previews: _Previews = None,
    form: _Format = Format.MARKDOWN,
    stacks: _Stacks = None,
    fail_on: _FailOn = None,
    deny: _Deny = None,
    max_removed: _MaxRemoved = "25%",  # type: ignore[assignment]  # the parser reads it
    max_limit: _MaxLimit = None,
    max_lifetime: _MaxLifetime = None,
    name_pattern: _NamePattern = None,
    budgets: _Budgets = None,
    production: _Production = None,
    commit: _Commit = None,
    _schema: _Schema = False,
) -> None:
    """Review what a preview does to keys and money.

    Several previews make one review. It also shows what really changes where the keys are used.

    If ACCOUNT_PROVISIONING_KEY is set, the command asks the account for its balance, its keys and their use, with three
    calls. Without it, the review says what it does not know. No value of a secret or of an unknown property is printed.

    The status is 3 if a rule of --fail-on or --deny finds something. limit-raised:3 sets the factor of limit-raised.
    """
    failing, factor = _rules(fail_on or [])
    denied, denied_factor = _rules(deny or [])
    settings = Settings(
        max_limit,
        max_lifetime,
        name_pattern,
        tuple(production or ["production"]),
        dict(map(_budget, budgets or [])),
    )
    thresholds = Thresholds(max_removed, denied_factor or factor or Decimal(2), policy=settings)
    options = Options(thresholds, failing, denied, _commit(commit))
    read, states = _read(previews or ["-"], stacks or [])
    found = review(read, states, _ask(), options)
    if form is Format.MARKDOWN:
        write_utf8(as_markdown(found))
    else:
        write(as_json(found) if form is Format.JSON else as_text(found))
    if found.failed:
        say(f"rules that fail this review: {', '.join(found.failed)}")
        raise typer.Exit(CONDITION)


def _rules(given: Sequence[str]) -> tuple[list[str], Decimal | None]:
    """The names of rules, and the factor of ``limit-raised:FACTOR``."""
    names, factor = [], None
    for item in ",".join(given).split(",") if given else []:
        name, colon, number = item.strip().partition(":")
        if name not in DESCRIPTIONS or (colon and name != "limit-raised"):
            raise typer.BadParameter(f"{name} is not a rule; --help lists all")
        names.append(name)
        if colon:
            factor = usd(number)
            if factor < 1:
                raise typer.BadParameter("the factor of limit-raised must be 1 or more")
    return names, factor


def _commit(given: str | None) -> str | None:
    if given is not None and not _COMMIT.fullmatch(given):
        raise typer.BadParameter("--commit must be 7 to 64 hexadecimal digits")
    named = [os.environ.get(name, "") for name in _COMMITS]
    return given or next((commit for commit in named if _COMMIT.fullmatch(commit)), None)


def _read(previews: Sequence[str], stacks: Sequence[str]) -> tuple[list[Preview], list[StackState]]:
    if [*previews, *stacks].count("-") > 1:
        raise typer.BadParameter("stdin can have only one preview or export")
    read = [read_preview(name) for name in previews]
    for number, one in enumerate(read):
        if one.stack in [other.stack for other in read[:number]]:
            fail(f"error: {previews[number]}: another preview of the same stack is given")
    return read, [read_state(name) for name in stacks]


def _ask() -> AccountFacts:
    if not os.environ.get("ACCOUNT_PROVISIONING_KEY"):
        problem = "not known: the account's balance, keys and use. ACCOUNT_PROVISIONING_KEY is not set"
        return AccountFacts(utc_now(), problems=(problem,))
    with account() as client:
        return ask(client)
