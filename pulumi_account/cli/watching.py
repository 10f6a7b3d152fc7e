"""``watch``."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from decimal import Decimal
from typing import Annotated

import typer

from pulumi_account.cli.account import open_client
from pulumi_account.cli.options import examples, usd
from pulumi_account.cli.output import money, say, write
from pulumi_account.common.instants import format_instant
from pulumi_account.exceptions import ConfigurationError
from pulumi_account.watch.watcher import (
    Command,
    Crossing,
    Messenger,
    Payload,
    Threshold,
    Watch,
    Webhook,
    webhook_url,
)

__all__ = ["register"]

_NAP = 0.5
_A_YEAR = 31_536_000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "pulumi-account watch --below 20",
            'pulumi-account watch --below 20 --recover 50 --exec \'sh -c "notify \\"$ACCOUNT_TEXT\\""\'',
            "ACCOUNT_WEBHOOK=https://hooks.example.com/T0 pulumi-account watch --below 20 --format slack",
        )
    )(watch)


def _words(command: str) -> list[str]:
    """A command's words; there is no shell unless it names one."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if not words:
        raise typer.BadParameter("is not a command")
    if not shutil.which(words[0]):
        raise typer.BadParameter(f"there is no command {words[0]}")
    return words


def _variable(name: str) -> str:
    """The name of a variable that a command may have: those of the account are this program's own."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise typer.BadParameter("must be the name of an environment variable")
    if name.startswith("ACCOUNT_"):
        raise typer.BadParameter("the ACCOUNT_ variables hold credentials, and are not handed over")
    return name


def _pause(text: str) -> float:
    with suppress(ValueError):
        if 1 <= (seconds := float(text)) <= _A_YEAR:
            return seconds
    raise typer.BadParameter(f"must be a number of seconds from 1 to {_A_YEAR}")


def watch(
    below: Annotated[
        Decimal,
        typer.Option("--below", metavar="USD", parser=usd, help="Send a message when the balance is below."),
    ],
    recover: Annotated[
        Decimal | None,
        typer.Option(
            "--recover",
            metavar="USD",
            parser=usd,
            help="The balance has recovered from there on; default: a tenth above --below.",
        ),
    ] = None,
    every: Annotated[
        float, typer.Option("--every", metavar="SECONDS", parser=_pause, help="Between two checks.")
    ] = 60,
    command: Annotated[
        str | None,
        typer.Option(
            "--exec", metavar="CMD", help="Run a command for each message, without a shell around it."
        ),
    ] = None,
    passed: Annotated[
        list[str] | None,
        typer.Option(
            "--exec-env",
            metavar="NAME",
            parser=_variable,
            help="Hand this variable to the command, too; may be repeated.",
        ),
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(
            "--webhook",
            metavar="URL",
            envvar="ACCOUNT_WEBHOOK",
            show_envvar=True,
            help="POST each message there, as JSON.",
        ),
    ] = None,
    payload: Annotated[
        Payload | None,
        typer.Option("--format", help="What --webhook is sent: all fields (default), or what Slack accepts."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one line for each message.")] = False,
) -> None:
    """Tell when the balance falls too low, and when it recovers.

    There is one message for each: between them the balance may waver. An API that is away is told on stderr
    once, and asked with growing pauses. SIGINT and SIGTERM end the watch with status 0.

    A message has event (balance_below or balance_recovered), balance, below, recover, at, and text, which says it in
    one line. The webhook gets these as JSON, --json prints the same; --format slack sends text alone. The command
    finds them in its environment as ACCOUNT_EVENT, ACCOUNT_BALANCE, ACCOUNT_BELOW, ACCOUNT_RECOVER, ACCOUNT_AT and
    ACCOUNT_TEXT. A webhook that does not answer 2xx, and a command that does not end with status 0, is tried again at
    each check, so it may get a message twice.

    Of this program's environment the command gets PATH, HOME, USER, LOGNAME, SHELL, TMPDIR, TZ, LANG and LC_...,
    SSL_CERT_FILE and SSL_CERT_DIR, HTTPS_PROXY and the other proxies, and what --exec-env names; nothing else. The
    next check waits for its end.
    """
    words = _words(command) if command else None
    if payload and not webhook:
        raise typer.BadParameter("--format says what --webhook is sent: give that, too")
    with _as_usage():
        threshold = Threshold(below, recover)
        if webhook:
            webhook_url(webhook)
    with ExitStack() as stack:
        client = stack.enter_context(open_client())
        messengers: list[Messenger] = [_print_json if as_json else _print]
        if words:
            messengers.append(Command(words, environ=os.environ, also=passed or (), warn=say))
        if webhook:
            hook = Webhook(webhook, payload=payload or "json", warn=say)
            stack.callback(hook.close)
            messengers.append(hook)
        with _ended_by_signals():
            Watch(
                lambda: client.get_balance().balance,
                threshold,
                messengers,
                every=every,
                warn=say,
                sleep=_sleep,
            ).run()


@contextmanager
def _as_usage() -> Iterator[None]:
    """What is wrong in here was given on the command line."""
    try:
        yield
    except ConfigurationError as error:
        raise typer.BadParameter(str(error)) from None


def _print(crossing: Crossing) -> bool:
    at, balance = format_instant(crossing.at.replace(microsecond=0)), money(crossing.balance)
    below = f"the balance is {balance} USD, below {money(crossing.below)} USD"
    text = f"the balance has recovered: it is {balance} USD" if crossing.recovered else below
    write(f"{at} {text}\n")
    return True


def _print_json(crossing: Crossing) -> bool:
    write(json.dumps(crossing.as_dict()) + "\n")
    return True


def _sleep(seconds: float) -> None:
    """In short naps: a signal that comes just before a nap is heard after it."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _NAP))


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Both signals end what is inside: SIGINT by itself does not in a background job of a shell."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.default_int_handler) for number in numbers]
    try:
        yield
    except KeyboardInterrupt:
        return
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
