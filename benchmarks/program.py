"""The program that is deployed: a number of equal keys of one variant."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def resource_name(number: int) -> str:
    """The resource name of the key with this number."""
    return f"key-{number:05}"


def declare() -> None:
    """Declare the keys that the environment requests."""
    variant, limit = os.environ["BENCH_VARIANT"], float(os.environ["BENCH_LIMIT"])
    same = {"credit_limit": limit, "is_enabled": True, "expires_at": "2099-01-01T00:00:00Z"}
    names = [resource_name(number) for number in range(int(os.environ["BENCH_SIZE"]))]
    if variant == "keyset":
        _declare_all(names, same)
        return
    for name in names:
        _declare(variant, name, same)


def _declare_all(names: list[str], same: dict[str, Any]) -> None:
    """Write a key file, and declare its keys."""
    from pulumi_account import KeySet

    lines = ["version: 1", f"defaults: {json.dumps(same)}", "environments: {bench: {}}", "teams:", "  all:"]
    keys = [f"      {name}: {{name: {name}}}" for name in names]
    Path("keys.yaml").write_text("\n".join([*lines, "    keys:", *keys, ""]), encoding="utf-8")
    KeySet("keys", file="keys.yaml", environment="bench")


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
