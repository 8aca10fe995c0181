"""Commons in the memory of this process: for tests, and for trying out what several workspaces would share."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from steersman.kernel.clock import Clock, SystemClock
from steersman.kernel.errors import Conflict, Unavailable
from steersman.services.commons.keeping import TakenLock
from steersman.services.commons.names import check_size, checked
from steersman.services.commons.ports import CommonsStanding, Lock
from steersman.services.commons.settings import SharedSettings
from steersman.services.commons.waiting import until_taken


class MemoryServer:
    """The server: what several `MemoryCommons` are clients of. Its clock is `clock`; it can be stopped and crash."""

    def __init__(self, clock: Clock | None = None, *, is_durable: bool = True) -> None:
        self.clock = clock or SystemClock()
        self.is_durable, self.is_away = is_durable, False
        self.guard = threading.Lock()
        self.holders: dict[str, object] = {}
        self.records: dict[str, tuple[bytes, int | None]] = {}

    def stop(self) -> None:
        """Answer nobody from now on. Locks are lost, as they are when a server ends; records only if not durable."""
        with self.guard:
            self.is_away = True
            self.holders.clear()
            if not self.is_durable:
                self.records.clear()

    def start(self) -> None:
        """Answer again."""
        self.is_away = False

    def lose(self, holder: Lock) -> None:
        """Free a lock as if its lease had run out; its holder is not told."""
        assert isinstance(holder, _Lock)  # noqa: S101 - of this adapter
        with self.guard:
            self.holders.pop(holder.name, None)


_SERVERS: Final[dict[str, MemoryServer]] = {}


class MemoryCommons:
    """One machine's view of a `MemoryServer`."""

    kind = "memory"
    place = "the memory of this process"

    def __init__(self, server: MemoryServer, namespace: str = "desk") -> None:
        self._server, self._namespace = server, namespace
        self._taken: set[_Lock] = set()
        self._is_closed = False

    @property
    def is_durable(self) -> bool:
        return not self.not_durable

    @property
    def not_durable(self) -> str:
        self._check()
        return "" if self._server.is_durable else "memory is gone when its process ends"

    def now_ns(self) -> int:
        self._check()
        return self._server.clock.now_ns()

    def lock(self, name: str, *, wait_s: float = 0.0) -> Lock | None:
        full = self._full(name)
        return until_taken(lambda: self._try(full), wait_s=wait_s)

    def read(self, name: str) -> bytes | None:
        full = self._full(name)
        self._check()
        with self._server.guard:
            data, until = self._server.records.get(full, (None, None))
            return data if until is None or self._server.clock.now_ns() < until else None

    def write(self, name: str, data: bytes, *, under: Lock, ttl_s: float | None = None) -> None:
        full = self._full(name)
        check_size(name, data)
        self._check()
        until = None if ttl_s is None else self._server.clock.now_ns() + int(ttl_s * 1e9)
        with self._server.guard:
            if not (isinstance(under, _Lock) and self._server.holders.get(under.name) is under):
                raise Conflict(f"{name}: the lock was lost before this was written", fix="read again, decide again")
            self._server.records[full] = (bytes(data), until)

    def delete(self, name: str) -> None:
        full = self._full(name)
        self._check()
        with self._server.guard:
            self._server.records.pop(full, None)

    def standing(self) -> CommonsStanding:
        self._check()
        ours, now = f"{self._namespace}:", self._server.clock.now_ns()
        with self._server.guard:
            found = self._server.records.items()
            sizes = [len(d) for name, (d, u) in found if name.startswith(ours) and (u is None or now < u)]
            locks = sum(name.startswith(ours) for name in self._server.holders)
        return CommonsStanding(server="memory", records=len(sizes), size_bytes=sum(sizes), locks=locks)

    def close(self) -> None:
        self._is_closed = True
        for lock in list(self._taken):
            lock.release()

    def forget(self, lock: _Lock) -> None:
        """Free `lock` if it is still the holder."""
        self._taken.discard(lock)
        with self._server.guard:
            if self._server.holders.get(lock.name) is lock:
                del self._server.holders[lock.name]

    def holds(self, lock: _Lock) -> bool:
        """Say whether `lock` is the holder, as far as the server says."""
        return not self._server.is_away and self._server.holders.get(lock.name) is lock

    def _try(self, full: str) -> _Lock | None:
        self._check()
        with self._server.guard:
            if full in self._server.holders:
                return None
            lock = _Lock(self, full)
            self._server.holders[full] = lock
        self._taken.add(lock)
        return lock

    def _full(self, name: str) -> str:
        return f"{self._namespace}:{checked(name)}"

    def _check(self) -> None:
        if self._server.is_away or self._is_closed:
            raise Unavailable(
                f"the commons ({self.place}) {'are closed' if self._is_closed else 'do not answer'}", fix="start them"
            )


class _Lock(TakenLock):
    def __init__(self, commons: MemoryCommons, name: str) -> None:
        self._commons, self.name = commons, name

    @property
    def is_held(self) -> bool:
        return self._commons.holds(self)

    def release(self) -> None:
        self._commons.forget(self)


def create(settings: SharedSettings, *, root: Path, clock: Clock) -> MemoryCommons:
    """Return commons that every workspace opened in this process shares by its namespace; gone with the process."""
    server = _SERVERS.setdefault(settings.namespace, MemoryServer(clock, is_durable=False))
    return MemoryCommons(server, settings.namespace)
