"""A page about an account: its spending by day, model and key, and how long the money lasts.

Needs `pulumi_account[report]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pulumi_account.api.models import Activity, Balance, Key
from pulumi_account.common.text import visible
from pulumi_account.report.account import Account
from pulumi_account.report.page import page
from pulumi_account.spend.attribution import Group

__all__ = ["render"]


def render(
    balance: Balance,
    activity: Activity,
    keys: Iterable[Key],
    *,
    made_at: datetime,
    longest: Activity | None = None,
    host: str = "",
    groups: Mapping[str, Sequence[Group]] | None = None,
) -> str:
    """Render the page as self-contained HTML: no network, no scripts.

    The same arguments give the same page, byte for byte, with the same version of matplotlib.

    :param made_at: when the account was read, aware; shown on the page.
    :param longest: the activity of the longest period, 30 days, for limits and the runway; by default ``activity``.
    :param host: the API's host, such as ``api.naga.ac``; shown on the page.
    :param groups: by each label that has a section of its own, the groups of the activity's usage.
    :raises ConfigurationError: matplotlib is missing.
    """
    account = Account(
        balance, activity, longest or activity, list(keys), made_at, visible(host), groups or {}
    )
    return page(account)
