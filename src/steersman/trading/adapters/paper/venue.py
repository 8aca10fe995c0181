"""The simulated venue itself: what is open, in which order it trades, how much of a bar it may take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from steersman.kernel.errors import Conflict
from steersman.trading.adapters.paper.models import Costs, fee, price
from steersman.trading.model.bar import Bar
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import (
    Acknowledged,
    Ended,
    Execution,
    OpenOrder,
    Order,
    Quote,
    Report,
    VenueOrder,
    VenuePosition,
)
from steersman.trading.model.signal import OrderId, OrderType, Side, TimeInForce

if TYPE_CHECKING:
    from pathlib import Path

    from steersman.kernel.clock import Clock
    from steersman.trading.adapters.paper.settings import PaperSettings


class _Resting:
    """An order that may still trade."""

    __slots__ = ("filled", "order", "rank")

    def __init__(self, order: Order, filled: Decimal) -> None:
        self.order = order
        self.filled = filled
        self.rank = _rank(order)


def _rank(order: Order) -> tuple[int, Decimal, int, str]:
    """Return the place in line: market and stop orders, then the better price, then the earlier, then the id.

    A bar that reaches both exits of a bracket fills the stop: nobody knows which came first, so the worse one.

    The id decides between orders of one instant, so that a restart cannot change who is first.
    """
    if order.limit_price is None:
        return (0, Decimal(0), order.created_at, order.order_id)
    better = -order.limit_price if order.side is Side.BUY else order.limit_price
    return (1, better, order.created_at, order.order_id)


class PaperVenue:
    """Keeps orders by instrument and trades them when a bar comes. Not for several threads."""

    name = "paper"
    simulated = True
    oco = True

    def __init__(self, instruments: Mapping[str, Instrument], costs: Costs) -> None:
        self._instruments = instruments
        self._costs = costs
        self._open: dict[str, dict[OrderId, _Resting]] = {}
        self._instrument_of: dict[OrderId, str] = {}
        self._reports: list[Report] = []
        self._now = 0

    def submit(self, order: Order) -> None:
        if order.order_id in self._instrument_of:
            raise Conflict(
                f"order {order.order_id} is at the venue already", fix="look it up; one order id is sent once"
            )
        self._take(order, Decimal(0), acknowledged=False)

    def cancel(self, order_id: OrderId) -> None:
        resting = self._open.get(self._instrument_of.get(order_id, ""), {}).get(order_id)
        if resting is not None:
            at = max(self._now, resting.order.created_at + self._costs.latency_ns)
            self._end(resting.order, "cancelled", "asked for", at)

    def poll(self) -> Sequence[Report]:
        reports, self._reports = self._reports, []
        return reports

    def lookup(self, order_id: OrderId) -> VenueOrder | None:
        resting = self._open.get(self._instrument_of.get(order_id, ""), {}).get(order_id)
        return None if resting is None else _told(resting)

    def open_orders(self) -> Sequence[VenueOrder]:
        return [_told(resting) for resting in self._resting()]

    def positions(self) -> Sequence[VenuePosition] | None:
        return None

    def quotes(self) -> Sequence[Quote]:
        return ()

    def close(self) -> None:
        """Nothing to let go."""

    def resting(self) -> Sequence[OpenOrder]:
        """Return what may still trade, as `restore` takes it."""
        return [OpenOrder(order=r.order, filled=r.filled, acknowledged=True) for r in self._resting()]

    def _resting(self) -> list[_Resting]:
        return sorted((r for book in self._open.values() for r in book.values()), key=_arrival)

    def restore(self, orders: Iterable[OpenOrder]) -> None:
        for known in orders:
            if known.order.order_id not in self._instrument_of:
                self._take(known.order, known.filled, acknowledged=known.acknowledged)

    def on_bar(self, bar: Bar) -> None:
        self._now = max(self._now, bar.at)
        book = self._open.get(bar.instrument)
        if not book:
            return
        instrument = self._instruments[bar.instrument]
        left = (bar.volume * self._costs.participation / instrument.lot).to_integral_value(ROUND_FLOOR) * instrument.lot
        for resting in sorted(book.values(), key=_place):
            ended = resting.order.order_id not in book  # by an alternative of it, earlier in this bar
            if not ended and bar.at > resting.order.created_at + self._costs.latency_ns:
                left -= self._trade(resting, bar, instrument, left)

    def _take(self, order: Order, filled: Decimal, *, acknowledged: bool) -> None:
        self._instrument_of[order.order_id] = order.instrument
        arrived = order.created_at + self._costs.latency_ns
        if not acknowledged:
            why = self._refusal(order)
            if why:
                self._end(order, "rejected", why, arrived)
                return
            self._reports.append(
                Acknowledged(order_id=order.order_id, venue_order_id=f"paper-{order.order_id}", at=arrived)
            )
        self._open.setdefault(order.instrument, {})[order.order_id] = _Resting(order, filled)

    def _refusal(self, order: Order) -> str:
        """Say why the venue will not have `order`; empty if it will."""
        instrument = self._instruments.get(order.instrument)
        if instrument is None:
            return f"unknown instrument {order.instrument}"
        if not order.quantity.is_finite() or order.quantity <= 0:
            return f"quantity {order.quantity} is not above 0"
        if order.quantity % instrument.lot:
            return f"quantity {order.quantity} is not a multiple of the lot {instrument.lot}"
        for name, price_, needed in (
            ("limit", order.limit_price, order.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT)),
            ("stop", order.stop_price, order.order_type in (OrderType.STOP, OrderType.STOP_LIMIT)),
        ):
            if not needed and price_ is None:
                continue
            if not needed:
                return f"a {order.order_type.value} order has no {name} price"
            if price_ is None or not price_.is_finite() or price_ <= 0:
                return f"{name} price {price_} is not above 0"
            if price_ % instrument.tick:
                return f"{name} price {price_} is off the tick {instrument.tick}"
        return ""

    def _trade(self, resting: _Resting, bar: Bar, instrument: Instrument, available: Decimal) -> Decimal:
        """Trade what `bar` allows of an order, end it if its time is over, and return the units traded."""
        order, before = resting.order, resting.filled
        # A slice is named by its first lot: a restart knows how much was filled, not in how many slices.
        first_lot = int(before / instrument.lot) + 1
        quantity = min(order.quantity - before, available, self._left_in_group(order))
        at_price = price(order, bar, instrument.tick, self._costs, first_lot) if quantity > 0 else None
        if at_price is None:
            quantity = Decimal(0)
        else:
            resting.filled += quantity
            self._reports.append(
                Execution(
                    order_id=order.order_id,
                    execution_id=f"{order.order_id}-{first_lot}",
                    quantity=quantity,
                    price=at_price,
                    fee=fee(quantity * at_price, self._costs, first=before == 0),
                    at=bar.at,
                )
            )
        rest = order.quantity - resting.filled
        if quantity and order.group is not None and self._left_in_group(order) <= 0:
            self._end_group(order, bar.at)
        elif rest == 0:
            del self._open[order.instrument][order.order_id]
        elif order.time_in_force is TimeInForce.IOC:
            self._end(order, "cancelled", f"immediate or cancel: {rest:f} not filled", bar.at)
        elif order.time_in_force is TimeInForce.DAY:
            self._end(order, "expired", f"end of the session: {rest:f} not filled", bar.at)
        return quantity

    def _left_in_group(self, order: Order) -> Decimal:
        """Return what `order` may trade without more being traded than one of its group alone would."""
        if order.group is None:
            return order.quantity
        return order.quantity - sum((r.filled for r in self._group(order)), Decimal(0))

    def _group(self, order: Order) -> list[_Resting]:
        return [r for r in self._open.get(order.instrument, {}).values() if r.order.group == order.group]

    def _end_group(self, order: Order, at: int) -> None:
        """End the alternatives of an order, and its own rest where they were executed in part before."""
        for other in self._group(order):
            if other.filled < other.order.quantity:
                who = (
                    f"its alternative {order.order_id}" if other.order is not order else "the rest, by its alternative,"
                )
                self._end(other.order, "cancelled", f"{who} was filled", at)
            else:
                del self._open[order.instrument][order.order_id]

    def _end(self, order: Order, how: str, reason: str, at: int) -> None:
        self._open.get(order.instrument, {}).pop(order.order_id, None)
        self._reports.append(Ended(order_id=order.order_id, how=how, reason=reason, at=at))


def _told(resting: _Resting) -> VenueOrder:
    order = resting.order
    return VenueOrder(
        order_id=order.order_id,
        venue_order_id=f"paper-{order.order_id}",
        instrument=order.instrument,
        side=order.side,
        quantity=order.quantity,
        filled=resting.filled,
        status="open",
    )


def _place(resting: _Resting) -> tuple[int, Decimal, int, str]:
    return resting.rank


def _arrival(resting: _Resting) -> tuple[int, str]:
    return (resting.order.created_at, resting.order.order_id)


def create(*, settings: PaperSettings, instruments: Mapping[str, Instrument], root: Path, clock: Clock) -> PaperVenue:
    """Return a venue that trades `instruments` as `settings` say; its bars are its only clock."""
    return PaperVenue(
        instruments,
        Costs(
            seed=settings.seed,
            latency_ns=settings.latency_ns,
            fee_bps=settings.fee_bps,
            fee_min=settings.fee_min,
            slippage_bps=settings.slippage_bps,
            participation=settings.participation,
        ),
    )
