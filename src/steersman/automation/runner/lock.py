"""One run of an automation at a time, over all processes of the machine; the kernel frees what a dead process held."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class FileLock:
    """An advisory lock on `path`; the holder's name stands in the file for others to read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def acquire(self, holder: str) -> bool:
        """Take the lock without waiting and say whether it worked."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, holder.encode(), 0)
        except OSError:
            os.close(fd)
            raise
        self._fd = fd
        return True

    def holder(self) -> str:
        """Return who took it last; whoever has it now may not have signed yet."""
        try:
            return self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def release(self) -> None:
        """Let go; a second call does nothing."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class NamedLocks:
    """Any number of locks in one file, each a byte at the place that a digest of its name says: nothing to clear away.

    Between processes and between threads; the kernel frees what a dead process held (open file description locks,
    fcntl(2)).
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def held(self, name: str, wait: Callable[[], object]) -> Iterator[None]:
        """Hold the lock called `name`; `wait` is called before each further try, and may raise."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while not _lock_byte(fd, name):
                wait()
            yield
        finally:
            os.close(fd)


def _lock_byte(fd: int, name: str) -> bool:
    at = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 2
    try:
        # struct flock: type, whence, start, length, pid (0 for these locks).
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, at, 1, 0))
    except OSError as exc:
        if exc.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True
