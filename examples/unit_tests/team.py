"""What the program declares, as a function that tests can call."""

from collections.abc import Sequence

import pulumi_account as account


def team_keys(members: Sequence[str], limit: float) -> dict[str, account.ApiKey]:
    """A key for each member, if the account can pay for all of them."""
    account.require_balance(limit * len(members))
    return {name: account.ApiKey(name, name=f"team-{name}", credit_limit=limit) for name in members}
