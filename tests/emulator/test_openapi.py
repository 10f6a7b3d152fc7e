"""The emulator and the client keep the API's contract, which `pulumi_account/emulator/openapi.yaml` describes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

import pulumi_account.emulator
from pulumi_account import exceptions as err
from pulumi_account.api.client import AccountClient
from pulumi_account.emulator import Answer, Clock, Emulator, Fault
from pulumi_account.emulator.clock import TIMESTAMP_STYLES
from pulumi_account.emulator.credentials import Credentials
from pulumi_account.emulator.operations import AccountApi
from pulumi_account.emulator.options import Options
from pulumi_account.emulator.store import Store
from tests.support import ROOT
from tests.support.canaries import PROVISIONING_KEY, assert_clean
from tests.support.helpers import ENDPOINT, FAR

# it needs Python 3.11
schemathesis = pytest.importorskip("schemathesis")
jsonschema = pytest.importorskip("jsonschema_rs")

FILE = Path(pulumi_account.emulator.__file__).with_name("openapi.yaml")
DOCUMENT: dict[str, Any] = yaml.safe_load(FILE.read_text())
HOOKS = ROOT / "tests" / "support" / "openapi_hooks.py"
CONFIG = """
[auth.openapi.provisioningKey]
bearer = "${ACCOUNT_PROVISIONING_KEY}"
[warnings]
fail-on = true
"""
BALANCE, KEYS = "/v1/account/balance", "/v1/account/keys"
VERBS = {"get", "post", "patch", "delete"}
#: statuses that only faults cause
ACCIDENTS = {402, 403, 429, 500, 503}


def resolved(node: Any) -> Any:
    """A part of the document with its references resolved."""
    if isinstance(node, list):
        return [resolved(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target: Any = DOCUMENT
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return resolved(target)
    return {name: resolved(value) for name, value in node.items()}


OPERATIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    operation["operationId"]: (method.upper(), path, resolved(operation))
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if method in VERBS
}


def answers() -> Iterator[tuple[str, int, Any]]:
    """All examples of answers, with their operations and statuses."""
    for name, (_, _, operation) in OPERATIONS.items():
        for status, response in operation["responses"].items():
            media = response.get("content", {}).get("application/json", {})
            examples = media.get("examples", {"only": {"value": media.get("example")}})
            for example in examples.values():
                yield name, int(status), example["value"]


ANSWERS = list(answers())


def run(emulator: Emulator, folder: Path, *options: str) -> None:
    """Let schemathesis check the emulator against the document."""
    key_id, _ = emulator.add("used")
    emulator.add_usage(key_id, requests=3, cost="0.10")
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG)
    head = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", str(FILE)]
    done = subprocess.run(
        [
            *head,
            "--url",
            emulator.url,
            "--checks",
            "all",
            "--generation-deterministic",
            "--no-color",
            *options,
        ],
        cwd=folder,
        env={**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS), "ACCOUNT_PROVISIONING_KEY": PROVISIONING_KEY},
        capture_output=True,
        text=True,
        check=False,
    )
    assert_clean(done.stdout, done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_document_is_openapi() -> None:
    """The document follows the meta-schema of OpenAPI 3.1."""
    schemathesis.openapi.from_dict(DOCUMENT).validate()


def test_routes_and_document_agree() -> None:
    """The document describes every route of the emulator and nothing else."""
    store = Store()
    options = Options(
        create_status=201,
        validation_status=422,
        timestamps="naive",
        fractions=True,
        activity_cache=0,
        rate_limit=None,
        retry_after=None,
    )
    api = AccountApi(store, Credentials((), (), lambda _: False), Clock(), options)
    routes: list[Any] = list(api.application().routes)
    store.close()
    described = {(name, method, path) for name, (method, path, _) in OPERATIONS.items()}
    assert {(r.name, *(r.methods - {"HEAD"}), r.path) for r in routes} == described


def test_nothing_that_schemathesis_sends_breaks_the_contract(tmp_path: Path) -> None:
    """The answers to valid and invalid requests, alone and in sequences, are as described, with every status."""
    with Emulator(provisioning_key=PROVISIONING_KEY) as emulator:
        run(emulator, tmp_path, "--max-examples", "15")
        met = {(call.operation, call.status) for call in emulator.calls if call.operation}
    possible = {(name, int(status)) for name, (_, _, o) in OPERATIONS.items() for status in o["responses"]}
    assert met <= possible
    # the other options answer with 200 instead of 201, and without a body with 400 instead of 422
    bodiless = {name for name, (_, _, operation) in OPERATIONS.items() if "requestBody" not in operation}
    elsewhere = {("create_key", 200), *((name, 400) for name in bodiless)}
    assert {(n, s) for n, s in possible - met if s not in ACCIDENTS} == elsewhere & possible


def test_the_other_way_keeps_the_contract_too(tmp_path: Path) -> None:
    """Where the API's documentation leaves a choice, the emulator's answers are as described with either one."""
    options: dict[str, Any] = {"create_status": 200, "validation_status": 400, "timestamps": "sent"}
    with Emulator(provisioning_key=PROVISIONING_KEY, **options) as emulator:
        run(emulator, tmp_path, "--max-examples", "3")
        met = {call.status for call in emulator.calls}
    assert met == {200, 204, 400, 401, 404, 405}


@pytest.mark.parametrize("fractions", [True, False])
@pytest.mark.parametrize("style", TIMESTAMP_STYLES)
def test_instants_are_written_as_described(style: Any, fractions: bool) -> None:
    """Instants are as described in every style, with fractions of a second and without."""
    headers = {"Authorization": f"Bearer {PROVISIONING_KEY}"}
    with Emulator(provisioning_key=PROVISIONING_KEY, timestamps=style, fractions=fractions) as emulator:
        made = httpx.post(
            f"{emulator.url}{KEYS}", json={"name": "production", "expires_at": FAR}, headers=headers
        )
        listed = httpx.get(f"{emulator.url}{KEYS}", headers=headers)
    assert (made.status_code, listed.status_code) == (201, 200)
    described(KEYS, "POST").validate_response(made)
    described(KEYS, "GET").validate_response(listed)


@pytest.mark.parametrize("status", sorted(ACCIDENTS))
def test_refusals_on_demand_are_as_described(status: int) -> None:
    """The answer of a fault is the described error."""
    with Emulator() as emulator:
        emulator.faults.add(Fault(Answer(status, retry_after=3)))
        answer = httpx.get(emulator.url + BALANCE)
    assert answer.status_code == status
    described(BALANCE, "GET").validate_response(answer)


def test_too_many_requests_are_refused_as_described() -> None:
    """The answer of the rate limit is the described error."""
    with Emulator(rate_limit=0.001, retry_after=3) as emulator:
        first, second = (httpx.get(emulator.url + BALANCE) for _ in range(2))
    assert (first.status_code, second.status_code) == (401, 429)
    described(BALANCE, "GET").validate_response(second)


def described(path: str, method: str) -> Any:
    """The description of an operation, which can validate an answer."""
    return schemathesis.openapi.from_dict(DOCUMENT)[path][method]


def ask(client: AccountClient, operation: str, key_id: int = 7) -> Any:
    """Call an operation with the client."""
    limits: dict[str, Any] = {
        "credit_limit": Decimal("10.5"),
        "expires_at": datetime(2099, 1, 1, tzinfo=timezone.utc),
    }
    calls: dict[str, Callable[[], Any]] = {
        "get_balance": client.get_balance,
        "get_activity": lambda: client.get_activity(7),
        "list_keys": client.list_keys,
        "create_key": lambda: client.create_key("production", **limits),
        "get_key": lambda: client.get_key(key_id),
        "update_key": lambda: client.update_key(key_id, {"name": "x", "is_enabled": False, **limits}),
        "delete_key": lambda: client.delete_key(key_id),
    }
    return calls[operation]()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_client_sends_what_is_described(operation: str) -> None:
    """The client's requests have the described method, path and body."""
    method, path, description = OPERATIONS[operation]
    body = next(body for name, status, body in ANSWERS if name == operation and status < 300)
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json=body)

    with AccountClient(ENDPOINT, PROVISIONING_KEY, transport=httpx.MockTransport(answer)) as client:
        ask(client, operation)
    (request,) = sent
    assert (request.method, request.url.path) == (method, path.replace("{key_id}", "7"))
    media = description.get("requestBody", {}).get("content", {}).get("application/json")
    assert bool(request.content) == (media is not None)
    if media:
        schema = {**media["schema"], "additionalProperties": False}
        jsonschema.validator_for(schema, validate_formats=True).validate(json.loads(request.content))


