"""What is held, what was closed, and what was taken on a venue's word."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from steersman.ledger.projections import Database
from steersman.trading.queries.rows import PLACES, as_struct


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """What is held of an instrument: units, negative when short; prices per unit, amounts in its currency."""

    instrument: str
    quantity: Decimal
    average_price: Decimal
    last_price: Decimal
    unrealised_pnl: Decimal
    market_value: Decimal


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """A closed round trip; `pnl` is net of `fees`."""

    trip_id: str
    strategy: str
    instrument: str
    side: str
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    pnl: Decimal
    fees: Decimal
    opened_at: int
    closed_at: int
    mae: Decimal
    mfe: Decimal
    exit_reason: str
    pos: int


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """Signed units at a price that no order of ours explains: a person (`by`) took the venue's word for them."""

    pos: int
    venue: str
    instrument: str
    change: Decimal
    price: Decimal
    by: str
    reason: str
    at: int


def positions(db: Database) -> list[Position]:
    """Return what is held, by instrument."""
    rows = db.execute(
        "SELECT instrument, quantity, average_price, last_price FROM trading_position ORDER BY instrument"
    )
    found = []
    for instrument, *numbers in rows:
        quantity, average, last = (Decimal(number) for number in numbers)
        if quantity:
            found.append(
                Position(
                    instrument=instrument,
                    quantity=quantity,
                    average_price=average,
                    last_price=last,
                    unrealised_pnl=((last - average) * quantity).quantize(PLACES),
                    market_value=last * quantity,
                )
            )
    return found


def trips(db: Database, *, limit: int = 50) -> list[Trip]:
    """Return the latest closed round trips, newest first."""
    rows = db.execute(
        """SELECT trip_id, strategy, instrument, side, quantity, entry_price, exit_price, pnl, fees, opened_at,
           closed_at, mae, mfe, exit_reason, pos FROM trading_trip ORDER BY pos DESC LIMIT ?""",
        (limit,),
    )
    return [as_struct(Trip, row) for row in rows]


def adjustments(db: Database, *, limit: int = 50) -> list[Adjustment]:
    """Return the latest adjustments, newest first."""
    rows = db.execute(
        """SELECT pos, venue, instrument, change, price, by, reason, at FROM trading_adjustment
           ORDER BY pos DESC LIMIT ?""",
        (limit,),
    )
    return [as_struct(Adjustment, row) for row in rows]
