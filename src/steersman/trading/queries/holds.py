"""What waits for a person, and what became of it."""

from __future__ import annotations

from typing import Final

import msgspec

from steersman.ledger.projections import Database
from steersman.trading.queries.rows import as_struct


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that waits for a person, or did.

    Attributes:
        expires_at: on the desk's clock, which a replayed feed sets; also at that instant it may still be answered.
        status: open, approved, denied or expired (nothing was sent).
        answered_by, answer_reason: who said so and why; `answered_at` is on the wall clock.
        outcome: what came of the answer: accept, adjust or reject of the second verdict, denied or expired; None before
            the core came to it. A hold that was approved too late is expired.
        outcome_why: that in words.
        order_id: of the order it led to.
    """

    approval_id: str
    kind: str
    subject: str
    what: str
    why: str
    requested_at: int
    expires_at: int
    status: str
    answered_by: str
    answer_reason: str
    answered_at: int | None
    outcome: str | None
    outcome_why: str
    order_id: str | None
    pos: int


_HOLD: Final = """h.approval_id, h.kind, h.subject, h.what, h.why, h.requested_at, h.expires_at,
    CASE WHEN h.outcome = 'expired' THEN 'expired' WHEN h.answer IS NOT NULL THEN h.answer
         WHEN h.expires_at < ? THEN 'expired' ELSE 'open' END,
    h.answered_by, h.answer_reason, h.answered_at, h.outcome, h.outcome_why,
    (SELECT o.order_id FROM trading_order o WHERE o.signal_id = h.subject LIMIT 1), h.pos FROM trading_hold h"""
_OPEN: Final = "h.answer IS NULL AND h.expires_at >= ?"


def holds(db: Database, *, now_ns: int, open_only: bool = True, limit: int = 50) -> list[Hold]:
    """Return what waits for a person, newest first; `now_ns` is on the clock of `expires_at`, which is the desk's."""
    clause, params = (f"WHERE {_OPEN}", (now_ns, now_ns)) if open_only else ("", (now_ns,))
    rows = db.execute(f"SELECT {_HOLD} {clause} ORDER BY h.pos DESC LIMIT ?", (*params, limit))
    return [as_struct(Hold, row) for row in rows]


def hold(db: Database, approval_id: str, *, now_ns: int) -> Hold | None:
    """Return one hold."""
    rows = db.execute(f"SELECT {_HOLD} WHERE h.approval_id = ?", (now_ns, approval_id))
    return as_struct(Hold, rows[0]) if rows else None


def waiting(db: Database, *, now_ns: int) -> int:
    """Return how many decisions wait for a person."""
    found: int = db.execute(f"SELECT count(*) FROM trading_hold h WHERE {_OPEN}", (now_ns,))[0][0]
    return found
