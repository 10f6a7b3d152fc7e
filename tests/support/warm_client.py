"""The client of a warm Python: passes its process's job to the server, and ends as the job does.

Every start of a process in the tests runs this file as a script, so it loads only modules in C: `socket`, `signal`
and even `os` would take longer to load than this takes to run.
"""

import _signal  # type: ignore[import-not-found]
import _socket
import posix
import select
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_FORWARDED = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP)
_LENGTH = 4
_STREAMS = (0, 1, 2)


def _main(address: str, *args: str) -> "NoReturn":
    env = (name + b"=" + value for name, value in posix.environ.items())
    fields = [b"%d" % len(args), *map(_bytes, args), posix.getcwdb(), *env]
    job = b"\0".join(fields)
    heard, wake = _socket.socketpair()
    wake.setblocking(False)
    _signal.set_wakeup_fd(
        wake.fileno()
    )  # gets a byte for each signal, however shortly before a wait it comes
    for number in _FORWARDED:
        _signal.signal(number, lambda *_: None)
    server = _socket.socket(_socket.AF_UNIX)
    server.connect(address)
    streams = b"".join(number.to_bytes(4, sys.byteorder) for number in _STREAMS)
    server.sendmsg([len(job).to_bytes(_LENGTH, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
    server.sendall(job)
    while server not in select.select([server, heard], [], [])[0]:
        server.sendall(heard.recv(64))
    answer = server.recv(_LENGTH)
    _end(int.from_bytes(answer, "big", signed=True) if answer else -_signal.SIGKILL)


def _bytes(text: str) -> bytes:
    return text.encode(sys.getfilesystemencoding(), "surrogateescape")


def _end(status: int) -> "NoReturn":
    if status < 0:  # as the job: by a signal
        if -status != _signal.SIGKILL:
            _signal.signal(-status, _signal.SIG_DFL)
        posix.kill(posix.getpid(), -status)
    posix._exit(status)


_main(*sys.argv[1:])
