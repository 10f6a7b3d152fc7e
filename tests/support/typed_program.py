"""A program as a user types it: checked by mypy, never run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
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
    account.ApiKey("k", expires_in=timedelta(days=90), labels={"team": key.name}, delete_guard="7d")
    account.ApiKey("k", name="n", adopt_key_id=key.key_id, adopt_key=key.key)
    account.ApiKey("k", naem="n")  # type: ignore[call-overload]
    account.ApiKey("k", name=1)  # type: ignore[call-overload]

    assert_type(key.key, pulumi.Output[str | None])
    assert_type(key.require_key(), pulumi.Output[str])
    assert_type(key.key_id, pulumi.Output[int])
    assert_type(key.credit_limit, pulumi.Output[float | None])
    assert_type(key.rotation_triggers, pulumi.Output[Mapping[str, str] | None])
    assert_type(key.expires_in, pulumi.Output[str | None])
    assert_type(key.labels, pulumi.Output[Mapping[str, str] | None])
    assert_type(account.ApiKey.get("k", id=key.id), account.ApiKey)
    account.ApiKey.get("k", id=key.key_id)
    account.ApiKey.get("k", id=1)

    assert_type(account.get_balance().balance, Decimal)
    assert_type(account.get_balance_output(), pulumi.Output[account.Balance])
    assert_type(account.get_api_key(key_id=1), account.Key)
    assert_type(account.get_api_key_output(key_id=key.key_id), pulumi.Output[account.Key])
    assert_type(account.get_api_keys().keys, list[account.Key])
    assert_type(account.get_api_keys_output(), pulumi.Output[account.GetApiKeysResult])
    assert_type(account.get_api_key(name="n"), account.Key)
    assert_type(account.get_api_key_output(name=key.name), pulumi.Output[account.Key])
    assert_type(account.get_api_keys(name_prefix="n", is_enabled=True).keys, list[account.Key])
    assert_type(
        account.get_api_keys_output(
            has_credit_limit=key.is_enabled, expires_before=datetime(2040, 1, 1, tzinfo=timezone.utc)
        ),
        pulumi.Output[account.GetApiKeysResult],
    )
    assert_type(account.get_api_key(1).expires_at, datetime | None)
    assert_type(account.get_activity(days=7).total_stats.total_cost, Decimal)
    assert_type(account.get_activity_output(days=key.key_id), pulumi.Output[account.Activity])
    assert_type(account.require_balance(50, warn_below="99.5"), account.Balance)
    assert_type(account.require_balance_output(config.require_float("least")), pulumi.Output[account.Balance])
    assert_type(account.require_balance_output(pulumi.Output.from_input("1")), pulumi.Output[account.Balance])
    assert_type(account.runway(days=7).days, Decimal | None)
    assert_type(account.runway_output(key.key_id), pulumi.Output[account.Runway])
    account.get_balance(opts=pulumi.InvokeOptions(provider=eu))
    account.get_balance(opts=pulumi.InvokeOptions(parent=key))
    account.get_balance_output(opts=pulumi.InvokeOutputOptions(provider=eu, depends_on=[key]))
    account.get_balance(opts=eu)  # type: ignore[arg-type]
    account.get_activity(pulumi.Output.from_input(7))  # type: ignore[arg-type]
    account.require_balance()  # type: ignore[call-arg]
