"""A key that is replaced every month, with no moment without a working one.

The new key is made, whatever uses `key` is updated, and only then is the old one deleted. `pulumi config set
rotation:month 2027-01` and `pulumi up` rotate it by hand.
"""

import pulumi

import pulumi_account as account

month = pulumi.Config().get("month") or "2026-12"

key = account.ApiKey("batch-jobs", name="batch-jobs", credit_limit=100, rotation_triggers={"month": month})

pulumi.export("key", key.key)
pulumi.export("key_id", key.key_id)
