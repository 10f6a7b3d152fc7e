"""A policy pack: `pulumi preview --policy-pack examples/policy`.

A JSON file changes levels and settings: `--policy-pack-config strict.json`. docs/rules.md describes the rules.
"""

from pulumi_policy import PolicyPack

from pulumi_account.policy_pack import policies

PolicyPack(
    "account-keys",
    policies(
        max_limit=500,
        max_lifetime="90d",
        name_pattern=r"[a-z0-9]+(-[a-z0-9]+)*",
        budgets={"": 2000, "search": 800},
        advisory=["no-expiry"],
    ),
)
