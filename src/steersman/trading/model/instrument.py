"""What may be traded, and in which steps."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One declared instrument.

    Attributes:
        tick: smallest price step, currency per unit, > 0.
        lot: smallest quantity step, units, > 0.
        currency: of its prices.
        venue: where its orders go.
        symbol: the venue's name for it; "" is its own name.
        calendar: `24/7`, a name of exchange_calendars, or None: it trades when the feed brings a bar.
        group: instruments that move together, limited as one; None: alone.
    """

    name: str
    tick: Decimal
    lot: Decimal
    currency: str
    venue: str
    symbol: str = ""
    calendar: str | None = None
    group: str | None = None
