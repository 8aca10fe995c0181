"""Connections to one PostgreSQL server: every wait has an end, every failure has words of ours."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg
from psycopg import errors, sql

from steersman.kernel.errors import Unavailable

CONNECT_S: Final = 3
ANSWER_S: Final = 8.0
# For a record of many megabytes over a slow line, and the sync of a busy disk.
WRITE_S: Final = 60.0
_OLDEST: Final = 140_000
_MOST_IDLE: Final = 4
_START: Final = "start it, or correct url in [shared]; `steersman doctor` looks again"
_TCP: Final = {
    "keepalives": 1,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
}
_WORDS: Final[tuple[tuple[type[psycopg.Error], str, str], ...]] = (
    (errors.ReadOnlySqlTransaction, "is a replica and takes no writes", "name the primary in url"),
    (errors.DiskFull, "takes no more data: its disk is full", "free some there"),
    (
        errors.InsufficientPrivilege,
        "does not let us make or use our table",
        "have its administrator run CREATE SCHEMA {schema} AUTHORIZATION our_user; our user being that of url",
    ),
    (errors.TooManyConnections, "has no connection left for us", "raise max_connections there"),
)
_TABLE: Final = """CREATE TABLE IF NOT EXISTS {schema}.commons(
    namespace text NOT NULL, name text NOT NULL, data bytea NOT NULL, expires_at timestamptz,
    PRIMARY KEY(namespace, name))"""
# Arrow frames and sealed logins do not get smaller: compressing them would only take time.
_STORAGE: Final = "ALTER TABLE {schema}.commons ALTER COLUMN data SET STORAGE EXTERNAL"
_NO_LOGIN: Final = re.compile(r"authentication failed|role .* does not exist|no pg_hba.conf entry|no password")
_NO_DATABASE: Final = re.compile(r"database .* does not exist")
_inherited: Final[list[psycopg.Connection[Any]]] = []


class Sessions:
    """Sessions of one server, kept for the next who needs one. Thread safe; after a fork each process has its own."""

    def __init__(self, url: str, *, place: str, schema: str, application: str) -> None:
        self._url, self._place, self._application = url, place, application
        self._schema, self.schema = schema, sql.Identifier(schema)
        self._guard = threading.Lock()
        self._idle: list[psycopg.Connection[Any]] = []
        self._pid = os.getpid()
        self._is_ready = self.is_closed = False

    def take(self) -> psycopg.Connection[Any]:
        """Return a session of one's own; give it back with `give` or close it.

        Raises:
            Unavailable: the server does not answer.
        """
        with self._guard:
            if self._pid != os.getpid():
                # They are the parent's: closing them here would end its sessions.
                _inherited.extend(self._idle)
                self._idle, self._pid = [], os.getpid()
            if self.is_closed:
                raise Unavailable(f"PostgreSQL at {self._place} was closed here", fix="open the commons again")
            kept = self._idle.pop() if self._idle else None
        return kept or self._opened()

    def give(self, session: psycopg.Connection[Any]) -> None:
        """Keep a session that is as good as new for the next one; one that is broken ends."""
        with self._guard:
            if not session.closed and not session.broken and not self.is_closed and len(self._idle) < _MOST_IDLE:
                self._idle.append(session)
                return
        session.close()

    def ask(self, statement: str, values: Sequence[object] = (), *, timeout_s: float = ANSWER_S) -> list[Any]:
        """Return the rows of a statement that is safe to repeat: it is, once, when a kept session was dead.

        `{table}` in it is our table.

        Raises:
            Unavailable: there is no answer.
        """
        while self.has_idle:  # those of before a restart of the server are dead, all of them
            with suppress(psycopg.OperationalError):
                return self._asked(statement, values, timeout_s)
        return self.rows(self.take(), statement, values, timeout_s=timeout_s, give=True)

    @property
    def has_idle(self) -> bool:
        """Whether a session is kept, which may have ended since."""
        with self._guard:
            return bool(self._idle) and self._pid == os.getpid()

    def rows(
        self,
        session: psycopg.Connection[Any],
        statement: str,
        values: Sequence[object] = (),
        *,
        timeout_s: float = ANSWER_S,
        give: bool = False,
    ) -> list[Any]:
        """Return the rows of a statement in `session`, which goes back with `give`.

        Raises:
            Unavailable: there is no answer; the session may be over.
        """
        try:
            return self._run(session, statement, values, timeout_s)
        except psycopg.Error as exc:
            raise self._said(exc) from exc
        finally:
            if give:
                self.give(session)

    def close(self) -> None:
        """End the sessions that nobody uses; nothing is asked any more."""
        with self._guard:
            idle, self._idle, self.is_closed = self._idle, [], True
        for session in idle:
            session.close()

    def _asked(self, statement: str, values: Sequence[object], timeout_s: float) -> list[Any]:
        session = self.take()
        try:
            return self._run(session, statement, values, timeout_s)
        except psycopg.OperationalError as exc:
            if not session.closed:
                raise self._said(exc) from exc
            raise
        except psycopg.Error as exc:
            raise self._said(exc) from exc
        finally:
            self.give(session)

    def _run(
        self, session: psycopg.Connection[Any], statement: str, values: Sequence[object], timeout_s: float
    ) -> list[Any]:
        query = sql.SQL(statement).format(table=sql.SQL("{}.commons").format(self.schema))
        with _bounded(session, timeout_s):
            try:
                cursor = session.execute(query, values, binary=True)
            except (errors.UndefinedTable, errors.InvalidSchemaName):
                # Somebody dropped it, or restored a backup without it: what lay there is gone, what comes need not be.
                self._make_table(session)
                cursor = session.execute(query, values, binary=True)
            return cursor.fetchall() if cursor.description else [(cursor.rowcount,)]

    def _opened(self) -> psycopg.Connection[Any]:
        try:
            session = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=CONNECT_S,
                application_name=self._application,
                # Never prepared: what is prepared in one session is not there in the next.
                prepare_threshold=None,
                **_TCP,  # type: ignore[arg-type]  # libpq's own words, which the stub does not know
            )
        except psycopg.Error as exc:
            raise self._said(exc) from exc
        try:
            self._prepare(session)
        except psycopg.Error as exc:
            session.close()
            raise self._said(exc) from exc
        except BaseException:
            session.close()
            raise
        return session

    def _prepare(self, session: psycopg.Connection[Any]) -> None:
        """Look whether the session is really ours alone, and make the table once."""
        if session.info.server_version < _OLDEST:
            raise Unavailable(
                f"PostgreSQL at {self._place} is older than 14, which cannot free the locks of who hangs",
                fix="use PostgreSQL 14 or later",
            )
        with _bounded(session, ANSWER_S):
            session.execute("SET synchronous_commit = on")
            (backend,) = session.execute("SELECT pg_backend_pid()").fetchone() or (0,)
            if backend != session.info.backend_pid:
                raise Unavailable(
                    f"PostgreSQL at {self._place} is behind a pooler, where a session's locks are not its own",
                    fix="name the server itself in url, not PgBouncer or the like",
                )
            if not self._is_ready:
                self._make_table(session)
                self._is_ready = True

    def _make_table(self, session: psycopg.Connection[Any]) -> None:
        if self._has_table(session):
            return
        with session.transaction():
            # Two machines that start together would trip over each other in "IF NOT EXISTS".
            session.execute("SELECT pg_advisory_xact_lock(hashtext('steersman commons'))")
            if self._has_table(session):
                return  # another machine was first; an ALTER now would hold up those who use it already
            if session.execute("SELECT to_regnamespace(%s)", (self._schema,)).fetchone() == (None,):
                # Not "IF NOT EXISTS": that asks for the right to make one also where there is one.
                session.execute(sql.SQL("CREATE SCHEMA {}").format(self.schema))
            for statement in (_TABLE, _STORAGE):
                session.execute(sql.SQL(statement).format(schema=self.schema))

    def _has_table(self, session: psycopg.Connection[Any]) -> bool:
        table = sql.SQL("{}.commons").format(self.schema).as_string(session)
        return session.execute("SELECT to_regclass(%s)", (table,)).fetchone() != (None,)

    def _said(self, exc: psycopg.Error) -> Unavailable:
        here = f"PostgreSQL at {self._place}"
        for kind, words, fix in _WORDS:
            if isinstance(exc, kind):
                return Unavailable(f"{here} {words}", fix=fix.format(schema=self._schema))
        # The words of the library may quote user and query: only looked at, never repeated.
        if _NO_LOGIN.search(str(exc)):
            return Unavailable(f"{here} refuses our login", fix="correct user and password in what url refers to")
        if _NO_DATABASE.search(str(exc)):
            return Unavailable(f"{here} has no such database", fix="make it there, or correct what url refers to")
        if isinstance(exc, psycopg.OperationalError):
            return Unavailable(f"{here} does not answer", fix=_START)
        return Unavailable(f"{here} refused ({type(exc).__name__})", fix=_START)


@contextmanager
def _bounded(session: psycopg.Connection[Any], timeout_s: float) -> Iterator[None]:
    """Cut the connection after a while: a server that is stopped acknowledges every byte and never answers."""
    guard, is_over = threading.Lock(), False

    def cut() -> None:
        with guard, suppress(OSError, psycopg.Error):
            if not is_over:
                with socket.socket(fileno=os.dup(session.fileno())) as line:
                    line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(timeout_s, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        with guard:
            is_over = True
