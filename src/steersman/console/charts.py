"""Data for the equity chart: marks and executions, as arrays of numbers in seconds since 1970 UTC."""

from __future__ import annotations

from typing import Any, Final

from steersman.ledger.projections import Database
from steersman.trading.queries import equity_series, recent_fills

_POINTS: Final = 2500
_FILLS: Final = 1500


def equity(db: Database, *, currency: str) -> dict[str, Any]:
    """Return `points` [at, equity, drawdown share] in strictly rising time, and `fills` [at, side, what].

    The chart library refuses two points of one second, so of several the last is kept.
    """
    points = {point.at // 1_000_000_000: point for point in equity_series(db, limit=_POINTS)}
    marks = sorted(points)
    fills = [
        [fill.at // 1_000_000_000, "B" if fill.side == "buy" else "S", f"{fill.quantity:f} {fill.instrument}"]
        for fill in reversed(recent_fills(db, limit=_FILLS))
    ]
    return {
        "currency": currency,
        "points": [[at, round(points[at].equity, 2), round(points[at].drawdown_ratio, 6)] for at in marks],
        "fills": fills,
    }
