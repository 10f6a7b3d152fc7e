"""The commands ``metrics`` and ``emulator``, which serve HTTP until a signal arrives."""

from __future__ import annotations

from typing import Annotated

import typer

from pulumi_account.cli.account import open_client
from pulumi_account.cli.labels import Files, Groups, LabelSources, Stacks
from pulumi_account.cli.options import Days, examples
from pulumi_account.cli.output import write
from pulumi_account.metrics import DEFAULT_PORT

app = typer.Typer()

_Port = Annotated[
    int, typer.Option("--port", metavar="N", min=0, max=65535, help="The port to listen on; 0: any free one.")
]
_Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")]
_AllowHost = Annotated[
    list[str] | None,
    typer.Option("--allow-host", metavar="NAME", help="A further name of this exporter; may be repeated."),
]


_MoreLabels = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="NAME", help="A further label of keys, as label_NAME; may be repeated."),
]


@app.command(
    epilog=examples(
        "pulumi-account metrics --port 9877",
        "pulumi-account metrics --port 9877 --stack production.json --label customer",
    )
)
def metrics(
    port: _Port = DEFAULT_PORT,
    host: _Host = "127.0.0.1",
    allow_host: _AllowHost = None,
    days: Days = 30,
    stacks: Stacks = None,
    files: Files = None,
    groups: Groups = None,
    more_labels: _MoreLabels = None,
) -> None:
    """Serve the account's metrics to Prometheus.

    Requests are answered if their Host is this machine's loopback, the address that the command listens on, or a name
    given with --allow-host; others get status 421. A connection may last five seconds, and 32 may be open.
    SIGINT and SIGTERM end the command with status 0. Needs `pulumi_account[metrics]`.

    With --stack, --keys or --group, pulumi_account_key_info has the labels team, environment and owner. The command
    reads the files once a minute; while one of them is broken, it warns, and its last good labels stay.
    """
    from pulumi_account.metrics.exporter import Exporter, serve

    named = LabelSources(stacks or (), files or (), groups or ())
    if "-" in named.stacks:
        raise typer.BadParameter("--stack - cannot be read again: give a file")
    if more_labels:
        named.require("--label")
    named.read()  # a broken file must not go unnoticed
    with open_client() as client:
        exporter = Exporter(
            client,
            host=host,
            port=port,
            days=days,
            allowed_hosts=allow_host or (),
            labels=named.read if named else None,
            more_labels=more_labels or (),
        )
        serve(exporter, lambda url: write(f"Serving {url}\n"))


@app.command(
    epilog=examples(
        "pulumi-account emulator --port 8000 --provisioning-key test --balance 12.30",
        "pulumi-account emulator --port 8000 --provisioning-key test --demo",
        "pulumi-account emulator -- --help",
    ),
    # the emulator parses its own options
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def emulator(context: typer.Context) -> None:
    """Serve an emulated account on this machine.

    SIGINT and SIGTERM end the command with status 0. It takes the options of `python -m pulumi_account.emulator`; put
    -- before --help to list them.
    Needs `pulumi_account[emulator]`.
    """
    from pulumi_account.emulator.cli import main

    raise typer.Exit(main(context.args))
