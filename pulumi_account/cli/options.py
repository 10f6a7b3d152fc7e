"""Options that several commands have, and the examples below their help."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Annotated

import typer

from pulumi_account.common.money import parse_usd

#: the exit status if the condition in an option does not hold
CONDITION = 3

Json = Annotated[bool, typer.Option("--json", help="Print JSON: exact amounts as text, instants in UTC.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV with a header.")]
Days = Annotated[
    int, typer.Option("--days", metavar="N", min=1, max=30, help="The number of days up to today, 1 to 30.")
]


class Form(Enum):
    """The form of a result."""

    TEXT = "people"
    JSON = "programs"
    CSV = "spreadsheets"


def chosen_form(*, as_json: bool, as_csv: bool) -> Form:
    """The form that the options name."""
    if as_json and as_csv:
        raise typer.BadParameter("give either --json or --csv, not both")
    return Form.JSON if as_json else Form.CSV if as_csv else Form.TEXT


def usd(text: str) -> Decimal:
    """Parse an amount of USD, exactly."""
    try:
        return parse_usd(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def examples(*commands: str) -> str:
    """The end of a command's help."""
    return "\b\n" + "\n".join(["Examples:", *(f"  $ {command}" for command in commands)])
