"""`delete_guard`: a key that was used lately is not deleted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from pulumi_account.common.durations import format_duration
from pulumi_account.common.money import usd
from pulumi_account.common.text import count, visible
from pulumi_account.exceptions import AccountError, KeyInUseError

if TYPE_CHECKING:
    from pulumi_account.api.models import Activity

__all__ = ["DeleteGuard"]

#: days; the API has no longer period
_LONGEST_PERIOD = 30
_DESPITE = "set ACCOUNT_DELETE_GUARD=none in the environment"


class DeleteGuard:
    """Refuses the deletion of keys in use; safe for any number of threads.

    Each period of the account's activity is read once, for all keys and threads.

    :param read: returns the account's usage of the last 1 to 30 days.
    :param ignored: whether every key may be deleted.
    """

    def __init__(self, read: Callable[[int], Activity], *, ignored: bool = False) -> None:
        self._read = read
        self._ignored = ignored
        self._lock = threading.Lock()
        self._periods: dict[int, Future[Activity]] = {}

    def require_unused(self, key_id: int, name: str, guard: timedelta) -> None:
        """Return if the account's activity shows no use of the key: GET ``/v1/account/activity``.

        The API counts calendar days, so the period has one day more than the guard, but at most thirty.

        :param guard: 1 to 30 whole days.
        :raises KeyInUseError: the key was used in this time, or the activity cannot be read.
        """
        if self._ignored:
            return
        days = min(guard.days + 1, _LONGEST_PERIOD)
        kept = (
            f"key {key_id} ({visible(name)!r}) is not deleted: its delete_guard is {format_duration(guard)}"
        )
        try:
            requests, cost = self._use(key_id, days)
        except AccountError as error:
            raise KeyInUseError(
                f"{kept}, but its use is not known ({error}): run the command again, or, to delete the key without "
                f"knowing, {_DESPITE}"
            ) from None
        if requests > 0 or cost > 0:
            plural = "" if requests == 1 else "s"
            raise KeyInUseError(
                f"{kept}, but it served {count(requests)} request{plural} at a cost of {usd(cost)} USD in the last "
                f"{days} days, {self._last_use(key_id, days)}: wait until the key is unused, or lower delete_guard "
                f"before you remove or replace a key; to delete this key in spite of its use, {_DESPITE} for one run"
            )

    def _use(self, key_id: int, days: int) -> tuple[int, Decimal]:
        """How many requests a key served in a period, and their cost in USD."""
        usage = [used for used in self._activity(days).api_key_usage if used.api_key_id == key_id]
        return sum(used.request_count for used in usage), sum((used.total_cost for used in usage), Decimal(0))

    def _last_use(self, key_id: int, days: int) -> str:
        """When a key was last used, which only shorter periods show; at most five calls for all of them."""
        unused, used = 0, days
        try:
            while used - unused > 1:
                middle = (unused + used) // 2
                requests, cost = self._use(key_id, middle)
                unused, used = (unused, middle) if requests > 0 or cost > 0 else (middle, used)
        except AccountError:
            pass  # the shortest period that is known will do
        within = "day" if used == 1 else f"{used} days"
        since = "" if not unused else " day" if unused == 1 else f" {unused} days"
        return f"last used within the last {within}" + (f" and not within the last{since}" if unused else "")

    def _activity(self, days: int) -> Activity:
        """The account's activity, read once for all threads; a failure is shared, and the next call reads again."""
        with self._lock:
            leads = days not in self._periods
            shared = self._periods.setdefault(days, Future())
        if leads:
            try:
                shared.set_result(self._read(days))
            except BaseException as error:  # noqa: BLE001 - the waiting threads must wake up, and raise it
                with self._lock:
                    del self._periods[days]
                shared.set_exception(error)
        return shared.result()
