"""One at a time, over threads and processes: the port, and the lock of files on one machine."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol

from steersman.kernel.clock import Clock, SystemClock

_PAUSES_S: Final = (0.002, 0.005, 0.01, 0.02, 0.05)


class Held(Protocol):
    """A lock that is held; leaving the `with` lets go. May be let go by another thread than took it."""

    def release(self) -> None:
        """Let go; a second call does nothing."""
        ...

    def __enter__(self) -> Held: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Locks(Protocol):
    """Locks by name. A holder that dies lets go."""

    def take(self, name: str, *, wait_s: float = 0.0) -> Held | None:
        """Return the lock, None when somebody else still holds it after `wait_s`."""
        ...


class _File:
    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> _File:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class FileLocks:
    """flock on one file per name, below `folder`; the kernel lets go for a process that dies."""

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        self._folder = folder
        # Waiting is real time whatever the desk's clock says: a holder that hangs must not hold others for ever.
        self._clock = clock or SystemClock()
        self._pause = threading.Event().wait

    def take(self, name: str, *, wait_s: float = 0.0) -> _File | None:
        until = self._clock.elapsed_ns() + int(wait_s * 1e9)
        pauses = 0
        while (held := self._try(name)) is None:
            if self._clock.elapsed_ns() >= until:
                return None
            self._pause(_PAUSES_S[min(pauses, len(_PAUSES_S) - 1)])
            pauses += 1
        return held

    def forget(self, name: str) -> None:
        """Remove the file of a lock nobody holds."""
        if (held := self._try(name)) is not None:
            with held, contextlib.suppress(OSError):
                self._path(name).unlink()

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.lock"

    def _try(self, name: str) -> _File | None:
        path = self._path(name)
        descriptor = self._opened(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it may have removed the file since it was opened: then this is a lock on nothing.
            if os.fstat(descriptor).st_ino == path.stat().st_ino:
                return _File(descriptor)
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(descriptor)
        return None

    def _opened(self, path: Path) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            return os.open(path, flags, 0o600)
        except FileNotFoundError:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            return os.open(path, flags, 0o600)
