"""What the console and the command line ask about runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from steersman.automation.model.manifest import Manifest
from steersman.automation.model.pause import Held
from steersman.automation.model.schedule import why_not
from steersman.automation.model.upcoming import first_start
from steersman.ledger.projections import Database

_COLUMNS = (
    "run_id, attempt, automation, cause, status, scheduled_at, lateness_s, started_at, finished_at, exit_code, wall_s,"
    " cpu_s, peak_rss_bytes, log, log_bytes, log_truncated_bytes, artifacts, result, error, command, pos"
)
_SKIP = "automation, reason, scheduled_at, at, run_id, pos, starts, cause"
WINDOW = 100
"""Runs that a summary looks back over."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One process of a run; figures are None while it runs. Instants in ns since 1970 UTC."""

    run_id: str
    attempt: int
    automation: str
    cause: str
    status: str
    scheduled_at: int | None
    lateness_s: float | None
    started_at: int
    finished_at: int | None
    exit_code: int | None
    wall_s: float | None
    cpu_s: float | None
    peak_rss_bytes: int | None
    log: str
    log_bytes: int | None
    log_truncated_bytes: int | None
    artifacts: tuple[str, ...]
    result: dict[str, Any] | None
    error: str
    command: str
    pos: int


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run with the figures of its latest attempt; `status` may also be `running` or `retrying`."""

    run_id: str
    automation: str
    status: str
    attempts: int
    started_at: int
    cause: str
    last: Attempt


class Skip(msgspec.Struct, frozen=True, kw_only=True):
    """A start that did not happen, and why; `starts`: how many of them it speaks of."""

    automation: str
    reason: str
    scheduled_at: int | None
    at: int
    run_id: str
    pos: int
    starts: int = 1
    cause: str = ""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One automation at a glance.

    Attributes:
        last_status: of the latest run, None before the first.
        runs: ended runs looked at, the latest `WINDOW` at most.
        success_ratio: 0..1 of those, None before the first.
        p50_wall_s, p95_wall_s: wall seconds that half of those that succeeded, and 95 of 100, did not take longer than.
        next_start: ns since 1970 UTC; None with the reason in `why_not`.
        paused: what holds it back now, in words; empty if nothing does.
        overdue: what it should have done by now, in words, for whoever asks `automation.overdue` too.
    """

    automation: str
    run: str
    schedule: str | None
    tz: str
    needs: tuple[str, ...]
    enabled: bool
    last_status: str | None
    last_run_id: str | None
    last_started_at: int | None
    runs: int
    success_ratio: float | None
    p50_wall_s: float | None
    p95_wall_s: float | None
    next_start: int | None
    why_not: str
    paused: str = ""
    overdue: str = ""


_OF_RUN: Final = """r.status, r.attempt, r.started_at, coalesce(
    (SELECT f.cause FROM automation_attempt f WHERE f.run_id = r.run_id ORDER BY f.attempt LIMIT 1), a.cause)"""
"""What is said of a run as a whole; its cause is that of its first attempt: the later ones are all `retry`."""


def recent_runs(db: Database, *, limit: int = 50, automation: str | None = None) -> list[Run]:
    """Return the latest runs, newest first."""
    where, parameters = ("WHERE r.automation = ?", [automation]) if automation else ("", [])
    rows = db.execute(
        f"""SELECT {_OF_RUN}, {_qualified()} FROM automation_run r
            JOIN automation_attempt a ON a.run_id = r.run_id AND a.attempt = r.attempt
            {where} ORDER BY r.started_at DESC, r.run_id DESC LIMIT ?""",
        (*parameters, limit),
    )
    return [_run(row) for row in rows]


def failing(db: Database, manifest: Manifest) -> dict[str, Run]:
    """Return, by automation, the latest run that is over, of those enabled where that one did not succeed.

    One that a person cancelled says nothing about how the automation does.
    """
    found = {}
    for automation in manifest:
        rows = db.execute(
            f"""SELECT {_OF_RUN}, {_qualified()} FROM automation_run r
                JOIN automation_attempt a ON a.run_id = r.run_id AND a.attempt = r.attempt
                WHERE r.automation = ? AND r.status NOT IN ('running', 'retrying', 'cancelled')
                ORDER BY r.started_at DESC, r.run_id DESC LIMIT 1""",
            (automation.name,),
        )
        if automation.enabled and rows and rows[0][0] != "succeeded":
            found[automation.name] = _run(rows[0])
    return found


