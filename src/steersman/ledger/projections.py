"""Read models: tables in a database of their own, rebuildable from the ledger at any time.

Rows and cursor change in one transaction, so each event is handled exactly once whatever crashes, and several
processes may catch up at the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

import apsw

from steersman.kernel.errors import Misconfigured, Unavailable
from steersman.ledger.event import Event
from steersman.ledger.pool import ReadPool
from steersman.ledger.ports import Head, Ledger
from steersman.ledger.type_filter import TypeFilter

_AT_ONCE: Final = 1000
_BUSY_MS: Final = 15_000
_DISK: Final = (apsw.FullError, apsw.IOError, apsw.ReadOnlyError, apsw.CantOpenError)


class Database(Protocol):
    """One connection to projections.db."""

    def execute(self, sql: str, params: Sequence[object] = ()) -> list[tuple[Any, ...]]: ...
    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None: ...


class Projection(Protocol):
    """A read model: which events it wants, and what each does to its tables.

    Attributes:
        name: prefix of its tables, e.g. `trading`.
        version: raise it when tables or rules change; the projection is then rebuilt from position 0.
        types: event types it wants; `trading.*` is allowed.
    """

    name: str
    version: int
    types: tuple[str, ...]

    def create(self, db: Database) -> None:
        """CREATE TABLE IF NOT EXISTS ..."""
        ...

    def drop(self, db: Database) -> None:
        """DROP TABLE IF EXISTS ..."""
        ...

    def handle(self, db: Database, event: Event) -> None:
        """Change the tables by one event; deterministic, without a clock."""
        ...


@runtime_checkable
class BatchProjection(Protocol):
    """A projection that takes a run of events in one call, because it can then touch each row once."""

    def handle_all(self, db: Database, events: Sequence[Event]) -> None:
        """Change the tables as `handle` would for each of `events` in turn; the same transaction moves the cursor."""
        ...


class _Writer:
    """The connection a Projector writes through; a disk that takes nothing is `Unavailable`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.connection = apsw.Connection(str(path))
        except (*_DISK, OSError) as exc:
            raise self._unwritable(exc) from exc
        self.connection.set_busy_timeout(_BUSY_MS)
        self.execute("PRAGMA journal_mode = WAL")
        # A read model may lose its last transactions in a power cut: it catches up again from its own cursor.
        self.execute("PRAGMA synchronous = NORMAL")

    def execute(self, sql: str, params: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        try:
            return self.connection.execute(sql, params).fetchall()
        except _DISK as exc:
            raise self._unwritable(exc) from exc

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        try:
            self.connection.executemany(sql, rows)
        except _DISK as exc:
            raise self._unwritable(exc) from exc

    def _unwritable(self, exc: Exception) -> Unavailable:
        return Unavailable(
            f"{self._path} cannot be written: {exc}",
            fix="free disk space, or correct the permissions; it catches up by itself then",
        )


class Projector:
    """Brings the read models in one file up to the ledger's head."""

    def __init__(self, ledger: Ledger, path: Path, projections: Sequence[Projection]) -> None:
        """Open (or make) the file at `path`; a projection that is new or has another version is rebuilt.

        Raises:
            Misconfigured: two projections share a name.
        """
        self._ledger = ledger
        self._projections = {p.name: p for p in projections}
        if len(self._projections) < len(projections):
            raise Misconfigured("two projections share a name", fix="give each projection a name of its own")
        self._db = _Writer(path)
        self._prepare()

    def catch_up(self) -> int:
        """Handle every event up to the head as of now; return how many events were handled."""
        handled, head = 0, self._ledger.head()
        while self._cursors_behind(head):
            handled += self._step(head)
        return handled

    def close(self) -> None:
        """Close the file."""
        self._db.connection.close()

    def _prepare(self) -> None:
        with _Transaction(self._db):
            self._db.execute(
                """CREATE TABLE IF NOT EXISTS projection(
                   name TEXT PRIMARY KEY, version INTEGER NOT NULL, pos INTEGER NOT NULL, hash BLOB NOT NULL
                   ) WITHOUT ROWID"""
            )
            known = {name: (version, pos, hash_) for name, version, pos, hash_ in self._all()}
            for name, projection in self._projections.items():
                version, pos, hash_ = known.get(name, (None, 0, b""))
                if version != projection.version or not self._is_ours(pos, hash_):
                    self._reset(projection)

    def _all(self) -> list[tuple[Any, ...]]:
        return self._db.execute("SELECT name, version, pos, hash FROM projection")

    def _is_ours(self, pos: int, hash_: bytes) -> bool:
        """Say whether the ledger still holds the event a cursor stands on: a restored ledger has another history."""
        return pos == 0 or _hash_at(self._ledger, pos) == hash_

    def _reset(self, projection: Projection) -> None:
        projection.drop(self._db)
        projection.create(self._db)
        self._db.execute(
            "INSERT OR REPLACE INTO projection VALUES(?, ?, 0, x'')", (projection.name, projection.version)
        )

    def _cursors(self) -> dict[str, int]:
        """Return where each of our projections stands."""
        found = {name: (version, pos) for name, version, pos, _ in self._all() if name in self._projections}
        for name, projection in self._projections.items():
            if found[name][0] != projection.version:
                raise Unavailable(
                    f"the read model {name!r} was rebuilt by another version of this program",
                    fix="stop the older process, or restart this one",
                )
        return {name: pos for name, (_, pos) in found.items()}

    def _cursors_behind(self, head: Head) -> bool:
        return any(pos < head.pos for pos in self._cursors().values())

    def _step(self, head: Head) -> int:
        """Move those furthest behind to where the next ones stand, at most one batch of events on."""
        with _Transaction(self._db):
            cursors = self._cursors()  # again: inside the transaction nobody else moves them
            low = min(cursors.values())
            if low >= head.pos:
                return 0
            target = min((pos for pos in cursors.values() if pos > low), default=head.pos)
            behind = [self._projections[name] for name, pos in cursors.items() if pos == low]
            return self._move(behind, low, min(target, head.pos))

    def _move(self, behind: Sequence[Projection], low: int, target: int) -> int:
        wanted = {t for p in behind for t in p.types}
        events = list(self._ledger.read(after=low, limit=_AT_ONCE, types=wanted))
        full = len(events) == _AT_ONCE
        events = [event for event in events if event.pos <= target]
        # A full batch that ends before the target says nothing about what lies between.
        reached = events[-1].pos if full and events and events[-1].pos < target else target
        for projection in behind:
            wants = TypeFilter(projection.types)
            _handle(projection, self._db, [event for event in events if wants(event.type)])
        mark = events[-1].hash if events and events[-1].pos == reached else _hash_at(self._ledger, reached)
        self._db.executemany(
            "UPDATE projection SET pos = ?, hash = ? WHERE name = ?", [(reached, mark, p.name) for p in behind]
        )
        return len(events)


def _handle(projection: Projection, db: Database, events: Sequence[Event]) -> None:
    """Hand `events` to one projection; projections do not see each other's tables, so their order does not matter."""
    if isinstance(projection, BatchProjection):
        try:
            projection.handle_all(db, events)
        except Exception as exc:
            first, last = (events[0].pos, events[-1].pos) if events else (0, 0)
            exc.add_note(f"while the projection {projection.name!r} handled the events {first} to {last}")
            raise
        return
    for event in events:
        try:
            projection.handle(db, event)
        except Exception as exc:
            exc.add_note(
                f"while the projection {projection.name!r} handled event {event.pos} ({event.type}, {event.id})"
            )
            raise


def _hash_at(ledger: Ledger, pos: int) -> bytes:
    return next((event.hash for event in ledger.read(after=pos - 1, limit=1)), b"")


class _Transaction:
    """BEGIN IMMEDIATE ... COMMIT, or ROLLBACK when it raises."""

    def __init__(self, db: _Writer) -> None:
        self._db = db

    def __enter__(self) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except apsw.BusyError as exc:
            raise Unavailable("another process is rebuilding the read models", fix="try again in a minute") from exc

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")


def open_reader(path: Path) -> Database:
    """Return a reader of the read models at `path`, for any number of threads; it sees each commit as it happens."""
    return ReadPool(path)
