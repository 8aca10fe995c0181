"""What was asked and what it cost, in a file of its own: reservations that hold a budget, and answers to ask once.

A reservation is written before the call and counts in full until it is settled; a process that dies in between leaves
it counted, so no money is lost sight of.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw
import msgspec

from steersman.kernel.errors import Rejected, Unavailable

_BUSY_MS: Final = 15_000
_MOST_ANSWERS: Final = 5000
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS call (
    id TEXT PRIMARY KEY, day TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL, prompt_version TEXT NOT NULL,
    reserved INTEGER NOT NULL, cost INTEGER, input_tokens INTEGER, output_tokens INTEGER,
    outcome TEXT NOT NULL DEFAULT 'reserved', reserved_at INTEGER NOT NULL, settled_at INTEGER) STRICT;
CREATE INDEX IF NOT EXISTS call_by_day ON call (day, model);
CREATE TABLE IF NOT EXISTS answer (key BLOB PRIMARY KEY, text TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
"""


class OverBudget(Rejected):
    """The call could cost more than is left of the day's budget. `left` in 1e-12 of the currency."""

    def __init__(self, message: str, *, left: int, fix: str) -> None:
        super().__init__(message, fix=fix)
        self.left = left


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants to spend what; amounts in 1e-12 of the currency."""

    id: str
    day: str
    model: str
    prompt: str
    prompt_version: str
    most: int
    at: int


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What one model cost on one day. `open` of `calls` were never settled, and count with all that was reserved."""

    model: str
    calls: int
    open: int
    input_tokens: int
    output_tokens: int
    cost: int


class Store:
    """`ai.db`, opened for one thing at a time: any number of threads and processes may use it at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def _opened(self) -> Iterator[apsw.Connection]:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            is_new = not self._path.exists()
            connection = apsw.Connection(str(self._path))
            try:
                if is_new:
                    self._path.chmod(0o600)  # answers quote drafts
                connection.set_busy_timeout(_BUSY_MS)
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")  # a reservation must survive the power going
                connection.execute(_SCHEMA)
                yield connection
            finally:
                connection.close()
        except (apsw.Error, OSError) as exc:
            raise Unavailable(
                f"{self._path.name} cannot be used: {exc}", fix="free disk space, or move the file away"
            ) from exc

    def reserve(self, wanted: Reservation, budget: int) -> None:
        """Set `wanted.most` aside, durably, unless the day would then go beyond `budget`.

        Raises:
            OverBudget: it would.
            Unavailable: the file cannot be written.
        """
        with self._opened() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                spent = _spent(db, wanted.day)
                if wanted.most and spent + wanted.most > budget:
                    raise OverBudget(
                        "the day's budget does not allow this call",
                        left=max(0, budget - spent),
                        fix="raise [ai] daily_budget, or wait until tomorrow",
                    )
                db.execute(
                    "INSERT INTO call (id, day, model, prompt, prompt_version, reserved, reserved_at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (wanted.id, wanted.day, wanted.model, wanted.prompt, wanted.prompt_version, wanted.most, wanted.at),
                )
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def settle(
        self, id: str, *, cost: int, outcome: str, at: int, input_tokens: int = 0, output_tokens: int = 0
    ) -> None:
        """Replace what was reserved by what it cost. A second settlement changes nothing."""
        with self._opened() as db:
            db.execute(
                "UPDATE call SET cost = ?, outcome = ?, input_tokens = ?, output_tokens = ?, settled_at = ?"
                " WHERE id = ? AND cost IS NULL",
                (cost, outcome, input_tokens, output_tokens, at, id),
            )

    def spent(self, day: str) -> int:
        """Return what counts against the budget of `day`, reservations included."""
        if not self._path.exists():
            return 0
        with self._opened() as db:
            return _spent(db, day)

    def by_model(self, day: str) -> list[Spent]:
        """Return what each model cost on `day`."""
        if not self._path.exists():
            return []
        with self._opened() as db:
            rows = db.execute(
                "SELECT model, count(*), sum(cost IS NULL), sum(coalesce(input_tokens, 0)),"
                " sum(coalesce(output_tokens, 0)), sum(coalesce(cost, reserved)) FROM call WHERE day = ?"
                " GROUP BY model ORDER BY model",
                (day,),
            ).fetchall()
        names = Spent.__struct_fields__
        return [msgspec.convert(dict(zip(names, row, strict=True)), Spent) for row in rows]

    def remembered(self, key: bytes) -> str | None:
        """Return the answer kept under `key`."""
        if not self._path.exists():
            return None
        with self._opened() as db:
            row = db.execute("SELECT text FROM answer WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def remember(self, key: bytes, text: str, at: int) -> None:
        """Keep an answer; beyond 5,000 the oldest go."""
        with self._opened() as db:
            db.execute("INSERT OR REPLACE INTO answer (key, text, at) VALUES (?, ?, ?)", (key, text, at))
            db.execute(
                "DELETE FROM answer WHERE key IN (SELECT key FROM answer ORDER BY at DESC LIMIT -1 OFFSET ?)",
                (_MOST_ANSWERS,),
            )

    def answers(self) -> int:
        """Return how many answers are kept."""
        if not self._path.exists():
            return 0
        with self._opened() as db:
            return _number(db, "SELECT count(*) FROM answer")

    def forget(self) -> int:
        """Drop every kept answer, also from the disk; return how many. What was spent stays."""
        if not self._path.exists():
            return 0
        with self._opened() as db:
            count = _number(db, "SELECT count(*) FROM answer")
            db.execute("DELETE FROM answer")
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return count


def _spent(db: apsw.Connection, day: str) -> int:
    return _number(db, "SELECT coalesce(sum(coalesce(cost, reserved)), 0) FROM call WHERE day = ?", (day,))


def _number(db: apsw.Connection, sql: str, params: tuple[str, ...] = ()) -> int:
    return msgspec.convert(db.execute(sql, params).fetchall()[0][0], int)
