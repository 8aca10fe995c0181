"""The read model of pulls: what each key cost and saved, and who was served; rebuildable from the ledger."""

from __future__ import annotations

import msgspec

from steersman.ledger.event import Event
from steersman.ledger.projections import Database, Projection
from steersman.services.events import (
    CACHE_QUARANTINED,
    DATA_FETCHED,
    DATA_PULLED,
    DATA_REFUSED,
    DATA_SERVED,
    PULL_FAILED,
    CacheQuarantined,
    DataFetched,
    DataPulled,
    DataRefused,
    DataServed,
    PullFailed,
)

_TABLES = (
    """CREATE TABLE IF NOT EXISTS pulls_key(
        pull TEXT NOT NULL, key TEXT NOT NULL, source TEXT NOT NULL DEFAULT '', size_bytes INTEGER NOT NULL DEFAULT 0,
        rows INTEGER, content_hash TEXT NOT NULL DEFAULT '', schema_version TEXT NOT NULL DEFAULT '',
        checks TEXT NOT NULL DEFAULT '{}', upstream_calls INTEGER NOT NULL DEFAULT 0,
        upstream_bytes INTEGER NOT NULL DEFAULT 0, pulled INTEGER NOT NULL DEFAULT 0,
        revalidated INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0,
        quarantined INTEGER NOT NULL DEFAULT 0, served INTEGER NOT NULL DEFAULT 0,
        fetched INTEGER NOT NULL DEFAULT 0, served_stale INTEGER NOT NULL DEFAULT 0,
        bytes_saved INTEGER NOT NULL DEFAULT 0, last_pulled_at INTEGER,
        last_problem TEXT NOT NULL DEFAULT '', pos INTEGER NOT NULL, PRIMARY KEY(pull, key)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS pulls_reader(
        who TEXT NOT NULL, pull TEXT NOT NULL, upstream_calls INTEGER NOT NULL DEFAULT 0,
        served INTEGER NOT NULL DEFAULT 0, bytes_saved INTEGER NOT NULL DEFAULT 0, last_at INTEGER NOT NULL,
        PRIMARY KEY(who, pull)) WITHOUT ROWID""",
)


class Pulls:
    """One row per key with its latest receipt and its sums, and one per reader and pull."""

    name = "pulls"
    version = 2
    types: tuple[str, ...] = (DATA_PULLED, DATA_FETCHED, DATA_SERVED, DATA_REFUSED, PULL_FAILED, CACHE_QUARANTINED)

    def create(self, db: Database) -> None:
        for statement in _TABLES:
            db.execute(statement)

    def drop(self, db: Database) -> None:
        for table in ("pulls_key", "pulls_reader"):
            db.execute(f"DROP TABLE IF EXISTS {table}")

    def handle(self, db: Database, event: Event) -> None:
        if event.type == DATA_PULLED:
            _pulled(db, msgspec.json.decode(event.data, type=DataPulled), event.pos)
        elif event.type == DATA_FETCHED:
            _fetched(db, msgspec.json.decode(event.data, type=DataFetched), event.pos)
        elif event.type == DATA_SERVED:
            _served(db, msgspec.json.decode(event.data, type=DataServed), event.pos)
        elif event.type == DATA_REFUSED:
            refused = msgspec.json.decode(event.data, type=DataRefused)
            _row(db, refused.pull, refused.key, event.pos)
            db.execute(
                """UPDATE pulls_key SET refused = refused + 1, upstream_calls = upstream_calls + ?,
                   upstream_bytes = upstream_bytes + ?, last_problem = ? WHERE pull = ? AND key = ?""",
                (
                    refused.upstream_calls,
                    refused.upstream_bytes,
                    "; ".join(refused.problems),
                    refused.pull,
                    refused.key,
                ),
            )
        elif event.type == PULL_FAILED:
            failed = msgspec.json.decode(event.data, type=PullFailed)
            _row(db, failed.pull, failed.key, event.pos)
            db.execute(
                """UPDATE pulls_key SET failed = failed + 1, upstream_calls = upstream_calls + ?, last_problem = ?
                   WHERE pull = ? AND key = ?""",
                (failed.upstream_calls, failed.problem, failed.pull, failed.key),
            )
        else:
            altered = msgspec.json.decode(event.data, type=CacheQuarantined)
            _row(db, altered.pull, altered.key, event.pos)
            db.execute(
                "UPDATE pulls_key SET quarantined = quarantined + 1, last_problem = ? WHERE pull = ? AND key = ?",
                (altered.problem, altered.pull, altered.key),
            )


def _row(db: Database, pull: str, key: str, pos: int) -> None:
    db.execute(
        """INSERT INTO pulls_key(pull, key, pos) VALUES(?, ?, ?)
           ON CONFLICT(pull, key) DO UPDATE SET pos = excluded.pos""",
        (pull, key, pos),
    )


def _pulled(db: Database, event: DataPulled, pos: int) -> None:
    _row(db, event.pull, event.key, pos)
    db.execute(
        """UPDATE pulls_key SET source = ?, size_bytes = ?, rows = ?, content_hash = ?, schema_version = ?, checks = ?,
           upstream_calls = upstream_calls + ?, upstream_bytes = upstream_bytes + ?, pulled = pulled + ?,
           revalidated = revalidated + ?, last_pulled_at = ?, last_problem = '' WHERE pull = ? AND key = ?""",
        (
            event.source,
            event.size_bytes,
            event.rows,
            event.content_hash,
            event.schema_version,
            msgspec.json.encode(event.checks).decode(),
            event.upstream_calls,
            event.upstream_bytes,
            not event.revalidated,
            event.revalidated,
            event.at,
            event.pull,
            event.key,
        ),
    )
    _reader(db, event.who, event.pull, event.at, upstream_calls=event.upstream_calls)


def _fetched(db: Database, event: DataFetched, pos: int) -> None:
    """Another machine's call: what came is ours now, and what it cost is not."""
    _row(db, event.pull, event.key, pos)
    db.execute(
        """UPDATE pulls_key SET source = ?, size_bytes = ?, rows = ?, content_hash = ?, schema_version = ?, checks = ?,
           fetched = fetched + 1, last_pulled_at = ?, last_problem = '' WHERE pull = ? AND key = ?""",
        (
            event.source,
            event.size_bytes,
            event.rows,
            event.content_hash,
            event.schema_version,
            msgspec.json.encode(event.checks).decode(),
            event.at - int(event.age_s * 1e9),
            event.pull,
            event.key,
        ),
    )


def _served(db: Database, event: DataServed, pos: int) -> None:
    _row(db, event.pull, event.key, pos)
    saved = event.count * event.size_bytes
    db.execute(
        """UPDATE pulls_key SET served = served + ?, served_stale = served_stale + ?, bytes_saved = bytes_saved + ?
           WHERE pull = ? AND key = ?""",
        (event.count, 0 if event.state == "fresh" else event.count, saved, event.pull, event.key),
    )
    _reader(db, event.who, event.pull, event.at, served=event.count, bytes_saved=saved)


def _reader(
    db: Database, who: str, pull: str, at: int, *, upstream_calls: int = 0, served: int = 0, bytes_saved: int = 0
) -> None:
    db.execute(
        """INSERT INTO pulls_reader VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(who, pull) DO UPDATE SET
           upstream_calls = upstream_calls + excluded.upstream_calls, served = served + excluded.served,
           bytes_saved = bytes_saved + excluded.bytes_saved, last_at = max(last_at, excluded.last_at)""",
        (who, pull, upstream_calls, served, bytes_saved, at),
    )


PROJECTIONS: tuple[Projection, ...] = (Pulls(),)
