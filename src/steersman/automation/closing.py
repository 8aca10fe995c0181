"""The end of an engine, as everything that runs or waits in it learns of it."""

from __future__ import annotations

import os
import threading
from contextlib import suppress


class Interrupted(BaseException):
    """The engine closes while a run waits: nothing went wrong with the run, so nothing is recorded about it.

    Not an Exception, so that a durable engine leaves the run pending and resumes it at its next start.
    """


class Closing:
    """Set once. `fd` becomes readable then, for those who wait in a selector."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.fd, self._write = os.pipe()

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        """Tell everybody; a second call does nothing."""
        if not self._event.is_set():
            self._event.set()
            os.write(self._write, b"x")

    def wait(self, span_s: float) -> bool:
        """Wait that many seconds at most; say whether the end has come."""
        return self._event.wait(span_s)

    def pause(self, span_s: float) -> None:
        """Wait that many seconds.

        Raises:
            Interrupted: the end came.
        """
        if self._event.wait(span_s):
            raise Interrupted

    def release(self) -> None:
        """Give the descriptors back, once nobody waits any more."""
        for fd in (self.fd, self._write):
            with suppress(OSError):
                os.close(fd)
