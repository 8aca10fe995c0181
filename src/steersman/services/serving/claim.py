"""The socket of a workspace: held by one process, for its own user only, and free again however that process ends."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path
from typing import Final

from steersman.client.place import address
from steersman.kernel.errors import Conflict, Misconfigured

_BACKLOG: Final = 128


class Claim:
    """A listening socket at `path`, and the lock that says whose it is (`<path>.lock`, with our pid in it)."""

    def __init__(self, path: Path) -> None:
        """Take the place.

        Raises:
            Conflict: another process serves there; names its pid.
            Misconfigured: the folder belongs to somebody else, or the socket cannot be made.
        """
        self.path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_private(path.parent)
        self._lock = _locked(path)
        try:
            path.unlink(missing_ok=True)  # left by a process that was killed: the lock says it is gone
            self.listener = _listening(path)
        except OSError as exc:
            os.close(self._lock)
            raise Misconfigured(f"cannot listen at {path}: {exc.strerror}", fix="check the folder") from exc

    def release(self) -> None:
        """Take the socket away and let the next one come. The lock's file stays: two files could be locked by two."""
        self.listener.close()
        self.path.unlink(missing_ok=True)
        os.close(self._lock)


def _check_private(folder: Path) -> None:
    """Close the folder to others; a workspace that was copied may have lost that."""
    found = folder.stat()
    if found.st_uid != os.getuid():
        raise Misconfigured(f"{folder} belongs to user {found.st_uid}", fix="run as the owner of the workspace")
    if found.st_mode & 0o077:
        folder.chmod(0o700)


def _locked(path: Path) -> int:
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        pid = os.pread(lock, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(lock)
        raise Conflict(
            f"process {pid} serves logins and data of this workspace already",
            fix=f"use that one, or stop process {pid}",
        ) from exc
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _listening(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with address(str(path)) as where:
            listener.bind(where)
        # Between bind and listen nobody can connect, so the mode is never wider than this while it matters.
        path.chmod(0o600)
        listener.listen(_BACKLOG)
        listener.settimeout(0)
    except OSError:
        listener.close()
        raise
    return listener
