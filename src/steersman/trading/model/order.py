"""An order on its way to a venue, and what venues report about it."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from steersman.trading.model.signal import OrderId, OrderType, Side, TimeInForce

VenueStatus = Literal["open", "filled", "cancelled", "rejected", "expired"]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent, once; `order_id` is the client order id the venue must keep.

    Attributes:
        quantity: units, > 0.
        limit_price: currency per unit; None for market and stop orders.
        stop_price: currency per unit, what the price must reach before a stop order works; None for all others.
        group: orders of one group are alternatives: the first that is filled ends the others (OCO).
        decision_price: price the strategy saw, for slippage; None if it had none.
        created_at: ns since 1970 UTC on the feed's clock: nothing before it may fill the order.
    """

    order_id: OrderId
    strategy: str
    instrument: str
    venue: str
    side: Side
    quantity: Decimal
    order_type: OrderType
    limit_price: Decimal | None
    time_in_force: TimeInForce
    decision_price: Decimal | None
    created_at: int
    stop_price: Decimal | None = None
    group: str | None = None


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True):
    """The venue has the order."""

    order_id: OrderId
    venue_order_id: str
    at: int


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """A part (or all) of an order was traded; (venue, execution_id) is its identity. `fee` in account currency."""

    order_id: OrderId
    execution_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    at: int


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing more will be traded for the order. `how` is rejected, cancelled or expired."""

    order_id: OrderId
    how: str
    reason: str
    at: int


class CancelRefused(msgspec.Struct, frozen=True, kw_only=True):
    """The venue would not cancel the order (it is filled already, or too late): it is what it was before."""

    order_id: OrderId
    reason: str
    at: int


Report = Acknowledged | Execution | Ended | CancelRefused


class OpenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that may still trade, with what was executed of it so far (units)."""

    order: Order
    filled: Decimal
    acknowledged: bool


class VenueOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the venue tells it, ours or not.

    Attributes:
        order_id: the client order id it was sent under; "" if it has none: it is not ours.
        instrument: our name for it; the venue's own symbol where none of our instruments is meant.
        quantity, filled: units.
        status: open, filled, cancelled, rejected or expired.
    """

    order_id: str
    venue_order_id: str
    instrument: str
    side: Side
    quantity: Decimal
    filled: Decimal
    status: VenueStatus
    reason: str = ""


class VenuePosition(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue says we hold: signed units, and what a unit cost on average if it knows."""

    instrument: str
    quantity: Decimal
    average_price: Decimal | None = None


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """The market at one instant (ns since 1970 UTC): best prices and the last trade; None where nobody quotes."""

    instrument: str
    at: int
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
