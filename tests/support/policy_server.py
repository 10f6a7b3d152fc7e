"""A policy pack in its own process, driven by gRPC as the engine drives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from tests.support.canaries import assert_clean

__all__ = ["SECRET", "UNKNOWN", "PolicyServer", "key", "secret"]

API_KEY, ROTATING = (f"pulumi-python:dynamic/account:{name}" for name in ("ApiKey", "RotatingApiKey"))
#: how the engine passes an unknown value
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


def secret(value: object) -> dict[str, object]:
    """How the engine passes a secret value."""
    return {**SECRET, "value": value}


def key(
    name: str, inputs: Mapping[str, Any], *, protect: bool = False, kind: str = API_KEY
) -> dict[str, Any]:
    """A resource as the engine passes it; one with ``every`` is a rotating key."""
    kind = ROTATING if "every" in inputs else kind
    properties = struct_pb2.Struct()
    properties.update(inputs)
    options = analyzer_pb2.AnalyzerResourceOptions(protect=protect)
    urn = f"urn:pulumi:dev::story::{kind}::{name}"
    return {"type": kind, "urn": urn, "name": name, "properties": properties, "options": options}


class PolicyServer:
    """A running policy pack. A context manager."""

    def __init__(self, pack: Path, *, preview: bool = True) -> None:
        env = {
            **os.environ,
            "PULUMI_PROJECT": "story",
            "PULUMI_STACK": "dev",
            "PULUMI_DRY_RUN": json.dumps(preview),
        }
        command = [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(pack)]
        self._process = subprocess.Popen(command, env=env, cwd=pack, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._channel = grpc.insecure_channel(f"127.0.0.1:{int(self._process.stdout.readline())}")
        self._stub = analyzer_pb2_grpc.AnalyzerStub(self._channel)

    def __enter__(self) -> PolicyServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    @property
    def levels(self) -> dict[str, str]:
        """The level of each policy, as the pack announces it."""
        info = self._stub.GetAnalyzerInfo(empty_pb2.Empty())
        return {policy.name: _level(policy.enforcementLevel) for policy in info.policies}

    def configure(self, config: Mapping[str, Mapping[str, Any]]) -> None:
        """Pass the configuration of policies: their levels and settings."""
        request = analyzer_pb2.ConfigureAnalyzerRequest()
        for name, given in config.items():
            properties = {k: v for k, v in given.items() if k != "enforcementLevel"}
            level = str(given.get("enforcementLevel", self.levels[name])).upper()
            request.policyConfig[name].enforcementLevel = analyzer_pb2.EnforcementLevel.Value(level)
            request.policyConfig[name].properties.update(properties)
        self._stub.Configure(request)

    def analyze(self, resource: Mapping[str, Any]) -> list[tuple[str, str, str]]:
        """The level, the policy and the message of each violation of a resource."""
        return _violations(self._stub.Analyze(analyzer_pb2.AnalyzeRequest(**resource)))

    def analyze_stack(self, *resources: Mapping[str, Any]) -> list[tuple[str, str, str]]:
        """The same for the whole stack."""
        found = [analyzer_pb2.AnalyzerResource(**resource) for resource in resources]
        return _violations(self._stub.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=found)))


def _violations(answer: Any) -> list[tuple[str, str, str]]:
    found = [
        (_level(d.enforcementLevel), d.policyName, d.message.partition("\n")[2] or d.message)
        for d in answer.diagnostics
    ]
    found += [("not applicable", policy.policy_name, policy.reason) for policy in answer.not_applicable]
    assert_clean(found)
    return found


def _level(level: int) -> str:
    return analyzer_pb2.EnforcementLevel.Name(level).lower()  # type: ignore[arg-type]
