"""The two gRPC services that a program calls: one registers resources, the other receives log messages."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

from pulumi_account.testing.deployment import Deployment
from pulumi_account.testing.execution import StoppedError
from pulumi_account.testing.project import ProjectError, check_endpoint
from pulumi_account.testing.resources import PACKAGE, Alias, Goal
from pulumi_account.testing.transforms import TransformError, Transforms
from pulumi_account.testing.values import UnsupportedError, decode, decode_value, encode

#: fields of a registration that LocalEngine refuses (only some versions of the SDK have them), and their options
_REFUSED = {
    "remote": "remote components",
    "importId": "import_",
    "customTimeouts": "custom_timeouts",
    "hooks": "hooks",
    "replace_with": "replace_with",
    "deletedWith": "deleted_with",
    "envVarMappings": "env_var_mappings",
    "hideDiffs": "hide_diffs",
    "packageRef": "packages",
    "version": "version",
    "pluginDownloadURL": "plugin_download_url",
    "state_migrations": "state_migrations",
}
_CALLS = {
    "Invoke": "functions (invoke)",
    "Call": "methods (call)",
    "ExistsResource": "looking whether a resource exists",
    "RegisterPackage": "packages",
    "RegisterStackInvokeTransform": "stack invoke transforms",
    "RegisterResourceHook": "hooks",
    "RegisterErrorHook": "hooks",
}
#: also what is refused: so the program sends it, and the error names it
_FEATURES = (
    *("secrets", "resourceReferences", "outputValues", "aliasSpecs", "replacementTrigger", "deletedWith"),
    *("replaceWith", "transforms", "invokeTransforms", "parameterization", "resourceHooks", "errorHooks"),
)
_SEVERITIES = {engine_pb2.INFO: "info", engine_pb2.WARNING: "warning", engine_pb2.ERROR: "error"}


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """Registers what the program declares."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._transforms = Transforms()
        self.complete = False
        self.released = threading.Event()
        for method, what in _CALLS.items():
            setattr(self, method, partial(self._refuse, what))

    def _refuse(self, what: str, request: Any, context: Any) -> NoReturn:  # noqa: ARG002
        self._deployment.execution.fail("", f"LocalEngine does not support {what}")
        context.abort(grpc.StatusCode.UNAVAILABLE, "resource monitor shut down")
        raise AssertionError("abort raises")

    def _answer(self, context: Any, request: Any, answer: Callable[[Any], Any]) -> Any:
        try:
            return answer(request)
        except (UnsupportedError, ProjectError) as error:
            self._deployment.execution.fail("", f"{request.type}::{request.name}: {error}")
        except TransformError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except StoppedError:
            pass
        return context.abort(grpc.StatusCode.UNAVAILABLE, "resource monitor shut down")

    def GetDeploymentInfo(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """List the supported features, for newer SDKs."""
        names = (re.sub("[A-Z]", r"_\g<0>", feature).upper() for feature in _FEATURES)
        numbers = [getattr(resource_pb2, f"RESOURCE_MONITOR_FEATURE_{name}") for name in names]
        return resource_pb2.DeploymentInfo(supportedFeatures=numbers)

    def SupportsFeature(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Answer whether a feature is supported, for older SDKs."""
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in _FEATURES)

    def RegisterStackTransform(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Add a function of the program that changes all later registrations."""
        self._transforms.add(request)
        return empty_pb2.Empty()

    def RegisterResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Deploy one resource; answers when it exists."""
        return self._answer(context, request, self._register)

    def ReadResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Look one resource up."""
        return self._answer(context, request, self._read)

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Set the outputs of a component or of the stack."""
        self._deployment.outputs(request.urn, decode(request.outputs))
        return empty_pb2.Empty()

    def SignalAndWaitForShutdown(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Note that the program has declared everything, and hold it until the run is done."""
        self.complete = True
        self._deployment.execution.wake.set()
        self.released.wait()
        return empty_pb2.Empty()

    def _register(self, request: Any) -> Any:
        if parent := self._deployment.goals.get(request.parent):
            _inherit(request, parent)
        self._transforms.apply(request)
        goal = self._goal(request, request.object)
        goal.custom = request.custom
        urns = {key: sorted(item.urns) for key, item in sorted(request.propertyDependencies.items())}
        goal.property_dependencies = urns or dict.fromkeys(request.object.fields, goal.dependencies)
        goal.protect = request.protect if request.HasField("protect") else None
        goal.retain_on_delete = request.retainOnDelete if request.HasField("retainOnDelete") else None
        goal.delete_before_replace = (
            request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None
        )
        goal.ignore_changes = list(request.ignoreChanges)
        goal.replace_on_changes = list(request.replaceOnChanges)
        goal.aliases = [*map(_alias, request.aliases), *(Alias(urn=urn) for urn in request.aliasURNs)]
        goal.replacement_trigger = decode_value(request.replacement_trigger)
        if request.type.startswith("pulumi:providers:"):
            source = f"account:endpoint of the provider {request.name}"
            check_endpoint(goal.inputs.get("account:endpoint"), source)
        made = self._deployment.register(goal)
        self._transforms.hand_down(made.urn, request)
        # A component's outputs come later, in a separate call.
        outputs = made.outputs if request.custom else {}
        return resource_pb2.RegisterResourceResponse(urn=made.urn, id=made.id, object=encode(outputs))

    def _read(self, request: Any) -> Any:
        goal = self._goal(request, request.properties)
        goal.id = request.id
        made = self._deployment.read(goal)
        return resource_pb2.ReadResourceResponse(urn=made.urn, properties=encode(made.outputs))

    def _goal(self, request: Any, inputs: Any) -> Goal:
        """What both kinds of requests have in common."""
        # An SDK may send a message that is empty.
        fields = request.ListFields()
        asked = {field.name for field, value in fields if not hasattr(value, "ByteSize") or value.ByteSize()}
        for name, option in _REFUSED.items():
            if name in asked:
                raise UnsupportedError(f"LocalEngine does not support {option}")
        return Goal(
            type=request.type,
            name=request.name,
            parent=request.parent,
            inputs=decode(inputs),
            dependencies=sorted(request.dependencies),
            provider=self._provider(request) if getattr(request, "custom", True) else "",
            additional_secret_outputs=list(request.additionalSecretOutputs),
        )

    def _provider(self, request: Any) -> str:
        package, _, rest = request.type.partition(":")
        if request.type.startswith("pulumi:providers:"):
            package, request.provider = rest.removeprefix("providers:"), ""
        if package != PACKAGE:
            raise UnsupportedError(f"LocalEngine runs dynamic providers only, not the provider {package}")
        if request.type.startswith("pulumi:"):
            return ""
        return str(request.provider) or self._deployment.default_provider()


def _inherit(request: Any, parent: Goal) -> None:
    if parent.protect is not None and not request.HasField("protect"):
        request.protect = parent.protect
    if parent.retain_on_delete is not None and not request.HasField("retainOnDelete"):
        request.retainOnDelete = parent.retain_on_delete
    request.provider = request.provider or parent.provider


def _alias(alias: Any) -> Alias:
    spec = alias.spec
    if alias.WhichOneof("alias") == "urn":
        return Alias(urn=alias.urn)
    return Alias("", spec.name, spec.type, spec.stack, spec.project, spec.parentUrn, spec.noParent)


class EngineService(engine_pb2_grpc.EngineServicer):
    """Receives the program's log messages."""

    def __init__(self, report: Callable[[str, str, str], None]) -> None:
        self._report = report

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Show a message of ``pulumi.log``, unless it is for debugging."""
        if request.severity in _SEVERITIES:
            self._report(_SEVERITIES[request.severity], request.urn, request.message)
        return empty_pb2.Empty()

    def RequirePulumiVersion(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Accept any version: the program runs with its own SDK."""
        return engine_pb2.RequirePulumiVersionResponse()
