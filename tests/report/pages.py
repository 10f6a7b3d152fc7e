"""Accounts, and their pages as a browser reads them."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from html.parser import HTMLParser
from typing import Any

from pulumi_account.api.models import Activity, Balance, Key
from pulumi_account.report import render
from tests.support.helpers import NOW, key_json

__all__ = ["KEYS", "MARKUP", "NOTHING", "USED", "Page", "full", "key", "shown", "spent", "stats"]

MARKUP = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
ODD = 'price $x_1$ & "q" \u202egnp.exe\x1b[31m'


def key(key_id: int, name: str, **changes: Any) -> Key:
    """A key without a limit or an expiry, but for the changes."""
    plain = {"expires_at": None, "credit_limit": None}
    return Key.model_validate(key_json(id=key_id, name=name, **{**plain, **changes}))


def use(cost: str, requests: int = 10, tokens: int = 100) -> dict[str, Any]:
    """Usage as the API writes it."""
    return {
        "request_count": requests,
        "total_cost": cost,
        "total_input_tokens": tokens,
        "total_output_tokens": 5,
    }


def stats(cost: str, requests: int = 10, **more: Any) -> dict[str, Any]:
    """Statistics as the API writes them."""
    usage = use(cost)
    return {"total_requests": requests, **{name: usage[name] for name in list(usage)[1:]}, **more}


def spent(
    by_key: dict[int, str] | None = None, models: dict[str, str] | None = None, cost: str = "", **changes: Any
) -> Activity:
    """The activity of thirty days with these costs of keys, by id, and of models, nearly all on one day."""
    keys = by_key or {}
    cost = cost or str(sum(map(Decimal, keys.values()), Decimal(0)))
    return Activity.model_validate(
        {
            "period_days": 30,
            "total_stats": stats(cost),
            "daily_stats": [stats("0", date="2026-05-03"), stats(cost, date="2026-05-31")]
            if cost != "0"
            else [],
            "top_models": [{"model_name": name, **use(each)} for name, each in (models or {}).items()],
            "api_key_usage": [
                {"api_key_id": key_id, "api_key_name": f"name {key_id}", **use(each)}
                for key_id, each in keys.items()
            ],
            **changes,
        }
    )


NOTHING = spent(total_stats=stats("0", 0))
USED = spent({1: "40", 2: "4.60", 3: "0.000001", 99: "2"}, {"large": "30", MARKUP: "0.5"})
KEYS = [
    key(1, "production", credit_limit=500),
    key(2, MARKUP, credit_limit=5, expires_at="2026-06-04T22:00:00Z"),
    key(3, ODD, is_enabled=False, expires_at="2026-06-02T00:00:00Z"),
    key(4, "idle", credit_limit=0),
    key(5, "long ago", expires_at="2026-01-01T00:00:00Z"),
]


def shown(balance: str = "125.50", activity: Activity = NOTHING, keys: list[Key] | None = None) -> Page:
    """The parsed page of such an account."""
    return Page(render(Balance(balance=Decimal(balance)), activity, keys or [], made_at=NOW))


@cache
def full() -> Page:
    """The page of an account with something of everything."""
    return shown("125.503000000000000001", USED, KEYS)


class Page(HTMLParser):
    """The parts of a parsed page that tests need."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: dict[str, list[list[str]]] = {}
        self._path: list[str] = []
        self._heading = ""
        self._cells: list[str] = []
        self._texts: list[tuple[str, str]] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self._path.append(tag)
        if tag == "tr":
            self._cells = []
            self.rows.setdefault(self._heading, []).append(self._cells)
        if tag in ("th", "td"):
            self._cells.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._path.pop() == tag

    def handle_data(self, data: str) -> None:
        self._texts.append((self._path[-1] if self._path else "", data))
        if self._path[-1:] == ["h2"]:
            self._heading = data
        if {"th", "td"} & set(self._path):
            self._cells[-1] += data

    def texts(self, *tags: str) -> list[str]:
        """The texts directly in such elements, in order."""
        return [text for tag, text in self._texts if tag in tags]

    @property
    def bars(self) -> dict[str, float]:
        """The length of each bar of a ranking, by its title, in the layout for phones."""
        pictures = "".join(re.findall(r'<svg class="narrow".*?</svg>', self.source))
        found = re.findall(r'<title>([^<]*)</title><path d="M 0 \S+\s+L (\S+)', pictures)
        return {note: float(length) for note, length in found}

    @property
    def text(self) -> str:
        """All text except the style."""
        return "\n".join(text for tag, text in self._texts if tag != "style")

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all such elements."""
        return [attributes for name, attributes in self.tags if name == tag]
