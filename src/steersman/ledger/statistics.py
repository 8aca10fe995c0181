"""What a ledger file holds, counted by SQLite, and questions in SQL that cannot change anything.

Both read the file directly and know the columns of the SQLite adapter: ports have no words for either.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured, Rejected, Unavailable
from steersman.ledger.pool import ReadPool

_DAY_NS: Final = 86_400_000_000_000
_STEPS: Final = 10_000
_ALLOWED: Final = frozenset((apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE))
# A temporary view hides the table of the same name: queries see text where the file has bytes.
_VIEW: Final = """CREATE TEMP VIEW events AS SELECT
  pos, lower(hex(id)) AS id, ts, strftime('%Y-%m-%dT%H:%M:%fZ', ts / 1e9, 'unixepoch') AS recorded_at, stream, ver,
  type, schema, actor, lower(hex(cause)) AS cause, lower(hex(corr)) AS corr, CAST(data AS TEXT) AS data,
  lower(hex(hash)) AS hash FROM main.events"""


class TypeCount(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one type; `data_bytes` is their data together, times are ns since 1970 UTC."""

    type: str
    events: int
    data_bytes: int
    first_ns: int
    last_ns: int


class DayCount(msgspec.Struct, frozen=True, kw_only=True):
    """Events recorded in one UTC day that began at `start_ns`."""

    start_ns: int
    events: int


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """A ledger file in numbers; `file_bytes` includes the write-ahead log."""

    events: int
    streams: int
    head_hash: str
    first_ns: int | None
    last_ns: int | None
    file_bytes: int
    types: tuple[TypeCount, ...]
    days: tuple[DayCount, ...]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of a query; `more` says that the limit cut them."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    more: bool


def statistics(path: Path) -> Statistics:
    """Count the ledger at `path`; reads every row's header once.

    Raises:
        Unavailable: there is no such file.
    """
    pool = ReadPool(path)
    try:
        types = pool.rows(
            "SELECT type, count(*), sum(length(data)), min(ts), max(ts) FROM events GROUP BY type ORDER BY 2 DESC, 1"
        )
        days = pool.rows("SELECT ts / ? AS day, count(*) FROM events GROUP BY day ORDER BY day", (_DAY_NS,))
        ((streams,),) = pool.rows("SELECT count(*) FROM events WHERE ver = 1")
        head = pool.rows("SELECT pos, hash FROM events ORDER BY pos DESC LIMIT 1")
    finally:
        pool.close()
    wal = path.with_name(path.name + "-wal")
    return Statistics(
        events=sum(row[1] for row in types),
        streams=streams,
        head_hash=head[0][1].hex() if head else "",
        first_ns=min((row[3] for row in types), default=None),
        last_ns=max((row[4] for row in types), default=None),
        file_bytes=path.stat().st_size + (wal.stat().st_size if wal.exists() else 0),
        types=tuple(
            TypeCount(type=name, events=n, data_bytes=size, first_ns=first, last_ns=last)
            for name, n, size, first, last in types
        ),
        days=tuple(DayCount(start_ns=day * _DAY_NS, events=n) for day, n in days),
    )


def query(path: Path, sql: str, *, clock: Clock, limit: int, timeout_s: float) -> Answer:
    """Run one SELECT over the view `events` (ids and hashes as hex, `data` as JSON text: `data ->> '$.at'`).

    The file is opened for reading only, and anything but reading is refused before it runs: no second file, no
    PRAGMA, no temporary table.

    Raises:
        Rejected: it is not one SELECT, or asks for something that is not allowed.
        Misconfigured: SQLite does not understand it.
        Unavailable: there is no such file, or it took longer than `timeout_s` seconds.
    """
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    except apsw.CantOpenError as exc:
        raise Unavailable(f"cannot open {path}: {exc}", fix="start the desk once: steersman up") from exc
    try:
        connection.execute(_VIEW)
        connection.authorizer = _authorize
        ends = clock.elapsed_ns() + round(timeout_s * 1e9)
        connection.set_progress_handler(lambda: clock.elapsed_ns() > ends, _STEPS)
        return _answer(connection, sql, limit)
    except (apsw.AuthError, apsw.ReadOnlyError) as exc:
        raise Rejected("only reading is allowed here", fix="ask with one SELECT over the view `events`") from exc
    except apsw.InterruptError as exc:
        raise Unavailable(
            f"stopped after {timeout_s:g} s", fix="ask for less (WHERE pos > ...), or give it longer: --timeout"
        ) from exc
    except apsw.SQLError as exc:
        raise Misconfigured(
            f"SQLite says: {exc}",
            fix="events has pos, id, ts, recorded_at, stream, ver, type, schema, actor, cause, corr, data and hash",
        ) from exc
    finally:
        connection.close()


def _answer(connection: apsw.Connection, sql: str, limit: int) -> Answer:
    columns: list[tuple[str, ...]] = []

    def one(cursor: apsw.Cursor, _: str, __: object) -> bool:
        if columns:
            raise Rejected("one statement at a time", fix="remove what follows the first ;")
        columns.append(tuple(str(column[0]) for column in cursor.get_description()))
        return True

    cursor = connection.cursor()
    cursor.exec_trace = one
    rows: list[tuple[Any, ...]] = []
    more = False
    for row in cursor.execute(sql):
        if len(rows) == limit:
            more = True
            break
        rows.append(tuple(value.hex() if isinstance(value, bytes) else value for value in row))
    return Answer(columns=columns[0] if columns else (), rows=tuple(rows), more=more)


def _authorize(operation: int, *_: str | None) -> int:
    return apsw.SQLITE_OK if operation in _ALLOWED else apsw.SQLITE_DENY
