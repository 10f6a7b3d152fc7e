"""One page about an account: what it spent, on which models and keys, and how long the money lasts.

Needs `pulumi_account[report]`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pulumi_account.api.models import Activity, Balance, Key
from pulumi_account.common.text import visible
from pulumi_account.report.account import Account
from pulumi_account.report.page import page

__all__ = ["render"]


def render(
    balance: Balance,
    activity: Activity,
    keys: Iterable[Key],
    *,
    made_at: datetime,
    longest: Activity | None = None,
    host: str = "",
) -> str:
    """The page as HTML that needs nothing beside itself: no network, no script.

    The same arguments give the same page, byte for byte, with the same version of matplotlib.

    :param made_at: the instant at which the account was asked, aware; it is written on the page.
    :param longest: the activity of the longest period, 30 days, by which limits and the runway go; by default
        ``activity``.
    :param host: whose account it is, such as ``api.naga.ac``; it is written on the page.
    :raises ConfigurationError: matplotlib is missing.
    """
    return page(Account(balance, activity, longest or activity, list(keys), made_at, visible(host)))
