"""The end of an engine, or of one run, as everything that runs or waits learns of it."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from steersman.automation.control.cancelling import asked

_LOOK_S: Final = 0.25


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


class Wait:
    """How one run waits: until its engine closes, or somebody asks it to end."""

    def __init__(self, closing: Closing, cancel_file: Path) -> None:
        self._closing = closing
        self._file = cancel_file

    def look(self) -> None:
        """Return if the run may go on.

        Raises:
            CancelAsked: it is to end.
        """
        found = asked(self._file)
        if found is not None:
            raise found

    def pause(self, span_s: float) -> None:
        """Wait that many seconds; who asks the run to end is heard within a quarter of one.

        Raises:
            Interrupted: the engine closes.
            CancelAsked: the run is to end.
        """
        left_s = span_s
        while True:
            self.look()
            step_s = min(left_s, _LOOK_S)
            self._closing.pause(step_s)
            left_s -= step_s
            if left_s <= 0:
                return
