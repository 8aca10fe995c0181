"""A cycle as it stands: its runs, and those that repeated some of them later; of each automation the latest counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from steersman.ledger.projections import Database

OPEN: Final = ("running", "retrying")
_RUN: Final = """SELECT r.run_id, r.automation, r.status, a.cause, a.scheduled_at, r.stands_for, r.params, l.error,
    r.repeats, r.cycle, l.pos, r.started_at, l.finished_at, l.wall_s
    FROM automation_run r JOIN automation_attempt l ON l.run_id = r.run_id AND l.attempt = r.attempt
    JOIN automation_attempt a ON a.run_id = r.run_id
        AND a.attempt = (SELECT min(attempt) FROM automation_attempt WHERE run_id = r.run_id)"""
_SKIP: Final = """SELECT run_id, automation, 'skipped', cause, scheduled_at, stands_for, params, reason, repeats, cycle,
    pos, at, at, NULL FROM automation_skip"""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a cycle, also one that did not happen. Instants in ns since 1970 UTC.

    Attributes:
        status: as of `Run`, or `skipped`.
        reason: why it did not succeed, in words.
        cycle: the correlation id that it shares with others.
    """

    run_id: str
    automation: str
    status: str
    cause: str
    scheduled_at: int | None
    stands_for: int | None
    params: dict[str, str]
    reason: str
    repeats: str
    cycle: str
    pos: int
    started_at: int
    finished_at: int | None
    wall_s: float | None


def find(db: Database, run_id: str) -> Member | None:
    """Return a run, or the start that did not become one; None if there is none of that id."""
    return next(iter(_members(db, "run_id", [run_id])), None)


def members(db: Database, run: Member) -> list[Member]:
    """Return every run of the cycle of `run`, of the cycles that repeat parts of it, or that it repeats; in order."""
    first = run
    while first.repeats and (before := find(db, first.repeats)) is not None:
        first = before
    found = {m.run_id: m for m in _members(db, "cycle", [first.cycle])}
    new = list(found)
    while new:
        cycles = {m.cycle for m in _members(db, "repeats", new)}
        more = [m for m in _members(db, "cycle", cycles) if m.run_id not in found]
        found.update({m.run_id: m for m in more})
        new = [m.run_id for m in more]
    return sorted(found.values(), key=lambda m: m.pos)


def latest(runs: Iterable[Member]) -> dict[str, Member]:
    """Return of each automation the run that counts."""
    return {m.automation: m for m in runs}


def repeated_by(db: Database, run_id: str) -> list[Member]:
    """Return the runs that repeat `run_id`, in order."""
    return sorted(_members(db, "repeats", [run_id]), key=lambda m: m.pos)


def _members(db: Database, column: str, values: Iterable[str]) -> list[Member]:
    wanted = [value for value in values if value]
    marks = ", ".join("?" * len(wanted))
    rows = db.execute(f"{_RUN} WHERE r.{column} IN ({marks})", wanted)
    rows += db.execute(f"{_SKIP} WHERE {column} IN ({marks}) AND run_id != ''", wanted)
    return [_member(row) for row in rows]


def _member(row: tuple[Any, ...]) -> Member:
    values = dict(zip(Member.__struct_fields__, row, strict=True))
    values["params"] = msgspec.json.decode(values["params"], type=dict[str, str])
    return Member(**values)
