"""Locks of a PostgreSQL server: an advisory lock of a session, which ends when nobody speaks in it for a lease.

A session that ends for whatever reason ends its lock, and what is written in the session is written by the holder.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import psycopg

from steersman.kernel.errors import Conflict, OutcomeUnknown, Unavailable
from steersman.services.commons.adapters.postgres.sessions import WRITE_S, Sessions
from steersman.services.commons.keeping import Keeping, TakenLock

_TAKE: Final = (
    "SELECT CASE WHEN pg_try_advisory_lock(%s) THEN set_config('idle_session_timeout', %s, false) END IS NOT NULL"
)
_RELEASE: Final = "SELECT pg_advisory_unlock(%s), set_config('idle_session_timeout', '0', false)"


def lock_number(namespace: str, name: str) -> int:
    """Return the number of a lock: PostgreSQL has numbers of 64 bits, one set for the whole database."""
    digest = hashlib.sha256(f"steersman\0{namespace}\0{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


class PostgresLock(TakenLock):
    """A lock that was taken, and the session that holds it."""

    def __init__(self, keeper: Keeper, number: int, session: psycopg.Connection[Any]) -> None:
        self._keeper, self.number, self.session = keeper, number, session
        self.busy = threading.Lock()

    @property
    def is_held(self) -> bool:
        return self._keeper.holds(self)

    def release(self) -> None:
        self._keeper.release(self)


class Keeper(Keeping[PostgresLock]):
    """Takes locks, and speaks in their sessions every third of the lease, from one thread while any is held."""

    def __init__(self, sessions: Sessions, lease_s: float) -> None:
        super().__init__(lease_s)
        self._sessions, self._lease_ms = sessions, str(int(lease_s * 1000))

    def take(self, number: int) -> PostgresLock | None:
        """Return the lock, None if somebody else has it.

        Raises:
            Unavailable: the server does not answer.
        """
        self._notice_fork()
        session = self._session_that_lives()
        try:
            ((taken,),) = self._sessions.rows(session, _TAKE, (number, self._lease_ms))
        except Unavailable:
            session.close()  # and with it the lock, if it was taken
            raise
        if not taken:
            self._sessions.give(session)
            return None
        lock = PostgresLock(self, number, session)
        self._add(lock)
        return lock

    def holds(self, lock: PostgresLock) -> bool:
        """Say whether the server still says so."""
        with lock.busy:
            return lock in self._held and self._speak(lock)

    def write(self, lock: PostgresLock, name: str, statement: str, values: Sequence[object]) -> None:
        """Run a statement in the session of the lock, if there still is one.

        Raises:
            Conflict: the lock is lost; nothing was written.
            Unavailable: see `Commons.write`.
        """
        with lock.busy:
            # Spoken first: from a session that is over, a large record would only come back as "connection reset".
            if lock not in self._held or not self._speak(lock):
                raise Conflict(f"{name}: the lock was lost before this was written", fix="read again, decide again")
            try:
                self._sessions.rows(lock.session, statement, values, timeout_s=WRITE_S)
            except Unavailable as exc:
                if not lock.session.closed:
                    raise
                self._lost(lock)
                raise OutcomeUnknown(f"{name} may or may not have been written: {exc.message}", fix=exc.fix) from exc

    def release(self, lock: PostgresLock) -> None:
        """Let go; the session is kept for the next one."""
        with lock.busy:
            with self._guard:
                if lock not in self._held:
                    return
                self._held.discard(lock)
            try:
                self._sessions.rows(lock.session, _RELEASE, (lock.number,), give=True)
            except Unavailable:
                lock.session.close()

    def _session_that_lives(self) -> psycopg.Connection[Any]:
        """Return a session; one that was kept may have ended since, with the server or with a firewall's patience."""
        while True:
            session = self._sessions.take()
            with suppress(Unavailable):
                self._sessions.rows(session, "SELECT 1")
                return session
            is_new = not self._sessions.has_idle
            session.close()
            if is_new:
                return self._sessions.take()

    def _speak(self, lock: PostgresLock) -> bool:
        try:
            self._sessions.rows(lock.session, "SELECT 1")
        except Unavailable:
            self._lost(lock)
            return False
        return True

    def _lost(self, lock: PostgresLock) -> None:
        with self._guard:
            self._held.discard(lock)
        lock.session.close()

    def _renew(self, lock: PostgresLock) -> None:
        # Who is busy in the session speaks there already.
        if lock.busy.acquire(blocking=False):
            try:
                if lock in self._held:
                    self._speak(lock)
            finally:
                lock.busy.release()
