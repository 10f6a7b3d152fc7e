"""Keys of two accounts in one stack: the default one, and one with an endpoint and a key of its own.

$ pulumi config set several-accounts:euEndpoint https://api.naga.ac
$ pulumi config set --secret several-accounts:euProvisioningKey
"""

import pulumi

import pulumi_account as account

config = pulumi.Config()
eu = account.Provider(
    "eu", endpoint=config.require("euEndpoint"), provisioning_key=config.require_secret("euProvisioningKey")
)

account.ApiKey("search", credit_limit=30)
account.ApiKey("search-eu", credit_limit=30, opts=pulumi.ResourceOptions(provider=eu))
