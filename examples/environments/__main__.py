"""An API key for each environment, with its own credit limit and expiry."""

import pulumi

import pulumi_account as account

# the names are used exactly as they are: production and staging are known to others by them
production = account.ApiKey(
    "production",
    name="acme-production",
    credit_limit=500,
    expires_at="2040-01-01T00:00:00Z",
)
staging = account.ApiKey(
    "staging",
    name="acme-staging",
    credit_limit=50,
    expires_at="2035-07-01T00:00:00+02:00",
)

# auto-named: "development-" and seven random hex digits
development = account.ApiKey("development", credit_limit=20)

# a new key every quarter; the old one is deleted after the new one is in place
ci = account.ApiKey("ci", credit_limit=5, rotation_triggers={"quarter": "2026-4"})

pulumi.export("balance_usd", str(account.get_balance().balance))
# a secret: `pulumi stack output production_key --show-secrets` shows it
pulumi.export("production_key", production.key)
pulumi.export("ci_key", ci.key)
pulumi.export("names", [key.name for key in (production, staging, development, ci)])
