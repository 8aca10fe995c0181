"""What the contract of the commons runs on: each adapter with a real server of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol

from steersman.kernel.clock import FakeClock
from steersman.services.commons import Commons, Lock
from steersman.services.commons.adapters.memory import MemoryCommons, MemoryServer


class Rig(Protocol):
    """A server that is running."""

    def machine(self, namespace: str = "desk") -> contextlib.AbstractContextManager[Commons]:
        """Yield one machine's client; closed after."""
        ...

    def lose(self, lock: Lock) -> None:
        """Have the server free a lock as it does for a holder that does not come back; its holder is not told."""
        ...

    def pass_time(self, seconds: float) -> None:
        """Let that much of the server's time pass."""
        ...

    def stop(self) -> None: ...

    def start(self) -> None: ...


class Harness(Protocol):
    """Starts a server for a module of tests."""

    def needs(self) -> str:
        """Say what is missing on this machine; empty if nothing is."""
        ...

    def running(self) -> contextlib.AbstractContextManager[Rig]: ...


class _MemoryRig:
    def __init__(self) -> None:
        self._clock = FakeClock()
        self._server = MemoryServer(self._clock)

    @contextlib.contextmanager
    def machine(self, namespace: str = "desk") -> Iterator[Commons]:
        with contextlib.closing(MemoryCommons(self._server, namespace)) as commons:
            yield commons

    def lose(self, lock: Lock) -> None:
        self._server.lose(lock)

    def pass_time(self, seconds: float) -> None:
        self._clock.advance(seconds)

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.start()


class InMemory:
    """The adapter `memory`."""

    def needs(self) -> str:
        return ""

    @contextlib.contextmanager
    def running(self) -> Iterator[Rig]:
        yield _MemoryRig()


HARNESSES: dict[str, Harness] = {"memory": InMemory()}


def taken(commons: Commons, name: str, *, wait_s: float = 0.0) -> Lock:
    """Return a lock that must be free by then."""
    lock = commons.lock(name, wait_s=wait_s)
    assert lock is not None, f"somebody else holds {name}"
    return lock
