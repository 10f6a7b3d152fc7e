"""What the account knows about the keys that change: its balance, its keys, and who used them. Three calls at most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from pulumi_account.common.instants import same_instant
from pulumi_account.common.money import usd
from pulumi_account.common.text import count, several
from pulumi_account.exceptions import AccountError
from pulumi_account.spend.usage import Usage, total, usage_by_key, usage_in_all, usage_on
from pulumi_account.stacks.resources import KeyState

if TYPE_CHECKING:
    from pulumi_account.api.client import AccountClient
    from pulumi_account.api.models import Activity, Key
    from pulumi_account.stacks.resources import RetiredKey

__all__ = ["AccountFacts", "ask", "use_text"]


@dataclass(frozen=True)
class AccountFacts:
    """The account's answers. What it could not answer is None, and a line in ``problems`` says why.

    :ivar usage: the use of each key in the last ``days``, by its id. A key that is missing was not used.
    :ivar last_day: the last day on which the account was used at all.
    :ivar unnamed: the requests that the activity counts under no key: any key that it does not name may have had them.
    :ivar own: the URNs of providers with keys of this account.
    :ivar foreign: those of providers with keys, but none of this account.
    """

    now: datetime
    balance: Decimal | None = None
    keys: Mapping[str, Key] | None = None
    usage: Mapping[str, Usage] | None = None
    days: int = 0
    last_day: date | None = None
    unnamed: int = 0
    own: frozenset[str] = frozenset()
    foreign: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()

    def key(self, state: KeyState) -> Key | None:
        """The account's key that a state describes. Another account may have a key with the same id."""
        key = (self.keys or {}).get(state.id or "")
        if key is None or self.is_foreign(state):
            return None
        if state.created_at and not same_instant(state.created_at, key.created_at):
            return None
        return key

    def adopted(self, state: KeyState) -> KeyState | None:
        """The key that a state adopts, as the account has it, under the name that the state shows."""
        key = None if self.is_foreign(state) else (self.keys or {}).get(state.adopts or "")
        if key is None:
            return None
        facts = replace(
            state.facts,
            credit_limit=key.credit_limit,
            is_enabled=key.is_enabled,
            expires=key.expires_at,
            protect=False,
        )
        return KeyState(facts, str(key.id), key.created_at, provider=state.provider)

    def use(self, state: KeyState, *, retired: bool = True) -> Usage | None:
        """The use of the key that a state describes; None if it is not known.

        :param retired: whether to add the use of the retired keys that still work: a consumer may have one of them.
        """
        if self.usage is None or self.key(state) is None:
            return None
        ids = [state.id or "", *(one.id for one in state.retired if retired and self.works(one))]
        use = total(self.usage.get(key_id, Usage()) for key_id in ids)
        is_known = use.is_used or not self.unnamed or all(key_id in self.usage for key_id in ids)
        return use if is_known else None

    def works(self, retired: RetiredKey) -> bool:
        """Whether a retired key still exists, where that is known, and has not expired."""
        exists = self.keys is None or retired.id in self.keys
        return exists and (retired.expires_at is None or retired.expires_at > self.now)

    def expired(self, state: KeyState) -> int:
        """How many retired keys of a state have expired: the next deployment deletes them."""
        return sum(one.expires_at is not None and one.expires_at <= self.now for one in state.retired)

    def with_accounts_of(self, states: Iterable[KeyState]) -> AccountFacts:
        """The same, and the providers that open this account, and those that open another one."""
        # ids alone prove nothing
        keys = [state for state in states if self.keys is not None and state.id and state.created_at]
        own = frozenset(state.provider for state in keys if state.provider and self.key(state))
        return replace(self, own=own, foreign=frozenset(key.provider for key in keys if key.provider) - own)

    def is_foreign(self, state: KeyState) -> bool:
        """Whether the key is another account's."""
        return state.provider in self.foreign

    def may_be_foreign(self, state: KeyState) -> bool:
        """Whether it is not known which account a provider without keys opens. The default one opens this account."""
        provider = state.provider or "default"
        is_default = provider.rpartition("::")[2].partition("_")[0] == "default"
        return self.keys is not None and not is_default and provider not in self.own | self.foreign

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
        missing = "use" if facts.keys is not None else "keys and use"
        missing = "balance, keys and use" if facts.balance is None else missing
        facts = replace(facts, problems=(f"not known: the account's {missing}. {error}",))
    return replace(facts, now=client.now())  # the client knows the account's clock from an answer


def _with_activity(facts: AccountFacts, activity: Activity) -> AccountFacts:
    used_days = [day for day, usage in usage_on(activity).items() if usage.is_used]
    usage = {str(row.id): row for row in usage_by_key([], activity)}
    unnamed = max(usage_in_all(activity).requests - total(usage.values()).requests, 0)
    problem = (
        f"not known: which keys served {count(unnamed)} of the requests. The activity names no key for them"
    )
    return replace(
        facts,
        usage=usage,
        days=activity.period_days,
        last_day=max(used_days, default=None),
        unnamed=unnamed,
        problems=(problem,) if unnamed else (),
    )


def use_text(use: Usage, account: AccountFacts) -> str:
    """How much a key was used, in words."""
    last = f", last on {account.last_day} or before" if account.last_day else ""
    return f"{several(use.requests, 'request')}, {usd(use.cost)} USD in the last {account.days} days{last}"
