"""How the provider processes of one run share which keys their resources have.

Each provider instance has its own process, and several may use one account. A deletion in one process must not
overlook what a resource in another has adopted. All processes know the address of the same engine. Each writes its keys
into a file named after that address, and locks the file until it ends. The file contains ids, instants and identities,
but no secret. The locks need POSIX.
"""

from __future__ import annotations

import fcntl
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR
from typing import TextIO

from pulumi_account.common.files import private, private_folder

__all__ = ["Peers"]

_log = logging.getLogger(__name__)


class Peers:
    """The provider processes of one run. Where files cannot be written, a process sees only its own resources.

    :param run: the name of the run, which no other run in progress has.
    :param folder: the folder of the files; by default a folder of this user among the temporary files.
    """

    def __init__(self, run: str, folder: Path | None = None) -> None:
        self._folder = folder or Path(tempfile.gettempdir(), f"pulumi-account-{os.getuid()}")
        self._run = run
        self._mine: TextIO | None = None
        self._warned = False
        self._seen: dict[Path, tuple[int, set[str]]] = {}

    def close(self) -> None:
        """End this process's part: the others ignore what it has written."""
        if self._mine:
            self._mine.close()

    def tell(self, key: str, identity: str, *, has: bool = True) -> None:
        """Report to the others that the resource of this identity has a key, or no longer has it."""
        try:
            self._mine = self._mine or self._opened()
            self._mine.write(f"{'+' if has else '-'}{key} {identity}\n")
            self._mine.flush()
        except OSError as error:
            if not self._warned:
                self._warned = True
                _log.warning(
                    "%s: the providers of this run cannot share which keys they have; if one adopts a key that "
                    "another had, use `pulumi state delete`",
                    error,
                )

    def holders(self, key: str) -> set[str]:
        """The identities of the resources that have this key in other processes."""
        lines: set[str] = set()
        with suppress(OSError):
            self._require_own()
            others = [path for path in self._folder.glob(f"{self._run}-*") if not self._is_mine(path)]
            lines = {line for path in others if _is_locked(path) for line in self._lines(path)}
        return {line.partition(" ")[2] for line in lines if line.startswith(f"{key} ")}

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Lock out the other processes while this one reads and then acts on it."""
        with ExitStack() as last:
            with suppress(OSError):
                self._mine = self._mine or self._opened()  # which needs the lock as well
                last.enter_context(self._locked())
            yield

    @contextmanager
    def _locked(self) -> Iterator[None]:
        private_folder(self._folder)
        self._require_own()
        with open(self._folder / "lock", "a", opener=private) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _require_own(self) -> None:
        status = self._folder.lstat()
        if not S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise PermissionError(f"{self._folder} does not belong to this user")

    def _opened(self) -> TextIO:
        with self._locked():
            for path in self._folder.glob("*-*"):
                if not _is_locked(path):
                    path.unlink()  # its process has ended
            descriptor, _ = tempfile.mkstemp(prefix=f"{self._run}-", dir=self._folder)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            return open(descriptor, "w")

    def _is_mine(self, path: Path) -> bool:
        return self._mine is not None and os.path.samestat(os.fstat(self._mine.fileno()), path.stat())

    def _lines(self, path: Path) -> set[str]:
        """All lines that a process has written; each call reads only the new ones."""
        size, lines = self._seen.get(path, (0, set()))
        with path.open() as file:
            file.seek(size)
            for line in file.read().splitlines():
                (lines.add if line.startswith("+") else lines.discard)(line[1:])
            self._seen[path] = (file.tell(), lines)
        return lines


def _is_locked(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
