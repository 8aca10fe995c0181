"""Read-only connections to one SQLite file, shared by any number of threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import apsw

from steersman.kernel.errors import Unavailable

_BUSY_MS: Final = 15_000
_IDLE: Final = 8


class ReadPool:
    """Lends a connection per statement: a thread never waits for another, and no read transaction stays open.

    A reader that kept its transaction open would keep the write-ahead log from being reused.
    """

    def __init__(self, path: Path, *, vfs: str | None = None) -> None:
        """Read `path`, which need not exist yet; connections are made when they are first needed."""
        self._path = path
        self._vfs = vfs
        self._idle: deque[apsw.Connection] = deque()
        self._closed = False

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of one statement.

        Raises:
            Unavailable: the file is not there, or the pool is closed.
        """
        connection = self._borrow()
        try:
            return connection.execute(sql, params).fetchall()
        finally:
            if self._closed or len(self._idle) >= _IDLE:
                connection.close()
            else:
                self._idle.append(connection)

    # The names of projections.Database, so that a pool is the reader of a projections file.
    def execute(self, sql: str, params: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self.rows(sql, params)

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run `sql` for each of `rows`; anything that writes is refused by SQLite."""
        for row in rows:
            self.rows(sql, row)

    def _borrow(self) -> apsw.Connection:
        if self._closed:
            raise Unavailable(f"{self._path.name} is closed", fix="open it again")
        try:
            return self._idle.pop()
        except IndexError:
            pass
        try:
            connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY, vfs=self._vfs)
        except apsw.CantOpenError as exc:
            raise Unavailable(f"cannot open {self._path}: {exc}", fix="check that it exists and may be read") from exc
        connection.set_busy_timeout(_BUSY_MS)
        return connection

    def close(self) -> None:
        """Close the idle connections; those lent out close as they come back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()
