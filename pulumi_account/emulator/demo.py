"""`--demo`: sample keys, usage and a balance, the same each time, for trying reports and other commands."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from pulumi_account.emulator.activity import first_day

if TYPE_CHECKING:
    from datetime import date

    from pulumi_account.emulator.emulator import Emulator

DAYS = 30
_BALANCE = "386.40"
_SATURDAY = 5
#: the share of a weekday's requests: on a weekend, and so far today
_WEEKEND, _TODAY = 0.35, 0.4
#: the growth of the number of requests from day to day
_GROWTH = 1.008
_MILLION = 10**6


class _Model(NamedTuple):
    """The price of a million tokens in USD, and the tokens of one request."""

    price_in: Decimal
    price_out: Decimal
    tokens_in: int
    tokens_out: int


_MODELS = {
    "chat-large-2": _Model(Decimal("2.5"), Decimal(10), 1_900, 420),
    "chat-mini-2": _Model(Decimal("0.15"), Decimal("0.6"), 1_400, 310),
    "reason-pro-1": _Model(Decimal(3), Decimal(15), 3_200, 1_900),
    "code-medium-2": _Model(Decimal("0.8"), Decimal(4), 5_200, 900),
    "vision-medium-1": _Model(Decimal("1.2"), Decimal("3.6"), 2_600, 240),
    "embed-small-3": _Model(Decimal("0.02"), Decimal(0), 610, 0),
    "rerank-1": _Model(Decimal("0.05"), Decimal(0), 2_300, 0),
}


class _Key(NamedTuple):
    """A key, and its requests on a weekday by model; ages and expiries are in days from now."""

    name: str
    limit: int | None
    requests: dict[str, int]
    age: int = 200
    expires_in: int | None = None
    is_enabled: bool = True
    last_used: int = 0
    is_deleted: bool = False


_KEYS = (
    _Key("production-api", 600, {"chat-large-2": 1_250, "chat-mini-2": 6_400}, age=310, expires_in=166),
    _Key("production-search", 120, {"embed-small-3": 48_000, "rerank-1": 9_100}, age=310, expires_in=166),
    _Key("mobile-app", 150, {"chat-mini-2": 9_800, "vision-medium-1": 260}, age=147, expires_in=6),
    _Key("support-assistant", 60, {"chat-large-2": 190, "chat-mini-2": 800, "embed-small-3": 2_100}, age=122),
    _Key("code-review-bot", 90, {"code-medium-2": 240}, age=96, expires_in=268),
    _Key("ci", 7, {"chat-mini-2": 640, "code-medium-2": 4}, age=280, expires_in=86),
    _Key("staging", 50, {"chat-large-2": 60, "chat-mini-2": 310, "embed-small-3": 900}, age=310),
    _Key("research-long-context", 200, {"reason-pro-1": 95}, age=12, expires_in=78),
    _Key("nightly-batch", None, {"chat-mini-2": 5_200, "embed-small-3": 21_000}, age=188),
    _Key("notebook-anna", 25, {"chat-large-2": 30, "reason-pro-1": 6}, age=64, expires_in=26),
    _Key("internal-tools", None, {"chat-mini-2": 130}, age=230),
    _Key("partner-acme", 75, {"chat-mini-2": 410}, age=170, is_enabled=False, last_used=9),
    _Key("hackathon", 40, {"chat-large-2": 105, "code-medium-2": 60}, age=23, expires_in=-16, last_used=17),
    _Key("prototype-voice", 20, {}, age=3),
    _Key("legacy-importer", 30, {"chat-mini-2": 900}, age=400, last_used=14, is_deleted=True),
)


def fill(emulator: Emulator) -> None:
    """Add keys, thirty days of activity that end today, and a balance to an account.

    Two accounts that are filled on the same day differ only in the plaintexts of their keys.
    """
    chance = random.Random(30)  # noqa: S311 - it only varies the numbers
    emulator.balance = _BALANCE
    for key in _KEYS:
        _add(emulator, key, chance)


def _add(emulator: Emulator, key: _Key, chance: random.Random) -> None:
    now = emulator.clock.now().replace(microsecond=0)
    midnight = now.replace(hour=0, minute=0, second=0)
    expires_at = None if key.expires_in is None else midnight + timedelta(days=key.expires_in)
    key_id, _ = emulator.add(
        key.name, credit_limit=key.limit, expires_at=expires_at, is_enabled=key.is_enabled
    )
    emulator.edit(key_id, created_at=now - timedelta(days=key.age, minutes=chance.random() * 600))
    first = first_day(now.date(), DAYS)
    for day in (first + timedelta(days=place) for place in range(DAYS)):
        if key.last_used <= (now.date() - day).days <= key.age:
            _use(emulator, key_id, key, day, chance)
    if key.is_deleted:
        emulator.remove(key_id)


def _use(emulator: Emulator, key_id: int, key: _Key, day: date, chance: random.Random) -> None:
    today = emulator.clock.now().date()
    pace = _GROWTH ** (DAYS - (today - day).days) * (_WEEKEND if day.weekday() >= _SATURDAY else 1)
    for name, requests in key.requests.items():
        model = _MODELS[name]
        uneven = 0.8 + 0.4 * chance.random()
        made = max(1, round(requests * pace * uneven * (_TODAY if day == today else 1)))
        tokens_in = round(made * model.tokens_in * (0.9 + 0.2 * chance.random()))
        tokens_out = round(made * model.tokens_out * (0.9 + 0.2 * chance.random()))
        emulator.add_usage(
            key_id,
            name,
            requests=made,
            cost=(tokens_in * model.price_in + tokens_out * model.price_out) / _MILLION,
            input_tokens=tokens_in,
            output_tokens=tokens_out,
            day=day,
        )
