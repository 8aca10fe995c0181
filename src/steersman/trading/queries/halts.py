"""What was halted, by whom, and how it was obeyed."""

from __future__ import annotations

from typing import Final

import msgspec

from steersman.ledger.projections import Database
from steersman.trading.queries.rows import as_struct


class Halt(msgspec.Struct, frozen=True, kw_only=True):
    """One halt; instants on the wall clock.

    Attributes:
        pos: of its event in the ledger.
        orders: how many open orders the core asked to end for it; None: not acted on yet.
        refused: how many of those could not be reached; they are asked again until they end.
        took_ms: from the halt's event to the last request.
        lifted_by: who re-armed the scope; None while it is halted.
    """

    pos: int
    scope: str
    reason: str
    by: str
    set_at: int
    orders: int | None
    refused: int | None
    took_ms: float | None
    lifted_by: str | None
    lifted_reason: str | None
    lifted_at: int | None


_HALT: Final = """pos, scope, reason, by, set_at, orders, refused, took_ms, lifted_by, lifted_reason, lifted_at
    FROM trading_halt"""


def halts(db: Database, *, limit: int = 50, open_only: bool = False) -> list[Halt]:
    """Return the latest halts, newest first; with `open_only`, those in force (the latest of each scope)."""
    clause = (
        "WHERE pos IN (SELECT max(pos) FROM trading_halt WHERE lifted_at IS NULL GROUP BY scope)" if open_only else ""
    )
    rows = db.execute(f"SELECT {_HALT} {clause} ORDER BY pos DESC LIMIT ?", (limit,))
    return [as_struct(Halt, row) for row in rows]
