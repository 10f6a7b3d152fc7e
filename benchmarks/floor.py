"""The floor: a dynamic provider that makes no calls. Its cost is that of the engine and the SDK."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from pulumi import ResourceOptions
from pulumi.dynamic import CreateResult, ReadResult, Resource, ResourceProvider, UpdateResult

INPUTS = ("name", "credit_limit", "is_enabled", "expires_at")


class FloorProvider(ResourceProvider):
    """Answers at once, with properties like those of an API key."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make the outputs up."""
        number = secrets.randbelow(10**9)
        made = {"key_id": number, "created_at": "2026-01-01T00:00:00Z", "key": f"ng-{secrets.token_hex(24)}"}
        return CreateResult(str(number), {**props, **made})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Find no change; inputs come back, which is needed to detect drift."""
        return ReadResult(id_, props, {name: props[name] for name in INPUTS})

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Take the new inputs."""
        return UpdateResult({**_olds, **_news})


class FloorKey(Resource, module="benchmarks", name="FloorKey"):
    """A key that no account has."""

    def __init__(self, resource_name: str, inputs: Mapping[str, Any]) -> None:
        outputs = {"key": None, "key_id": None, "created_at": None}
        secret = ResourceOptions(additional_secret_outputs=["key"])
        super().__init__(FloorProvider(), resource_name, {**inputs, **outputs}, secret)
