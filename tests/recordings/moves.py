"""The program whose keys leave or change their resources in a second step."""

import pulumi
from consumer import Consumer  # type: ignore[import-not-found]
from pulumi import Alias, ResourceOptions

import pulumi_account as account

config = pulumi.Config()
step = config.require_int("step")
after = step > 1


def key(name: str, triggered: bool = False, opts: ResourceOptions | None = None) -> account.ApiKey:
    """A key, which a trigger may replace."""
    triggers = {"step": str(step)} if triggered else None
    return account.ApiKey(name, name=name, credit_limit=5, rotation_triggers=triggers, opts=opts)


key("unprotected", opts=ResourceOptions(protect=not after))
key("retained-replaced", triggered=True, opts=ResourceOptions(retain_on_delete=True))
first = key("deleted-first", triggered=True, opts=ResourceOptions(delete_before_replace=True))
Consumer("uses-deleted-first", first.key)
rotating = account.RotatingApiKey(
    "rotating", every="30d", name="rotating", rotate_now=config.get("turn"), revoke="r" if after else None
)
account.ApiKey(
    "renamed-new" if after else "renamed",
    name="renamed",
    credit_limit=6 if after else 5,
    opts=ResourceOptions(aliases=[Alias(name="renamed")] if after else None),
)
if not after:
    key("retained", opts=ResourceOptions(retain_on_delete=True))
    key("moved")
    key("read-same")
    key("read-other")
else:
    account.ApiKey("moved-new", name="moved", credit_limit=5, adopt_key_id=config.require_int("moved"))
    account.ApiKey.get("read-same", config.require_int("same"))
    account.ApiKey.get("read-other", config.require_int("same"))
if step < 3:
    key("protected", opts=ResourceOptions(protect=True))
account.ApiKey(
    "left-behind",
    name="left-behind",
    credit_limit=5,
    delete_guard="7d",
    rotation_triggers={"turn": config.get("turn") or ""},
)
