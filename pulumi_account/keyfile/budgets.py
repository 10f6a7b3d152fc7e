"""The budgets of environments and teams: what the credit limits of their keys may sum up to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from pulumi_account.common.money import exact_sum, usd
from pulumi_account.keyfile.model import DeclaredKey
from pulumi_account.keyfile.nodes import Failures, Node

__all__ = ["check_budgets"]

#: a failure does not list more keys
_MOST_NAMED = 3


def check_budgets(root: Node, keys: Iterable[DeclaredKey], failures: Failures) -> None:
    """Report each budget that the keys exceed, and each that a key without a limit breaks."""
    of_environment: dict[str, list[DeclaredKey]] = defaultdict(list)
    of_team: dict[str, list[DeclaredKey]] = defaultdict(list)
    for key in keys:
        of_environment[key.environment].append(key)
        of_team[key.team].append(key)
    for groups, owners in ((of_environment, "environments"), (of_team, "teams")):
        for name, node in root.entries(owners).items():
            budget = node.get("budget")
            if budget is not None and isinstance(budget.value, (int, Decimal)) and budget.value >= 0:
                _check(budget, name, groups[name], failures)


def _check(budget: Node, whose: str, keys: Sequence[DeclaredKey], failures: Failures) -> None:
    unlimited = list(dict.fromkeys(f"{key.team}/{key.key}" for key in keys if key.exposure is None))
    if unlimited:
        named = ", ".join(unlimited[:_MOST_NAMED])
        more = f" and {len(unlimited) - _MOST_NAMED} more" if len(unlimited) > _MOST_NAMED else ""
        failures.add(
            budget.at, f"budget needs a credit_limit for every key of {whose}; without one: {named}{more}"
        )
    total = exact_sum(key.exposure or Decimal(0) for key in keys)
    if total > budget.value:
        doubled = "; a rotating key counts twice" if any(key.rotate for key in keys) else ""
        failures.add(
            budget.at,
            f"the credit limits of {whose} sum up to {usd(total)} USD, more than its budget of "
            f"{usd(Decimal(budget.value))} USD{doubled}",
        )
