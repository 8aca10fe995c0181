"""One of several desks follows the schedules: whoever holds a lock that PostgreSQL frees when its holder is gone."""

from __future__ import annotations

import contextlib

import psycopg

from steersman.automation.adapters.dbos.database import connect, lock_key
from steersman.kernel.errors import Unavailable


class Lead:
    """The claim of one process to the schedules of an application. Used by one thread at a time.

    Between the loss of a connection and its discovery two may believe that they lead. Harmless: a start has one id.
    """

    def __init__(self, where: str, *, schema: str, app: str, name: str) -> None:
        self._where = where
        self._key = lock_key(schema, app)
        self._name = name
        self._connection: psycopg.Connection | None = None
        self.held = False
        self.is_anothers = False

    def claim(self) -> bool:
        """Take the lead if it is free, see that it is still ours if we have it, and say whether we lead now.

        `is_anothers` says afterwards whether another has it; not if the server could not be asked.
        """
        self.is_anothers = False
        try:
            if self._connection is None:
                self._connection = connect(self._where, name=self._name)
            query = "SELECT true" if self.held else "SELECT pg_try_advisory_lock(%s)"
            row = self._connection.execute(query, None if self.held else [self._key]).fetchone()
            self.held = bool(row and row[0])
            self.is_anothers = not self.held
        except (Unavailable, psycopg.Error):
            self.release()
        return self.held

    def release(self) -> None:
        """Give the lead up; a second call does nothing."""
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                if self.held:
                    # The server sees a closed connection only a moment later; the next leader need not wait for that.
                    self._connection.execute("SELECT pg_advisory_unlock(%s)", [self._key])
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
        self.held = False
        self._connection = None
