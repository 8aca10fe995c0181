"""Waiting for a lock that only says yes or no: asked again and again, ever less often, with an end."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from steersman.kernel.clock import Clock, SystemClock

_PAUSES_S: Final = (0.002, 0.005, 0.01, 0.02, 0.05)
# Of our own: a script that gave `random` a seed goes on as it would without us.
_CHANCE: Final = random.SystemRandom()
T = TypeVar("T")


def until_taken(attempt: Callable[[], T | None], *, wait_s: float, clock: Clock | None = None) -> T | None:
    """Return what `attempt` gives once it gives something, None after `wait_s` of real time.

    A random part of each pause keeps machines that began to wait together from asking together for ever.
    """
    clock = clock or SystemClock()
    until = clock.elapsed_ns() + int(wait_s * 1e9)
    pause = threading.Event().wait
    tries = 0
    while (found := attempt()) is None:
        left_s = (until - clock.elapsed_ns()) / 1e9
        if left_s <= 0:
            return None
        longest = _PAUSES_S[min(tries, len(_PAUSES_S) - 1)]
        pause(min(left_s, longest * (0.5 + _CHANCE.random() / 2)))
        tries += 1
    return found
