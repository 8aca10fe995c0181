"""Market data as the desk sees it: one bar, checked once where it enters."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """Prices of one instrument over one period that ended at `at`.

    Attributes:
        at: ns since 1970 UTC when the period closed; nothing of the bar may be known earlier.
        open, high, low, close: currency per unit, > 0, low <= open, close <= high.
        volume: units traded, >= 0.
    """

    instrument: str
    at: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
