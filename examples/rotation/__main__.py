"""A key that is replaced every month, while the replaced one works for two more days.

A nightly `pulumi up` rotates it on the first night of each period. `pulumi config set rotation:incident TEXT` and
`pulumi up` replace it at once, and delete every older key, if one has leaked.
"""

import pulumi

import pulumi_account as account

key = account.RotatingApiKey(
    "batch-jobs",
    every="30d",
    overlap="2d",
    name="batch-jobs",
    credit_limit=100,
    revoke=pulumi.Config().get("incident"),
)

pulumi.export("key", key.key)
pulumi.export("key_id", key.key_id)
pulumi.export("next_rotation_at", key.next_rotation_at)
