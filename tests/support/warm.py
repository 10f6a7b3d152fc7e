"""A Python that has imported everything already: each start is a fork, not half a second of imports.

`WarmPython` starts a server process and gives a path to use in the place of `sys.executable`. What is there
is a small client, `warm_client`. Started as engines start processes, it hands its arguments, environment, folder
and standard streams to the server, which forks a child that runs them as the interpreter would. The client passes
signals on, and ends as its child does.
"""

from __future__ import annotations

import atexit
import gc
import os
import runpy
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from selectors import BaseSelector, DefaultSelector
from types import TracebackType
from typing import NoReturn

#: none of these starts threads or opens channels, so their state survives a fork
_PRELOADED = (
    "encodings.idna",
    "grpc",
    "grpc._channel",
    "grpc._server",
    "grpc._simple_stubs",
    "pulumi.dynamic",
    "pulumi.runtime.proto.provider_pb2_grpc",
    "pulumi_account.program.api_key",
    "pulumi_account.program.rotating_api_key",
    "pulumi_account.api.client",
    "pulumi_account.program.functions",
    "pulumi_account.api.models",
    "pulumi_account.program.provider",
    "pulumi_account.core.resource",
    "pulumi_account.core.rotating",
    "pulumi_account.core.peers",
    "pulumi_account.common.files",
    "pulumi_account.testing",
)
#: before each program the real CLI looks for packages, which takes longer than the program
_PRELOADED_FOR_THE_CLI = ("pip._internal.cli.main", "pip._internal.commands.list")
#: the slow starts of engines: unbuffered, a module, a line of code, or the CLI's own script
_WARM = "-u | -m | -c | */pulumi-language-python-exec"
_HEAD = "#!/bin/sh\nunset COVERAGE_PROCESS_CONFIG COVERAGE_PROCESS_START\n"
_STREAMS = 3
_LENGTH = 4


