"""Exposure: what keys may still spend. Their limits, less what they have spent, where that is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from pulumi_account.policy.facts import Unknown
from pulumi_account.review.account import AccountFacts
from pulumi_account.review.changes import KeyChange, Kind
from pulumi_account.stacks.resources import KeyState

__all__ = ["Basis", "Exposure", "exposure"]


class Basis(str, Enum):
    """Which keys an exposure covers."""

    ACCOUNT = "all keys of the account"
    STACKS = "all keys of the stacks"
    CHANGES = "the keys that change"


@dataclass(frozen=True)
class Exposure:
    """The exposure before and after the changes, in USD.

    ``unlimited`` names the keys without a limit after the changes, which no sum includes; ``unknown`` is the number of
    those whose limit is secret or not known yet. ``elsewhere`` is about keys of other accounts, which are not included.
    """

    before: Decimal
    after: Decimal
    unlimited: tuple[str, ...]
    unknown: int
    basis: Basis
    elsewhere: Exposure | None = None


class _Spender(NamedTuple):
    """A key that works, and what it may still spend."""

    name: str
    rest: Decimal | Unknown | None
    foreign: bool = False


def exposure(
    states: Mapping[str, KeyState], changes: Iterable[KeyChange], account: AccountFacts, basis: Basis
) -> Exposure:
    """The exposure before and after changes.

    :param states: the keys before the changes, if they are known, by their URNs.
    """
    by_urn = {change.urn: change for change in changes}
    adopted = {c.new.adopts for c in by_urn.values() if c.kind is Kind.ADOPTED and c.new and c.new.adopts}
    others, given_up = _others(states, account, adopted)
    before = [*others, *given_up, *(one for state in states.values() for one in _of_state(state, account))]
    after = list(others)
    for urn, state in states.items():
        if urn not in by_urn:
            after += _of_state(state, account)
    for change in by_urn.values():
        if not (change.kind is Kind.KEPT and change.old and change.old.id in adopted):
            after += _after(change, account)
    found = _exposure(before, after, Basis.ACCOUNT if account.keys is not None else basis)
    if not account.foreign:
        return found
    return replace(found, elsewhere=_exposure(before, after, basis, foreign=True))


def _exposure(
    before: Iterable[_Spender], after: Iterable[_Spender], basis: Basis, *, foreign: bool = False
) -> Exposure:
    after = [one for one in after if one.foreign == foreign]
    return Exposure(
        _sum(one for one in before if one.foreign == foreign),
        _sum(after),
        tuple(sorted(one.name for one in after if one.rest is None)),
        sum(isinstance(one.rest, Unknown) for one in after),
        basis,
    )


def _others(
    states: Mapping[str, KeyState], account: AccountFacts, adopted: set[str]
) -> tuple[list[_Spender], list[_Spender]]:
    """The account's keys that no state has: those that stay, and those that the changes adopt."""
    known = {state.id for state in states.values() if account.key(state)}
    own = [state for state in states.values() if not account.is_foreign(state)]
    known |= {retired.id for state in own for retired in state.retired}
    stay: list[_Spender] = []
    adopting: list[_Spender] = []
    for key_id, key in (account.keys or {}).items():
        if key_id not in known and key.is_enabled and _is_ahead(key.expires_at, account.now):
            one = _Spender(key.name, _rest(key.credit_limit, account.spent(key_id)))
            (adopting if key_id in adopted else stay).append(one)
    return stay, adopting


def _after(change: KeyChange, account: AccountFacts) -> Iterator[_Spender]:
    old, new = change.old, change.new
    if old and change.keeps_old:
        yield from _of_state(old, account)
    if new is None or new.external:
        return
    spent = Decimal(0)
    if change.kind is Kind.CHANGED and old and account.key(old):
        spent = account.spent(old.id or "")
    if change.kind is Kind.ADOPTED and new.adopts:
        spent = account.spent(new.adopts)
    yield from _current(new, spent, account)
    if old and change.kind is Kind.CHANGED:
        yield from _retired(old, account)
    if old and change.kind is Kind.ROTATED:
        yield from _of_state(old, account)


def _of_state(state: KeyState, account: AccountFacts) -> Iterator[_Spender]:
    """The spenders of a resource: its key, and the retired ones that still work."""
    if state.external:
        return
    key = account.key(state)
    if key is None:
        yield from _current(state, Decimal(0), account)
    elif key.is_enabled and _is_ahead(key.expires_at, account.now):
        name = state.facts.title if state.facts.name is None else key.name  # a name may be a secret
        yield _Spender(name, _rest(key.credit_limit, account.spent(str(key.id))))
    yield from _retired(state, account)


def _current(state: KeyState, spent: Decimal, account: AccountFacts) -> Iterator[_Spender]:
    facts, now = state.facts, account.now
    expires = facts.expires_at(now)
    if facts.is_enabled is not False and (isinstance(expires, Unknown) or _is_ahead(expires, now)):
        yield _Spender(facts.title, _rest(facts.credit_limit, spent), account.is_foreign(state))


def _retired(state: KeyState, account: AccountFacts) -> Iterator[_Spender]:
    if account.is_foreign(state):
        account = AccountFacts(account.now, foreign=account.foreign)
    for retired in filter(account.works, state.retired):
        key = (account.keys or {}).get(retired.id)
        limit = key.credit_limit if key else state.facts.credit_limit
        rest = _rest(limit, account.spent(retired.id))
        yield _Spender(state.facts.title, rest, account.is_foreign(state))


def _rest(limit: Decimal | Unknown | None, spent: Decimal) -> Decimal | Unknown | None:
    return max(limit - spent, Decimal(0)) if isinstance(limit, Decimal) else limit


def _is_ahead(expires: datetime | None, now: datetime) -> bool:
    return expires is None or expires > now


def _sum(spenders: Iterable[_Spender]) -> Decimal:
    return sum((one.rest for one in spenders if isinstance(one.rest, Decimal)), Decimal(0))
