"""The account API over HTTP: client, models, retries, rate limit, settings."""
