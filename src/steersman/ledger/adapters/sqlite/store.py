"""The file itself: inserts a planned batch in one transaction and knows the durable head."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Final, cast

import apsw

from steersman.kernel.errors import SteersmanError
from steersman.ledger.adapters.sqlite.schema import CHECKPOINT_PAGES, connect
from steersman.ledger.chain import GENESIS
from steersman.ledger.commit import Batch
from steersman.ledger.group import Pending
from steersman.ledger.ports import Appended, Head
from steersman.ledger.row import COLUMNS, Row

_STREAMS_KEPT: Final = 50_000
_WIDTH: Final = COLUMNS.count(",") + 1
# apsw lets go of the interpreter for every statement, and a busy thread may keep it for 5 ms each time: so few
# statements with many rows, not many with one.
# A decision leaves five to ten events: for each such number a statement that is a transaction of its own.
_SIZES: Final = (128, 32, *range(16, 0, -1))
_INSERT: Final = {
    size: f"INSERT INTO events({COLUMNS}) VALUES " + ", ".join([f"({', '.join('?' * _WIDTH)})"] * size)
    for size in _SIZES
}


class StoreFailed(Exception):
    """The disk did not take a transaction; nothing of it was acknowledged."""


class Store:
    """One connection that writes. Not thread-safe: the group commit calls it from one thread at a time."""

    def __init__(
        self, path: Path, *, vfs: str | None, synchronous: str, checkpoint_pages: int = CHECKPOINT_PAGES
    ) -> None:
        self._path = path
        self._vfs = vfs
        self._synchronous = synchronous
        self._checkpoint_pages = checkpoint_pages
        self._versions: OrderedDict[str, int] = OrderedDict()
        self._connection: apsw.Connection | None = None
        self.head = Head(pos=0, hash=GENESIS)
        self._open()

    def find(self, event_id: bytes) -> Row | None:
        """Return the row with this id (commit.Stored)."""
        rows = self._open().execute(f"SELECT {COLUMNS} FROM events WHERE id = ?", (event_id,)).fetchall()
        return cast(Row, rows[0]) if rows else None

    def version(self, stream: str) -> int:
        """Return the version of `stream` (commit.Stored)."""
        known = self._versions.get(stream)
        if known is None:
            row = self._open().execute("SELECT max(ver) FROM events WHERE stream = ?", (stream,)).fetchall()[0]
            known = cast("int | None", row[0]) or 0
        return known

    def recent_version(self, stream: str) -> int:
        """Return the version of `stream` if it was written to lately, else 0 (commit.Stored)."""
        return self._versions.get(stream, 0)

    def write(self, pendings: Sequence[Pending], now_ns: int) -> list[Appended | SteersmanError]:
        """Make a batch durable; return what became of each append.

        Raises:
            StoreFailed: the disk is full or broken; nothing was acknowledged, and the next call opens the file anew.
        """
        try:
            try:
                return self._try(pendings, now_ns, guess=True)
            except apsw.ConstraintError:
                # A repeat, or a stream from before the cache: look at each this time.
                return self._try(pendings, now_ns, guess=False)
        except (apsw.FullError, apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError, apsw.BusyError, OSError) as exc:
            self._abandon()
            raise StoreFailed(_in_words(exc)) from exc

    def close(self) -> None:
        """Close the file; the last one to close it folds the write-ahead log in."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _try(self, pendings: Sequence[Pending], now_ns: int, *, guess: bool) -> list[Appended | SteersmanError]:
        self._open()
        batch = Batch(self, self.head, guess=guess)
        outcomes: list[Appended | SteersmanError] = []
        for pending in pendings:
            try:
                outcomes.append(batch.admit(pending.events, pending.expect, now_ns))
            except SteersmanError as exc:
                outcomes.append(exc)
        if batch.rows:
            self._insert(batch.rows)
            self.head = batch.head
            self._remember(batch)
        return outcomes

    def _insert(self, rows: list[Row]) -> None:
        connection = self._open()
        if len(rows) in _INSERT:  # one statement is a transaction of its own
            connection.execute(_INSERT[len(rows)], tuple(chain.from_iterable(rows)))
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            start = 0
            for size in _SIZES:
                while len(rows) - start >= size:
                    connection.execute(_INSERT[size], tuple(chain.from_iterable(rows[start : start + size])))
                    start += size
            connection.execute("COMMIT")
        except apsw.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _remember(self, batch: Batch) -> None:
        self._versions.update(batch.versions)
        while len(self._versions) > _STREAMS_KEPT:
            self._versions.popitem(last=False)

    def _open(self) -> apsw.Connection:
        if self._connection is None:
            self._connection = connect(
                self._path, vfs=self._vfs, synchronous=self._synchronous, checkpoint_pages=self._checkpoint_pages
            )
            self._versions.clear()
            rows = self._connection.execute("SELECT pos, hash FROM events ORDER BY pos DESC LIMIT 1").fetchall()
            self.head = Head(pos=cast(int, rows[0][0]), hash=cast(bytes, rows[0][1])) if rows else self.head
        return self._connection

    def _abandon(self) -> None:
        """Drop the connection: after a failed write only what a fresh one reads is known to be in the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close(force=True)


def _in_words(exc: Exception) -> str:
    if isinstance(exc, apsw.FullError):
        return "the disk is full"
    return f"the disk failed ({exc})"
