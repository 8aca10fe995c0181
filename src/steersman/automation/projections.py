"""The read model of runs: rebuildable from the ledger at any time."""

from __future__ import annotations

import msgspec

from steersman.automation.events import RUN_FINISHED, RUN_SKIPPED, RUN_STARTED, RunFinished, RunSkipped, RunStarted
from steersman.ledger.event import Event
from steersman.ledger.projections import Database, Projection

_TABLES = (
    """CREATE TABLE IF NOT EXISTS automation_attempt(
        run_id TEXT NOT NULL, attempt INTEGER NOT NULL, automation TEXT NOT NULL, cause TEXT NOT NULL,
        status TEXT NOT NULL, scheduled_at INTEGER, lateness_s REAL, started_at INTEGER NOT NULL, finished_at INTEGER,
        exit_code INTEGER, wall_s REAL, cpu_s REAL, peak_rss_bytes INTEGER, log TEXT NOT NULL, log_bytes INTEGER,
        log_truncated_bytes INTEGER, artifacts TEXT NOT NULL DEFAULT '[]', result TEXT, error TEXT NOT NULL DEFAULT '',
        command TEXT NOT NULL DEFAULT '', pos INTEGER NOT NULL, PRIMARY KEY(run_id, attempt)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS automation_run(
        run_id TEXT PRIMARY KEY, automation TEXT NOT NULL, status TEXT NOT NULL, attempt INTEGER NOT NULL,
        started_at INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS automation_run_recent ON automation_run(started_at)",
    "CREATE INDEX IF NOT EXISTS automation_run_name ON automation_run(automation, started_at)",
    """CREATE TABLE IF NOT EXISTS automation_skip(
        pos INTEGER PRIMARY KEY, automation TEXT NOT NULL, reason TEXT NOT NULL, scheduled_at INTEGER,
        at INTEGER NOT NULL, run_id TEXT NOT NULL)""",
)


class Runs:
    """Every attempt with its figures, and one line per run with its latest state.

    A run that waits for its next attempt is `retrying`; one whose process lives is `running`.
    """

    name = "automation"
    version = 1
    types: tuple[str, ...] = (RUN_STARTED, RUN_FINISHED, RUN_SKIPPED)

    def create(self, db: Database) -> None:
        for statement in _TABLES:
            db.execute(statement)

    def drop(self, db: Database) -> None:
        for table in ("automation_attempt", "automation_run", "automation_skip"):
            db.execute(f"DROP TABLE IF EXISTS {table}")

    def handle(self, db: Database, event: Event) -> None:
        if event.type == RUN_STARTED:
            _started(db, msgspec.json.decode(event.data, type=RunStarted), event.pos)
        elif event.type == RUN_FINISHED:
            _finished(db, msgspec.json.decode(event.data, type=RunFinished), event.pos)
        else:
            skipped = msgspec.json.decode(event.data, type=RunSkipped)
            db.execute(
                "INSERT OR REPLACE INTO automation_skip VALUES(?, ?, ?, ?, ?, ?)",
                (event.pos, skipped.automation, skipped.reason, skipped.scheduled_at, skipped.at, skipped.run_id),
            )


def _started(db: Database, run: RunStarted, pos: int) -> None:
    db.execute(
        """INSERT OR IGNORE INTO automation_attempt(run_id, attempt, automation, cause, status, scheduled_at,
           lateness_s, started_at, log, command, pos) VALUES(?, ?, ?, ?, 'running', ?, ?, ?, ?, ?, ?)""",
        (
            run.run_id,
            run.attempt,
            run.automation,
            run.cause,
            run.scheduled_at,
            run.lateness_s,
            run.at,
            run.log,
            run.command,
            pos,
        ),
    )
    db.execute(
        """INSERT INTO automation_run VALUES(?, ?, 'running', ?, ?)
           ON CONFLICT(run_id) DO UPDATE SET status = 'running', attempt = excluded.attempt""",
        (run.run_id, run.automation, run.attempt, run.at),
    )


def _finished(db: Database, run: RunFinished, pos: int) -> None:
    # A process that could not be started at all has a finish without a start.
    db.execute(
        """INSERT OR IGNORE INTO automation_attempt(run_id, attempt, automation, cause, status, started_at, log, pos)
           VALUES(?, ?, ?, '', 'running', ?, ?, ?)""",
        (run.run_id, run.attempt, run.automation, run.at, run.log, pos),
    )
    db.execute(
        """UPDATE automation_attempt SET status = ?, finished_at = ?, exit_code = ?, wall_s = ?, cpu_s = ?,
           peak_rss_bytes = ?, log_bytes = ?, log_truncated_bytes = ?, artifacts = ?, result = ?, error = ?
           WHERE run_id = ? AND attempt = ?""",
        (
            run.status,
            run.at,
            run.exit_code,
            run.wall_s,
            run.cpu_s,
            run.peak_rss_bytes,
            run.log_bytes,
            run.log_truncated_bytes,
            msgspec.json.encode(run.artifacts).decode(),
            None if run.result is None else msgspec.json.encode(run.result).decode(),
            run.error,
            run.run_id,
            run.attempt,
        ),
    )
    status = "retrying" if run.will_retry else run.status
    db.execute(
        """INSERT INTO automation_run VALUES(?, ?, ?, ?, ?)
           ON CONFLICT(run_id) DO UPDATE SET status = excluded.status, attempt = excluded.attempt""",
        (run.run_id, run.automation, status, run.attempt, run.at),
    )


PROJECTIONS: tuple[Projection, ...] = (Runs(),)
