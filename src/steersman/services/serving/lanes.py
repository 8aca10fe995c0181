"""Bounded threads: work of one kind waits for its own kind only."""

from __future__ import annotations

import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable
from typing import Final

IDLE_S: Final = 30.0


class Lane:
    """Runs jobs in at most `width` threads, in the order they came; threads that idle for a while end.

    The threads are daemons: a job that hangs on the network never holds up the end of the process.
    """

    def __init__(self, name: str, width: int) -> None:
        self._name = name
        self._width = width
        self._jobs: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._threads = 0
        self._idle = 0
        self._busy = 0
        self._closed = False

    def put(self, job: Callable[[], None]) -> bool:
        """Have `job` run soon and return True; False once the lane is closed. One that raises is shown and over."""
        with self._changed:
            if self._closed:
                return False
            self._jobs.append(job)
            if len(self._jobs) <= self._idle:
                self._changed.notify()
            elif self._threads < self._width:
                self._threads += 1
                threading.Thread(target=self._work, name=f"services-{self._name}", daemon=True).start()
        return True

    def close(self, timeout_s: float) -> bool:
        """Drop what waits, give what runs `timeout_s` seconds, and say whether all of it ended."""
        with self._changed:
            self._closed = True
            self._jobs.clear()
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._busy == 0, timeout_s)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                job()
            except Exception as exc:  # noqa: BLE001 - a job that failed must not take the lane's thread with it
                traceback.print_exception(exc, file=sys.stderr)
            finally:
                with self._changed:
                    self._busy -= 1
                    self._changed.notify_all()
                # What the job held (a connection) must not live on until the next one comes.
                del job

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            self._idle += 1
            try:
                self._changed.wait_for(lambda: self._jobs or self._closed, IDLE_S)
            finally:
                self._idle -= 1
            if not self._jobs:
                self._threads -= 1
                return None
            self._busy += 1
            return self._jobs.popleft()
