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
    """

    name: str
    tick: Decimal
    lot: Decimal
    currency: str
    venue: str
