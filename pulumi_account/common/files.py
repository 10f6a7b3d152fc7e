"""Files and folders for their owner alone: what is written tells of an account, and machines have many users."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

__all__ = ["narrow", "private", "private_folder"]

_log = logging.getLogger(__name__)


def private(path: str, flags: int) -> int:
    """An opener for `open`: a file that it makes has mode 0600 from the first moment, whatever the umask is.

    A file that exists keeps its mode: see `narrow`.
    """
    try:
        handle = os.open(path, flags | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, flags, 0o600)
    os.chmod(path, 0o600)  # a umask may have taken from the owner, too
    return handle


def private_folder(path: Path) -> None:
    """Make a folder and those above it that are missing, each with mode 0700; those that exist keep theirs."""
    for folder in reversed([path, *path.parents]):
        if not folder.exists():
            folder.mkdir(0o700, exist_ok=True)
            folder.chmod(0o700)


def narrow(path: Path) -> None:
    """Take from all but the owner what they may do with a file or folder; a warning says where that fails."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & 0o077:
        return
    try:
        path.chmod(mode & 0o700)
    except OSError:
        _log.warning("%s is open to other users, and its mode cannot be changed", path)
