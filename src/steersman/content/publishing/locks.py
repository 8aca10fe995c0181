"""One process at a time on each channel."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from steersman.kernel.errors import Conflict

_LOOK_S: Final = 0.05


@contextmanager
def one_at_a_time(path: Path, *, patience_s: float) -> Iterator[None]:
    """Hold the lock at `path`; the kernel lets go of it when the process ends, however it does.

    Raises:
        Conflict: another process held it for all of `patience_s`.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pause = threading.Event()
    with path.open("ab") as file:
        for look in range(int(patience_s / _LOOK_S) + 1):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if (look + 1) * _LOOK_S > patience_s:
                    raise Conflict("another process is publishing there", fix="wait for it, then try again") from None
                pause.wait(_LOOK_S)
        yield
