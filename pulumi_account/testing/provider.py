"""Provider instances: each is a ``python -m pulumi.dynamic`` process of the SDK's own, spoken to over gRPC."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

import grpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from pulumi_account.testing.values import (
    Change,
    Properties,
    annotate,
    changes,
    covers,
    decode,
    encode,
    encode_plain,
    has_unknown,
    keep_old,
    path_of,
    plain,
)

OPTIONS = [("grpc.max_receive_message_length", 400 << 20), ("grpc.max_send_message_length", 400 << 20)]
_PATIENCE = 5.0


class ProviderError(Exception):
    """A provider's method failed; the message is what the provider said."""


@dataclass(frozen=True)
class Launch:
    """How to start a process of the stack's: Python, working directory, environment, where the engine listens."""

    python: str
    cwd: str
    env: dict[str, str]
    engine: str = "127.0.0.1:0"

    def start(self, *args: str, output: int | None = None) -> subprocess.Popen[bytes]:
        """Start Python, in a session of its own: an interrupt from the keyboard is the engine's to handle."""
        command, env = [self.python, "-u", *args], self.env
        return subprocess.Popen(  # noqa: S603
            command, cwd=self.cwd, env=env, stdout=output, stderr=output, start_new_session=True
        )


@dataclass(frozen=True)
class Diff:
    """What a provider, or the comparison of inputs in its stead, says about a change."""

    some: bool
    replaces: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    detailed: list[Change] | None = None
    delete_before_replace: bool = False


class Provider:
    """One provider instance; its process starts at the first call. What that prints is passed on line by line."""

    def __init__(self, launch: Launch, say: Callable[[str], None], inputs: Properties) -> None:
        self._launch = launch
        self._say = say
        self._inputs = inputs
        self.known = not has_unknown(inputs)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stub: provider_pb2_grpc.ResourceProviderStub | None = None
        self._listeners: list[threading.Thread] = []

    def _connect(self) -> Any:
        with self._lock:
            if self._stub is None:
                self._process = self._launch.start(
                    "-m", "pulumi.dynamic", self._launch.engine, output=subprocess.PIPE
                )
                assert self._process.stdout
                assert self._process.stderr
                self._listen(self._process.stderr)
                port = self._process.stdout.readline().decode().strip()
                self._listen(self._process.stdout)
                if not port.isdigit():
                    raise ProviderError("the provider's process has ended at its start")
                self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS)
                stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
                stub.Configure(provider_pb2.ConfigureRequest(args=encode(self._inputs), acceptSecrets=True))
                self._stub = stub
            return self._stub

    def _listen(self, stream: IO[bytes]) -> None:
        def listen() -> None:
            with stream:
                for line in stream:
                    self._say(line.decode(errors="replace").rstrip("\n"))

        self._listeners.append(threading.Thread(target=listen, daemon=True))
        self._listeners[-1].start()

    def _call(self, method: str, request: Any) -> Any:
        try:
            return getattr(self._connect(), method)(request)
        except grpc.RpcError as error:
            raise ProviderError(error.details()) from None

    def check(self, olds: Properties, news: Properties) -> tuple[Properties, list[tuple[str, str]]]:
        """The inputs as the provider takes them, and what is wrong with them: pairs of property and reason."""
        if not self.known:
            return news, []
        request = provider_pb2.CheckRequest(olds=encode_plain(olds), news=encode_plain(news))
        reply = self._call("Check", request)
        return annotate(decode(reply.inputs), news), [(f.property, f.reason) for f in reply.failures]

    def diff(self, id_: str, old: tuple[Properties, Properties], news: Properties, ignore: list[str]) -> Diff:
        """Compare; a provider that does not say leaves it to the inputs, whose changed fields are then named."""
        inputs, outputs = old
        request = provider_pb2.DiffRequest(
            id=id_,
            olds=encode_plain(outputs),
            news=encode_plain(news),
            old_inputs=encode_plain(inputs),
            ignoreChanges=ignore,
        )
        reply = self._call("Diff", request)
        rest: dict[str, Any] = {
            "replaces": list(reply.replaces),
            "delete_before_replace": reply.deleteBeforeReplace,
        }
        if reply.changes != provider_pb2.DiffResponse.DIFF_UNKNOWN:
            return Diff(reply.changes == provider_pb2.DiffResponse.DIFF_SOME, **rest)
        found = changes(plain(inputs), plain(ignoring(ignore, inputs, news)))
        return Diff(
            bool(found), changed=sorted({str(path[0]) for _, path in found}), detailed=found or None, **rest
        )

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Create; the id and the outputs."""
        reply = self._call("Create", provider_pb2.CreateRequest(properties=encode_plain(inputs)))
        return reply.id, annotate(decode(reply.properties), inputs)

    def read(
        self, id_: str, inputs: Properties, state: Properties | None
    ) -> tuple[str, Properties, Properties | None]:
        """Read; the id (empty when the resource is gone), the outputs and, when the provider gives them, the inputs.

        Without a state it is the read of a resource that the program gets, of which no outputs are known.
        """
        properties = None if state is None else encode_plain(state)
        request = provider_pb2.ReadRequest(id=id_, properties=properties, inputs=encode_plain(inputs))
        reply = self._call("Read", request)
        found = annotate(decode(reply.inputs), inputs) if reply.HasField("inputs") else None
        return reply.id, annotate(decode(reply.properties), inputs if state is None else state), found

    def update(
        self, id_: str, old: tuple[Properties, Properties], news: Properties, ignore: list[str]
    ) -> Properties:
        """Update; the outputs."""
        inputs, outputs = old
        request = provider_pb2.UpdateRequest(
            id=id_,
            olds=encode_plain(outputs),
            news=encode_plain(news),
            old_inputs=encode_plain(inputs),
            ignoreChanges=ignore,
        )
        return annotate(decode(self._call("Update", request).properties), news)

    def delete(self, id_: str, inputs: Properties, outputs: Properties) -> None:
        """Delete."""
        request = provider_pb2.DeleteRequest(
            id=id_, properties=encode_plain(outputs), old_inputs=encode_plain(inputs)
        )
        self._call("Delete", request)

    def stop(self) -> None:
        """End the process, if there is one."""
        if self._stub is not None:
            self._channel.close()
        if self._process is not None:
            finish(self._process)
            for listener in self._listeners:
                listener.join()


def ignoring(paths: list[str], olds: Properties, news: Properties) -> Properties:
    """The new inputs with the old value at every ignored path."""
    result: Properties = _copied(news)
    for path in paths:
        keep_old(path_of(path), olds, result)
    return result


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def replacing(diff: Diff, paths: list[str]) -> tuple[bool, list[str]]:
    """Whether the change is a replacement, ``replace_on_changes`` included, and the fields that make it one."""
    patterns = [path_of(path) for path in paths]

    def hit(path: tuple[str | int, ...]) -> bool:
        return any(covers(pattern, path) for pattern in patterns)

    keys = sorted({*diff.replaces, *(key for key in diff.changed if hit((key,)))})
    return bool(keys) or any(hit(path) for _, path in diff.detailed or ()), keys


def finish(process: subprocess.Popen[bytes], first: signal.Signals = signal.SIGTERM) -> None:
    """Signal a process to end, terminate it, or kill it when that takes too long.

    A program may clean up when it is interrupted. A provider's process has nothing to do any more; and in the
    background of a shell nothing that is started hears an interrupt.
    """
    for number in (first, signal.SIGTERM):  # a second signal also tells what did not hear the first one
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE / 2)
            return
    process.kill()
    process.wait()


Factory = Callable[[Properties], Provider]
