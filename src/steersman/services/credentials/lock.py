"""One at a time for each name, over threads and processes; the kernel frees what a dead process held."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Unavailable

_LOOK_S: Final = 0.01
_LONGEST_LOOK_S: Final = 0.1
Wait = Callable[[float], object]


@contextmanager
def held(path: Path, *, clock: Clock, timeout_s: float, wait: Wait | None = None) -> Iterator[None]:
    """Hold the lock at `path`, waiting up to `timeout_s` seconds for whoever has it.

    Raises:
        Unavailable: somebody has had it all the time.
    """
    wait = wait or threading.Event().wait
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        until, pause = clock.elapsed_ns() + int(timeout_s * 1e9), _LOOK_S
        while not _taken(handle):
            if clock.elapsed_ns() >= until:
                raise Unavailable(
                    f"another process has been fetching {path.stem} for {timeout_s:g} s",
                    fix="try again; `fuser` on the lock file names the process",
                )
            wait(pause)
            pause = min(pause * 1.5, _LONGEST_LOOK_S)
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
