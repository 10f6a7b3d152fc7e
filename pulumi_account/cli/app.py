"""The program: its commands, and its exit status."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pulumi_account.cli import adopt, keyfile, keys, leftovers, report, review, servers, spending, watch
from pulumi_account.cli.options import examples
from pulumi_account.cli.output import fail, say, write
from pulumi_account.common.text import place
from pulumi_account.exceptions import AccountError, InvalidInputError

PROGRAM = "pulumi-account"
_INTERRUPTED = 130

_STATUS = """\b
Exit status:
  0    success
  1    failure: one line on stderr says why
  2    wrong usage
  3    the condition does not hold (balance --min, keys unmanaged --fail,
       keyfile check, review --fail-on)
  130  interrupted
  141  the reader of the output has exited"""

_ENVIRONMENT = """\b
Environment:
  ACCOUNT_PROVISIONING_KEY  the account's provisioning key
  ACCOUNT_ENDPOINT          base URL of the API, by default https://api.naga.ac
  ACCOUNT_RETRY_DEADLINE    seconds for which a call is retried, by default 90
  ACCOUNT_TIMEOUT           seconds until an attempt times out, by default 30
  HTTPS_PROXY, ALL_PROXY    the proxy to the API; NO_PROXY names the exceptions
  SSL_CERT_FILE             a PEM file of certificates to trust; or SSL_CERT_DIR
  NO_COLOR                  any value turns colors off"""


class _Program(TyperGroup):
    """All commands; an error in any of them ends in one line."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix(
                "Value error, "
            )  # the library's name for its own check
            raise
        except InvalidInputError as error:
            for failure in error.failures:
                say(f"error: {failure}")
            raise typer.Exit(1) from None
        except AccountError as error:
            fail(f"error: {error}")
        except OSError as error:
            fail(f"error: {error.filename or 'the command'}: {error.strerror or type(error).__name__}")
        except KeyboardInterrupt:
            raise typer.Exit(_INTERRUPTED) from None


app = typer.Typer(
    cls=_Program,
    no_args_is_help=True,
    # plain help is the same in a terminal, a pipe and a test; tracebacks would show the values of variables
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="\n\n".join(
        [examples("pulumi-account balance", "pulumi-account keys list"), _ENVIRONMENT, _STATUS]
    ),
)


def _show_version(wanted: bool) -> None:
    if wanted:
        write(f"{PROGRAM} {version('pulumi_account')}\n")
        raise typer.Exit


@app.callback()
def _main(
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version.")
    ] = False,
) -> None:
    """Show the balance, the spending and the API keys of an AI gateway account."""


app.add_typer(spending.app)
app.add_typer(
    keys.app, name="keys", help="Show the account's API keys. None of these commands changes a key."
)
app.add_typer(
    keyfile.app, name="keyfile", help="Check and show key files. None of these commands calls the API."
)
for _commands in (adopt, review, watch, leftovers, report, servers):
    app.add_typer(_commands.app)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    try:
        with _warnings_in_one_line():
            app(args=None if arguments is None else list(arguments), prog_name=PROGRAM)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:  # noqa: BLE001 - its message may contain anything
        say(f"error: unexpected {type(error).__name__} at {place(error)}: a defect, please report it")
        return 1
    return 0


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Print the client's warnings, such as one about a wrong clock, to stderr."""
    handler, logger = _Warnings(logging.WARNING), logging.getLogger("pulumi_account")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Warnings(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(f"warning: {record.getMessage()}")
