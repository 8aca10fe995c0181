"""The journal of decisions and round trips."""

from __future__ import annotations

from typing import Final

import msgspec

from steersman.ledger.projections import Database
from steersman.trading.queries.rows import as_struct, where

_JOURNAL: Final = "entry_id, pos, kind, strategy, instrument, outcome, text, signal_id, facts, at FROM journal"


class JournalRow(msgspec.Struct, frozen=True, kw_only=True):
    """One entry: `kind` is decision or round_trip; `facts` are the numbers the text is made from."""

    entry_id: str
    pos: int
    kind: str
    strategy: str
    instrument: str
    outcome: str
    text: str
    signal_id: str | None
    facts: dict[str, str]
    at: int


def journal(
    db: Database, *, limit: int = 50, kind: str | None = None, strategy: str | None = None, outcome: str | None = None
) -> list[JournalRow]:
    """Return the latest entries, newest first."""
    clause, params = where({"kind": kind, "strategy": strategy, "outcome": outcome})
    rows = db.execute(f"SELECT {_JOURNAL} {clause} ORDER BY pos DESC LIMIT ?", (*params, limit))
    return [as_struct(JournalRow, row) for row in rows]


def entry(db: Database, entry_id: str) -> JournalRow | None:
    """Return one entry of the journal."""
    rows = db.execute(f"SELECT {_JOURNAL} WHERE entry_id = ?", (entry_id,))
    return as_struct(JournalRow, rows[0]) if rows else None
