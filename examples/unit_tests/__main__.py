"""Keys of a team. `pytest` in this folder tests the program, with no account and no Pulumi CLI."""

import pulumi
from team import team_keys

config = pulumi.Config()
keys = team_keys((config.get("members") or "ada,grace").split(","), limit=20)

pulumi.export("key_ids", {name: key.key_id for name, key in keys.items()})
pulumi.export("keys", {name: key.key for name, key in keys.items()})
