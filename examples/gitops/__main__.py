"""The keys of one environment of keys.yaml: the stack's name is the environment's."""

import pulumi

import pulumi_account as account

keys = account.KeySet("keys", file="keys.yaml", environment=pulumi.get_stack())

pulumi.export("keys", keys.keys)
