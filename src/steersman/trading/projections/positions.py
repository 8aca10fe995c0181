"""What is held, what was closed, and what the account was worth."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from steersman.ledger.event import Event
from steersman.ledger.projections import Database
from steersman.trading import events as e
from steersman.trading.projections.writing import Handler, count, insert, on, strategy, text

_PLACES: Final = Decimal("0.000000001")


def move(db: Database, instrument: str, change: Decimal, price: Decimal, at: int) -> None:
    """Move a position by `change` signed units; its average price is that of what is held, not of what was closed."""
    rows = db.execute("SELECT quantity, average_price FROM trading_position WHERE instrument = ?", (instrument,))
    held, average = (Decimal(rows[0][0]), Decimal(rows[0][1])) if rows else (Decimal(0), Decimal(0))
    after = held + change
    if after == 0:
        average = Decimal(0)
    elif held == 0 or (held > 0) != (after > 0):
        average = price
    elif (held > 0) == (change > 0):
        average = ((held * average + change * price) / after).quantize(_PLACES)
    db.execute(
        """INSERT INTO trading_position VALUES(?, ?, ?, ?, ?) ON CONFLICT(instrument) DO UPDATE SET
           quantity = excluded.quantity, average_price = excluded.average_price,
           last_price = iif(excluded.priced_at >= priced_at, excluded.last_price, last_price),
           priced_at = max(priced_at, excluded.priced_at)""",
        (instrument, text(after), text(average), text(price), at),
    )


def _adjusted(db: Database, a: e.PositionAdjusted, event: Event) -> None:
    new = insert(
        db,
        "trading_adjustment",
        pos=event.pos,
        venue=a.venue,
        instrument=a.instrument,
        change=text(a.change),
        price=text(a.price),
        by=a.by,
        reason=a.reason,
        at=a.at,
    )
    if new:
        move(db, a.instrument, a.change, a.price, a.at)


def _trip(db: Database, t: e.RoundTripClosed, event: Event) -> None:
    new = insert(
        db,
        "trading_trip",
        trip_id=t.trip_id,
        strategy=t.strategy,
        instrument=t.instrument,
        side=t.side.value,
        quantity=text(t.quantity),
        entry_price=text(t.entry_price),
        exit_price=text(t.exit_price),
        pnl=text(t.pnl),
        fees=text(t.fees),
        opened_at=t.opened_at,
        closed_at=t.closed_at,
        mae=text(t.mae),
        mfe=text(t.mfe),
        exit_reason=t.exit_reason,
        pos=event.pos,
    )
    if new:
        count(db, "trip")
        strategy(db, t.strategy, "trips = trips + 1, wins = wins + ?", int(t.pnl > 0))
        pnl = Decimal(db.execute("SELECT pnl FROM trading_strategy WHERE strategy = ?", (t.strategy,))[0][0])
        strategy(db, t.strategy, "pnl = ?", text(pnl + t.pnl))


def _marked(db: Database, m: e.AccountMarked, event: Event) -> None:
    db.execute(
        "INSERT OR REPLACE INTO trading_mark VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(m.at, text(m.equity), text(m.cash), text(m.gross), text(m.net), text(m.realised_pnl)),
            *(text(m.day_pnl), m.drawdown_ratio),
        ),
    )
    for instrument, price in m.prices.items():
        db.execute(
            "UPDATE trading_position SET last_price = ?, priced_at = ? WHERE instrument = ? AND priced_at <= ?",
            (text(price), m.at, instrument, m.at),
        )


HANDLERS: Final[dict[str, Handler]] = {
    e.POSITION_ADJUSTED: on(e.PositionAdjusted, _adjusted),
    e.ROUND_TRIP_CLOSED: on(e.RoundTripClosed, _trip),
    e.ACCOUNT_MARKED: on(e.AccountMarked, _marked),
}
