"""Previews and accounts for tests, built step by step."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import jsonschema_rs

from pulumi_account.api.models import Key
from pulumi_account.review.account import AccountFacts
from pulumi_account.review.render import SCHEMA
from pulumi_account.review.review import Options, Review, review
from pulumi_account.review.rules import Thresholds
from pulumi_account.spend.usage import Usage
from pulumi_account.stacks.exports import StackState
from pulumi_account.stacks.previews import Preview, parse_preview

NOW = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
CREATED = "2026-01-01T00:00:00Z"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
API_KEY = "pulumi-python:dynamic/account:ApiKey"
ROTATING = "pulumi-python:dynamic/account:RotatingApiKey"


def urn(name: str, type_: str = API_KEY, stack: str = "dev") -> str:
    """A resource's URN."""
    return f"urn:pulumi:{stack}::keys::{type_}::{name}"


def state(name: str, key_id: int | None = None, type_: str = API_KEY, **inputs: Any) -> dict[str, Any]:
    """A key's state; with an id, it exists. `protect` and `outputs` are not inputs."""
    top: dict[str, Any] = {
        field: inputs.pop(field)
        for field in ("protect", "propertyDependencies", "additionalSecretOutputs")
        if field in inputs
    }
    outputs = inputs.pop("outputs", {})
    bag = {"name": name, "is_enabled": True, **inputs}
    bag = {field: value for field, value in bag.items() if value is not None}
    found: dict[str, Any] = {"type": type_, "inputs": bag, **top}
    if key_id is not None:
        found["id"] = str(key_id) if type_ == API_KEY else f"rotating-{key_id}"
        found["outputs"] = {**bag, "key_id": key_id, "created_at": CREATED, "key": "[secret]", **outputs}
    return found


def step(op: str, name: str, old: Any = None, new: Any = None, **more: Any) -> dict[str, Any]:
    """A step on a resource of the stack."""
    type_ = (new or old)["type"] if (new or old) else API_KEY
    states = {"oldState": old, "newState": new}
    found = {"op": op, "urn": urn(name, type_, more.pop("stack", "dev"))}
    return {**found, **{field: value for field, value in states.items() if value}, **more}


def created(name: str, **inputs: Any) -> dict[str, Any]:
    """A new key."""
    return step("create", name, None, state(name, **inputs))


def updated(name: str, key_id: int, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """A changed key."""
    return step("update", name, state(name, key_id, **before), state(name, **after))


def deleted(name: str, key_id: int, **inputs: Any) -> dict[str, Any]:
    """A deleted key."""
    return step("delete", name, state(name, key_id, **inputs))


def rotated(
    name: str, key_id: int, reason: str = "due since 2026-06-01T00:00:00Z", **inputs: Any
) -> dict[str, Any]:
    """A rotating key with another generation."""
    outputs = inputs.pop("outputs", {})
    both = {"every": "30d", "overlap": "1d", **inputs}
    before = state(name, key_id, ROTATING, generation=1, reason="first key", outputs=outputs, **both)
    return step("update", name, before, state(name, None, ROTATING, generation=2, reason=reason, **both))


def consumer(
    name: str, *sources: str, op: str = "update", value: Any = UNKNOWN, stack: str = "dev"
) -> dict[str, Any]:
    """A resource whose input `value` comes from others."""
    depends = {"propertyDependencies": {"value": list(sources)}}
    old = {"type": "test:index:Secret", "inputs": {"value": "[secret]"}, **depends}
    new = {"type": "test:index:Secret", "inputs": {"value": value}, **depends}
    return step(op, name, old, new, stack=stack, diffReasons=["value"])


def root(stack: str = "dev", **outputs: Any) -> dict[str, Any]:
    """The stack itself."""
    one = {"type": "pulumi:pulumi:Stack", "outputs": outputs}
    return step("same", f"keys-{stack}", one, one, stack=stack)


def preview(*steps: dict[str, Any], same: int | None = None) -> Preview:
    """The preview with these steps; `same` is the number of resources that do not change."""
    seen = sum(one["op"] == "same" for one in steps)
    document = {"steps": list(steps), "changeSummary": {"same": seen if same is None else same}}
    return parse_preview(json.dumps(document).encode())


def account(
    *keys: tuple[int, str, Any], balance: str = "1000", used: dict[int, str] | None = None
) -> AccountFacts:
    """An account with keys (id, name, limit), and what some of them have spent in USD."""
    alive = {
        str(key_id): Key.model_validate(
            {
                "id": key_id,
                "name": name,
                "credit_limit": limit,
                "created_at": CREATED,
                "expires_at": None,
                "is_enabled": True,
            }
        )
        for key_id, name, limit in keys
    }
    usage = {str(key_id): Usage("", 10, Decimal(cost)) for key_id, cost in (used or {}).items()}
    return AccountFacts(NOW, Decimal(balance), alive, usage, 30, (NOW - timedelta(days=1)).date())


def reviewed(
    *previews: Preview, facts: AccountFacts | None = None, states: tuple[StackState, ...] = (), **options: Any
) -> Review:
    """The review, by default without an account."""
    thresholds = Thresholds(**options.pop("thresholds", {}))
    return review(previews, states, facts or AccountFacts(NOW), Options(thresholds, **options))


def found(review: Review, rule: str) -> list[tuple[str, str]]:
    """The subjects and texts of what a rule found; "?" stands before those that could not be checked."""
    return [
        (finding.subject, finding.text if finding.checked else f"? {finding.text}")
        for finding in review.findings
        if finding.rule == rule
    ]


def validate(document: Any) -> None:
    """Check a review in JSON against its schema, and that the schema has all of its properties."""
    jsonschema_rs.validator_for(_closed(json.loads(SCHEMA.read_text()))).validate(document)


def _closed(schema: Any) -> Any:
    """A schema that refuses the properties that it does not have."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(one) for name, one in schema.items()}
    return {"additionalProperties": False, **closed} if schema.get("type") == "object" else closed
