"""Provider instances: each is a ``python -m pulumi.dynamic`` process of the SDK, called over gRPC."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

import grpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from pulumi_account.testing.planning import Diff, with_ignored
from pulumi_account.testing.resources import PlanError, Resource
from pulumi_account.testing.values import (
    Properties,
    annotate,
    changes,
    decode,
    encode,
    encode_plain,
    has_unknown,
    plain,
)

OPTIONS = [("grpc.max_receive_message_length", 400 << 20), ("grpc.max_send_message_length", 400 << 20)]
PARALLEL = 16  # steps at a time
_PATIENCE = 5.0  # seconds for a process to end


class ProviderError(Exception):
    """A method of a provider or of a policy pack failed; the message is its own."""


@dataclass(frozen=True)
class Launch:
    """How to start a process: Python, working directory, environment, and the engine's address."""

    python: str
    cwd: str
    env: dict[str, str]
    engine: str = "127.0.0.1:0"

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        """Start Python with pipes for its output, in its own session: only the engine gets the keyboard's interrupt."""
        command, env, pipe = [self.python, "-u", *args], self.env, subprocess.PIPE
        return subprocess.Popen(  # noqa: S603
            command, cwd=self.cwd, env=env, stdout=pipe, stderr=pipe, start_new_session=True
        )


class Plugin:
    """A process that serves gRPC on the port that it prints first; `say` gets the other lines that it prints.

    :param what: what an error calls it.
    """

    def __init__(self, launch: Launch, say: Callable[[str], None], what: str) -> None:
        self._launch, self._say, self._what = launch, say, what
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: grpc.Channel | None = None
        self._listeners: list[threading.Thread] = []

    def start(self, module: str, *args: str) -> grpc.Channel:
        """Start the module with the engine's address and these arguments."""
        self._process = self._launch.start("-m", module, self._launch.engine, *args)
        assert self._process.stdout
        assert self._process.stderr
        self._listen(self._process.stderr)
        port = self._process.stdout.readline().decode().strip()
        self._listen(self._process.stdout)
        if not port.isdigit():
            raise ProviderError(f"the {self._what}'s process ended as it started")
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS)
        return self._channel

    def stop(self) -> None:
        """End the process, if there is one."""
        if self._channel is not None:
            self._channel.close()
        if self._process is not None:
            finish(self._process)
            for listener in self._listeners:
                listener.join()

    def _listen(self, stream: IO[bytes]) -> None:
        def listen() -> None:
            with stream:
                for line in stream:
                    self._say(line.decode(errors="replace").rstrip("\n"))

        self._listeners.append(threading.Thread(target=listen, daemon=True))
        self._listeners[-1].start()


