"""The program that is deployed: a number of equal keys of one variant."""

from __future__ import annotations

import os
from typing import Any


def resource_name(number: int) -> str:
    """The resource name of the key with this number."""
    return f"key-{number:05}"


def declare() -> None:
    """Declare the keys that the environment requests."""
    variant, limit = os.environ["BENCH_VARIANT"], float(os.environ["BENCH_LIMIT"])
    same = {"credit_limit": limit, "is_enabled": True, "expires_at": "2099-01-01T00:00:00Z"}
    for number in range(int(os.environ["BENCH_SIZE"])):
        _declare(variant, resource_name(number), same)


def _declare(variant: str, name: str, same: dict[str, Any]) -> None:
    # imported here, so that the floor does not pay for unused modules
    if variant == "floor":
        from benchmarks.floor import FloorKey

        FloorKey(name, {"name": name, **same})
    elif variant == "plain":
        from benchmarks.plain import PlainKey

        PlainKey(name, {"name": name, **same})
    else:
        from pulumi_account import ApiKey

        ApiKey(name, name=name if variant == "exact" else None, **same)
