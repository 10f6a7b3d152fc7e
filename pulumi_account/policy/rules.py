"""The rules about declared keys: each has a name, a line that describes it, and a pure function.

The review of a preview, a policy pack and a program use these rules; none of them has its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from pulumi_account.common.durations import format_duration
from pulumi_account.common.instants import format_instant
from pulumi_account.common.money import usd
from pulumi_account.policy.facts import KeyFacts, Unknown

__all__ = ["RULES", "Finding", "Rule", "Settings", "check"]


@dataclass(frozen=True)
class Settings:
    """What the rules require. A rule whose setting is None, empty or missing finds nothing.

    :ivar max_limit: USD that a key may spend at most.
    :ivar max_lifetime: how long a key may live, from now or from its creation.
    :ivar name_pattern: a regular expression that matches the whole name of each key.
    :ivar production: the values of the label ``environment`` that stand for production.
    :ivar budgets: USD for all limits of a team together, by the value of the label ``team``; ``""`` is the whole stack.
    """

    max_limit: Decimal | None = None
    max_lifetime: timedelta | None = None
    name_pattern: str | None = None
    production: Collection[str] = ("production",)
    budgets: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """What a rule found; or, if ``checked`` is False, why it could not know.

    ``subject`` is a key's name or, for a budget, a team's or a stack's. It may be any text: escape it. ``text`` has no
    names in it.
    """

    rule: str
    subject: str
    text: str
    stack: str = ""
    checked: bool = True


@dataclass(frozen=True)
class Rule:
    """A rule: its name, what it is about, and its function."""

    name: str
    description: str
    find: Callable[[Sequence[KeyFacts], Settings, datetime], Iterator[Finding]]


def check(
    keys: Iterable[KeyFacts], settings: Settings, now: datetime, only: Collection[str] | None = None
) -> list[Finding]:
    """What the rules find, in the order of `RULES` and of the keys.

    :param only: the names of the rules to check; None is all.
    """
    keys = list(keys)
    chosen = [rule for rule in RULES if only is None or rule.name in only]
    return [finding for rule in chosen for finding in rule.find(keys, settings, now)]


def _no_limit(keys: Sequence[KeyFacts], _: Settings, __: datetime) -> Iterator[Finding]:
    for key in keys:
        if key.credit_limit is None:
            yield _of(key, "no-limit", "has no credit limit")


def _limit_too_high(keys: Sequence[KeyFacts], settings: Settings, _: datetime) -> Iterator[Finding]:
    most = settings.max_limit
    for key in keys if most is not None else ():
        if isinstance(key.credit_limit, Unknown):
            yield _unchecked(key, "limit-too-high", "the limit is not known")
        elif key.credit_limit is not None and most is not None and key.credit_limit > most:
            text = f"may spend {usd(key.credit_limit)} USD; at most {usd(most)} USD are allowed"
            yield _of(key, "limit-too-high", text)


def _no_expiry(keys: Sequence[KeyFacts], _: Settings, __: datetime) -> Iterator[Finding]:
    for key in keys:
        if key.expires is None and not key.rotates:
            yield _of(key, "no-expiry", "never expires")


def _expires_too_late(keys: Sequence[KeyFacts], settings: Settings, now: datetime) -> Iterator[Finding]:
    most = settings.max_lifetime
    if most is None:
        return
    for key in keys:
        life: timedelta | Unknown | None = key.every if key.rotates else None
        if not key.rotates:
            life = key.expires - now if isinstance(key.expires, datetime) else key.expires
        if isinstance(life, Unknown):
            yield _unchecked(key, "expires-too-late", "the expiry is not known")
        elif life is not None and life > most:
            period = format_duration(life)
            text = f"rotates every {period}" if key.rotates else f"expires {period} after its creation"
            if isinstance(key.expires, datetime):
                text = f"expires {format_instant(key.expires)}"
            yield _of(key, "expires-too-late", f"{text}; at most {format_duration(most)} are allowed")


def _no_owner(keys: Sequence[KeyFacts], _: Settings, __: datetime) -> Iterator[Finding]:
    for key in keys:
        owner = key.label("owner")
        if isinstance(key.labels, Unknown):
            yield _unchecked(key, "no-owner", "the labels are not known")
        elif owner is None or (isinstance(owner, str) and not owner.strip()):
            yield _of(key, "no-owner", "has no label owner")


def _bad_name(keys: Sequence[KeyFacts], settings: Settings, _: datetime) -> Iterator[Finding]:
    pattern = settings.name_pattern
    for key in keys if pattern is not None else ():
        if key.name is None:
            yield _unchecked(key, "bad-name", "the name is not known")
        elif pattern is not None and not re.fullmatch(pattern, key.name):
            yield _of(key, "bad-name", f"does not match {pattern}")


def _unprotected(keys: Sequence[KeyFacts], settings: Settings, _: datetime) -> Iterator[Finding]:
    for key in keys:
        environment = key.label("environment")
        if key.protect:
            continue
        if isinstance(environment, Unknown):
            yield _unchecked(key, "unprotected", "the environment is not known")
        elif environment in settings.production:
            yield _of(key, "unprotected", "is for production, and the resource is not protected")


def _over_budget(keys: Sequence[KeyFacts], settings: Settings, _: datetime) -> Iterator[Finding]:
    for team, budget in sorted(settings.budgets.items()):
        for stack in dict.fromkeys(key.stack for key in keys):
            mine = [key for key in keys if key.stack == stack and team in ("", key.label("team"))]
            subject = team or stack or "this stack"
            # during an overlap, two generations of a rotating key have the whole limit each
            limits = [key.credit_limit for key in mine for _ in range(2 if key.rotates else 1)]
            total = sum((limit for limit in limits if isinstance(limit, Decimal)), Decimal(0))
            if total > budget:
                text = f"limits of {usd(total)} USD together; the budget is {usd(budget)} USD"
                yield Finding("over-budget", subject, text, stack)
            elif any(not isinstance(limit, Decimal) for limit in limits):
                text = "some keys have no limit, or one that is not known"
                yield Finding("over-budget", subject, text, stack, checked=False)


def _of(key: KeyFacts, rule: str, text: str) -> Finding:
    return Finding(rule, key.title, text, key.stack)


def _unchecked(key: KeyFacts, rule: str, text: str) -> Finding:
    return Finding(rule, key.title, text, key.stack, checked=False)


RULES = (
    Rule("no-limit", "a key without a credit limit", _no_limit),
    Rule("limit-too-high", "a credit limit above the allowed one", _limit_too_high),
    Rule("no-expiry", "a key that never expires and does not rotate", _no_expiry),
    Rule("expires-too-late", "an expiry, or a period of rotation, beyond the allowed one", _expires_too_late),
    Rule("no-owner", "a key without the label owner", _no_owner),
    Rule("bad-name", "a name that does not match the pattern", _bad_name),
    Rule("unprotected", "a key for production whose resource is not protected", _unprotected),
    Rule("over-budget", "limits that exceed a budget together", _over_budget),
)
