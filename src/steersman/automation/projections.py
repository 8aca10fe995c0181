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
        started_at INTEGER NOT NULL, cycle TEXT NOT NULL DEFAULT '', repeats TEXT NOT NULL DEFAULT '',
        stands_for INTEGER, params TEXT NOT NULL DEFAULT '{}') WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS automation_run_recent ON automation_run(started_at)",
    "CREATE INDEX IF NOT EXISTS automation_run_name ON automation_run(automation, started_at)",
    "CREATE INDEX IF NOT EXISTS automation_run_cycle ON automation_run(cycle)",
    "CREATE INDEX IF NOT EXISTS automation_run_repeats ON automation_run(repeats) WHERE repeats != ''",
    """CREATE INDEX IF NOT EXISTS automation_attempt_due ON automation_attempt(automation, scheduled_at)
        WHERE scheduled_at IS NOT NULL""",
    """CREATE TABLE IF NOT EXISTS automation_skip(
        pos INTEGER PRIMARY KEY, automation TEXT NOT NULL, reason TEXT NOT NULL, scheduled_at INTEGER,
        at INTEGER NOT NULL, run_id TEXT NOT NULL, starts INTEGER NOT NULL, cause TEXT NOT NULL,
        cycle TEXT NOT NULL, repeats TEXT NOT NULL, stands_for INTEGER, params TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS automation_skip_run ON automation_skip(run_id) WHERE run_id != ''",
    "CREATE INDEX IF NOT EXISTS automation_skip_cycle ON automation_skip(cycle)",
    "CREATE INDEX IF NOT EXISTS automation_skip_repeats ON automation_skip(repeats) WHERE repeats != ''",
)


class Runs:
    """Every attempt with its figures, and one line per run with its latest state.

    A run that waits for its next attempt is `retrying`; one whose process lives is `running`. `cycle` is the
    correlation id that the runs of a cycle share; `repeats` the run that one repeats.
    """

    name = "automation"
    version = 2
    types: tuple[str, ...] = (RUN_STARTED, RUN_FINISHED, RUN_SKIPPED)

    def create(self, db: Database) -> None:
        for statement in _TABLES:
            db.execute(statement)

    def drop(self, db: Database) -> None:
        for table in ("automation_attempt", "automation_run", "automation_skip"):
            db.execute(f"DROP TABLE IF EXISTS {table}")

    def handle(self, db: Database, event: Event) -> None:
        if event.type == RUN_STARTED:
            _started(db, msgspec.json.decode(event.data, type=RunStarted), event)
        elif event.type == RUN_FINISHED:
            _finished(db, msgspec.json.decode(event.data, type=RunFinished), event)
        else:
            skipped = msgspec.json.decode(event.data, type=RunSkipped)
            db.execute(
                "INSERT OR REPLACE INTO automation_skip VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    event.pos,
                    skipped.automation,
                    skipped.reason,
                    skipped.scheduled_at,
                    skipped.at,
                    skipped.run_id,
                    skipped.starts,
                    skipped.cause,
                    _cycle(event),
                    skipped.repeats,
                    skipped.stands_for,
                    msgspec.json.encode(skipped.params).decode(),
                ),
            )


def _cycle(event: Event) -> str:
    return event.correlation_id.hex if event.correlation_id is not None else ""


def _started(db: Database, run: RunStarted, event: Event) -> None:
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
            event.pos,
        ),
    )
    _run(db, run, event, "running")


def _run(db: Database, run: RunStarted | RunFinished, event: Event, status: str) -> None:
    db.execute(
        """INSERT INTO automation_run VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT(run_id) DO UPDATE SET status = excluded.status, attempt = excluded.attempt""",
        (
            run.run_id,
            run.automation,
            status,
            run.attempt,
            run.at,
            _cycle(event),
            run.repeats,
            run.stands_for,
            msgspec.json.encode(run.params).decode(),
        ),
    )


def _finished(db: Database, run: RunFinished, event: Event) -> None:
    # A process that could not be started at all has a finish without a start.
    db.execute(
        """INSERT OR IGNORE INTO automation_attempt(run_id, attempt, automation, cause, status, scheduled_at,
           started_at, log, pos) VALUES(?, ?, ?, ?, 'running', ?, ?, ?, ?)""",
        (run.run_id, run.attempt, run.automation, run.cause, run.scheduled_at, run.at, run.log, event.pos),
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
    _run(db, run, event, "retrying" if run.will_retry else run.status)


PROJECTIONS: tuple[Projection, ...] = (Runs(),)
