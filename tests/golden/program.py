"""The program whose state each release keeps: one key of every kind."""

import os
from decimal import Decimal

import pulumi
from pulumi import Output, ResourceOptions

import pulumi_account as account


class Team(pulumi.ComponentResource):
    """A parent."""

    def __init__(self, name: str) -> None:
        super().__init__("golden:index:Team", name, {})


config = pulumi.Config()
eu = account.Provider(
    "eu", endpoint=os.environ["EU_ENDPOINT"], provisioning_key=config.require_secret("euProvisioningKey")
)
team = Team("search")

account.ApiKey("unlimited")
account.ApiKey("prefixed", name_prefix="müller-", credit_limit=0)
production = account.ApiKey(
    "production", name="production", credit_limit=Decimal("12.5"), expires_at="2099-01-01T00:00:00+01:00"
)
account.ApiKey("disabled", name="disabled", is_enabled=False, credit_limit=1)
rotating = account.ApiKey(
    "rotating", name="rotating", rotation_triggers={"quarter": "1", "owner": Output.secret("nobody")}
)
account.ApiKey("adopted", name="adopted", adopt_key_id=1, adopt_key=config.require_secret("adoptKey"))
account.ApiKey("expiring", name="expiring", expires_in="P90D", labels={"team": "search"}, delete_guard="7d")
account.ApiKey("temporary", expires_in="20000d", labels={"owner": Output.secret("nobody")})
account.ApiKey("secret", name=Output.secret("secret-name"), credit_limit=Output.secret(2))
account.ApiKey("child", credit_limit=3, opts=ResourceOptions(parent=team))
account.ApiKey("dependent", name=rotating.key_id.apply(lambda key_id: f"after-{key_id}"))
account.RotatingApiKey("generations", every="20000d", labels={"owner": Output.secret("nobody")})
account.RotatingApiKey(
    "rotated",
    name="rotated",
    every="20000d",
    overlap="20000d",
    anchor="2020-01-01T00:00:00Z",
    rotate_now=os.environ.get("ROTATE_NOW", "2"),
    credit_limit=5,
    delete_guard="7d",
)
account.RotatingApiKey(
    "rotating-elsewhere", name="rotating", every="20000d", opts=ResourceOptions(provider=eu)
)
account.ApiKey("elsewhere", name="elsewhere", credit_limit=4, opts=ResourceOptions(provider=eu))

pulumi.export("key", production.key)
pulumi.export("created_at", production.created_at)
