"""Usage in the columns of FOCUS 1.2, the FinOps Open Cost and Usage Specification, that the API can fill."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, timezone

from pulumi_account.api.models import Activity
from pulumi_account.cli.tables import Column, Row
from pulumi_account.spend.attribution import Labels, keyless_usage
from pulumi_account.spend.usage import KeySpending, Usage, usage_by_day, usage_in_all

__all__ = ["COLUMNS", "rows"]

#: in the order of the specification; x_ marks columns that it does not define
COLUMNS = [
    Column(name)
    for name in (
        *(
            "BilledCost",
            "BillingCurrency",
            "ChargeCategory",
            "ChargeClass",
            "ChargeDescription",
            "ChargeFrequency",
        ),
        *("ChargePeriodEnd", "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit", "EffectiveCost"),
        *("ProviderName", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory", "ServiceName"),
        *("ServiceSubcategory", "Tags", "x_InputTokens", "x_OutputTokens", "x_Requests"),
    )
]


def rows(
    activity: Activity, by_key: Sequence[KeySpending], labels: Sequence[Labels], today: date, host: str
) -> list[Row]:
    """A row for each key, and one for what the API counts under no key; they add up to the account's total.

    :param labels: of each key; they are its tags.
    :param today: in UTC.
    :param host: the API's host, which is the provider.
    """
    days = usage_by_day(activity, today)
    shared: Row = {
        "BillingCurrency": "USD",
        "ChargeCategory": "Usage",
        "ChargeClass": None,
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": _midnight(days[0].day),
        "ChargePeriodEnd": _midnight(days[-1].day + timedelta(days=1)),
        "ConsumedUnit": "Tokens",
        "ProviderName": host,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "AI gateway",
        "ServiceSubcategory": "Generative AI",
    }
    keyless = keyless_usage(by_key, usage_in_all(activity))
    found = [{**shared, **_of_key(row, tags)} for row, tags in zip(by_key, labels, strict=True)]
    return [*found, *([{**shared, **_of_no_key(keyless)}] if any(keyless.numbers) else [])]


def _of_key(row: KeySpending, labels: Labels) -> Row:
    return {
        "ChargeDescription": f"Requests with the API key {row.name}",
        "ResourceId": str(row.id),
        "ResourceName": row.name,
        "ResourceType": "API key",
        "Tags": json.dumps(dict(sorted(labels.items()))) if labels else None,
        **_numbers(row),
    }


def _of_no_key(usage: Usage) -> Row:
    nothing = dict.fromkeys(("ResourceId", "ResourceName", "ResourceType", "Tags"))
    return {"ChargeDescription": "Requests that the API counts under no key", **nothing, **_numbers(usage)}


def _numbers(usage: Usage) -> Row:
    return {
        "BilledCost": usage.cost,
        "EffectiveCost": usage.cost,
        "ConsumedQuantity": usage.tokens,
        "x_InputTokens": usage.input_tokens,
        "x_OutputTokens": usage.output_tokens,
        "x_Requests": usage.requests,
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), timezone.utc)
