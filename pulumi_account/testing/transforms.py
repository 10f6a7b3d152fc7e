"""The program's transforms: functions in the program's process that change a registration before it is planned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
from pulumi.runtime.proto import callback_pb2, callback_pb2_grpc, resource_pb2

from pulumi_account.testing.provider import OPTIONS
from pulumi_account.testing.values import camel_case, decode, encode_outputs, output_urns

#: the options of a transform, and the fields of a registration that hold them
_FIELDS = {name: name for name in ("protect", "version", "aliases", "provider", "providers", "hooks")}
_FIELDS |= {name: name for name in ("replacement_trigger", "replace_with")}
_FIELDS |= {name: camel_case(name) for name in ("ignore_changes", "replace_on_changes", "retain_on_delete")}
_FIELDS |= {
    name: camel_case(name) for name in ("custom_timeouts", "deleted_with", "additional_secret_outputs")
}
_FIELDS |= {"import": "importId", "hide_diff": "hideDiffs"}
_FIELDS |= {"plugin_download_url": "pluginDownloadURL", "depends_on": "dependencies"}


class TransformError(Exception):
    """A transform failed; the message is the program's."""


class Transforms:
    """The transforms of the stack and of its resources."""

    def __init__(self) -> None:
        self._of_stack: list[Any] = []
        self._of: dict[str, list[Any]] = {}  # by URN: the resource's own, then its parents'

    def add(self, callback: Any) -> None:
        """Add a transform for every resource."""
        self._of_stack.append(callback)

    def hand_down(self, urn: str, request: Any) -> None:
        """Apply the resource's transforms to its children, too."""
        self._of[urn] = [*request.transforms, *self._of.get(request.parent, ())]

    def apply(self, request: Any) -> None:
        """Change the registration by its own transforms, then by its parents', then by the stack's.

        :raises TransformError: one of them failed.
        """
        callbacks = [*request.transforms, *self._of.get(request.parent, ()), *self._of_stack]
        if not callbacks:
            return
        needs = request.propertyDependencies if request.transforms else {}
        urns = {key: sorted(needed.urns) for key, needed in needs.items()}
        options = resource_pb2.TransformResourceOptions()
        _copy(request, options, {field: option for option, field in _FIELDS.items()})
        if request.deleteBeforeReplaceDefined:
            options.delete_before_replace = request.deleteBeforeReplace
        draft = resource_pb2.TransformRequest(
            type=request.type,
            name=request.name,
            custom=request.custom,
            parent=request.parent,
            properties=encode_outputs(decode(request.object), urns),
            options=options,
        )
        for callback in callbacks:
            _change(draft, callback)
        request.object.CopyFrom(draft.properties)
        _take_options(request, draft.options)


def _change(draft: Any, callback: Any) -> None:
    request = callback_pb2.CallbackInvokeRequest(token=callback.token, request=draft.SerializeToString())
    try:
        with grpc.insecure_channel(callback.target, options=OPTIONS) as channel:
            reply = callback_pb2_grpc.CallbacksStub(channel).Invoke(request)
    except grpc.RpcError as error:
        code = error.code().name.title().replace("_", "")
        reason = f"code = {code} desc = {error.details()}"
        raise TransformError(f"invoke transform: rpc error: {reason}") from None
    changed = resource_pb2.TransformResponse.FromString(reply.response)
    for name in ("properties", "options"):
        if changed.HasField(name):
            getattr(draft, name).CopyFrom(getattr(changed, name))


def _take_options(request: Any, options: Any) -> None:
    before = list(request.dependencies)
    for name in _FIELDS.values():
        request.ClearField(name)
    _copy(options, request, _FIELDS)
    request.deleteBeforeReplace = options.delete_before_replace
    request.deleteBeforeReplaceDefined = options.HasField("delete_before_replace")
    if not request.transforms:  # only a resource's own transforms can change its dependencies
        request.dependencies[:] = before
        return
    request.ClearField("propertyDependencies")
    for key, value in request.object.fields.items():
        request.propertyDependencies[key].urns.extend(output_urns(value))
    found = (needed.urns for needed in request.propertyDependencies.values())
    request.dependencies[:] = set(request.dependencies).union(*found)


def _copy(source: Any, target: Any, names: Mapping[str, str]) -> None:
    for field, value in source.ListFields():
        name = names.get(field.name)
        if name and hasattr(value, "MergeFrom"):
            getattr(target, name).MergeFrom(value)
        elif name:
            setattr(target, name, value)
