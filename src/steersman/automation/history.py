"""The runs of a span of time, put together so that a picture of them costs the same however many there were."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from steersman.ledger.projections import Database

_BEFORE_NS: Final = 86_400_000_000_000
"""How long before the span a run may have started to be looked at: it may still run in it."""
_DUE: Final = "schedule"
"""The cause whose `scheduled_at` is when the run was due; a backfill stands for a start of long ago."""
_SKIPS: Final = 20_000
"""As many of the latest skips are looked at; they have no order but that in which they were recorded."""


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """The runs of one automation that started in one slot of time. Instants in ns since 1970 UTC.

    Attributes:
        runs, failed, cancelled, open: how many, and how many of them failed (also timed out, orphaned), were cancelled,
            or go on.
        tries: attempts of all of them.
        due_at: the earliest instant at which one was due, never after `start_at`.
        end_at: None while one goes on.
        run_id, status: of the latest.
    """

    automation: str
    runs: int
    failed: int
    cancelled: int
    open: int
    tries: int
    due_at: int
    start_at: int
    end_at: int | None
    run_id: str
    status: str


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """Starts of one automation that did not happen, in one slot of time: how many, and why the last one did not."""

    automation: str
    starts: int
    at: int
    reason: str


def stretches(db: Database, *, since: int, until: int, slot_ns: int) -> list[Stretch]:
    """Return the runs between two instants, by automation and slot, oldest first.

    A run that began up to a day before `since` and had not ended by then is among them.
    """
    # Named, because grouping by automation tempts SQLite to read every run there ever was in that order.
    rows = db.execute(
        f"""SELECT r.automation, count(*), sum(r.status IN ('failed', 'timed_out', 'orphaned')),
            sum(r.status = 'cancelled'), sum(r.status IN ('running', 'retrying')), sum(r.attempt),
            min(CASE WHEN f.cause = '{_DUE}' AND f.scheduled_at < r.started_at
                THEN f.scheduled_at ELSE r.started_at END),
            min(r.started_at), max(l.finished_at),
            max(printf('%019d %s %s', r.started_at, r.status, r.run_id))
            FROM automation_run r INDEXED BY automation_run_recent
            JOIN automation_attempt l ON l.run_id = r.run_id AND l.attempt = r.attempt
            LEFT JOIN automation_attempt f ON f.run_id = r.run_id AND f.attempt = 1
            WHERE r.started_at >= ? AND r.started_at < ? AND (l.finished_at IS NULL OR l.finished_at >= ?)
            GROUP BY r.automation, (r.started_at - ?) / ? ORDER BY 8""",
        (since - _BEFORE_NS, until, since, since, slot_ns),
    )
    return [_stretch(*row) for row in rows]


def _stretch(*r: Any) -> Stretch:
    _, status, run_id = r[9].split(" ", 2)
    return Stretch(
        automation=r[0],
        runs=r[1],
        failed=r[2],
        cancelled=r[3],
        open=r[4],
        tries=r[5],
        due_at=r[6],
        start_at=r[7],
        end_at=None if r[4] else r[8],
        run_id=run_id,
        status=status,
    )


def dropped(db: Database, *, since: int, slot_ns: int) -> list[Dropped]:
    """Return the starts since `since` that did not happen, by automation and slot, oldest first."""
    rows = db.execute(
        """SELECT automation, count(*), max(at), reason
           FROM (SELECT automation, at, reason FROM automation_skip ORDER BY pos DESC LIMIT ?)
           WHERE at >= ? GROUP BY automation, (at - ?) / ? ORDER BY 3""",
        (_SKIPS, since, since, slot_ns),
    )
    return [Dropped(automation=r[0], starts=r[1], at=r[2], reason=r[3]) for r in rows]
