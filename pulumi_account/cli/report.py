"""The command ``report``: an HTML page about the account."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pulumi_account.cli.account import account
from pulumi_account.cli.options import Days, examples
from pulumi_account.cli.output import say, write_utf8
from pulumi_account.common.files import private
from pulumi_account.spend.usage import in_both_periods

app = typer.Typer()

_Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="The HTML file to write; - is stdout.")]


@app.command(epilog=examples("pulumi-account report --out account.html --days 7"))
def report(out: _Out, days: Days = 30) -> None:
    """Write an HTML page about the account.

    It shows the spending by day, model and key, and how long the money lasts. It compares limits with the spending of
    30 days, even with other --days. Needs `pulumi_account[report]`.
    """
    from pulumi_account.report import render

    with account() as client:
        balance, made_at = client.get_balance(), client.now()
        activity, longest = in_both_periods(client.get_activity, days)
        page = render(
            balance, activity, client.list_keys(), made_at=made_at, longest=longest, host=client.host
        )
    if str(out) == "-":
        write_utf8(page)
        return
    shared = out.is_file() and out.stat().st_mode & 0o077
    with open(out, "w", encoding="utf-8", opener=private) as file:
        file.write(page)
    say(f"wrote {out}" + ("; other users can open it: an existing file keeps its mode" if shared else ""))