@pytest.mark.parametrize(("operation", "status", "body"), ANSWERS)
def test_the_client_understands_every_described_answer(operation: str, status: int, body: Any) -> None:
    """The client reads every field of a described answer; a refusal is a `StatusError` with its status and type."""
    answer = httpx.Response(status) if body is None else httpx.Response(status, json=body)
    transport = httpx.MockTransport(lambda _: answer)
    with AccountClient(ENDPOINT, PROVISIONING_KEY, transport=transport) as client:
        if status >= 400:
            with pytest.raises(err.StatusError) as caught:
                ask(client, operation)
            assert (caught.value.status, caught.value.type) == (status, body["error"]["type"])
        else:
            key_id = body.get("id", 7) if body else 7
            assert fields(ask(client, operation, key_id)) == described_fields(operation, body)


def fields(value: Any) -> Any:
    """The names of the fields that the client has read."""
    if isinstance(value, list):
        return {"keys": [sorted(item.model_dump()) for item in value]}
    return value if value is None else sorted(value.model_dump())


def described_fields(operation: str, body: Any) -> Any:
    """The names of the fields of a described answer, without the message."""
    if operation == "list_keys":
        return {"keys": [sorted(key) for key in body["keys"]]}
    return body if body is None else sorted(body.keys() - {"message"})
