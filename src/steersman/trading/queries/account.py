"""The account: what it is worth, and was."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from steersman.ledger.projections import Database
from steersman.trading.queries.rows import as_struct


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The account at its latest mark, in its currency; `drawdown_ratio` is 0..1 below the highest equity so far."""

    equity: Decimal
    cash: Decimal
    gross: Decimal
    net: Decimal
    realised_pnl: Decimal
    day_pnl: Decimal
    drawdown_ratio: float
    at: int


class EquityPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One mark, as floats: for drawing, not for sums."""

    at: int
    equity: float
    drawdown_ratio: float


def account(db: Database) -> Account | None:
    """Return the account at its latest mark, None before the first."""
    rows = db.execute(
        """SELECT equity, cash, gross, net, realised_pnl, day_pnl, drawdown_ratio, at FROM trading_mark
           ORDER BY at DESC LIMIT 1"""
    )
    return as_struct(Account, rows[0]) if rows else None


def market_now(db: Database) -> int | None:
    """Return the latest instant trading knows of on the feed's clock, None before the first mark."""
    found: int | None = db.execute("SELECT max(at) FROM trading_mark")[0][0]
    return found


def equity_series(db: Database, *, limit: int = 2000) -> list[EquityPoint]:
    """Return at most `limit` (>= 5) marks in time order, always with the first, the last and the extremes."""
    rows = db.execute("SELECT at, CAST(equity AS REAL), drawdown_ratio FROM trading_mark ORDER BY at")
    return [EquityPoint(at=at, equity=equity, drawdown_ratio=down) for at, equity, down in thinned(rows, limit)]


def thinned(rows: Sequence[tuple[int, float, float]], limit: int) -> Sequence[tuple[int, float, float]]:
    """Return at most `limit` (>= 5) of `rows`, evenly spread, with the first, the last and the extremes."""
    if len(rows) <= limit:
        return rows
    places = range(len(rows))
    keep = {
        0,
        len(rows) - 1,
        min(places, key=lambda i: rows[i][1]),
        max(places, key=lambda i: rows[i][1]),
        max(places, key=lambda i: rows[i][2]),
    }
    room = max(limit - len(keep), 0)
    keep.update((i * len(rows)) // room for i in range(room))
    return [rows[i] for i in sorted(keep)]
