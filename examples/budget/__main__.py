"""A deployment that stops when the account cannot pay for it, and says how long the rest lasts.

$ pulumi config set budget:minimum 50
"""

import pulumi

import pulumi_account as account

config = pulumi.Config()

# first of all: when it stops the deployment, nothing has been made; it stops previews, too
account.require_balance(config.get("minimum") or "20", warn_below=config.get("warnBelow") or "60")

key = account.ApiKey("batch-jobs", credit_limit=20)

left = account.runway(days=7)
activity = account.get_activity(days=30)

pulumi.export("runway", str(left))
pulumi.export("days_left", None if left.days is None else float(round(left.days, 1)))
pulumi.export("top_models", {model.model_name: str(model.total_cost) for model in activity.top_models[:3]})
pulumi.export("key", key.key)
