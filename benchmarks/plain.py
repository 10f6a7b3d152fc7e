"""The plain provider, as a first version is usually written: one call for each step, and no handling of failures."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import httpx
from pulumi import ResourceOptions
from pulumi.dynamic import (
    ConfigureRequest,
    CreateResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

INPUTS = ("name", "credit_limit", "is_enabled", "expires_at")
KEYS = "/v1/account/keys"


class PlainProvider(ResourceProvider):
    """One POST, PATCH, GET or DELETE."""

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:  # noqa: ARG002 - the SDK's signature
        """Make the client."""
        authorization = {"Authorization": f"Bearer {os.environ['ACCOUNT_PROVISIONING_KEY']}"}
        url = os.environ["ACCOUNT_ENDPOINT"]
        # loading certificates is slow, and pulumi_account loads none for plain http either
        network = httpx.HTTPTransport(verify=url.startswith("https:"))
        self._http = httpx.Client(base_url=url, headers=authorization, timeout=30.0, transport=network)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """POST."""
        body = {name: props[name] for name in ("name", "credit_limit", "expires_at")}
        made = self._call("POST", KEYS, body)
        return CreateResult(str(made["id"]), {**props, **_outputs(made), "key": made["key"]})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """GET; inputs come back, which is needed to detect drift."""
        found = {**props, **_outputs(self._call("GET", f"{KEYS}/{id_}"))}
        return ReadResult(id_, found, {name: found[name] for name in INPUTS})

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """PATCH with all properties."""
        changed = self._call("PATCH", f"{KEYS}/{_id}", {name: _news[name] for name in INPUTS})
        return UpdateResult({**_olds, **_outputs(changed)})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """DELETE."""
        self._http.delete(f"{KEYS}/{_id}").raise_for_status()

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        response = self._http.request(method, path, json=body)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer


def _outputs(key: Mapping[str, Any]) -> dict[str, Any]:
    # the expiry stays as declared: the API formats it differently
    return {
        "key_id": key["id"],
        **{name: key[name] for name in ("name", "credit_limit", "is_enabled", "created_at")},
    }


class PlainKey(Resource, module="benchmarks", name="PlainKey"):
    """A key."""

    def __init__(self, resource_name: str, inputs: Mapping[str, Any]) -> None:
        outputs = {"key": None, "key_id": None, "created_at": None}
        secret = ResourceOptions(additional_secret_outputs=["key"])
        super().__init__(PlainProvider(), resource_name, {**inputs, **outputs}, secret)
