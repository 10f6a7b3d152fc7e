"""What a watch sends when the balance crosses the threshold: a line for people, and fields for programs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from pulumi_account.common.instants import format_instant
from pulumi_account.common.money import exact

__all__ = ["Crossing"]


@dataclass(frozen=True)
class Crossing:
    """The balance fell below the threshold, or has recovered; money in USD."""

    balance: Decimal
    below: Decimal
    recover: Decimal
    at: datetime
    recovered: bool = False

    @property
    def text(self) -> str:
        """One line for people, with all digits."""
        balance, below = exact(self.balance), exact(self.below)
        if self.recovered:
            return f"The account's balance has recovered: it is {balance} USD, and was below {below} USD."
        return f"The account's balance is {balance} USD, below {below} USD."

    def as_dict(self) -> dict[str, str]:
        """The message for programs."""
        return {
            "event": "balance_recovered" if self.recovered else "balance_below",
            "balance": exact(self.balance),
            "below": exact(self.below),
            "recover": exact(self.recover),
            "at": format_instant(self.at),
            "text": self.text,
        }
