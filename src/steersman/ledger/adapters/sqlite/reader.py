"""Reading a ledger file: what the writer, the socket client and plain readers share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

import apsw

from steersman.kernel.errors import Rejected, Unavailable
from steersman.ledger.adapters.sqlite.schema import check_format
from steersman.ledger.chain import GENESIS, RawRow, verify_rows
from steersman.ledger.event import Event, NewEvent
from steersman.ledger.pool import ReadPool
from steersman.ledger.ports import ANY, Appended, Head, Subscription, Verification
from steersman.ledger.row import COLUMNS, Row, event_of
from steersman.ledger.type_filter import TypeFilter
from steersman.ledger.watch import HeadWatch, Tail

_CHUNK: Final = 1000
# CAST: a damaged text column may not be UTF-8, and verify must say so instead of failing to read it.
_RAW: Final = (
    "pos, id, ts, CAST(stream AS BLOB), ver, CAST(type AS BLOB), schema, CAST(actor AS BLOB), cause, corr, data, hash"
)
_HEAD: Final = "SELECT pos, hash FROM events ORDER BY pos DESC LIMIT 1"


class SqliteReader:
    """Reads the file through connections that cannot write."""

    def __init__(self, path: Path, *, vfs: str | None = None) -> None:
        self.path = path
        self._pool = ReadPool(path, vfs=vfs)
        self._watch = HeadWatch()

    def read(
        self,
        *,
        after: int = 0,
        limit: int | None = None,
        types: Iterable[str] | None = None,
        stream: str | None = None,
        correlation_id: UUID | None = None,
    ) -> Iterator[Event]:
        """Yield events in order, fetched in chunks: a slow consumer holds no transaction open."""
        terms, bound = _conditions(types, stream, correlation_id)
        # Within a stream, versions and positions have one order, and the index on versions finds the rows.
        order = "ver" if stream is not None else "pos"
        sql = f"SELECT {COLUMNS} FROM events WHERE {' AND '.join((*terms, 'pos > ?'))} ORDER BY {order} LIMIT ?"
        left = limit
        while left is None or left > 0:
            size = _CHUNK if left is None else min(_CHUNK, left)
            rows = self._pool.rows(sql, (*bound, after, size))
            yield from map(event_of, cast("list[Row]", rows))
            if len(rows) < size:
                return
            after = rows[-1][0]
            left = None if left is None else left - size

    def get(self, event_id: UUID) -> Event | None:
        rows = self._pool.rows(f"SELECT {COLUMNS} FROM events WHERE id = ?", (event_id.bytes,))
        return event_of(cast(Row, rows[0])) if rows else None

    def stream_version(self, stream: str) -> int:
        rows = self._pool.rows("SELECT max(ver) FROM events WHERE stream = ?", (stream,))
        return rows[0][0] or 0

    def head(self) -> Head:
        rows = self._pool.rows(_HEAD)
        return Head(pos=rows[0][0], hash=rows[0][1]) if rows else Head(pos=0, hash=GENESIS)

    def subscribe(self, *, after: int) -> Subscription:
        """Follow the file: another process writes it, so look every 100 ms."""
        return Tail(lambda pos: self.read(after=pos), self._watch, after=after, polls=True)

    def verify(self, *, after: int = 0, until: int | None = None) -> Verification:
        """Recompute every hash in `(after, until]`; a file SQLite cannot read is a problem found, not an error."""
        start = Head(pos=0, hash=GENESIS)
        try:
            if after > 0:
                rows = self._pool.rows("SELECT hash FROM events WHERE pos = ?", (after,))
                if not rows:
                    return Verification(ok=False, checked=0, head=start, problem=f"event {after} is missing")
                start = Head(pos=after, hash=rows[0][0])
            return verify_rows(self._raw(after, self.head().pos if until is None else until), start=start)
        except (apsw.CorruptError, apsw.NotADBError, apsw.IOError) as exc:
            return Verification(ok=False, checked=0, head=start, problem=f"the file is damaged: {exc}")

    def _raw(self, after: int, until: int) -> Iterator[RawRow]:
        sql = f"SELECT {_RAW} FROM events WHERE pos > ? AND pos <= ? ORDER BY pos LIMIT {_CHUNK}"
        while rows := self._pool.rows(sql, (after, until)):
            yield from cast("list[RawRow]", rows)
            after = rows[-1][0]

    def close(self) -> None:
        """Close the connections; waiting subscribers return."""
        self._watch.advance(0)
        self._pool.close()


class ReadOnlyLedger(SqliteReader):
    """A ledger that is only looked at."""

    def __init__(self, path: Path, *, vfs: str | None = None) -> None:
        """Open `path`.

        Raises:
            Unavailable: there is no such file.
            Misconfigured: it is not a ledger of a format this program knows.
        """
        super().__init__(path, vfs=vfs)
        if vfs is None and not path.is_file():
            raise Unavailable(f"there is no ledger at {path}", fix="start the desk once: steersman up")
        check_format(self._pool.rows, path)

    def append(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Appended:
        raise Rejected(f"{self.path.name} is open for reading only", fix="append through the core's socket")

    def append_soon(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Future[Appended]:
        future: Future[Appended] = Future()
        try:
            future.set_result(self.append(events, expect=expect))
        except Rejected as exc:
            future.set_exception(exc)
        return future


def _conditions(
    types: Iterable[str] | None, stream: str | None, correlation_id: UUID | None
) -> tuple[list[str], list[Any]]:
    terms: list[str] = []
    bound: list[Any] = []
    if stream is not None:
        terms.append("stream = ?")
        bound.append(stream)
    if correlation_id is not None:
        terms.append("corr = ?")
        bound.append(correlation_id.bytes)
    if types is not None:
        condition, values = TypeFilter(types).sql()
        terms.append(condition)
        bound += values
    return terms, bound
