"""Signals and what the gate said about them."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from steersman.ledger.projections import Database
from steersman.trading.events import CheckRow
from steersman.trading.queries.orders import Fill, OrderRow, order
from steersman.trading.queries.rows import as_struct, where


class VerdictRow(msgspec.Struct, frozen=True, kw_only=True):
    """A signal and what the gate said: `outcome` is accept, adjust, hold or reject; `order_id` if it led to one.

    `approved`: it was held at first, a person said yes, and this is the verdict after that.
    """

    pos: int
    signal_id: str
    strategy: str
    instrument: str
    side: str
    outcome: str
    asked: Decimal
    quantity: Decimal
    failed: tuple[str, ...]
    why: str
    at: int
    order_id: str | None
    approved: bool = False


class SignalRow(msgspec.Struct, frozen=True, kw_only=True):
    """A signal as it was received."""

    pos: int
    signal_id: str
    source: str
    strategy: str
    instrument: str
    side: str
    quantity: Decimal
    order_type: str
    limit_price: Decimal | None
    price: Decimal | None
    time_in_force: str
    confidence: float | None
    notes: str
    created_at: int
    at: int
    stop_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None


class Undecided(msgspec.Struct, frozen=True, kw_only=True):
    """A signal from outside that stands in the ledger and waits for the core; `received_at` on the wall clock."""

    signal_id: str
    source: str
    strategy: str
    instrument: str
    received_at: int
    pos: int


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Input that could not become a signal."""

    pos: int
    source: str
    strategy: str
    reason: str
    found: str
    at: int


class FirstVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was said before a person was asked."""

    pos: int
    outcome: str
    quantity: Decimal
    failed: tuple[str, ...]
    checks: tuple[CheckRow, ...]
    why: str
    at: int
    policy_version: int


class VerdictDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict with every check in table order, the signal it is about, and what came of it.

    `first` is the verdict that held the signal, where a person said yes and this is the one after.
    """

    row: VerdictRow
    checks: tuple[CheckRow, ...]
    policy_version: int
    table: str
    signal: SignalRow | None
    order: OrderRow | None
    fills: tuple[Fill, ...]
    first: FirstVerdict | None = None


_VERDICT: Final = """v.pos, v.signal_id, v.strategy, v.instrument, v.side, v.outcome, v.asked, v.quantity, v.failed,
    v.why, v.at, CASE WHEN v.outcome IN ('accept', 'adjust') THEN
        (SELECT o.order_id FROM trading_order o WHERE o.signal_id = v.signal_id LIMIT 1) END AS order_id, v.approved"""


def recent_verdicts(
    db: Database,
    *,
    limit: int = 20,
    outcome: str | None = None,
    strategy: str | None = None,
    approved: bool | None = None,
) -> list[VerdictRow]:
    """Return the latest verdicts, newest first: of a held signal that a person approved, the one after that."""
    clause, params = where({"v.outcome": outcome, "v.strategy": strategy})
    # The plus keeps the index on `superseded`, which nearly every row satisfies, from being taken for the few approved.
    clause = f"{clause or 'WHERE 1'} AND {'+' if approved else ''}v.superseded = 0"
    if approved is not None:
        clause += f" AND v.approved = {int(approved)}"
    rows = db.execute(
        f"SELECT {_VERDICT} FROM trading_verdict v {clause} ORDER BY v.pos DESC LIMIT ?", (*params, limit)
    )
    return [as_struct(VerdictRow, row) for row in rows]


def verdict(db: Database, signal_id: str) -> VerdictDetail | None:
    """Return what the gate said about a signal: the last word after a person's yes; else of several verdicts the one
    that led to an order, or the latest."""
    rows = db.execute(
        f"""SELECT {_VERDICT}, v.checks, v.policy_version, v.check_table FROM trading_verdict v WHERE v.signal_id = ?
            ORDER BY v.approved DESC, order_id IS NULL, v.pos DESC LIMIT 1""",
        (signal_id,),
    )
    if not rows:
        return None
    row = as_struct(VerdictRow, rows[0][:-3])
    found = order(db, row.order_id) if row.order_id is not None else None
    return VerdictDetail(
        row=row,
        checks=msgspec.json.decode(rows[0][-3], type=tuple[CheckRow, ...]),
        policy_version=rows[0][-2],
        table=rows[0][-1],
        signal=signal(db, signal_id),
        order=found.row if found else None,
        fills=found.fills if found else (),
        first=_first(db, signal_id) if row.approved else None,
    )


def _first(db: Database, signal_id: str) -> FirstVerdict | None:
    rows = db.execute(
        """SELECT pos, outcome, quantity, failed, checks, why, at, policy_version FROM trading_verdict
           WHERE signal_id = ? AND superseded = 1 ORDER BY pos LIMIT 1""",
        (signal_id,),
    )
    return as_struct(FirstVerdict, rows[0]) if rows else None


def signal(db: Database, signal_id: str) -> SignalRow | None:
    """Return a signal as it was first received."""
    rows = db.execute(
        """SELECT pos, signal_id, source, strategy, instrument, side, quantity, order_type, limit_price, price,
           time_in_force, confidence, notes, created_at, at, stop_price, stop_loss, take_profit FROM trading_signal
           WHERE signal_id = ? ORDER BY pos LIMIT 1""",
        (signal_id,),
    )
    return as_struct(SignalRow, rows[0]) if rows else None


def undecided(db: Database, *, limit: int = 50) -> list[Undecided]:
    """Return the signals from outside that the core did not come to yet, oldest first."""
    rows = db.execute(
        """SELECT signal_id, source, strategy, instrument, received_at, pos FROM trading_submitted
           ORDER BY pos LIMIT ?""",
        (limit,),
    )
    return [as_struct(Undecided, row) for row in rows]


def refused(db: Database, *, limit: int = 50) -> list[Refused]:
    """Return the latest input that could not become a signal, newest first."""
    rows = db.execute(
        "SELECT pos, source, strategy, reason, found, at FROM trading_refused ORDER BY pos DESC LIMIT ?", (limit,)
    )
    return [as_struct(Refused, row) for row in rows]


def verdict_counts(db: Database) -> dict[str, int]:
    """Return how many signals got which first verdict; what was said after a person's yes is counted apart."""
    return _counts(db, "verdict")


def approved_counts(db: Database) -> dict[str, int]:
    """Return what was said about held signals after a person's yes, by outcome."""
    return _counts(db, "approved")


def failed_counts(db: Database) -> dict[str, int]:
    """Return how often each check failed at the first verdict, most often first; one that never did is absent."""
    return _counts(db, "failed")


def _counts(db: Database, kind: str) -> dict[str, int]:
    return dict(db.execute("SELECT name, n FROM trading_count WHERE kind = ? ORDER BY n DESC, name", (kind,)))
