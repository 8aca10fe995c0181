"""What is cut when its time is over, by one thread for all: one for each question would cost more than the answer."""

from __future__ import annotations

import os
import threading
from typing import Final, Protocol

from steersman.kernel.clock import SystemClock

_LOOK_S: Final = 0.25
_IDLE_S: Final = 5.0


class Bound(Protocol):
    """Something that ends at `until_ns` of the clock that never jumps."""

    until_ns: int

    def cut(self) -> None:
        """End it; called once, from another thread."""
        ...


class Cutter:
    """Cuts what is late, to a quarter of a second. Thread safe; after a fork each process has its own thread."""

    def __init__(self) -> None:
        # Real time, whatever a desk's clock says, as for every wait at a socket.
        self._clock = SystemClock()
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._guard = threading.Lock()
        self._bounds: set[Bound] = set()
        self._some = threading.Event()
        self._thread: threading.Thread | None = None

    def after(self, whole_s: float) -> int:
        """Return the `until_ns` of what may take so long from now."""
        return self._clock.elapsed_ns() + int(whole_s * 1e9)

    def add(self, bound: Bound) -> None:
        """Cut `bound` when it is late, unless it is discarded before."""
        if self._pid != os.getpid():
            self._begin()
        with self._guard:
            self._bounds.add(bound)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="commons-cutter", daemon=True)
                self._thread.start()
        self._some.set()

    def discard(self, bound: Bound) -> None:
        """Leave `bound` alone."""
        with self._guard:
            self._bounds.discard(bound)

    def _run(self) -> None:
        pause = threading.Event().wait
        while True:
            is_wanted = self._some.wait(_IDLE_S)
            with self._guard:
                if not is_wanted and not self._bounds:
                    self._thread = None
                    return
            self._some.clear()
            while self._bounds:
                pause(_LOOK_S)
                self._cut_late()

    def _cut_late(self) -> None:
        now = self._clock.elapsed_ns()
        with self._guard:
            late = [bound for bound in self._bounds if bound.until_ns <= now]
            self._bounds.difference_update(late)
        for bound in late:
            bound.cut()
