"""One writer per ledger file, held by the operating system: it lets go when the process dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from steersman.kernel.errors import Conflict


class WriterLock:
    """An exclusive flock on `<ledger>.lock`, which holds the writer's pid."""

    def __init__(self, path: Path) -> None:
        """Take the lock at `path`.

        Raises:
            Conflict: another process (or this one) has it; names the pid.
        """
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            pid = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise Conflict(
                f"process {pid} writes this ledger already ({path})",
                fix=f"append through its socket, or stop process {pid} first",
            ) from exc
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go; the file stays, or two processes could lock two files of one name."""
        os.close(self._fd)
