"""The tables of a ledger file, and how a connection that writes to it is set up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import apsw

from steersman.kernel.errors import Misconfigured

FORMAT: Final = 1
_BUSY_MS: Final = 15_000
CHECKPOINT_PAGES: Final = 2000
"""Length of the write-ahead log, in pages, at which it is folded into the file."""

# The index on `corr` costs an eighth of a commit and turns "everything that followed from this signal" from a scan of
# all there ever was into a look-up. STRICT keeps a number from being stored as text, which would hash differently.
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events(
  pos INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, ts INTEGER NOT NULL, stream TEXT NOT NULL, ver INTEGER NOT NULL,
  type TEXT NOT NULL, schema INTEGER NOT NULL, actor TEXT NOT NULL, cause BLOB, corr BLOB, data BLOB NOT NULL,
  hash BLOB NOT NULL, UNIQUE(stream, ver)) STRICT;
CREATE INDEX IF NOT EXISTS events_corr ON events(corr) WHERE corr IS NOT NULL;
CREATE TRIGGER IF NOT EXISTS events_never_change BEFORE UPDATE ON events
  BEGIN SELECT RAISE(ABORT, 'events are never edited'); END;
CREATE TRIGGER IF NOT EXISTS events_never_go BEFORE DELETE ON events
  BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
"""


def connect(path: Path, *, vfs: str | None, synchronous: str, checkpoint_pages: int) -> apsw.Connection:
    """Open `path` for writing, making the tables if they are not there.

    Raises:
        Misconfigured: the file was written by a later format than this program knows.
    """
    connection = apsw.Connection(str(path), vfs=vfs)
    try:
        connection.set_busy_timeout(_BUSY_MS)
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        # Many rows in one statement need a savepoint of their own: in memory, not in a scratch file beside every batch.
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA wal_autocheckpoint = {checkpoint_pages}").fetchall()
        # The one writer keeps the write-ahead log at most this long on disk after a burst.
        connection.execute(f"PRAGMA journal_size_limit = {64 << 20}").fetchall()
        with connection:
            connection.execute(_TABLES)
            connection.execute("INSERT OR IGNORE INTO meta VALUES('format', ?)", (str(FORMAT),))
        check_format(lambda sql: connection.execute(sql).fetchall(), path)
    except BaseException:
        connection.close()
        raise
    return connection


def check_format(rows: Callable[[str], Sequence[tuple[Any, ...]]], path: Path) -> None:
    """Refuse a file this program does not understand.

    Raises:
        Misconfigured: it has another format, or it is not a ledger.
    """
    try:
        found = rows("SELECT value FROM meta WHERE key = 'format'")
    except (apsw.SQLError, apsw.NotADBError) as exc:
        raise Misconfigured(f"{path} is not a ledger", fix="name another file") from exc
    if list(found) != [(str(FORMAT),)]:
        shown = found[0][0] if found else "none"
        raise Misconfigured(
            f"{path} has ledger format {shown}; this program reads format {FORMAT}",
            fix="use the version of steersman that wrote it, or a later one",
        )
