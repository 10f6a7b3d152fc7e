"""The keys of one environment of keys.yaml.

$ pulumi config set keyfile:environment production
"""

import pulumi

import pulumi_account as account

keys = account.KeySet("keys", file="keys.yaml", environment=pulumi.Config().get("environment") or "staging")

pulumi.export("keys", keys.keys)
