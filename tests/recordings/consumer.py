"""A resource that uses a key, as a secret of a cluster would."""

from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class _Provider(ResourceProvider):
    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult("consumer-1", props)


class Consumer(Resource):
    """It has the value."""

    def __init__(self, name: str, value: pulumi.Input[object]) -> None:
        super().__init__(_Provider(), name, {"value": value})
