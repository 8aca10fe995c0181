"""An order on its way to a venue, and what venues report about it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from steersman.trading.model.signal import OrderId, OrderType, Side, TimeInForce


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent, once; `order_id` is the client order id the venue must keep.

    Attributes:
        quantity: units, > 0.
        limit_price: currency per unit; None for market orders.
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


Report = Acknowledged | Execution | Ended


class OpenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that may still trade, with what was executed of it so far (units)."""

    order: Order
    filled: Decimal
    acknowledged: bool
