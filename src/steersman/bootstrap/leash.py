"""A child of `steersman up` ends when its supervisor is gone, however that ended: the next `up` must find room.

The supervisor holds the other end of the child's standard input and never writes. The kernel closes it with the
process, also one that was killed.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import Final

VARIABLE: Final = "STEERSMAN_SUPERVISED"


def end_with_supervisor(*, after_s: float = 0.0) -> None:
    """Ask this process to end (SIGTERM) once its supervisor is gone; does nothing without a supervisor.

    Args:
        after_s: seconds later, so that those who need this process end before it.
    """
    # Not handed on: what this process starts has a standard input of its own.
    if os.environ.pop(VARIABLE, "") == "1":
        threading.Thread(target=_watch, args=(after_s,), name="leash", daemon=True).start()


def _watch(after_s: float) -> None:
    while os.read(0, 1):
        pass
    threading.Event().wait(after_s)
    os.kill(os.getpid(), signal.SIGTERM)