class Provider:
    """One provider instance; its process starts at the first call, and `say` gets the lines that it prints."""

    def __init__(self, launch: Launch, say: Callable[[str], None], inputs: Properties) -> None:
        self._inputs = inputs
        self.known = not has_unknown(inputs)
        self._lock = threading.Lock()
        self._plugin = Plugin(launch, say, "provider")
        self.stop = self._plugin.stop
        self._stub: provider_pb2_grpc.ResourceProviderStub | None = None

    def _connect(self) -> Any:
        with self._lock:
            if self._stub is None:
                stub = provider_pb2_grpc.ResourceProviderStub(self._plugin.start("pulumi.dynamic"))
                stub.Configure(provider_pb2.ConfigureRequest(args=encode(self._inputs), acceptSecrets=True))
                self._stub = stub
            return self._stub

    def _call(self, method: str, request: Any) -> Any:
        try:
            return getattr(self._connect(), method)(request)
        except grpc.RpcError as error:
            raise ProviderError(error.details()) from None

    def check(self, olds: Properties, news: Properties) -> tuple[Properties, list[tuple[str, str]]]:
        """The inputs as the provider accepts them, and its failures: pairs of property and reason."""
        if not self.known:
            return news, []
        request = provider_pb2.CheckRequest(olds=encode_plain(olds), news=encode_plain(news))
        reply = self._call("Check", request)
        return annotate(decode(reply.inputs), news), [(f.property, f.reason) for f in reply.failures]

    def diff(self, old: Resource, news: Properties, ignore: list[str]) -> Diff:
        """Compare; when the provider leaves it open, compare the inputs and name the changed fields.

        :param ignore: the paths whose changes are ignored.
        """
        reply = self._call("Diff", provider_pb2.DiffRequest(**_change(old, news, ignore)))
        some, replaces = reply.changes == provider_pb2.DiffResponse.DIFF_SOME, list(reply.replaces)
        if reply.changes != provider_pb2.DiffResponse.DIFF_UNKNOWN:
            return Diff(some, replaces, delete_before_replace=reply.deleteBeforeReplace)
        found = changes(plain(old.inputs), plain(with_ignored(ignore, old.inputs, news)))
        changed = sorted({str(path[0]) for _, path in found})
        return Diff(bool(found), replaces, changed, found or None, reply.deleteBeforeReplace)

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Create a resource; returns its id and outputs."""
        reply = self._call("Create", provider_pb2.CreateRequest(properties=encode_plain(inputs)))
        return reply.id, annotate(decode(reply.properties), inputs)

    def read(
        self, id_: str, inputs: Properties, state: Properties | None
    ) -> tuple[str, Properties, Properties | None]:
        """Read a resource; returns its id (empty when it is gone), its outputs and, if the provider gives them, inputs.

        :param state: the known outputs; None for a resource that the program looks up.
        """
        properties = None if state is None else encode_plain(state)
        request = provider_pb2.ReadRequest(id=id_, properties=properties, inputs=encode_plain(inputs))
        reply = self._call("Read", request)
        found = annotate(decode(reply.inputs), inputs) if reply.HasField("inputs") else None
        return reply.id, annotate(decode(reply.properties), inputs if state is None else state), found

    def update(self, old: Resource, news: Properties, ignore: list[str]) -> Properties:
        """Update a resource; returns its outputs."""
        reply = self._call("Update", provider_pb2.UpdateRequest(**_change(old, news, ignore)))
        return annotate(decode(reply.properties), news)

    def delete(self, old: Resource) -> None:
        """Delete a resource."""
        properties, inputs = encode_plain(old.outputs), encode_plain(old.inputs)
        self._call("Delete", provider_pb2.DeleteRequest(id=old.id, properties=properties, old_inputs=inputs))


def _change(old: Resource, news: Properties, ignore: list[str]) -> dict[str, Any]:
    bags = {
        "olds": encode_plain(old.outputs),
        "news": encode_plain(news),
        "old_inputs": encode_plain(old.inputs),
    }
    return {"id": old.id, "ignoreChanges": ignore, **bags}


class Providers:
    """The provider instances of a run, by reference.

    :param make: makes an instance from its inputs.
    :param resources: the resources of the last run.
    """

    def __init__(self, make: Callable[[Properties], Provider], resources: Iterable[Resource]) -> None:
        self._make = make
        self._providers = {old.ref: make(old.inputs) for old in resources if old.is_provider}
        self._made = list(self._providers.values())

    def get(self, ref: str) -> Provider:
        """The instance, as this run or the last one registered it.

        :raises PlanError: neither registered it.
        """
        if ref not in self._providers:
            raise PlanError(f"unknown provider {ref}")
        return self._providers[ref]

    def add(self, ref: str, inputs: Properties) -> None:
        """Make an instance, in place of one with this reference."""
        self._providers[ref] = made = self._make(inputs)
        self._made.append(made)

    def keep(self, new: Resource, old: Resource) -> None:
        """Make an instance from its old inputs, unless there is one with its reference."""
        if new.ref not in self._providers:
            self.add(new.ref, old.inputs)

    def stop(self) -> None:
        """End all provider processes, side by side."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(lambda made: made.stop(), self._made))


def finish(process: subprocess.Popen[bytes], first: signal.Signals = signal.SIGTERM) -> None:
    """Signal a process to end, terminate it, and kill it when that takes too long.

    :param first: SIGINT lets a program clean up; a background process of a shell may ignore it.
    """
    for number in (first, signal.SIGTERM):
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE / 2)
            return
    process.kill()
    process.wait()
