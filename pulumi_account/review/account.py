"""What the account knows about the keys that change: its balance, its keys, and who used them. Three calls at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from pulumi_account.common.instants import same_instant
from pulumi_account.common.money import usd
from pulumi_account.common.text import count
from pulumi_account.exceptions import AccountError
from pulumi_account.spend.usage import Usage, usage_by_key, usage_on

if TYPE_CHECKING:
    from pulumi_account.api.client import AccountClient
    from pulumi_account.api.models import Activity, Key
    from pulumi_account.stacks.resources import KeyState

__all__ = ["AccountFacts", "ask", "use_text"]


@dataclass(frozen=True)
class AccountFacts:
    """The account's answers. What it could not answer is None, and a line in ``problems`` says why.

    :ivar usage: the use of each key in the last ``days``, by its id. A key that is missing was not used.
    :ivar last_day: the last day on which the account was used at all.
    """

    now: datetime
    balance: Decimal | None = None
    keys: Mapping[str, Key] | None = None
    usage: Mapping[str, Usage] | None = None
    days: int = 0
    last_day: date | None = None
    problems: tuple[str, ...] = ()

    def key(self, state: KeyState) -> Key | None:
        """The account's key that a state describes. Another account may have a key with the same id."""
        key = (self.keys or {}).get(state.id or "")
        if key is None or (state.created_at and not same_instant(state.created_at, key.created_at)):
            return None
        return key

    def use(self, state: KeyState) -> Usage | None:
        """The use of the key that a state describes; None if it is not known."""
        if self.usage is None or self.key(state) is None:
            return None
        return self.usage.get(state.id or "", Usage())

    def spent(self, key_id: str) -> Decimal:
        """What a key has spent, in USD, where that is known."""
        return (self.usage or {}).get(key_id, Usage()).cost


def ask(client: AccountClient) -> AccountFacts:
    """Ask for the balance, the keys and the activity. After a call that fails, there is no other."""
    facts = AccountFacts(client.now())
    try:
        facts = replace(facts, balance=client.get_balance().balance)
        facts = replace(facts, keys={str(key.id): key for key in client.list_keys()})
        facts = _with_activity(facts, client.get_activity())
    except AccountError as error:
        parts = {"balance": "balance", "keys": "keys", "usage": "use"}
        missing = " and ".join(part for name, part in parts.items() if getattr(facts, name) is None)
        facts = replace(facts, problems=(f"not known: the account's {missing}. {error}",))
    return replace(facts, now=client.now())  # the client knows the account's clock from an answer


def _with_activity(facts: AccountFacts, activity: Activity) -> AccountFacts:
    used_days = [day for day, usage in usage_on(activity).items() if usage.is_used]
    usage = {str(row.id): row for row in usage_by_key([], activity)}
    return replace(facts, usage=usage, days=activity.period_days, last_day=max(used_days, default=None))


def use_text(use: Usage, account: AccountFacts) -> str:
    """How much a key was used, in words."""
    plural = "" if use.requests == 1 else "s"
    last = f", last on {account.last_day} or before" if account.last_day else ""
    return f"{count(use.requests)} request{plural}, {usd(use.cost)} USD in the last {account.days} days{last}"
