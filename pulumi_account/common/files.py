"""Files and folders that only their owner can open, because their contents describe an account."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

__all__ = ["narrow", "private", "private_folder"]

_log = logging.getLogger(__name__)


def private(path: str, flags: int) -> int:
    """An opener for `open`: a new file has mode 0600 from the first moment, whatever the umask is.

    An existing file keeps its mode: see `narrow`.
    """
    try:
        handle = os.open(path, flags | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, flags, 0o600)
    os.chmod(path, 0o600)  # the umask may restrict the owner too
    return handle


def private_folder(path: Path) -> None:
    """Create a folder and its missing parents with mode 0700; existing folders keep their modes."""
    for folder in reversed([path, *path.parents]):
        if not folder.exists():
            folder.mkdir(0o700, exist_ok=True)
            folder.chmod(0o700)


def narrow(path: Path) -> None:
    """Revoke other users' access to a file or folder; log a warning if that fails."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & 0o077:
        return
    try:
        path.chmod(mode & 0o700)
    except OSError:
        _log.warning("%s is open to other users, and its mode cannot be changed", path)
