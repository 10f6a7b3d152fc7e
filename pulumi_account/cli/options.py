"""What the commands' options have in common."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import typer

from pulumi_account.common.money import parse_number

__all__ = ["Days", "examples", "usd"]

Days = Annotated[
    int, typer.Option("--days", metavar="N", min=1, max=30, help="The last so many days, 1 to 30.")
]


def examples(*commands: str) -> str:
    """The end of a command's help."""
    return "\b\n" + "\n".join(["Examples:", *(f"  $ {command}" for command in commands)])


def usd(text: str) -> Decimal:
    """An amount of USD, exact."""
    try:
        return parse_number(text)
    except ValueError:
        raise typer.BadParameter("must be an amount of USD, such as 50 or 12.34") from None
