"""Policy packs: each is a ``python -m pulumi.policy`` process of the policy SDK, which checks resources over gRPC."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from pulumi_account.testing.project import ProjectError, read_yaml
from pulumi_account.testing.provider import Launch, Plugin, ProviderError
from pulumi_account.testing.resources import STACK, Goal, Resource, type_and_name
from pulumi_account.testing.values import Properties, encode


@dataclass(frozen=True)
class Violation:
    """What a resource breaks: the level is ``mandatory`` or ``advisory``, `pack` is the pack's name and version."""

    pack: str
    level: str
    policy: str
    urn: str
    message: str

    @property
    def is_mandatory(self) -> bool:
        """Whether it fails the run."""
        return self.level == "mandatory"


@dataclass(frozen=True)
class Declared:
    """A resource as a policy sees it.

    :param properties: its inputs or, when the stack is checked, its outputs.
    :param provider: the instance that manages it.
    """

    goal: Goal
    new: Resource
    properties: Properties
    provider: Resource | None

    @property
    def message(self) -> dict[str, Any]:
        """The fields of a request."""
        goal, new = self.goal, self.new
        first = goal.delete_before_replace
        options = analyzer_pb2.AnalyzerResourceOptions(
            protect=new.protect,
            ignoreChanges=new.ignore_changes,
            deleteBeforeReplace=bool(first),
            deleteBeforeReplaceDefined=first is not None,
            additionalSecretOutputs=new.additional_secret_outputs,
            parent=new.parent,
        )
        provider = self.provider and analyzer_pb2.AnalyzerProviderResource(
            **_described(self.provider, self.provider.inputs)
        )
        return {**_described(new, self.properties), "options": options, "provider": provider}

    @property
    def relations(self) -> dict[str, Any]:
        """Further fields, for a policy about the whole stack."""
        dependencies = {
            name: analyzer_pb2.AnalyzerPropertyDependencies(urns=urns)
            for name, urns in self.new.property_dependencies.items()
            if urns
        }
        return {
            "parent": self.new.parent,
            "dependencies": self.new.dependencies,
            "propertyDependencies": dependencies,
        }


class PolicyPack:
    """A running policy pack.

    :param say: gets the lines that the pack prints.
    :raises ProjectError: the folder has no policy pack, or the pack does not start.
    """

    def __init__(self, folder: Path, launch: Launch, say: Callable[[str], None], *, preview: bool) -> None:
        file = folder / "PulumiPolicy.yaml"
        if not file.is_file():
            raise ProjectError(f"{folder} is not a policy pack: it has no PulumiPolicy.yaml")
        settings = read_yaml(file)
        python = _python(folder, settings.get("runtime")) or launch.python
        env = {**launch.env, "PULUMI_DRY_RUN": json.dumps(preview)}
        plugin = Plugin(replace(launch, python=python, cwd=str(folder), env=env), say, "policy pack")
        self.stop = plugin.stop
        try:
            self._stub = analyzer_pb2_grpc.AnalyzerStub(plugin.start("pulumi.policy", str(folder.resolve())))
            info = self._stub.GetAnalyzerInfo(empty_pb2.Empty())
            self.name, self.folder = f"{info.name}@v{settings.get('version', info.version)}", folder
            self._stub.Configure(analyzer_pb2.ConfigureAnalyzerRequest(policyConfig=self._config(info)))
        except ProjectError:
            plugin.stop()
            raise
        except (ProviderError, grpc.RpcError):
            plugin.stop()
            hint = "run its __main__.py with Python to see the reason; it may neither fail nor print anything"
            raise ProjectError(f"the policy pack {folder} did not start: {hint}") from None

    def _config(self, info: Any) -> dict[str, analyzer_pb2.PolicyConfig]:
        """The levels and settings of all policies: the pack's own, and the defaults of the schemas."""
        found = {}
        for policy in info.policies:
            given = next(
                (info.initialConfig[n] for n in (policy.name, "all") if n in info.initialConfig), None
            )
            schema = MessageToDict(policy.configSchema.properties)
            values = {name: item["default"] for name, item in schema.items() if "default" in item}
            values |= MessageToDict(given.properties) if given else {}
            level = given.enforcementLevel if given else policy.enforcementLevel
            if level == analyzer_pb2.REMEDIATE:
                raise ProjectError(f"LocalEngine does not support remediation: {self.name}, {policy.name}")
            if missing := sorted({*policy.configSchema.required} - values.keys()):
                raise ProjectError(f"{self.name}, {policy.name}: {', '.join(missing)} is required")
            found[policy.name] = analyzer_pb2.PolicyConfig(enforcementLevel=level, properties=encode(values))
        return found

    def resource(self, declared: Declared) -> list[Violation]:
        """What a resource breaks with its inputs."""
        request = analyzer_pb2.AnalyzeRequest(**declared.message)
        return list(self._violations(self._stub.Analyze, request, declared.new.urn))

    def stack(self, declared: Sequence[Declared]) -> list[Violation]:
        """What the resources break together. A violation that names no resource is the stack's."""
        found = [analyzer_pb2.AnalyzerResource(**one.message, **one.relations) for one in declared]
        root = next((one.new.urn for one in declared if one.new.type == STACK), "")
        request = analyzer_pb2.AnalyzeStackRequest(resources=found)
        return list(self._violations(self._stub.AnalyzeStack, request, root))

    def _violations(self, call: Callable[[Any], Any], request: Any, urn: str) -> Iterator[Violation]:
        try:
            answer = call(request)
        except grpc.RpcError as error:
            ended = error.code() is grpc.StatusCode.UNAVAILABLE
            raise ProviderError(f"{self.name}: {'its process ended' if ended else error.details()}") from None
        for found in answer.diagnostics:
            advisory = found.enforcementLevel == analyzer_pb2.ADVISORY
            level = "advisory" if advisory else "mandatory"
            yield Violation(self.name, level, found.policyName, found.urn or urn, found.message)


def _python(folder: Path, runtime: Any) -> str:
    """The Python of the pack's own virtual environment, if it has one."""
    runtime = runtime if isinstance(runtime, dict) else {"name": runtime}
    if runtime.get("name") != "python":
        raise ProjectError(f"{folder} is not a policy pack in Python")
    if not (virtualenv := (runtime.get("options") or {}).get("virtualenv")):
        return ""
    python = folder.resolve() / virtualenv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        raise ProjectError(f"the policy pack {folder} needs a virtual environment: there is no {python}")
    return str(python)


def _described(new: Resource, properties: Properties) -> dict[str, Any]:
    kind = type_and_name(new.urn)[0].rpartition("$")[2]
    shown = {name: value for name, value in properties.items() if not name.startswith("__")}
    return {"type": kind, "name": new.name, "urn": new.urn, "properties": encode(shown)}
