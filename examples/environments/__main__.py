"""The keys that keys.yaml declares for one environment. Deploy another one:

$ pulumi config set environment production
"""

import pulumi

import pulumi_account as account

keys = account.KeySet("keys", file="keys.yaml", environment=pulumi.Config().require("environment"))

# secrets: `pulumi stack output keys --show-secrets` shows them
pulumi.export("keys", keys.keys)
