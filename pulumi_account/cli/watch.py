"""The command ``watch``: messages about the balance."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from contextlib import ExitStack, closing, suppress
from decimal import Decimal
from typing import Annotated

import typer

from pulumi_account.cli.account import open_client
from pulumi_account.cli.options import examples, usd
from pulumi_account.cli.output import say, write
from pulumi_account.cli.tables import money
from pulumi_account.common.instants import format_instant
from pulumi_account.common.signals import interrupted_by_signals, sleep
from pulumi_account.exceptions import ConfigurationError
from pulumi_account.watch.messages import Crossing
from pulumi_account.watch.notifiers import Command, Payload, Webhook, webhook_url
from pulumi_account.watch.watcher import Notifier, Threshold, Watch

app = typer.Typer()

_A_YEAR = 31_536_000


def _command(text: str) -> str:
    """Check a command; no shell runs unless the command names one."""
    words = []
    with suppress(ValueError):
        words = shlex.split(text)
    if not words:
        raise typer.BadParameter("is not a command")
    if not shutil.which(words[0]):
        raise typer.BadParameter(f"there is no command {words[0]}")
    return text


def _variable(name: str) -> str:
    """Check the name of a variable for the command."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise typer.BadParameter("must be the name of an environment variable")
    if name.startswith("ACCOUNT_"):
        raise typer.BadParameter("the ACCOUNT_ variables hold credentials and are not passed on")
    return name


def _url(text: str) -> str:
    """Check the URL of a webhook."""
    try:
        webhook_url(text)
    except ConfigurationError as error:
        raise typer.BadParameter(str(error)) from None
    return text


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if 1 <= (seconds := float(text)) <= _A_YEAR:
            return seconds
    raise typer.BadParameter(f"must be a number of seconds from 1 to {_A_YEAR}")


_Below = Annotated[
    Decimal,
    typer.Option("--below", metavar="USD", parser=usd, help="Send a message when the balance is below this."),
]
_Recover = Annotated[
    Decimal | None,
    typer.Option(
        "--recover",
        metavar="USD",
        parser=usd,
        help="The balance at which it counts as recovered; default: a tenth above --below.",
    ),
]
_Every = Annotated[
    float, typer.Option("--every", metavar="SECONDS", parser=_seconds, help="The time between two checks.")
]
_Exec = Annotated[
    str | None,
    typer.Option(
        "--exec", metavar="CMD", parser=_command, help="Run a command for each message, without a shell."
    ),
]
_ExecEnv = Annotated[
    list[str] | None,
    typer.Option(
        "--exec-env",
        metavar="NAME",
        parser=_variable,
        help="Pass this variable on to the command; may be repeated.",
    ),
]
_Webhook = Annotated[
    str | None,
    typer.Option(
        "--webhook",
        metavar="URL",
        parser=_url,
        envvar="ACCOUNT_WEBHOOK",
        show_envvar=True,
        help="POST each message to this URL, as JSON.",
    ),
]
_Format = Annotated[
    Payload | None,
    typer.Option("--format", help="The body for --webhook: all fields (default), or the form for Slack."),
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, one line for each message.")]


@app.command(
    epilog=examples(
        "pulumi-account watch --below 20",
        'pulumi-account watch --below 20 --recover 50 --exec \'sh -c "notify \\"$ACCOUNT_TEXT\\""\'',
        "ACCOUNT_WEBHOOK=https://hooks.example.com/T0 pulumi-account watch --below 20 --format slack",
    )
)
def watch(
    below: _Below,
    recover: _Recover = None,
    every: _Every = 60,
    command: _Exec = None,
    passed: _ExecEnv = None,
    webhook: _Webhook = None,
    payload: _Format = None,
    as_json: _Json = False,
) -> None:
    """Send a message when the balance is low, and when it recovers.

    There is one message for each; a balance that wavers in between causes none. If the API is down, the command warns
    once on stderr, and checks with growing pauses. SIGINT and SIGTERM end the command with status 0.

    A message has event (balance_below or balance_recovered), balance, below, recover, at, and text: one line for
    people. The webhook gets these as JSON, and --json prints the same; --format slack sends only text. The command gets
    them in its environment as ACCOUNT_EVENT, ACCOUNT_BALANCE, ACCOUNT_BELOW, ACCOUNT_RECOVER, ACCOUNT_AT and
    ACCOUNT_TEXT. If the webhook does not answer 2xx, or the command does not exit with status 0, the next check tries
    again, so either may get a message twice.

    From this program's environment the command gets PATH, HOME, USER, LOGNAME, SHELL, TMPDIR, TZ, LANG and LC_...,
    SSL_CERT_FILE and SSL_CERT_DIR, HTTPS_PROXY and the other proxies, and the variables of --exec-env; nothing else.
    The next check waits until the command exits.
    """
    if payload and not webhook:
        raise typer.BadParameter("--format needs --webhook")
    try:
        threshold = Threshold(below, recover)
    except ConfigurationError as error:
        raise typer.BadParameter(str(error)) from None
    with ExitStack() as stack:
        client = stack.enter_context(open_client())
        notifiers: list[Notifier] = [_print_json if as_json else _print]
        if command:
            notifiers.append(Command(shlex.split(command), environ=os.environ, also=passed or (), warn=say))
        if webhook:
            notifiers.append(
                stack.enter_context(closing(Webhook(webhook, payload=payload or "json", warn=say)))
            )
        stack.enter_context(suppress(KeyboardInterrupt))
        stack.enter_context(interrupted_by_signals())
        Watch(
            lambda: client.get_balance().balance, threshold, notifiers, every=every, warn=say, sleep=sleep
        ).run()


def _print(crossing: Crossing) -> bool:
    at, balance = format_instant(crossing.at.replace(microsecond=0)), money(crossing.balance)
    below = f"the balance is {balance} USD, below {money(crossing.below)} USD"
    text = f"the balance has recovered: it is {balance} USD" if crossing.recovered else below
    write(f"{at} {text}\n")
    return True


def _print_json(crossing: Crossing) -> bool:
    write(json.dumps(crossing.as_dict()) + "\n")
    return True