def find_run(db: Database, run_id: str) -> Run | None:
    """Return the run called `run_id`, if there is one."""
    rows = db.execute(
        f"""SELECT {_OF_RUN}, {_qualified()} FROM automation_run r
            JOIN automation_attempt a ON a.run_id = r.run_id AND a.attempt = r.attempt WHERE r.run_id = ?""",
        (run_id,),
    )
    return _run(rows[0]) if rows else None


def attempts(db: Database, run_id: str) -> list[Attempt]:
    """Return every attempt of a run, first to last."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM automation_attempt WHERE run_id = ? ORDER BY attempt", (run_id,))
    return [_attempt(row) for row in rows]


def recent_skips(db: Database, *, limit: int = 50, automation: str | None = None) -> list[Skip]:
    """Return the latest starts that did not happen, newest first."""
    where, parameters = ("WHERE automation = ?", [automation]) if automation else ("", [])
    rows = db.execute(f"SELECT {_SKIP} FROM automation_skip {where} ORDER BY pos DESC LIMIT ?", (*parameters, limit))
    return [skip_of(row) for row in rows]


def find_skip(db: Database, run_id: str) -> Skip | None:
    """Return why the run `run_id` did not happen; None if it did, or was never asked for."""
    rows = db.execute(f"SELECT {_SKIP} FROM automation_skip WHERE run_id = ? ORDER BY pos LIMIT 1", (run_id,))
    return skip_of(rows[0]) if rows else None


def skip_of(row: tuple[Any, ...]) -> Skip:
    """Return the start that a row of `automation_skip` speaks of."""
    return Skip(
        automation=row[0],
        reason=row[1],
        scheduled_at=row[2],
        at=row[3],
        run_id=row[4],
        pos=row[5],
        starts=row[6],
        cause=row[7],
    )


def counts(db: Database) -> dict[str, int]:
    """Return how many runs there are per latest status, and `skipped`; a status nobody has is absent."""
    found = {str(s): int(n) for s, n in db.execute("SELECT status, count(*) FROM automation_run GROUP BY status")}
    skipped = int(db.execute("SELECT count(*) FROM automation_skip")[0][0])
    return {**found, "skipped": skipped} if skipped else found


def summaries(
    db: Database, manifest: Manifest, *, now_ns: int, held: Mapping[str, Held] | None = None
) -> list[Summary]:
    """Return one summary per declared automation, in the order they depend on each other.

    Args:
        held: whom a pause holds back now (`Pauses.now().held`).
    """
    return [summary(db, manifest, name, now_ns=now_ns, held=(held or {}).get(name)) for name in manifest.order]


def summary(db: Database, manifest: Manifest, name: str, *, now_ns: int, held: Held | None = None) -> Summary:
    """Return one automation at a glance; `held` is what holds it back now."""
    automation = manifest[name]
    until = held.pause.until if held is not None else now_ns
    runs = recent_runs(db, limit=WINDOW, automation=name)
    ended = [r for r in runs if r.status not in ("running", "retrying")]
    walls = sorted(r.last.wall_s for r in ended if r.status == "succeeded" and r.last.wall_s is not None)
    return Summary(
        automation=name,
        run=automation.run,
        schedule=automation.schedule,
        tz=automation.tz,
        needs=automation.needs,
        enabled=automation.enabled,
        last_status=runs[0].status if runs else None,
        last_run_id=runs[0].run_id if runs else None,
        last_started_at=runs[0].started_at if runs else None,
        runs=len(ended),
        success_ratio=len(walls) / len(ended) if ended else None,
        p50_wall_s=_share(walls, 50),
        p95_wall_s=_share(walls, 95),
        next_start=None if until is None else first_start(manifest, automation, until),
        why_not=str(held) if held is not None and until is None else why_not(automation),
        paused=str(held) if held is not None else "",
    )


def _share(ordered: Sequence[float], percent: int) -> float | None:
    """Return the value that `percent` of 100 do not exceed (nearest rank)."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else None


def _qualified() -> str:
    return ", ".join(f"a.{column.strip()}" for column in _COLUMNS.split(","))


def _run(row: tuple[Any, ...]) -> Run:
    last = _attempt(row[4:])
    return Run(
        run_id=last.run_id,
        automation=last.automation,
        status=row[0],
        attempts=row[1],
        started_at=row[2],
        cause=row[3],
        last=last,
    )


def _attempt(row: tuple[Any, ...]) -> Attempt:
    values = dict(zip((c.strip() for c in _COLUMNS.split(",")), row, strict=True))
    values["artifacts"] = msgspec.json.decode(values["artifacts"], type=tuple[str, ...])
    values["result"] = None if values["result"] is None else msgspec.json.decode(values["result"])
    return Attempt(**values)
