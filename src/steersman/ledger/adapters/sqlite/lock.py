"""One writer per ledger file, held by the operating system: it lets go when the process dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from typing import Final

from steersman.kernel.errors import Conflict

_LETS_GO_TRIES: Final = 100
_LETS_GO_S: Final = 0.02


class WriterLock:
    """An exclusive flock on `<ledger>.lock`, which holds the writer's pid."""

    def __init__(self, path: Path) -> None:
        """Take the lock at `path`.

        Raises:
            Conflict: another process (or this one) has it; names the pid.
        """
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        left = _LETS_GO_TRIES
        while (pid := self._taken_by()) is not None:
            # A writer that was killed while it started a process: that one has the lock until it is its own program.
            is_gone = _is_gone(pid)
            if is_gone and left:
                left -= 1
                _pause(_LETS_GO_S)
                continue
            os.close(self._fd)
            if is_gone:
                raise Conflict(
                    f"process {pid} wrote this ledger and is gone, but something it started holds {path}",
                    fix=f"see who does: fuser -v {path}; stop that process",
                )
            raise Conflict(
                f"process {pid} writes this ledger already ({path})",
                fix=f"append through its socket, or stop process {pid} first",
            )
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def _taken_by(self) -> str | None:
        """Take the lock if it is free (None); else return the pid of who has it."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
        return None

    def release(self) -> None:
        """Let go; the file stays, or two processes could lock two files of one name."""
        os.close(self._fd)


def _is_gone(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, PermissionError):
        return False
    except ProcessLookupError:
        return True
    return False


def _pause(span_s: float) -> None:
    threading.Event().wait(span_s)