class WarmPython:
    """The server, as a context manager; it ends with the process that started it, however that ends.

    The coverage of what it runs is not measured: that would take longer than to run it.
    """

    def __enter__(self) -> str:
        self._folder = tempfile.TemporaryDirectory(prefix="warm-")
        address, python = Path(self._folder.name, "socket"), Path(self._folder.name, "python")
        cold = shlex.quote(sys.executable)
        script = Path(__file__).with_name("warm_client.py")
        client = f"{cold} -I -S {shlex.join([str(script), str(address)])}"
        python.write_text(f'{_HEAD}case "$1" in {_WARM}) exec {client} "$@" ;; esac\nexec {cold} "$@"\n')
        python.chmod(0o700)
        self._server = subprocess.Popen(
            [sys.executable, __file__, str(address)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
            start_new_session=True,
        )
        assert self._server.stdout is not None
        if self._server.stdout.readline() != b"ready\n":
            self.__exit__(None, None, None)
            raise RuntimeError("the warm Python has not started: its standard error says why")
        return str(python)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.communicate()  # it ends when its standard input does
        self._folder.cleanup()


class Job:
    """What a client wants to be run: the arguments of Python, its folder, its environment."""

    def __init__(self, args: Iterable[str], cwd: str, env: Iterable[str]) -> None:
        self.args, self.cwd, self.env = list(args), cwd, list(env)

    @classmethod
    def from_bytes(cls, data: bytes) -> Job:
        """What a client has sent."""
        count, *fields = (os.fsdecode(field) for field in data.split(b"\0"))
        args, (cwd, *env) = fields[: int(count)], fields[int(count) :]
        return cls(args, cwd, env)


# --- the server


class Server:
    """Forks a child for every client. In a child, `run` returns what that has to do; else it never returns."""

    def __init__(self, address: str) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(address)
        self._listener.listen(128)
        self._ended, self._wake = socket.socketpair()
        self._wake.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)  # so that the socket above is woken
        self._children: dict[socket.socket, int] = {}
        self._selector: BaseSelector = DefaultSelector()
        for source in (0, self._listener, self._ended):
            self._selector.register(source, 1)

    def run(self) -> Job:
        """Serve."""
        while True:
            for source in [key.fileobj for key, _ in self._selector.select()]:
                if source == 0:
                    self._stop()
                elif source is self._ended:
                    self._bury()
                elif source is self._listener:
                    job = self._fork()
                    if job:
                        return job
                elif source in self._children:
                    assert isinstance(source, socket.socket)
                    self._pass_on(source)

    def _stop(self) -> NoReturn:
        for pid in self._children.values():
            os.kill(pid, signal.SIGKILL)
        os._exit(0)

    def _fork(self) -> Job | None:
        client, _ = self._listener.accept()
        head, streams, _, _ = socket.recv_fds(client, _LENGTH, _STREAMS)
        data = client.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
        pid = os.fork() if data else None  # without its job a client was killed before it could say it
        if pid:
            self._children[client] = pid
            self._selector.register(client, 1)
        elif pid is None:
            client.close()
        else:
            self._leave(client)
            os.setsid()
            for number, descriptor in enumerate(streams):
                os.dup2(descriptor, number)
        for descriptor in streams:
            os.close(descriptor)
        return Job.from_bytes(data) if pid == 0 else None

    def _leave(self, client: socket.socket) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for one in (client, self._listener, self._ended, self._wake, *self._children):
            one.close()

    def _bury(self) -> None:
        self._ended.recv(4096)
        for client, pid in list(self._children.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._forget(client, os.waitstatus_to_exitcode(status))

    def _forget(self, client: socket.socket, status: int) -> None:
        del self._children[client]
        if client in self._selector.get_map():
            self._selector.unregister(client)
        with client, suppress(OSError):  # it may have been killed meanwhile
            client.sendall(status.to_bytes(_LENGTH, "big", signed=True))

    def _pass_on(self, client: socket.socket) -> None:
        """A signal, or the client's death, which its child must not survive."""
        try:
            numbers = client.recv(1)
        except ConnectionResetError:
            numbers = b""
        if not numbers:
            self._selector.unregister(client)
        os.kill(self._children[client], numbers[0] if numbers else signal.SIGKILL)


# --- the child


def _become(job: Job) -> NoReturn:
    """Run a job and end as ``python`` would, but for the taking apart of all modules, which takes 200 ms."""
    try:
        _run(job)
        status = 0
    except SystemExit as end:
        status = _status(end.code)
    except KeyboardInterrupt:
        sys.excepthook(*sys.exc_info())
        status = -signal.SIGINT
    except BaseException:  # noqa: BLE001 - the interpreter's own last resort
        sys.excepthook(*sys.exc_info())
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def _run(job: Job) -> None:
    """Options, then ``-m module``, ``-c code`` or a script, then its arguments."""
    os.chdir(job.cwd)
    os.environ.clear()
    for field in job.env:
        name, _, value = field.partition("=")
        os.environ[name] = value
    sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.stdout.reconfigure(write_through=True)  # type: ignore[union-attr]
    sys.argv = [arg for number, arg in enumerate(job.args) if number or arg != "-u"]
    if sys.argv[0] == "-m":
        del sys.argv[0]
        sys.path[0] = job.cwd
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    elif sys.argv[0] == "-c":
        sys.path[0] = ""
        main = sys.modules["__main__"] = type(sys)("__main__")
        exec(sys.argv.pop(1), main.__dict__)
    else:
        sys.path[0] = os.path.dirname(os.path.realpath(sys.argv[0]))
        runpy.run_path(sys.argv[0], run_name="__main__")


def _status(code: object) -> int:
    if code is None or isinstance(code, int):
        return code or 0
    print(code, file=sys.stderr)
    return 1


def _main() -> None:
    for name in _PRELOADED:
        import_module(name)
    with suppress(ImportError):  # pip is not everywhere
        for name in _PRELOADED_FOR_THE_CLI if shutil.which("pulumi") else ():
            import_module(name)
    gc.collect()
    gc.freeze()  # memory that is shared with the children stays shared
    server = Server(sys.argv[1])
    os.write(1, b"ready\n")
    _become(server.run())


if __name__ == "__main__":
    _main()
