"""The command ``report``: an HTML page about the account."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pulumi_account.cli.account import account
from pulumi_account.cli.labels import SOURCES, Files, Groups, LabelSources, Stacks, label_named
from pulumi_account.cli.options import Days, examples
from pulumi_account.cli.output import say, write_utf8
from pulumi_account.common.files import private
from pulumi_account.spend.attribution import LABELS, attributed, usage_by_label
from pulumi_account.spend.usage import in_both_periods, usage_in_all, used_keys

app = typer.Typer()

_Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="The HTML file to write; - is stdout.")]


def _label(text: str) -> str:
    """Check a label that groups."""
    if label_named(text):
        return text
    raise typer.BadParameter(f"must be {', '.join(LABELS)} or label:NAME")


_By = Annotated[
    list[str] | None,
    typer.Option(
        "--by",
        metavar="LABEL",
        parser=_label,
        help=f"A section by {', '.join(LABELS)} or label:NAME; may be repeated.",
    ),
]


@app.command(
    epilog=examples(
        "pulumi-account report --out account.html --days 7",
        "pulumi-account report --out account.html --by team --stack production.json",
    )
)
def report(
    out: _Out,
    days: Days = 30,
    by: _By = None,
    stacks: Stacks = None,
    files: Files = None,
    groups: Groups = None,
) -> None:
    """Write an HTML page about the account.

    It shows the spending by day, model and key, and how long the money lasts. It compares limits with the spending of
    30 days, even with other --days. --by adds the spending by a label of the keys. Needs `pulumi_account[report]`.
    """
    from pulumi_account.report import render

    named = LabelSources(stacks or (), files or (), groups or ())
    if by:
        named.require("--by")
    elif named:
        raise typer.BadParameter(f"{SOURCES} need --by {', '.join(LABELS)} or label:NAME")
    sources = named.read()
    with account() as client:
        balance, made_at = client.get_balance(), client.now()
        activity, longest = in_both_periods(client.get_activity, days)
        keys, host = client.list_keys(), client.host
    rows = used_keys(keys, activity)
    labels, whole = attributed(rows, sources), usage_in_all(activity)
    by_label = {
        label: usage_by_label(label, rows, labels, whole) for label in map(label_named, by or ()) if label
    }
    page = render(balance, activity, keys, made_at=made_at, longest=longest, host=host, groups=by_label)
    if str(out) == "-":
        write_utf8(page)
        return
    shared = out.is_file() and out.stat().st_mode & 0o077
    with open(out, "w", encoding="utf-8", opener=private) as file:
        file.write(page)
    say(f"wrote {out}" + ("; other users can open it: an existing file keeps its mode" if shared else ""))
