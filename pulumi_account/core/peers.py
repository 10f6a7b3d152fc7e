"""What the provider processes of one run tell each other: which keys their resources have.

Each provider instance has a process of its own, and several may open one account. A deletion in one of them must
know what a resource in another has adopted. All are started with the address of the same engine, so each writes its
keys into a file that is named by it, and locks the file for as long as it lives: ids, instants and tokens, no secret.
POSIX only, as the locks are.
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
    """The provider processes of one run. Where files cannot be had, a process sees its own resources only.

    :param run: names the run; what no other run under way is named.
    :param folder: where the files are; by default one in the folder for temporary files, this user's own.
    """

    def __init__(self, run: str, folder: Path | None = None) -> None:
        self._folder = folder or Path(tempfile.gettempdir(), f"pulumi-account-{os.getuid()}")
        self._run = run
        self._mine: TextIO | None = None
        self._warned = False
        self._seen: dict[Path, tuple[int, set[str]]] = {}

    def close(self) -> None:
        """Say no more: the others take what was told for over."""
        if self._mine:
            self._mine.close()

    def tell(self, key: str, token: str, *, has: bool = True) -> None:
        """Let the others know that a resource with this token has a key, or that it has it no longer."""
        try:
            self._mine = self._mine or self._opened()
            self._mine.write(f"{'+' if has else '-'}{key} {token}\n")
            self._mine.flush()
        except OSError as error:
            if not self._warned:
                self._warned = True
                _log.warning(
                    "%s: the providers of this run cannot tell each other which keys they have; where one adopts "
                    "a key that another had, use `pulumi state delete`",
                    error,
                )

    def tokens(self, key: str) -> set[str]:
        """The tokens of the resources that have this key in other processes."""
        told: set[str] = set()
        with suppress(OSError):
            self._require_own()
            others = [path for path in self._folder.glob(f"{self._run}-*") if not self._is_mine(path)]
            told = {line for path in others if _is_locked(path) for line in self._lines(path)}
        return {line.partition(" ")[2] for line in told if line.startswith(f"{key} ")}

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let no other process come in between what is looked up and what is told of it."""
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
            raise PermissionError(f"{self._folder} is not this user's own")

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
        """What a process has told so far; the file is read on from where it ended."""
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
