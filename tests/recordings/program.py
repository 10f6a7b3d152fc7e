"""The program whose previews are recorded: `step` selects what it declares."""

import pulumi
from consumer import Consumer  # type: ignore[import-not-found]
from pulumi import ResourceOptions

import pulumi_account as account


class Team(pulumi.ComponentResource):
    """A component, as a module for several keys is."""

    def __init__(self, name: str) -> None:
        super().__init__("account:index:KeySet", name, {})


config = pulumi.Config()
step = config.require_int("step")
after = step > 1
eu = account.Provider("eu", endpoint=config.require("eu"), provisioning_key=config.require_secret("euKey"))


def labels(owner: str, environment: str) -> dict[str, str]:
    """The labels of a team's key."""
    return {"team": "search", "owner": owner, "environment": environment}


team = Team("search")
production = account.ApiKey(
    "production",
    name="production",
    credit_limit=800 if after else 500,
    expires_at=None if after else "2031-01-01T00:00:00Z",
    labels=labels("anna@example.com", "production"),
    opts=ResourceOptions(protect=not after),
)
triggered = account.ApiKey("triggered", name="triggered", credit_limit=10, rotation_triggers={"q": str(step)})
labelled = account.ApiKey("labelled", credit_limit=5, labels=labels("berta" if after else "anna", "staging"))
account.ApiKey("disabled", name="disabled", is_enabled=not after, credit_limit=7, delete_guard="7d")
account.ApiKey("expiring", name="expiring", credit_limit=1, expires_in="20d" if after else "90d")
account.ApiKey("unchanged", name="unchanged")
account.ApiKey("secret", name=config.require_secret("secretName"), credit_limit=pulumi.Output.secret(2))
account.ApiKey(
    "abroad", name="abroad", credit_limit=40 if after else 4, opts=ResourceOptions(parent=team, provider=eu)
)
quiet = account.RotatingApiKey("quiet", every="30d", overlap="2d", credit_limit=20 if after else 10)
now = account.RotatingApiKey(
    "now", every="30d", name="now", credit_limit=10, rotate_now="b" if after else "a"
)
leaked = account.RotatingApiKey("leaked", every="30d", name="leaked", revoke="b" if after else None)
for name, key in {
    "production": production,
    "triggered": triggered,
    "labelled": labelled,
    "quiet": quiet,
    "now": now,
}.items():
    Consumer(f"uses-{name}", key.key)
Consumer("uses-id", labelled.key_id)
if after:
    account.ApiKey("added", name="added")
else:
    gone = Team("gone")
    account.ApiKey("first", name="gone-1", credit_limit=30, opts=ResourceOptions(parent=gone))
    account.RotatingApiKey("second", name="gone-2", every="7d", opts=ResourceOptions(parent=gone))
if step == 3:
    found = account.ApiKey.get("found", production.key_id)
    account.ApiKey("adopted", name="adopted", adopt_key_id=config.require_int("legacy"), credit_limit=9)
if step == 4:
    account.ApiKey("wrong", credit_limit=-1, expires_in="never")
pulumi.export("leaked_key", leaked.key)
pulumi.export("triggered_key", triggered.key)
pulumi.export("quiet_name", quiet.name)
