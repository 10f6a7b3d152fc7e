"""Policy packs: each is a ``python -m pulumi.policy`` process of the policy SDK, which checks resources over gRPC."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from pulumi_account.testing.project import ProjectError, read_yaml
from pulumi_account.testing.provider import Launch, Plugin, ProviderError
from pulumi_account.testing.resources import STACK, Resource, type_and_name
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


class PolicyPack:
    """A running policy pack.

    :param say: gets the lines that the pack prints.
    :raises ProjectError: the folder has no policy pack, or the pack does not start.
    """

    def __init__(self, folder: Path, launch: Launch, say: Callable[[str], None], *, preview: bool) -> None:
        file = folder / "PulumiPolicy.yaml"
        if not file.is_file():
            raise ProjectError(f"{folder} is not a policy pack: it has no PulumiPolicy.yaml")
        env = {**launch.env, "PULUMI_DRY_RUN": json.dumps(preview)}
        plugin = Plugin(replace(launch, cwd=str(folder), env=env), say, "policy pack")
        self.stop = plugin.stop
        try:
            self._stub = analyzer_pb2_grpc.AnalyzerStub(plugin.start("pulumi.policy", str(folder.resolve())))
            info = self._stub.GetAnalyzerInfo(empty_pb2.Empty())
        except (ProviderError, grpc.RpcError):
            plugin.stop()
            raise ProjectError(
                f"the policy pack {folder} did not start: run its __main__.py with Python to see the reason"
            ) from None
        self.name, self.folder = f"{info.name}@v{read_yaml(file).get('version', info.version)}", folder

    def resource(self, new: Resource, inputs: Properties) -> list[Violation]:
        """What a resource breaks with these inputs."""
        request = analyzer_pb2.AnalyzeRequest(**_described(new, inputs))
        return list(self._violations(self._stub.Analyze, request, new.urn))

    def stack(self, resources: Iterable[Resource]) -> list[Violation]:
        """What the resources break together; where a policy names none, the stack does."""
        resources = list(resources)
        found = [
            analyzer_pb2.AnalyzerResource(**_described(new, new.outputs), **_related(new))
            for new in resources
        ]
        root = next((new.urn for new in resources if new.type == STACK), "")
        request = analyzer_pb2.AnalyzeStackRequest(resources=found)
        return list(self._violations(self._stub.AnalyzeStack, request, root))

    def _violations(self, call: Callable[[Any], Any], request: Any, urn: str) -> Iterator[Violation]:
        try:
            answer = call(request)
        except grpc.RpcError as error:
            raise ProviderError(f"{self.name}: {error.details()}") from None
        for found in answer.diagnostics:
            advisory = found.enforcementLevel == analyzer_pb2.ADVISORY
            level = "advisory" if advisory else "mandatory"
            yield Violation(self.name, level, found.policyName, found.urn or urn, found.message)


def _related(new: Resource) -> dict[str, Any]:
    dependencies = {
        name: analyzer_pb2.AnalyzerPropertyDependencies(urns=urns)
        for name, urns in new.property_dependencies.items()
    }
    return {
        "parent": new.parent,
        "dependencies": new.dependencies,
        "propertyDependencies": dependencies,
    }


def _described(new: Resource, properties: Properties) -> dict[str, Any]:
    options = analyzer_pb2.AnalyzerResourceOptions(
        protect=new.protect,
        ignoreChanges=new.ignore_changes,
        additionalSecretOutputs=new.additional_secret_outputs,
        parent=new.parent,
    )
    kind = type_and_name(new.urn)[0].rpartition("$")[2]
    return {
        "type": kind,
        "name": new.name,
        "urn": new.urn,
        "properties": encode(properties),
        "options": options,
    }
