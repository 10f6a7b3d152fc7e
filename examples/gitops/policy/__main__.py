"""What every key of this repository must have. The budgets are in keys.yaml."""

from pulumi_policy import PolicyPack

from pulumi_account.policy_pack import policies

PolicyPack(
    "account-keys",
    policies(
        max_limit=500,
        max_lifetime="180d",
        name_pattern=r"[a-z0-9]+(-[a-z0-9]+)*",
        advisory=["unprotected"],  # a production key is unprotected before it is deleted
    ),
)
