"""A program as a user types it: checked by mypy, never run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from decimal import Decimal

import pulumi
from typing_extensions import assert_type

import pulumi_account as account


def program() -> None:
    """Every form that is promised, with the types that come of it."""
    config = pulumi.Config()
    eu = account.Provider(
        "eu", provisioning_key=config.require_secret("key"), endpoint="https://account.example"
    )
    key = account.ApiKey(
        "k",
        name=pulumi.Output.from_input("n"),
        credit_limit=Decimal("1.50"),
        is_enabled=config.require_bool("enabled"),
        expires_at=datetime(2040, 1, 1, tzinfo=timezone.utc),
        rotation_triggers={"month": pulumi.Output.from_input("1")},
        opts=pulumi.ResourceOptions(provider=eu),
    )
    account.ApiKey("k", account.ApiKeyArgs(name="n", credit_limit=1), pulumi.ResourceOptions(protect=True))
    account.ApiKey(
        "k", pulumi.ResourceOptions(protect=True), name_prefix="n", expires_at="2040-01-01T00:00:00Z"
    )
    account.ApiKey("k", name="n", adopt_key_id=key.key_id, adopt_key=key.key)
    account.ApiKey("k", naem="n")  # type: ignore[call-overload]
    account.ApiKey("k", name=1)  # type: ignore[call-overload]

    assert_type(key.key, pulumi.Output[str])
    assert_type(key.key_id, pulumi.Output[int])
    assert_type(key.credit_limit, pulumi.Output[float | None])
    assert_type(key.rotation_triggers, pulumi.Output[Mapping[str, str] | None])
    assert_type(account.ApiKey.get("k", id=key.id), account.ApiKey)

    assert_type(account.get_balance().balance, Decimal)
    assert_type(account.get_balance_output(), pulumi.Output[account.Balance])
    assert_type(account.get_api_key(key_id=1), account.Key)
    assert_type(account.get_api_key_output(key_id=key.key_id), pulumi.Output[account.Key])
    assert_type(account.get_api_keys().keys, list[account.Key])
    assert_type(account.get_api_keys_output(), pulumi.Output[account.GetApiKeysResult])
