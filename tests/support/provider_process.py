"""The SDK's own dynamic provider process, driven over gRPC as the engine drives it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from copy import copy
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import grpc
from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from tests.support.canaries import assert_clean

#: the pickled provider, as users' states hold it
PROVIDER = "gASVMwAAAAAAAACMGHB1bHVtaV9hY2NvdW50LmxpZmVjeWNsZZSMD0FwaUtleUxpZmVjeWNsZZSTlCmBlC4="
ROTATING_PROVIDER = (
    "gASVOwAAAAAAAACMGHB1bHVtaV9hY2NvdW50LmxpZmVjeWNsZZSMF1JvdGF0aW5nQXBpS2V5TGlmZWN5Y2xllJOUKYGULg=="
)
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
#: marks a secret on the engine's wire
SECRET = "4dabf18193072939515e22adb298388d"

Bag = dict[str, Any]


def end(process: subprocess.Popen[bytes]) -> None:
    """Terminate a process that measures its coverage; one that does not end by then raises.

    Such a process has a handler in Python: it may hear a signal only with the next one, when that comes just
    before it starts to wait for something.
    """
    for _ in range(5):
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(6)
            return
    process.kill()
    process.wait()
    raise subprocess.TimeoutExpired(process.args, 30)


class ProviderError(Exception):
    """What the engine would show of an error."""


class Read(NamedTuple):
    """The answer to a read."""

    id: str
    outs: Bag
    inputs: Bag


class Diff(NamedTuple):
    """The answer to a diff: "none", "some" or "unknown", and the properties that cause a replacement."""

    changes: str
    replaces: list[str]


class ProviderProcess:
    """One provider process: a context manager. No answer and no error of it may hold a credential.

    :param config: what the engine would pass to Configure.
    :param folder: where its standard error is kept.
    :param env: the environment variables it gets beside this process's own.
    :param engine: where the engine listens.
    :param python: what runs it.
    """

    def __init__(
        self,
        config: Mapping[str, str],
        folder: Path,
        env: Mapping[str, str],
        engine: str = "127.0.0.1:0",
        python: str = sys.executable,
    ) -> None:
        self._command = [python, "-u", "-m", "pulumi.dynamic", engine]
        self._config = config
        self._log = folder / "provider.stderr"
        self._env = {**os.environ, **env}

    def __enter__(self) -> ProviderProcess:
        with self._log.open("w") as log:
            self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=log, env=self._env)
        assert self._process.stdout is not None
        port = int(self._process.stdout.readline())
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self.stub.Configure(provider_pb2.ConfigureRequest(args=_struct(self._config)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()
        assert self._process.stdout is not None
        with self._process.stdout:
            end(self._process)
        assert_clean(self.stderr)

    @property
    def stderr(self) -> str:
        """What the process has written for the user so far."""
        return self._log.read_text()

    @property
    def peak_memory(self) -> int:
        """The most memory, in KiB, that it has taken so far."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))

    #: the pickled provider that the process is to load
    provider = PROVIDER

    def rotating(self) -> ProviderProcess:
        """The same process, asked about rotating keys."""
        other = copy(self)
        other.provider = ROTATING_PROVIDER
        return other

    #: the names of the secrets in the inputs and the outputs of the last answer
    sealed: tuple[set[str], set[str]] = (set(), set())

    def check(self, news: Bag, olds: Bag | None = None) -> tuple[Bag, list[str]]:
        """The normalized inputs, and the failures' sentences."""
        answer = self._call(
            "Check", provider_pb2.CheckRequest(olds=self._bag(olds or {}), news=self._bag(news))
        )
        assert all(not failure.property for failure in answer.failures)
        reasons = [failure.reason for failure in answer.failures]
        assert_clean(reasons)
        return _dict(answer.inputs), reasons

    def diff(self, id: str, olds: Bag, news: Bag) -> Diff:
        """The diff that the engine receives."""
        answer = self._call(
            "Diff", provider_pb2.DiffRequest(id=id, olds=self._bag(olds), news=self._bag(news))
        )
        changes = provider_pb2.DiffResponse.DiffChanges.Name(answer.changes)
        return Diff(changes.removeprefix("DIFF_").lower(), list(answer.replaces))

    def create(self, props: Bag) -> tuple[str, Bag]:
        """The new id and the outputs."""
        answer = self._call("Create", provider_pb2.CreateRequest(properties=self._bag(props)))
        return answer.id, _dict(answer.properties)

    def read(self, id: str, outs: Bag | None = None, inputs: Bag | None = None) -> Read:
        """A refresh if old outputs and inputs are given; else the read of `ApiKey.get`, which has none.

        For `ApiKey.get`, engines older than 3.268 send the inputs as outputs too.
        """
        properties = None if outs is None else self._bag(outs)
        request = provider_pb2.ReadRequest(id=id, properties=properties, inputs=self._bag(inputs or {}))
        answer = self._call("Read", request)
        return Read(answer.id, _dict(answer.properties), _dict(answer.inputs))

    def update(self, id: str, olds: Bag, news: Bag) -> Bag:
        """The new outputs."""
        answer = self._call(
            "Update", provider_pb2.UpdateRequest(id=id, olds=self._bag(olds), news=self._bag(news))
        )
        return _dict(answer.properties)

    def delete(self, id: str, props: Bag) -> None:
        """Delete."""
        self._call("Delete", provider_pb2.DeleteRequest(id=id, properties=self._bag(props)))

    def _bag(self, values: Bag) -> struct_pb2.Struct:
        return _struct({**values, "__provider": self.provider})

    def _call(self, method: str, request: Any) -> Any:
        try:
            answer = getattr(self.stub, method)(request, timeout=60)
            parts = (getattr(answer, part, struct_pb2.Struct()) for part in ("inputs", "properties"))
            self.sealed = tuple(map(_sealed, parts))  # type: ignore[assignment]
            return answer
        except grpc.RpcError as error:
            details = str(error.details()).strip()
            assert_clean(details)
            raise ProviderError(details) from None


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(values)
    return struct


def _dict(struct: struct_pb2.Struct) -> Bag:
    values = {name: _value(value) for name, value in struct.fields.items()}
    values.pop("__provider", None)
    return values


def _sealed(struct: struct_pb2.Struct) -> set[str]:
    """The names of the properties that are secrets."""
    return {name for name, value in struct.fields.items() if SECRET in value.struct_value.fields}


def _value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        if SECRET in value.struct_value.fields:
            return _value(value.struct_value.fields["value"])
        return {name: _value(inner) for name, inner in value.struct_value.fields.items()}
    if kind == "list_value":
        return [_value(inner) for inner in value.list_value.values]
    assert kind in ("string_value", "number_value", "bool_value"), f"no property of a key is a {kind}"
    return getattr(value, kind)
