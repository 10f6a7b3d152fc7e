"""Watches that live through a list of balances, without waiting."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from pulumi_account.exceptions import AccountError
from pulumi_account.watch.messages import Crossing
from pulumi_account.watch.watcher import Notifier, Threshold, Watch
from tests.support.helpers import NOW

__all__ = ["CROSSING", "RECOVERY", "Story"]

CROSSING = Crossing(Decimal("4.20"), Decimal(5), Decimal("5.5"), NOW)
RECOVERY = replace(CROSSING, balance=Decimal(6), recovered=True)


class OverError(Exception):
    """There are no more balances."""


class Story:
    """A watch that lives through a list of balances and errors.

    ``told`` has its messages about crossings, ``recovered`` those about recoveries, then its warnings and pauses.
    """

    def __init__(
        self, answers: Iterable[str | AccountError], notifier: Notifier | None = None, **options: str
    ) -> None:
        self.told: list[str] = []
        self.recovered: list[str] = []
        self.warned: list[str] = []
        self.pauses: list[float] = []
        self._answers = iter(answers)
        threshold = Threshold(Decimal(options.pop("below", "10")), *map(Decimal, options.values()))
        watch = Watch(
            self._ask,
            threshold,
            [self._tell, *([notifier] if notifier else [])],
            every=60,
            warn=self.warned.append,
            sleep=self.pauses.append,
            clock=self._clock,
        )
        with pytest.raises(OverError):
            watch.run()

    def _ask(self) -> Decimal:
        try:
            answer = next(self._answers)
        except StopIteration:
            raise OverError from None
        if isinstance(answer, AccountError):
            raise answer
        return Decimal(answer)

    def _tell(self, crossing: Crossing) -> bool:
        (self.recovered if crossing.recovered else self.told).append(str(crossing.balance))
        return True

    def _clock(self) -> datetime:
        return NOW + timedelta(seconds=sum(self.pauses))
