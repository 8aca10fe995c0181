"""What pulls did day by day, what was refused lately, and the latest receipts; rebuildable from the ledger."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from steersman.ledger.event import Event
from steersman.ledger.projections import Database, Projection
from steersman.services.events import CACHE_QUARANTINED, DATA_PULLED, DATA_REFUSED, DATA_SERVED, PULL_FAILED

DAY_NS: Final = 86_400_000_000_000
KEPT: Final = 40
"""As many refusals are remembered as the quarantine keeps files."""
_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS pullhistory_day(
        day INTEGER NOT NULL, pull TEXT NOT NULL, upstream_calls INTEGER NOT NULL, served INTEGER NOT NULL,
        PRIMARY KEY(day, pull)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS pullhistory_refused(
        pos INTEGER PRIMARY KEY, pull TEXT NOT NULL, problem TEXT NOT NULL, file TEXT NOT NULL, at INTEGER NOT NULL)""",
)


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """All pulls on one day of UTC that began at `at` (ns): requests that were made, and those that were not."""

    at: int
    upstream_calls: int
    calls_saved: int


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Data that did not fit or a file that was changed: why, and the name under which it lies in quarantine."""

    pull: str
    problem: str
    file: str
    at: int


class LastReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """The latest data of a pull that passed, with every check; `problem` is of a flight after it, empty if none."""

    pull: str
    key: str
    source: str
    rows: int | None
    size_bytes: int
    content_hash: str
    checks: dict[str, str]
    pulled_at: int
    problem: str


class PullHistory:
    """One row per day and pull, and the latest refusals."""

    name = "pullhistory"
    version = 1
    types: tuple[str, ...] = (DATA_PULLED, DATA_SERVED, DATA_REFUSED, PULL_FAILED, CACHE_QUARANTINED)

    def create(self, db: Database) -> None:
        for statement in _TABLES:
            db.execute(statement)

    def drop(self, db: Database) -> None:
        for table in ("pullhistory_day", "pullhistory_refused"):
            db.execute(f"DROP TABLE IF EXISTS {table}")

    def handle(self, db: Database, event: Event) -> None:
        said: dict[str, Any] = msgspec.json.decode(event.data)
        served = said.get("count", 1) if event.type == DATA_SERVED else 0
        asked = said.get("upstream_calls", 1) if event.type in (DATA_PULLED, DATA_REFUSED, PULL_FAILED) else 0
        db.execute(
            """INSERT INTO pullhistory_day VALUES(?, ?, ?, ?) ON CONFLICT(day, pull) DO UPDATE SET
               upstream_calls = upstream_calls + excluded.upstream_calls, served = served + excluded.served""",
            (said["at"] // DAY_NS, said["pull"], asked, served),
        )
        if event.type in (DATA_REFUSED, CACHE_QUARANTINED):
            problem = "; ".join(said["problems"]) if event.type == DATA_REFUSED else said["problem"]
            db.execute(
                "INSERT OR REPLACE INTO pullhistory_refused VALUES(?, ?, ?, ?, ?)",
                (event.pos, said["pull"], problem, said["quarantined"], said["at"]),
            )
            db.execute(
                """DELETE FROM pullhistory_refused WHERE pos NOT IN
                   (SELECT pos FROM pullhistory_refused ORDER BY pos DESC LIMIT ?)""",
                (KEPT,),
            )


def days(db: Database, *, until_ns: int, count: int) -> list[Day]:
    """Return the `count` days of UTC up to that of `until_ns`, oldest first, those without a call among them."""
    last = until_ns // DAY_NS
    rows = db.execute(
        """SELECT day, sum(upstream_calls), sum(served) FROM pullhistory_day WHERE day > ? AND day <= ? GROUP BY day""",
        (last - count, last),
    )
    found = {int(day): (int(asked), int(served)) for day, asked, served in rows}
    return [
        Day(at=day * DAY_NS, upstream_calls=found.get(day, (0, 0))[0], calls_saved=found.get(day, (0, 0))[1])
        for day in range(last - count + 1, last + 1)
    ]


def refused(db: Database, *, limit: int = 10) -> list[Refused]:
    """Return the latest refusals, newest first."""
    rows = db.execute("SELECT pull, problem, file, at FROM pullhistory_refused ORDER BY pos DESC LIMIT ?", (limit,))
    return [Refused(pull=r[0], problem=r[1], file=r[2], at=r[3]) for r in rows]


def receipts(db: Database) -> dict[str, LastReceipt]:
    """Return the latest receipt of each pull that has one, by name."""
    rows = db.execute(
        """SELECT pull, key, source, rows, size_bytes, content_hash, checks, max(last_pulled_at), last_problem
           FROM pulls_key WHERE last_pulled_at IS NOT NULL GROUP BY pull"""
    )
    return {
        r[0]: LastReceipt(
            pull=r[0],
            key=r[1],
            source=r[2],
            rows=r[3],
            size_bytes=r[4],
            content_hash=r[5],
            checks=msgspec.json.decode(r[6], type=dict[str, str]),
            pulled_at=r[7],
            problem=r[8],
        )
        for r in rows
    }


PROJECTIONS: tuple[Projection, ...] = (PullHistory(),)
