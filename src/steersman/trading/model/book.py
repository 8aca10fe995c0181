"""The book: cash, lots, positions and what they are worth. A fold of fills and bars, without a clock."""

from __future__ import annotations

from collections import deque
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from steersman.trading.model.bar import Bar
from steersman.trading.model.signal import Side

_ZERO = Decimal(0)
_NINTH = Decimal("0.000000001")


class Lot(msgspec.Struct, kw_only=True):
    """Units bought (or sold short) in one fill and not closed yet; `fee` is what is left of the entry's fee."""

    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    opened_at: int
    low: Decimal
    high: Decimal


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a lot closed by one fill: `pnl` net of `fees`; mae <= 0 <= mfe, in currency, of the units closed."""

    strategy: str
    instrument: str
    side: Side
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    pnl: Decimal
    fees: Decimal
    opened_at: int
    closed_at: int
    mae: Decimal
    mfe: Decimal


class Book:
    """Positions by strategy and instrument in FIFO lots, valued at the last close."""

    def __init__(self, capital: Decimal) -> None:
        self.cash = capital
        self.realised = _ZERO
        self.peak = capital
        self.marked = capital
        self.before = capital
        self.prices: dict[str, Decimal] = {}
        self._lots: dict[tuple[str, str], deque[Lot]] = {}
        self._positions: dict[str, Decimal] = {}

    def fill(
        self, *, strategy: str, instrument: str, side: Side, quantity: Decimal, price: Decimal, fee: Decimal, at: int
    ) -> list[Trip]:
        """Take in one execution; return the round trips it closed, oldest lot first."""
        sign = 1 if side is Side.BUY else -1
        self.cash -= sign * quantity * price + fee
        self._positions[instrument] = self._positions.get(instrument, _ZERO) + sign * quantity
        lots = self._lots.setdefault((strategy, instrument), deque())
        trips: list[Trip] = []
        left, fee_left = quantity, fee
        while left and lots and lots[0].side is not side:
            lot = lots[0]
            part = min(left, lot.quantity)
            exit_fee = _share(fee_left, part, left)
            trips.append(_trip(strategy, instrument, lot, part, price, exit_fee, at))
            lot.fee -= _share(lot.fee, part, lot.quantity)
            lot.quantity -= part
            fee_left -= exit_fee
            left -= part
            if not lot.quantity:
                lots.popleft()
        if left:
            lots.append(Lot(side=side, quantity=left, price=price, fee=fee_left, opened_at=at, low=price, high=price))
        self.realised += sum((trip.pnl for trip in trips), _ZERO)
        return trips

    def mark(self, bar: Bar) -> None:
        """Take in a bar: last price, and how far it went for and against what is held."""
        self.prices[bar.instrument] = bar.close
        for (_, instrument), lots in self._lots.items():
            if instrument == bar.instrument:
                for lot in lots:
                    lot.low, lot.high = min(lot.low, bar.low), max(lot.high, bar.high)

    def close_session(self) -> None:
        """End a session: today's equity becomes what the next day's result is measured against."""
        self.close_day(self.equity())

    def close_day(self, equity: Decimal) -> None:
        """End a day of a desk that lives by the clock, at `equity`."""
        self.before, self.marked = self.marked, equity
        self.peak = max(self.peak, equity)

    def position(self, instrument: str) -> Decimal:
        """Return the signed units held."""
        return self._positions.get(instrument, _ZERO)

    def own_position(self, strategy: str, instrument: str) -> Decimal:
        """Return the signed units that one strategy holds."""
        lots = self._lots.get((strategy, instrument), ())
        return sum((lot.quantity if lot.side is Side.BUY else -lot.quantity for lot in lots), _ZERO)

    def positions(self) -> dict[str, Decimal]:
        """Return what is held, by instrument; zero positions are left out."""
        return {name: units for name, units in self._positions.items() if units}

    def equity(self) -> Decimal:
        """Return cash and what is held at the last closes; every held instrument has a price, for it was traded."""
        return self.cash + sum((units * self.price(name) for name, units in self.positions().items()), _ZERO)

    def price(self, instrument: str) -> Decimal:
        """Return the last close, or what a lot was traded at before the first bar."""
        known = self.prices.get(instrument)
        if known is not None:
            return known
        return next(lots[-1].price for (_, name), lots in self._lots.items() if name == instrument and lots)

    def drawdown(self) -> Decimal:
        """Return the share (0..1) below the highest equity at the end of a session."""
        return max(_ZERO, 1 - self.equity() / self.peak) if self.peak > 0 else _ZERO


def _share(fee: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """Return the part's share of a fee; the last part takes what rounding left, so that nothing is lost."""
    return fee if part == whole else (fee * part / whole).quantize(_NINTH, rounding=ROUND_HALF_EVEN)


def _trip(strategy: str, instrument: str, lot: Lot, part: Decimal, price: Decimal, exit_fee: Decimal, at: int) -> Trip:
    sign = 1 if lot.side is Side.BUY else -1
    fees = _share(lot.fee, part, lot.quantity) + exit_fee
    low, high = min(lot.low, price), max(lot.high, price)
    worst, best = (low, high) if sign > 0 else (high, low)
    return Trip(
        strategy=strategy,
        instrument=instrument,
        side=lot.side,
        quantity=part,
        entry_price=lot.price,
        exit_price=price,
        pnl=sign * (price - lot.price) * part - fees,
        fees=fees,
        opened_at=lot.opened_at,
        closed_at=at,
        mae=min(_ZERO, sign * (worst - lot.price) * part),
        mfe=max(_ZERO, sign * (best - lot.price) * part),
    )
