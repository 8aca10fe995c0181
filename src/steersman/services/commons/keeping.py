"""Locks that a process holds on a server: put off from one thread for as long as any is held."""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Generic, Self, TypeVar


class TakenLock(ABC):
    """A `Lock` that was taken; each adapter adds how its server knows it."""

    @property
    @abstractmethod
    def is_held(self) -> bool: ...

    @abstractmethod
    def release(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


L = TypeVar("L", bound=TakenLock)


class Keeping(ABC, Generic[L]):
    """The locks that this process holds, each put off every third of the lease."""

    def __init__(self, lease_s: float) -> None:
        self._every_s = lease_s / 3
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._guard = threading.Lock()
        self._held: set[L] = set()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def _notice_fork(self) -> None:
        """Begin anew in a fork: what the parent holds is the parent's, and its thread is not here. Before each take."""
        if self._pid != os.getpid():
            self._begin()

    def _add(self, lock: L) -> None:
        """Put `lock` off from now on, until it is no longer in `_held`."""
        with self._guard:
            self._held.add(lock)
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._keep, name="commons-leases", daemon=True)
                self._thread.start()

    @abstractmethod
    def _renew(self, lock: L) -> None:
        """Put the end of a lock off; one that is found lost leaves `_held`. Never raises a SteersmanError."""

    @abstractmethod
    def release(self, lock: L) -> None:
        """Let go; a second call does nothing."""

    def close(self) -> None:
        """Let go of everything and end the thread."""
        self._closed.set()
        for lock in list(self._held):
            self.release(lock)
        if self._thread is not None and self._pid == os.getpid():
            self._thread.join()

    def _keep(self) -> None:
        while not self._closed.wait(self._every_s):
            with self._guard:
                held = list(self._held)
                if not held:
                    self._thread = None
                    return
            for lock in held:
                self._renew(lock)
